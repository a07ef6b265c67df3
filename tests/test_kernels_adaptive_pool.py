import numpy as np
import pytest
import reference
from kernelcheck import (
    DTYPES,
    assert_near,
    channels_last,
    draw,
    is_channels_last,
    same_for_any_threads,
)  # fmt: skip

from fastnn import kernels

# (N, C, H, W), output_size
CASES = [
    ((2, 6, 8, 8), 4),
    ((3, 16, 7, 9), (3, 2)),
    ((2, 33, 7, 7), 1),
    ((1, 5, 6, 11), (None, 4)),
    ((2, 3, 3, 4), (5, 9)),  # more outputs than pixels
    ((1, 1, 1, 1), 1),
    ((2, 70, 5, 3), (5, None)),
    ((0, 4, 5, 5), 2),
    ((2, 0, 5, 5), 2),
    ((2, 7, 5, 5), 0),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "output_size"), CASES)
def test_adaptive_avg_pool2d(shape, output_size, dtype):
    x = draw(*shape, dtype=dtype)
    before = x.copy()
    y = kernels.adaptive_avg_pool2d(x, output_size)
    assert y.dtype == dtype and is_channels_last(y)
    assert_near(y, reference.adaptive_avg_pool2d(x, output_size))
    np.testing.assert_array_equal(x, before)
    dy = draw(*y.shape, dtype=dtype, seed=1)
    dx = kernels.adaptive_avg_pool2d_backward(dy, shape[2:])
    assert dx.dtype == dtype and is_channels_last(dx)
    assert_near(dx, reference.adaptive_avg_pool2d_backward(dy, shape[2:]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "output_size"), CASES)
def test_adaptive_max_pool2d(shape, output_size, dtype):
    x = np.round(draw(*shape, dtype=dtype) * 2)  # with many ties
    if x.size:
        x.flat[::7] = np.nan
    y, indices = kernels.adaptive_max_pool2d(x, output_size)
    expected, winners = reference.adaptive_max_pool2d(x, output_size)
    assert y.dtype == dtype and indices.dtype == np.int32
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices, winners)
    dy = draw(*y.shape, dtype=dtype, seed=1)
    dx = kernels.adaptive_max_pool2d_backward(dy, indices, shape[2:])
    assert dx.dtype == dtype and is_channels_last(dx)
    assert_near(dx, reference.adaptive_max_pool2d_backward(dy, indices, shape[2:]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "size"), [((2, 6, 29), 4), ((3, 40, 7), 1), ((1, 3, 4), 9)])
def test_sequences(shape, size, dtype):
    x = draw(*shape, dtype=dtype)
    y, indices = kernels.adaptive_max_pool1d(x, size)
    expected, winners = reference.adaptive_max_pool1d(x, size)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices, winners)
    dx = kernels.adaptive_max_pool1d_backward(y, indices, shape[2])
    assert_near(dx, reference.adaptive_max_pool1d_backward(y, indices, shape[2]))
    mean = kernels.adaptive_avg_pool1d(x, (size,))
    assert_near(mean, reference.adaptive_avg_pool1d(x, size))
    dx = kernels.adaptive_avg_pool1d_backward(mean, shape[2])
    assert dx.dtype == dtype
    assert_near(dx, reference.adaptive_avg_pool1d_backward(mean, shape[2]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_numbers_in_every_lane(special, dtype):
    for c in range(67):
        x = draw(1, 67, 3, 5, dtype=dtype)
        x[0, c, c % 3, c % 5] = special
        assert_near(kernels.adaptive_avg_pool2d(x, 2), reference.adaptive_avg_pool2d(x, 2))
        for got, expected in zip(
            kernels.adaptive_max_pool2d(x, 2), reference.adaptive_max_pool2d(x, 2), strict=True
        ):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("shape", [(16, 24, 49, 47), (1, 40, 200, 200), (64, 6, 28, 28)])
def test_any_number_of_threads(shape):
    x = channels_last(draw(*shape, dtype=np.float32))

    def run():
        y, indices = kernels.adaptive_max_pool2d(x, (9, 11))
        dx = kernels.adaptive_max_pool2d_backward(y, indices, shape[2:])
        mean = kernels.adaptive_avg_pool2d(x, (9, 11))
        return y, indices, dx, mean, kernels.adaptive_avg_pool2d_backward(mean, shape[2:])

    same_for_any_threads(run)


def test_against_torch():
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    for shape, output_size in CASES[:7]:
        x = np.round(draw(*shape, dtype=np.float32) * 2)
        tx = torch.tensor(x, requires_grad=True)
        ty, tindices = f.adaptive_max_pool2d(tx, output_size, return_indices=True)
        y, indices = kernels.adaptive_max_pool2d(x, output_size)
        np.testing.assert_array_equal(y, ty.detach().numpy())
        np.testing.assert_array_equal(indices, tindices.numpy())
        dy = draw(*y.shape, dtype=np.float32)
        ty.backward(torch.tensor(dy))
        dx = kernels.adaptive_max_pool2d_backward(dy, indices, shape[2:])
        assert_near(dx, tx.grad.numpy())
        tx.grad = None
        ty = f.adaptive_avg_pool2d(tx, output_size)
        assert_near(kernels.adaptive_avg_pool2d(x, output_size), ty.detach().numpy())
        ty.backward(torch.tensor(dy))
        assert_near(kernels.adaptive_avg_pool2d_backward(dy, shape[2:]), tx.grad.numpy())


X = np.zeros((1, 1, 5, 5), np.float32)
ERRORS = [
    (
        lambda: kernels.adaptive_avg_pool2d(X[0], 2),
        ValueError,
        r"adaptive_avg_pool2d: x must have 4 dimensions",
    ),
    (lambda: kernels.adaptive_avg_pool2d(X, -1), ValueError, r"output_size must be >= 0, got"),
    (lambda: kernels.adaptive_max_pool2d(X, 2.5), TypeError, r"output_size must be an int or a"),
    (lambda: kernels.adaptive_avg_pool1d(X[0], None), TypeError, r"output_size must be an int"),
    (
        lambda: kernels.adaptive_max_pool2d(X[:, :, :0], 2),
        ValueError,
        r"adaptive_max_pool2d: an image must have at least one pixel, got 0 x 5",
    ),
    (lambda: kernels.adaptive_avg_pool2d_backward(X, 5), TypeError, r"input_size must be a pair"),
    (
        lambda: kernels.adaptive_max_pool2d_backward(X, X, (5, 5)),
        TypeError,
        r"indices must be integers, got float32",
    ),
    (
        lambda: kernels.adaptive_max_pool1d_backward(X[0], np.zeros((1, 5, 4), int), 5),
        ValueError,
        r"indices must have dy's shape \(1, 5, 5\), got \(1, 5, 4\)",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
