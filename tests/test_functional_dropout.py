"""functional.dropout, and flatten, which only rearranges."""

import numpy as np
import pytest
from opcheck import check_gradient, draw

import fastnn
import fastnn.functional as F
from fastnn import Tensor


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_drops_at_rate_p_and_scales_the_rest(p, dtype):
    fastnn.manual_seed(5)
    x = Tensor(np.full((101, 199), 3.0, dtype), requires_grad=True)
    y = F.dropout(x, p)
    kept = y.data != 0
    assert y.dtype == dtype
    assert abs(kept.mean() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / kept.size)
    np.testing.assert_allclose(y.data[kept], 3 / (1 - p), rtol=1e-6)
    dy = draw(101, 199).astype(dtype)
    y.backward(dy)
    np.testing.assert_allclose(x.grad, dy * kept / dtype(1 - p), rtol=1e-5)


def test_mask_follows_the_seed():
    x = np.ones((20, 30))
    fastnn.manual_seed(1)
    first, second = F.dropout(x).data, F.dropout(x).data
    fastnn.manual_seed(1)
    np.testing.assert_array_equal(F.dropout(x).data, first)
    assert not np.array_equal(first, second)


def test_ends_of_the_range():
    x = Tensor(draw(3, 5), requires_grad=True)
    assert F.dropout(x, 0.5, training=False) is x
    np.testing.assert_array_equal(F.dropout(x, 0.0).data, x.data)
    y = F.dropout(x, 1.0)
    np.testing.assert_array_equal(y.data, 0.0)
    y.backward(np.ones((3, 5)))
    np.testing.assert_array_equal(x.grad, 0.0)


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_wrong_rate(p):
    with pytest.raises(ValueError, match=f"dropout: p must be between 0 and 1, got {p}"):
        F.dropout(np.ones(3), p)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("drop", "shape"),
    [
        (F.dropout2d, (30, 40, 3, 5)),
        (F.dropout2d, (30, 40, 7)),
        (F.dropout1d, (30, 40, 7)),
        (F.dropout1d, (500, 7)),
    ],
)
def test_drops_whole_channels(drop, shape, dtype):
    fastnn.manual_seed(6)
    x = Tensor(np.full(shape, 3.0, dtype), requires_grad=True)
    y = drop(x, 0.3)
    channels = y.data.reshape(-1, np.prod(shape[2:] if len(shape) > 2 else shape[1:]))
    assert (channels == channels[:, :1]).all()
    kept = channels[:, 0] != 0
    assert abs(kept.mean() - 0.7) < 5 * np.sqrt(0.21 / kept.size)
    np.testing.assert_allclose(channels[kept], 3 / 0.7, rtol=1e-6)
    dy = draw(*shape).astype(dtype)
    y.backward(dy)
    np.testing.assert_allclose(x.grad, dy * (y.data != 0) / dtype(0.7), rtol=1e-5)
    np.testing.assert_array_equal(drop(x, 0.3, training=False).data, x.data)


def test_wrong_dimensions():
    with pytest.raises(ValueError, match="dropout2d: input must have 3 or 4 dimensions, got shape"):
        F.dropout2d(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"dropout1d: input must have 3 dimensions, got shape \(2"):
        F.dropout1d(np.ones((2, 3, 4, 5)))
    with pytest.raises(ValueError, match="dropout2d: p must be between 0 and 1, got 2"):
        F.dropout2d(np.ones((2, 3, 4, 5)), 2)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [((0, -1), (120,)), ((1, -1), (2, 60)), ((1, 2), (2, 12, 5)), ((-2, 3), (2, 3, 20))],
)
def test_flatten(axes, shape):
    x = draw(2, 3, 4, 5)
    channels_last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for a in (x, channels_last):
        np.testing.assert_array_equal(F.flatten(a, *axes).data, x.reshape(shape))
    check_gradient(lambda t: F.flatten(t, *axes), channels_last)
