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

IMAGES = [(2, 3, 5, 7), (1, 64, 4, 6), (2, 21, 6, 4), (2, 1, 9, 8), (3, 5, 1, 1), (0, 4, 3, 3)]
SIZES = [
    dict(size=(10, 14)),
    dict(size=(3, 4)),
    dict(size=(1, 1)),
    dict(size=13),
    dict(scale_factor=2),
    dict(scale_factor=(1.3, 2.7)),
    dict(scale_factor=1.05),  # as large, or twice so: torch then leaves the factor out
    dict(scale_factor=(1.09, 2.07)),
]
MODES = [
    dict(mode="nearest"),
    dict(mode="bilinear"),
    dict(mode="bilinear", align_corners=True),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", IMAGES)
def test_interpolate(shape, size, mode, dtype):
    x = draw(*shape, dtype=dtype)
    before = x.copy()
    y = kernels.interpolate(x, **size, **mode)
    assert y.dtype == dtype and is_channels_last(y)
    assert_near(y, reference.interpolate(x, **size, **mode))
    np.testing.assert_array_equal(x, before)
    mode = mode | dict(scale_factor=size.get("scale_factor"))
    dy = draw(*y.shape, dtype=dtype, seed=1)
    dx = kernels.interpolate_backward(dy, shape[2:], **mode)
    assert dx.dtype == dtype and is_channels_last(dx)
    assert_near(dx, reference.interpolate_backward(dy, shape[2:], **mode), ulps=64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [*range(1, 36), 67, 130])
def test_any_number_of_channels(channels, dtype):
    x = draw(2, channels, 3, 5, dtype=dtype)
    for mode in MODES:
        y = kernels.interpolate(x, (5, 8), **mode)
        assert_near(y, reference.interpolate(x, (5, 8), **mode))
        dx = kernels.interpolate_backward(y, (3, 5), **mode)
        assert_near(dx, reference.interpolate_backward(y, (3, 5), **mode), ulps=64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "mode", [dict(), dict(mode="linear"), dict(mode="linear", align_corners=True)]
)
@pytest.mark.parametrize(
    "size", [dict(size=31), dict(size=(4,)), dict(scale_factor=1.9), dict(scale_factor=1.05)]
)
def test_sequences(size, mode, dtype):
    for channels in (1, 6, 40):
        x = draw(2, channels, 11, dtype=dtype)
        y = kernels.interpolate(x, **size, **mode)
        assert y.dtype == dtype
        assert_near(y, reference.interpolate(x, **size, **mode))
        how = mode | dict(scale_factor=size.get("scale_factor"))
        dx = kernels.interpolate_backward(y, 11, **how)
        assert_near(dx, reference.interpolate_backward(y, 11, **how), ulps=64)


def test_nearest_copies_every_bit():
    x = draw(2, 5, 4, 6, dtype=np.float32)
    x[0] = -0.0
    x[1, 2] = np.nan
    y = kernels.interpolate(x, (8, 12))
    for i in (0, 1):
        for j in (0, 1):
            assert np.array_equal(y[:, :, i::2, j::2].view(np.int32), x.view(np.int32))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_numbers_in_every_lane(special, dtype):
    for c in range(67):
        x = draw(1, 67, 3, 3, dtype=dtype)
        x[0, c, c % 3, (c // 3) % 3] = special
        for mode in MODES[:2]:
            y = kernels.interpolate(x, (4, 5), **mode)
            assert_near(y, reference.interpolate(x, (4, 5), **mode))


@pytest.mark.parametrize("shape", [(8, 24, 40, 48), (1, 3, 300, 200), (64, 6, 20, 28)])
def test_any_number_of_threads(shape):
    x = channels_last(draw(*shape, dtype=np.float32))

    def run():
        near = kernels.interpolate(x, scale_factor=2)
        between = kernels.interpolate(x, scale_factor=1.7, mode="bilinear")
        dx = kernels.interpolate_backward(between, shape[2:], mode="bilinear")
        return near, between, dx, kernels.interpolate_backward(near, shape[2:])

    same_for_any_threads(run)


def test_against_torch():
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    for shape in IMAGES[:5]:
        x = draw(*shape, dtype=np.float32)
        for size in SIZES:
            for mode in MODES:
                tx = torch.tensor(x, requires_grad=True)
                ty = f.interpolate(tx, **size, **mode)
                y = kernels.interpolate(x, **size, **mode)
                assert_near(y, ty.detach().numpy(), ulps=64)
                dy = draw(*y.shape, dtype=np.float32)
                ty.backward(torch.tensor(dy))
                how = mode | dict(scale_factor=size.get("scale_factor"))
                dx = kernels.interpolate_backward(dy, shape[2:], **how)
                assert_near(dx, tx.grad.numpy(), ulps=256)


@pytest.mark.parametrize("factor", [1.05, 1.4, 2.4])
def test_sizes_that_a_factor_leaves_or_doubles_are_torchs(factor):
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    for n in range(1, 20):
        image = draw(1, 2, n, n + 1, dtype=np.float32)
        tries = [(image, mode) for mode in MODES] + [
            (image[0], dict(mode="linear")),
            (image[0], dict(mode="linear", align_corners=True)),
        ]
        for x, mode in tries:
            tx = torch.tensor(x, requires_grad=True)
            ty = f.interpolate(tx, scale_factor=factor, **mode)
            y = kernels.interpolate(x, scale_factor=factor, **mode)
            assert_near(y, ty.detach().numpy(), ulps=64)
            dy = draw(*y.shape, dtype=np.float32)
            ty.backward(torch.tensor(dy))
            dx = kernels.interpolate_backward(dy, x.shape[2:], scale_factor=factor, **mode)
            assert_near(dx, tx.grad.numpy(), ulps=256)


def test_nearest_is_torchs_for_any_size():
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    for n in range(1, 50):
        x = np.arange(n, dtype=np.float32).reshape(1, 1, n)
        for o in range(1, 50):
            expected = f.interpolate(torch.tensor(x), o).numpy()
            np.testing.assert_array_equal(kernels.interpolate(x, o), expected)
        for factor in (0.3, 0.7, 1.1, 2.7):
            if int(n * factor):
                expected = f.interpolate(torch.tensor(x), scale_factor=factor).numpy()
                y = kernels.interpolate(x, scale_factor=factor)
                np.testing.assert_array_equal(y, expected)


X = np.zeros((1, 1, 5, 5), np.float32)
ERRORS = [
    (lambda: kernels.interpolate(X[0, 0], 3), ValueError, "x must have 3 or 4 dimensions, got"),
    (lambda: kernels.interpolate(X), ValueError, "size or scale_factor must be given"),
    (
        lambda: kernels.interpolate(X, 3, scale_factor=2),
        ValueError,
        "not both, got size 3, scale_factor 2",
    ),
    (lambda: kernels.interpolate(X, 0), ValueError, "interpolate: size must be >= 1, got"),
    (lambda: kernels.interpolate(X[0], (3, 3)), TypeError, r"size must be an int, got \(3, 3\)"),
    (lambda: kernels.interpolate(X, scale_factor="a"), TypeError, "scale_factor must be a number"),
    (
        lambda: kernels.interpolate(X, scale_factor=(1, 2, 3)),
        ValueError,
        r"scale_factor must be a positive number, or 2 of them, got \(1, 2, 3\)",
    ),
    (lambda: kernels.interpolate(X, scale_factor=-1), ValueError, "positive number"),
    (
        lambda: kernels.interpolate(X, scale_factor=0.1),
        ValueError,
        "at least one pixel, got 5 x 5 and 0 x 0",
    ),
    (
        lambda: kernels.interpolate(X, 3, mode="linear"),
        ValueError,
        r"mode must be one of \('nearest', 'bilinear'\) for 4 dimensions, got 'linear'",
    ),
    (
        lambda: kernels.interpolate_backward(X, (3, 3), scale_factor=2),
        ValueError,
        r"dy must have the size of \(3, 3\) times scale_factor 2, got \(1, 1, 5, 5\)",
    ),
    (lambda: kernels.interpolate_backward(X, 3), TypeError, "input_size must be a pair of ints"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
