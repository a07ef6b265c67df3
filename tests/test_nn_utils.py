"""nn.utils: gradient clipping, and parameters as one vector."""

import math

import numpy as np
import pytest
from opcheck import draw

from fastnn import Tensor, nn
from fastnn.nn.utils import (
    clip_grad_norm_,
    clip_grad_value_,
    parameters_to_vector,
    vector_to_parameters,
)


def with_grads(dtype=np.float64):
    params = [nn.Parameter(draw(3, 4).astype(dtype)), nn.Parameter(draw(5).astype(dtype))]
    for i, p in enumerate(params):
        p.grad = draw(*p.shape, seed=i + 5).astype(dtype)
    return [*params, nn.Parameter(np.ones(2, dtype))]  # the last has no gradient


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("norm_type", [2.0, 1, 3.5, math.inf, "inf"])
def test_clip_grad_norm(norm_type, dtype):
    params = with_grads(dtype)
    before = [p.grad for p in params[:2]]
    flat = np.concatenate([g.ravel() for g in before]).astype(np.float64)
    expected = np.linalg.norm(flat, float(norm_type))
    norm = clip_grad_norm_(params, 0.5, float(norm_type))
    np.testing.assert_allclose(float(norm), expected, rtol=1e-6)
    after = np.concatenate([p.grad.ravel() for p in params[:2]])
    assert after.dtype == dtype
    np.testing.assert_allclose(after, flat * 0.5 / (expected + 1e-6), rtol=1e-5)
    assert params[2].grad is None


def test_small_gradients_stay():
    params = with_grads()
    before = [p.grad for p in params]
    norm = clip_grad_norm_(params, 1e3)
    assert all(p.grad is g for p, g in zip(params, before, strict=True))
    assert norm.item() < 1e3 and clip_grad_norm_([], 1.0).item() == 0.0


def test_one_array_as_two_gradients_is_clipped_once():
    a, b = nn.Parameter(np.ones(4)), nn.Parameter(np.ones(4))
    (a + b).sum().backward()
    clip_grad_norm_([a, b], 1.0)
    np.testing.assert_allclose([a.grad, b.grad], 1 / math.sqrt(8), rtol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nonfinite_norm(bad):
    params = with_grads()
    params[0].grad[1, 2] = bad
    before = [p.grad.copy() for p in params[:2]]
    with pytest.raises(ValueError, match=f"the norm of order 2.0 of the gradients is {bad}"):
        clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    np.testing.assert_array_equal(params[0].grad, before[0])
    clip_grad_norm_(params, 1.0)
    if math.isnan(bad):
        assert np.isnan(params[1].grad).all()
    else:
        np.testing.assert_array_equal(params[1].grad, 0.0)


def test_clip_grad_value():
    params = with_grads()
    before = params[0].grad
    clip_grad_value_(params, 0.3)
    np.testing.assert_array_equal(params[0].grad, np.clip(before, -0.3, 0.3))
    clip_grad_value_(params[1], 0.1)  # a single Tensor
    assert np.abs(params[1].grad).max() == 0.1


def test_clip_errors():
    with pytest.raises(ValueError, match="clip_grad_norm_: norm_type must be positive, got 0"):
        clip_grad_norm_(with_grads(), 1.0, 0)
    with pytest.raises(ValueError, match="clip_grad_value_: clip_value must be >= 0, got -1"):
        clip_grad_value_(with_grads(), -1)


def test_parameters_as_a_vector_and_back():
    net, other = (nn.Sequential(nn.Linear(3, 4), nn.Conv2d(2, 3, 2)) for _ in range(2))
    vector = parameters_to_vector(net.parameters())
    assert vector.shape == (16 + 27,)
    memory = [p.data for p in other.parameters()]
    vector_to_parameters(vector, other.parameters())
    for a, b, m in zip(net.parameters(), other.parameters(), memory, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
        assert b.data is m
    vector.sum().backward()
    assert all((p.grad == 1).all() for p in net.parameters())
    with pytest.raises(ValueError, match=r"vec must have shape \(43,\).*got \(3,\)"):
        vector_to_parameters(Tensor(np.ones(3)), other.parameters())
