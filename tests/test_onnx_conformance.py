"""ONNX's own test cases of the operators that fastnn has; `onnx_operators`,
`onnx_windows` and `onnx_recurrent` compute them."""

import numpy as np
import onnx_backend
import pytest
from opcheck import draw

pytest.importorskip("onnx", minversion="1.23")

PASSED = 402


@pytest.fixture(scope="module")
def results():
    return onnx_backend.run_all()


@pytest.mark.parametrize("operator", sorted(onnx_backend.OPERATORS))
def test_operator(results, operator):
    passed, skipped, failed, _ = results[operator]
    assert not failed
    assert passed or skipped, "onnx has no case of it"
    if not passed:
        pytest.skip("; ".join(sorted(set(skipped.values()))))


def test_count(results, capsys):
    """No case that once passed is skipped now."""
    with capsys.disabled():
        print("\n" + onnx_backend.table(results))
    assert sum(len(result.passed) for result in results.values()) >= PASSED


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(
    ("operator", "gates", "attributes"),
    [("RNN", 1, {}), ("LSTM", 4, {}), ("GRU", 3, {}), ("GRU", 3, {"linear_before_reset": 1})],
)
def test_recurrent_layers(operator, gates, attributes, direction):
    """The weights of ONNX's cases are all equal, which shows no order of gates."""
    from onnx.helper import make_node
    from onnx.reference import ReferenceEvaluator

    directions, units = 1 + (direction == "bidirectional"), 4
    shapes = {
        "X": (5, 2, 3), "W": (directions, gates * units, 3),
        "R": (directions, gates * units, units), "B": (directions, 2 * gates * units), "": (),
        "H": (directions, 2, units),
    }  # fmt: skip
    if operator == "LSTM":
        shapes |= {"C": (directions, 2, units), "P": (directions, 3 * units)}
    inputs = {name: draw(*shape, seed=i) for i, (name, shape) in enumerate(shapes.items()) if name}
    node = make_node(
        operator, list(shapes), ["Y", "Y_h"], hidden_size=units, direction=direction, **attributes
    )
    expected = ReferenceEvaluator(node).run(None, inputs)
    actual = onnx_backend.compute(node, list(inputs.values()))
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-14)
