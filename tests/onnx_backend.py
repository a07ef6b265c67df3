"""ONNX's backend node tests, for the operators that fastnn has.

The cases come from the package onnx, which computes them in process. ``_expanded`` cases are left
out: they test ONNX's definitions of its operators by means of others.

    python tests/onnx_backend.py        prints what passes, and why the rest is skipped
"""

import warnings
from collections import Counter
from typing import NamedTuple

import numpy as np
import onnx_recurrent  # noqa: F401  (adds to OPERATORS)
import onnx_windows  # noqa: F401
from onnx_operators import OPERATORS, STEPWISE, Skip

from fastnn import no_grad


def load():
    """The cases of our operators, by operator. Takes seconds: onnx computes all that it has."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    found = {name: [] for name in sorted(OPERATORS)}
    for case in cases:
        nodes = case.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in found and "_expanded" not in case.name:
            found[nodes[0].op_type].append(case)
    return found


def compute(node, inputs):
    """The node's outputs, as far as it names them.

    Where the first input is of another dtype than float32 and float64, all of its dtype are cast to
    one of these, and the outputs back: integers to float64, which holds them exactly to 2^53.
    """
    from onnx.helper import get_attribute_value

    given = iter(inputs)
    inputs = [np.asarray(next(given)) if name else None for name in node.input]
    dtype = inputs[0].dtype
    wide = computed_in(dtype)
    if dtype.kind == "V" and node.op_type in STEPWISE:
        raise Skip("bfloat16, rounded at every step")
    inputs = [a.astype(wide) if a is not None and a.dtype == dtype else a for a in inputs]
    attributes = {a.name: get_attribute_value(a) for a in node.attribute}
    attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in attributes.items()}
    with no_grad():
        outputs = OPERATORS[node.op_type](*inputs, **attributes)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    more = [name for name in node.output[len(outputs) :] if name]
    if more:
        raise Skip(f"no output {', '.join(more)}")
    outputs = [np.asarray(y) for name, y in zip(node.output, outputs, strict=False) if name]
    return outputs if wide == dtype else [narrowed(y, dtype) for y in outputs]


def computed_in(dtype):
    if dtype in (np.float32, np.float64):
        return dtype
    return np.dtype(np.float64 if dtype.kind in "biu" else np.float32)


def narrowed(y, dtype):
    """A float output as this dtype. (Integers that ONNX rounds, it rounds towards zero: quotients
    and powers.)"""
    if y.dtype.kind != "f":  # indices
        return y
    if dtype.kind in "biu" and np.max(np.abs(y), initial=0) > 2**53:
        raise Skip("integers beyond 2^53")
    return y.astype(dtype)


def run(case):
    """Raises Skip, or AssertionError where an output is not what ONNX expects."""
    for inputs, expected in case.data_sets:
        outputs = compute(case.model.graph.node[0], inputs)
        assert len(outputs) == len(expected)
        for y, wanted in zip(outputs, map(np.asarray, expected), strict=True):
            assert (y.dtype, y.shape) == (wanted.dtype, wanted.shape)
            if y.dtype.kind not in "biuf":  # bfloat16: NumPy cannot compare it
                y, wanted = y.astype(np.float32), wanted.astype(np.float32)
            np.testing.assert_allclose(y, wanted, rtol=case.rtol, atol=case.atol)


def is_cast(case):
    first = np.asarray(case.data_sets[0][0][0]).dtype
    return computed_in(first) != first


class Result(NamedTuple):
    passed: list  # names of cases
    skipped: dict  # name: reason
    failed: dict  # name: what was wrong
    cast: list  # names of those that passed by way of another dtype


def run_all():
    """A Result for each operator."""
    return {name: run_operator(cases) for name, cases in load().items()}


def run_operator(cases):
    result = Result([], {}, {}, [])
    for case in cases:
        try:
            run(case)
            result.passed.append(case.name)
            if is_cast(case):
                result.cast.append(case.name)
        except Skip as reason:
            result.skipped[case.name] = str(reason)
        except Exception as error:
            result.failed[case.name] = f"{type(error).__name__}: {error}"
    return result


def table(results):
    """A line an operator, the sums, and the reasons of what is skipped."""
    lines = [f"{'operator':26} cases  passed  skipped"]
    for name, (passed, skipped, failed, _) in results.items():
        cases = len(passed) + len(skipped) + len(failed)
        reasons = [f"{n}: {reason}" for reason, n in Counter(skipped.values()).items()]
        reasons += [f"FAILED {case}" for case in failed]
        lines.append(f"{name:26} {cases:5} {len(passed):7}  {'; '.join(reasons)}".rstrip())
    passed, skipped, failed, cast = (sum(len(r[i]) for r in results.values()) for i in range(4))
    lines.append(f"{'all':26} {passed + skipped + failed:5} {passed:7}  {skipped}")
    lines.append(f"{cast} of those that passed are of other dtypes: computed in float32 or float64")
    reasons = Counter(reason for r in results.values() for reason in r.skipped.values())
    lines += [f"{n:5} {reason}" for reason, n in reasons.most_common()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(run_all()))
