"""empty, empty_like and full_like: NumPy's, in other memory."""

import numpy as np
import pytest

from fastnn import kernels, nn, optim


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, ">f4"])
@pytest.mark.parametrize("shape", [(), 3, (0, 4), (3, 5), [2, 3, 4], (np.int64(2), 2000)])
def test_empty(shape, dtype):
    a, expected = kernels.empty(shape, dtype), np.empty(shape, dtype)
    assert (a.shape, a.dtype, a.strides) == (expected.shape, expected.dtype, expected.strides)
    assert a.flags.writeable


def test_empty_refuses_what_numpy_refuses():
    with pytest.raises(ValueError, match="negative"):
        kernels.empty((3, -1))


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_like_another_order_of_axes(axes):
    a = np.ones((3, 4, 5), np.float32).transpose(axes)
    for like in (a, a[::-1, :, ::2]):
        new = kernels.full_like(like, 7)
        np.testing.assert_array_equal(new, np.full_like(like, 7))
        assert new.strides == np.empty_like(like).strides
        assert kernels.empty_like(like).strides == new.strides


def on_large_pages(a):
    return a.__array_interface__["data"][0] % 2**21 == 0


def test_large_parameters_and_their_moments_begin_a_large_page():
    model = nn.Sequential(nn.Linear(800, 900), nn.Conv2d(300, 250, 3))
    optimizer = optim.Adam(model.parameters())
    for p in model.parameters():
        p.grad = np.ones_like(p.data)
    optimizer.step()
    for layer in model:
        assert on_large_pages(layer.weight.data)
        state = optimizer.state[layer.weight]
        assert on_large_pages(state["exp_avg"]) and on_large_pages(state["exp_avg_sq"])
        assert state["exp_avg"].strides == layer.weight.data.strides
