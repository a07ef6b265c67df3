"""functional.linear: values, gradients, leading axes, what is skipped, errors."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn.functional as F
from fastnn import Tensor, kernels

LEADING = [(), (1,), (4,), (2, 3), (2, 1, 3), (0,), (2, 0)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("leading", LEADING)
def test_matches_the_reference(leading, bias, dtype):
    arrays = [draw(*leading, 5), draw(3, 5, seed=1), draw(3, seed=2)][: 3 if bias else 2]
    (x, w, *b), y, dy, grads = run(F.linear, arrays, dtype)
    rows, d_rows = x.reshape(-1, 5), dy.reshape(-1, 3)
    expected = reference.gemm(rows, w, trans_b=True, bias=b[0] if bias else None)
    assert_near(y, expected.reshape(*leading, 3))
    assert_near(grads[0], reference.gemm(d_rows, w).reshape(x.shape))
    assert_near(grads[1], reference.gemm(d_rows, rows, trans_a=True))
    if bias:
        assert_near(grads[2], d_rows.sum(axis=0, dtype=np.float64))


@pytest.mark.parametrize("leading", [(), (4,), (2, 3)])
def test_gradients(leading):
    check_gradient(F.linear, draw(*leading, 5), draw(3, 5, seed=1), draw(3, seed=2))
    check_gradient(F.linear, draw(*leading, 5), draw(3, 5, seed=1))


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_activation(activation):
    arrays = [draw(4, 5), draw(3, 5, seed=1), draw(3, seed=2)]
    y = F.linear(*arrays, activation=activation)
    np.testing.assert_allclose(y.data, getattr(F, activation)(F.linear(*arrays)).data, rtol=1e-12)
    check_gradient(lambda *t: F.linear(*t, activation=activation), *arrays)
    with pytest.raises(ValueError, match=r"activation must be None or one of .*'relu'.*got 'selu'"):
        F.linear(*arrays, activation="selu")


def test_strided_input_and_weight():
    x, w = draw(10, 7).T[::-2], draw(10, 3).T  # (4, 10), negative and Fortran strides
    np.testing.assert_allclose(F.linear(x, w).data, x @ w.T, rtol=1e-12)
    check_gradient(F.linear, x, w)


def test_only_required_gradients_are_computed(monkeypatch):
    calls = []
    for name in ("gemm", "sum"):
        real = getattr(kernels, name)
        monkeypatch.setattr(
            kernels, name, lambda *a, _f=real, _n=name, **k: calls.append(_n) or _f(*a, **k)
        )
    x, w, b = draw(4, 5), Tensor(draw(3, 5), requires_grad=True), Tensor(draw(3))
    y = F.linear(x, w, b)
    calls.clear()
    y.backward(np.ones((4, 3)))
    assert calls == ["gemm"]  # dW alone
    assert b.grad is None and w.grad.shape == (3, 5)


def test_plain_input_is_cast_to_the_weight():
    w = Tensor(draw(3, 4).astype(np.float32))
    y = F.linear(np.arange(8, dtype=np.uint8).reshape(2, 4), w)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, np.arange(8.0).reshape(2, 4) @ w.data.T, rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "w", "b", "message"),
    [
        (
            (2, 5),
            (3, 4),
            None,
            r"linear: weight has 4 input features, input has 5 \(input: \(2, 5\)",
        ),
        ((), (3, 4), None, r"linear: weight has 4 input features, input has no"),
        ((2, 4), (4,), None, r"linear: weight must be 2-d \(out, in\), got shape \(4,\)"),
        ((2, 4), (3, 4), (4,), r"linear: bias must have shape \(3,\), got \(4,\)"),
        ((2, 4), (3, 4), (3, 1), r"linear: bias must have shape \(3,\), got \(3, 1\)"),
    ],
)
def test_wrong_shapes(x, w, b, message):
    with pytest.raises(ValueError, match=message):
        F.linear(np.zeros(x), np.zeros(w), None if b is None else np.zeros(b))


def test_mixed_dtypes_of_tensors():
    with pytest.raises(TypeError, match="gemm"):
        F.linear(Tensor(np.zeros((2, 4))), Tensor(np.zeros((3, 4), np.float32)))
