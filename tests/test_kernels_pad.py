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

MODES = ["constant", "reflect", "replicate"]
CASES = [
    ((2, 3, 5, 7), (1, 2, 3, 1)),
    ((1, 64, 4, 6), (2, 0, 0, 3)),
    ((2, 21, 6, 4), (-1, 2, 3, -2)),
    ((2, 1, 9, 8), (3, 3, 3, 3)),
    ((2, 6, 5, 7), (2, 1)),
    ((3, 5, 7), (4, 6)),
    ((3, 40, 7), (-2, 1)),
    ((0, 4, 3, 3), (1, 1, 1, 1)),
    ((2, 4, 6, 6), (-3, -3, 0, 0)),  # nothing is left
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("shape", "pad"), CASES)
def test_pad(shape, pad, mode, dtype):
    x = draw(*shape, dtype=dtype)
    before = x.copy()
    options = dict(mode=mode) | (dict(value=2.5) if mode == "constant" else {})
    y = kernels.pad(x, pad, **options)
    assert y.dtype == dtype and is_channels_last(y if y.ndim == 4 else y[:, :, None])
    np.testing.assert_array_equal(y, reference.pad(x, pad, **options).astype(dtype))
    np.testing.assert_array_equal(x, before)
    dy = draw(*y.shape, dtype=dtype, seed=1)
    dx = kernels.pad_backward(dy, pad, mode=mode)
    assert dx.dtype == dtype and dx.shape == shape
    assert_near(dx, reference.pad_backward(dy, pad, mode=mode))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
def test_any_number_of_channels(mode, dtype):
    for channels in [*range(1, 36), 67, 130]:
        x = draw(2, channels, 3, 4, dtype=dtype)
        y = kernels.pad(x, (2, 1, 1, 2), mode=mode)
        np.testing.assert_array_equal(y, reference.pad(x, (2, 1, 1, 2), mode=mode).astype(dtype))
        dx = kernels.pad_backward(y, (2, 1, 1, 2), mode=mode)
        assert_near(dx, reference.pad_backward(y, (2, 1, 1, 2), mode=mode))


@pytest.mark.parametrize("mode", MODES)
def test_every_bit_is_copied(mode):
    x = draw(2, 5, 4, 6, dtype=np.float32)
    x[0] = -0.0
    x[1, 2] = np.nan
    y = kernels.pad(x, (1, 2, 2, 1), mode=mode)[:, :, 2:-1, 1:-2]
    assert np.array_equal(y.view(np.int32), x.view(np.int32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.0])
def test_special_borders(value):
    x = draw(1, 3, 2, 2)
    y = kernels.pad(x, (1, 1, 1, 1), value=value)
    np.testing.assert_array_equal(y[:, :, 1:3, 1:3], x)
    border = y[:, :, 0]
    np.testing.assert_array_equal(border, np.full_like(border, value))
    assert np.array_equal(np.signbit(border), np.signbit(np.full_like(border, value)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(8, 24, 60, 68), (1, 3, 400, 300), (64, 6, 20, 28)])
def test_any_number_of_threads(shape, mode):
    x = channels_last(draw(*shape, dtype=np.float32))

    def run():
        y = kernels.pad(x, (3, 5, 7, 1), mode=mode)
        return y, kernels.pad_backward(y, (3, 5, 7, 1), mode=mode)

    same_for_any_threads(run)


def test_against_torch():
    torch = pytest.importorskip("torch")
    for shape, pad in CASES[:7]:
        x = draw(*shape)
        for mode in MODES:
            if mode != "constant" and len(shape) == 4 and len(pad) == 2:
                continue  # not in torch
            tx = torch.tensor(x, requires_grad=True)
            ty = torch.nn.functional.pad(tx, pad, mode)
            y = kernels.pad(x, pad, mode=mode)
            np.testing.assert_array_equal(y, ty.detach().numpy())
            dy = draw(*y.shape)
            ty.backward(torch.tensor(dy))
            assert_near(kernels.pad_backward(dy, pad, mode=mode), tx.grad.numpy())


X = np.zeros((1, 1, 5, 5), np.float32)
ERRORS = [
    (
        lambda: kernels.pad(X[0], (1, 1, 1, 1)),
        ValueError,
        r"pad: x must have 4 dimensions and pad 4 or 2 numbers, or 3 and 2, got shape \(1, 5, 5\)",
    ),
    (lambda: kernels.pad(X, 1), TypeError, "pad must be a sequence of ints, got 1"),
    (lambda: kernels.pad(X, (1, 2.5)), TypeError, "pad must be a sequence of ints"),
    (lambda: kernels.pad(X, (1, 1), mode="wrap"), ValueError, "mode must be one of .* got 'wrap'"),
    (lambda: kernels.pad(X, (1, 1), value="a"), TypeError, "value must be a number, got 'a'"),
    (
        lambda: kernels.pad(X, (5, 0), mode="reflect"),
        ValueError,
        r"pad \(5, 0\) does not fit an image of 5 x 5 with mode 'reflect'",
    ),
    (lambda: kernels.pad(X, (-3, -3)), ValueError, r"pad \(-3, -3\) does not fit"),
    (lambda: kernels.pad(X[:, :, :0], (1, 1, 1, 1), mode="replicate"), ValueError, "0 x 5"),
    (lambda: kernels.pad_backward(X, (3, 3)), ValueError, r"does not fit an image of 5 x -1"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
