import itertools

import numpy as np
import pytest
import reference
from kernelcheck import (
    DTYPES,
    assert_near,
    channels_last,
    draw,
    is_channels_last,
    odd_arrays,
    same_for_any_threads,
)  # fmt: skip

from fastnn import kernels

# (N, C, H, W), then the keywords of max pooling (avg pooling takes those without dilation)
CASES = [
    ((2, 6, 28, 28), dict(kernel_size=2)),
    ((3, 16, 10, 10), dict(kernel_size=2)),
    ((1, 1, 1, 1), dict(kernel_size=1)),
    ((2, 1, 7, 9), dict(kernel_size=3, stride=2, padding=1)),
    ((2, 3, 9, 8), dict(kernel_size=(3, 2), stride=(1, 3), padding=(1, 0))),
    ((1, 17, 6, 7), dict(kernel_size=3, stride=1, padding=1)),
    ((2, 64, 5, 6), dict(kernel_size=3, stride=2, ceil_mode=True)),
    ((2, 33, 8, 5), dict(kernel_size=2, stride=3, ceil_mode=True)),
    ((1, 5, 11, 11), dict(kernel_size=3, stride=2, padding=1, ceil_mode=True)),
    ((0, 4, 6, 6), dict(kernel_size=2)),
    ((2, 0, 6, 6), dict(kernel_size=2)),
    ((1, 31, 4, 4), dict(kernel_size=4)),
    ((2, 5, 8, 9), dict(kernel_size=2, stride=3)),
    ((2, 40, 7, 8), dict(kernel_size=(1, 2), stride=(2, 3))),
]
DILATED = [
    ((2, 6, 9, 11), dict(kernel_size=3, dilation=2, padding=1)),
    (
        (1, 20, 12, 9),
        dict(kernel_size=(2, 3), stride=2, dilation=(3, 2), padding=(1, 1), ceil_mode=True),
    ),
    ((1, 3, 1, 1), dict(kernel_size=2, padding=1, dilation=2)),  # a window of padding only
    ((1, 21, 1, 1), dict(kernel_size=2, padding=1, dilation=2)),
    ((1, 3, 4, 5), dict(kernel_size=(4, 2), padding=(2, 1), dilation=(2, 5), stride=2)),
]
# torch takes no empty arrays, and has no index for a window of padding
TORCH_CASES = [c for c in CASES if 0 not in c[0]] + DILATED[:2]
DIVISORS = [{}, dict(count_include_pad=False), dict(divisor_override=7), dict(divisor_override=-2)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "window"), CASES + DILATED)
def test_max_pool2d(shape, window, dtype):
    x = np.round(draw(*shape, dtype=dtype) * 2)  # with many ties
    before = x.copy()
    y, indices = kernels.max_pool2d(x, **window)
    expected, winners = reference.max_pool2d(x, **window)
    assert y.dtype == dtype and indices.dtype == np.int32
    assert is_channels_last(y) and is_channels_last(indices)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices, winners)
    np.testing.assert_array_equal(x, before)
    dy = draw(*y.shape, dtype=dtype, seed=1)
    dx = kernels.max_pool2d_backward(dy, indices, shape[2:], **window)
    assert dx.dtype == dtype and is_channels_last(dx)
    assert_near(dx, reference.max_pool2d_backward(dy, indices, shape[2:], **window))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [dict(kernel_size=2), dict(kernel_size=3, stride=2, padding=1)])
def test_any_number_of_channels(window, dtype):
    for channels in range(1, 36):
        test_max_pool2d((2, channels, 5, 7), window, dtype)
        test_avg_pool2d((2, channels, 5, 7), window, {}, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("divisor", DIVISORS)
@pytest.mark.parametrize(("shape", "window"), CASES)
def test_avg_pool2d(shape, window, divisor, dtype):
    x = draw(*shape, dtype=dtype)
    y = kernels.avg_pool2d(x, **window, **divisor)
    assert y.dtype == dtype and is_channels_last(y)
    assert_near(y, reference.avg_pool2d(x, **window, **divisor))
    dy = draw(*y.shape, dtype=dtype, seed=1)
    dx = kernels.avg_pool2d_backward(dy, shape[2:], **window, **divisor)
    assert dx.dtype == dtype and is_channels_last(dx)
    assert_near(dx, reference.avg_pool2d_backward(dy, shape[2:], **window, **divisor))


ROWS = [
    ((2, 6, 28), dict(kernel_size=2)),
    ((3, 1, 9), dict(kernel_size=3, stride=2, padding=1)),
    ((2, 20, 11), dict(kernel_size=(4,), stride=(3,), padding=(2,), ceil_mode=True)),
    ((1, 5, 1), dict(kernel_size=1)),
    ((0, 5, 4), dict(kernel_size=2)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "window"), [*ROWS, ((2, 7, 19), dict(kernel_size=3, dilation=4, stride=2))]
)
def test_max_pool1d(shape, window, dtype):
    x = np.round(draw(*shape, dtype=dtype) * 2)
    y, indices = kernels.max_pool1d(x, **window)
    plain = {k: v[0] if isinstance(v, tuple) else v for k, v in window.items()}
    expected, winners = reference.max_pool1d(x, **plain)
    assert y.dtype == dtype and indices.dtype == np.int32
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices, winners)
    dy = draw(*y.shape, dtype=dtype, seed=1)
    dx = kernels.max_pool1d_backward(dy, indices, shape[2], **window)
    assert dx.dtype == dtype
    assert_near(dx, reference.max_pool1d_backward(dy, indices, shape[2], **plain))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize(("shape", "window"), ROWS)
def test_avg_pool1d(shape, window, include, dtype):
    x = draw(*shape, dtype=dtype)
    y = kernels.avg_pool1d(x, **window, count_include_pad=include)
    plain = {k: v[0] if isinstance(v, tuple) else v for k, v in window.items()}
    plain["count_include_pad"] = include
    assert y.dtype == dtype
    assert_near(y, reference.avg_pool1d(x, **plain))
    dy = draw(*y.shape, dtype=dtype, seed=1)
    dx = kernels.avg_pool1d_backward(dy, shape[2], **window, count_include_pad=include)
    assert_near(dx, reference.avg_pool1d_backward(dy, shape[2], **plain))


def test_sequences_are_channels_last():
    x = np.ascontiguousarray(draw(2, 11, 5)).transpose(0, 2, 1)
    for y in (*kernels.max_pool1d(x, 2), kernels.avg_pool1d(x, 2)):
        assert y.shape == (2, 5, 5) and y.transpose(0, 2, 1).flags.c_contiguous


def test_avg_pool2d_of_a_constant_is_exact():
    x = np.ones((1, 3, 14, 14), np.float32)
    assert (kernels.avg_pool2d(x, 7) == 1).all()


def test_long_means_are_accurate():
    x = np.full((1, 3, 300, 500), 0.1, np.float32)
    assert_near(kernels.avg_pool2d(x, (300, 500)), np.full((1, 3, 1, 1), 0.1), ulps=32)
    assert_near(kernels.avg_pool1d(x.reshape(1, 1, -1), 450_000), np.full((1, 1, 1), 0.1), ulps=512)


def test_against_torch():
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    for shape, window in TORCH_CASES:
        x = np.round(draw(*shape, dtype=np.float32) * 2)
        tx = torch.tensor(x, requires_grad=True)
        ty, tindices = f.max_pool2d(tx, **window, return_indices=True)
        y, indices = kernels.max_pool2d(x, **window)
        np.testing.assert_array_equal(y, ty.detach().numpy())
        np.testing.assert_array_equal(indices, tindices.numpy())
        dy = draw(*y.shape, dtype=np.float32)
        ty.backward(torch.tensor(dy))
        assert_near(kernels.max_pool2d_backward(dy, indices, shape[2:], **window), tx.grad.numpy())
        if "dilation" in window:
            continue
        for divisor in DIVISORS:
            tx.grad = None
            ty = f.avg_pool2d(tx, **window, **divisor)
            assert_near(kernels.avg_pool2d(x, **window, **divisor), ty.detach().numpy())
            ty.backward(torch.tensor(dy))
            dx = kernels.avg_pool2d_backward(dy, shape[2:], **window, **divisor)
            assert_near(dx, tx.grad.numpy())


def test_output_sizes_are_torchs():
    torch = pytest.importorskip("torch")
    grid = itertools.product(range(1, 9), (1, 2, 3), (1, 2, 3, 4), (0, 1), (1, 2), (False, True))
    for size, kernel, stride, padding, dilation, ceil_mode in grid:
        args = dict(stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
        x = np.zeros((1, 1, size, size + 1), np.float32)
        try:
            expected = torch.nn.functional.max_pool2d(torch.tensor(x), kernel, **args).shape
        except RuntimeError:
            with pytest.raises(ValueError, match="max_pool2d: "):
                kernels.max_pool2d(x, kernel, **args)
        else:
            assert kernels.max_pool2d(x, kernel, **args)[0].shape == tuple(expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_numbers_in_every_lane(special, dtype):
    for c in range(67):
        x = draw(1, 67, 4, 4, dtype=dtype)
        x[0, c, c % 4, (c // 4) % 4] = special
        for got, expected in zip(kernels.max_pool2d(x, 2), reference.max_pool2d(x, 2), strict=True):
            np.testing.assert_array_equal(got, expected)
        assert_near(kernels.avg_pool2d(x, 2), reference.avg_pool2d(x, 2))
    few = draw(2, 3, 6, 6, dtype=dtype)
    for at in np.ndindex(few.shape):
        x = few.copy()
        x[at] = special
        np.testing.assert_array_equal(kernels.max_pool2d(x, 2)[0], reference.max_pool2d(x, 2)[0])
        dx = kernels.avg_pool2d_backward(x, (12, 12), 2)
        assert_near(dx, reference.avg_pool2d_backward(x, (12, 12), 2))


def test_the_last_nan_and_the_first_maximum_win():
    x = np.zeros((1, 1, 2, 2))
    assert kernels.max_pool2d(x, 2)[1] == 0
    x[0, 0, 0, 1] = x[0, 0, 1, 0] = np.nan
    y, index = kernels.max_pool2d(x, 2)
    assert np.isnan(y) and index == 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 5])
def test_odd_arrays(channels, dtype):
    x = draw(2, channels, 6, 7, dtype=dtype)
    window = dict(kernel_size=3, stride=2, padding=1)
    y, indices = reference.max_pool2d(x, **window)
    dy = draw(*y.shape, dtype=dtype)
    for name, odd in odd_arrays(x):
        np.testing.assert_array_equal(kernels.max_pool2d(odd, **window)[0], y, err_msg=name)
        assert_near(kernels.avg_pool2d(odd, **window), reference.avg_pool2d(x, **window))
    dx = reference.max_pool2d_backward(dy, indices, (6, 7), **window)
    for (_, odd), (_, odd_indices) in zip(odd_arrays(dy), odd_arrays(indices), strict=True):
        assert_near(kernels.max_pool2d_backward(odd, odd_indices, (6, 7), **window), dx)
        got = kernels.avg_pool2d_backward(odd, (6, 7), **window)
        assert_near(got, reference.avg_pool2d_backward(dy, (6, 7), **window))


@pytest.mark.parametrize("shape", [(16, 24, 48, 48), (1, 40, 200, 200), (64, 6, 28, 28)])
def test_any_number_of_threads(shape):
    x = channels_last(draw(*shape, dtype=np.float32))
    window = dict(kernel_size=3, stride=2, padding=1)

    def run():
        y, indices = kernels.max_pool2d(x, **window)
        dx = kernels.max_pool2d_backward(y, indices, shape[2:], **window)
        mean = kernels.avg_pool2d(x, **window)
        return y, indices, dx, mean, kernels.avg_pool2d_backward(mean, shape[2:], **window)

    results = same_for_any_threads(run)
    np.testing.assert_array_equal(results[0], reference.max_pool2d(x, **window)[0])


def test_indices_outside_their_window_are_left_out():
    dy, indices = np.ones((1, 2, 2, 2)), np.zeros((1, 2, 2, 2), np.int32)
    indices[0, 1, 1, 1] = -1  # nothing won there
    for wrong in (16, -2, 2**31 - 1):
        indices[0, 0, 0, 0] = wrong
        dx = kernels.max_pool2d_backward(dy, indices, (4, 4), 2)
        assert dx.sum() == dx[0, 1, 0, 0] == 1


X = np.zeros((1, 1, 5, 5), np.float32)
ERRORS = [
    (lambda: kernels.max_pool2d(X[0], 2), ValueError, r"max_pool2d: x must have 4 dimensions"),
    (lambda: kernels.max_pool2d(X.astype(int), 2), TypeError, r"max_pool2d: x must be float32 or"),
    (lambda: kernels.max_pool2d(X, 0), ValueError, r"kernel_size must be >= 1, got \(0, 0\)"),
    (lambda: kernels.max_pool2d(X, 2.0), TypeError, r"kernel_size must be an int or a pair"),
    (lambda: kernels.max_pool2d(X, 2, stride=0), ValueError, r"stride must be >= 1"),
    (lambda: kernels.max_pool2d(X, 2, dilation=0), ValueError, r"dilation must be >= 1"),
    (lambda: kernels.max_pool2d(X, 2, padding=-1), ValueError, r"padding must be >= 0"),
    (lambda: kernels.max_pool2d(X, 2, padding=2), ValueError, r"padding must be at most half"),
    (
        lambda: kernels.max_pool2d(X, 7),
        ValueError,
        r"max_pool2d: no window fits: the image is 5 x 5",
    ),
    (
        lambda: kernels.avg_pool2d(X, 3, padding=2),
        ValueError,
        r"avg_pool2d: padding must be at most",
    ),
    (
        lambda: kernels.avg_pool2d(X, 2, divisor_override=0),
        ValueError,
        r"divisor_override must not",
    ),
    (
        lambda: kernels.avg_pool2d(X, 2, divisor_override=1.5),
        TypeError,
        r"divisor_override must be",
    ),
    (
        lambda: kernels.avg_pool2d_backward(X, (5, 5), 2),
        ValueError,
        r"dy must have shape \(N, C, 2, 2\)",
    ),
    (lambda: kernels.avg_pool2d_backward(X, 5, 2), TypeError, r"input_size must be a pair"),
    (lambda: kernels.max_pool1d(X, 2), ValueError, r"max_pool1d: x must have 3 dimensions"),
    (
        lambda: kernels.avg_pool1d(X[0], (2, 1)),
        TypeError,
        r"kernel_size must be an int, got \(2, 1",
    ),
    (lambda: kernels.avg_pool1d(X[0], 2, stride=0), ValueError, r"stride must be >= 1, got 0"),
    (lambda: kernels.max_pool1d(X[0], 9), ValueError, r"max_pool1d: no window fits"),
    (lambda: kernels.max_pool1d(X[0], 2, padding=2), ValueError, r"padding must be at most half"),
    (
        lambda: kernels.avg_pool1d_backward(X[0], 5, 2),
        ValueError,
        r"dy must have shape \(N, C, 1, 2\) for input_size \(1, 5\)",
    ),
    (lambda: kernels.max_pool2d_backward(X, X, (5, 5), 1), TypeError, r"indices must be integers"),
    (
        lambda: kernels.max_pool2d_backward(X, np.zeros((1, 1, 5, 4), np.int32), (5, 5), 1),
        ValueError,
        r"indices must have dy's shape \(1, 1, 5, 5\), got \(1, 1, 5, 4\)",
    ),
    (
        lambda: kernels.max_pool2d_backward(X, np.zeros(X.shape, np.int32), (9, 9), 2),
        ValueError,
        r"dy must have shape \(N, C, 4, 4\) for input_size \(9, 9\), got \(1, 1, 5, 5\)",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
