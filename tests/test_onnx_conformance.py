"""ONNX's own test cases of the operators that fastnn has; `onnx_operators` and
`onnx_windows` compute them."""

import onnx_backend
import pytest

pytest.importorskip("onnx", minversion="1.23")

PASSED = 341


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
