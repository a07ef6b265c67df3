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

CASES = [
    ((2, 3, 8, 9), dict(kernel_size=3)),
    ((1, 1, 1, 1), dict(kernel_size=1)),
    ((3, 17, 7, 6), dict(kernel_size=(2, 3), stride=(2, 1), padding=(0, 2))),
    ((2, 4, 11, 10), dict(kernel_size=3, stride=2, padding=1, dilation=2)),
    ((2, 5, 9, 9), dict(kernel_size=(1, 4), stride=3, padding=(2, 1), dilation=(1, 2))),
    ((0, 4, 6, 6), dict(kernel_size=2)),
    ((2, 0, 6, 6), dict(kernel_size=2)),
    ((1, 2, 3, 3), dict(kernel_size=5, padding=3)),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "window"), CASES)
def test_im2col_and_col2im(shape, window, dtype):
    x = draw(*shape, dtype=dtype)
    cols = kernels.im2col(x, **window)
    expected = reference.im2col(x, **window)
    assert cols.dtype == dtype
    np.testing.assert_array_equal(cols, expected)
    np.testing.assert_array_equal(kernels.im2col(channels_last(x), **window), expected)
    dcols = draw(*cols.shape, dtype=dtype, seed=1)
    dx = kernels.col2im(dcols, shape[2:], **window)
    assert dx.dtype == dtype and is_channels_last(dx)
    if dcols.size:
        assert_near(dx, reference.col2im(dcols, shape[2:], **window))


@pytest.mark.parametrize(("shape", "window"), CASES[:5])
def test_against_torch(shape, window):
    torch = pytest.importorskip("torch")
    x = draw(*shape, dtype=np.float32)
    cols = torch.nn.functional.unfold(torch.tensor(x), **window)
    np.testing.assert_array_equal(kernels.im2col(x, **window), cols.numpy())
    folded = torch.nn.functional.fold(cols, shape[2:], **window)
    assert_near(kernels.col2im(cols.numpy(), shape[2:], **window), folded.numpy())


@pytest.mark.parametrize("dtype", DTYPES)
def test_odd_arrays(dtype):
    x = draw(2, 1, 5, 6, dtype=dtype)
    cols = reference.im2col(x, 3, padding=1)
    for name, odd in odd_arrays(x):
        before = odd.copy()
        np.testing.assert_array_equal(kernels.im2col(odd, 3, padding=1), cols, err_msg=name)
        np.testing.assert_array_equal(odd, before)
    cols = draw(*cols.shape, dtype=dtype)
    for _, odd in odd_arrays(cols):
        expected = reference.col2im(cols, (5, 6), 3, padding=1)
        assert_near(kernels.col2im(odd, (5, 6), 3, padding=1), expected)


def test_any_number_of_threads():
    x = draw(6, 20, 40, 40, dtype=np.float32)

    def run():
        cols = kernels.im2col(x, 3, padding=1)
        return cols, kernels.col2im(cols, (40, 40), 3, padding=1)

    same_for_any_threads(run)


def test_nan_goes_where_it_is_copied():
    x = draw(1, 2, 5, 5)
    x[0, 1, 2, 3] = np.nan
    cols = kernels.im2col(x, 3)
    np.testing.assert_array_equal(cols, reference.im2col(x, 3))
    image = kernels.col2im(cols, (5, 5), 3)
    assert np.isnan(image).sum() == 1 and np.isnan(image[0, 1, 2, 3])


X = np.zeros((1, 2, 5, 5), np.float32)
COLS = np.zeros((1, 8, 16), np.float32)
ERRORS = [
    (lambda: kernels.im2col(X[0], 2), ValueError, "im2col: x must have 4 dimensions"),
    (lambda: kernels.im2col(X.astype(int), 2), TypeError, "im2col: x must be float32 or float64"),
    (lambda: kernels.im2col(X, 6), ValueError, "im2col: no window fits"),
    (lambda: kernels.im2col(X, 2, stride=0), ValueError, "im2col: stride must be >= 1"),
    (lambda: kernels.col2im(COLS[0], (5, 5), 2), ValueError, "col2im: cols must have 3 dimensions"),
    (lambda: kernels.col2im(COLS, 5, 2), TypeError, "col2im: output_size must be a pair"),
    (lambda: kernels.col2im(COLS, (5, 5), 3), ValueError, r"a multiple of 3 x 3 rows"),
    (
        lambda: kernels.col2im(COLS, (5, 6), 2),
        ValueError,
        r"4 x 5 columns .* got shape \(1, 8, 16\)",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
