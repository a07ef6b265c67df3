"""conv1d_max_over_time and its backward against the float64 reference."""

import math

import numpy as np
import pytest
import reference
from kernelcheck import DTYPES, draw, odd_arrays, same_for_any_threads

from fastnn.kernels import conv1d_max_over_time as forward
from fastnn.kernels import conv1d_max_over_time_backward as backward

# N, C, L, K, S, padding
SHAPES = [
    (1, 1, 1, 1, 1, 0), (3, 7, 11, 5, 3, 2), (2, 3, 9, 33, 5, 0), (4, 300, 30, 100, 4, 3),
    (60, 130, 12, 17, 2, 1), (3, 260, 7, 8, 7, 0), (2, 5, 3, 64, 40, 20), (5, 64, 6, 31, 3, 9),
    (1, 319, 40, 9, 1, 0), (0, 3, 4, 5, 2, 0), (3, 4, 5, 0, 2, 0), (3, 0, 5, 4, 2, 0),
    (70, 16, 60, 16, 3, 2),
]  # fmt: skip


def lengths_for(n, length, taps, padding):
    """From the shortest that has a window to the longest; both are there."""
    least = max(0, taps - 2 * padding)
    lengths = np.random.default_rng(n).integers(least, length + 1, n)
    lengths[: min(n, 2)] = (length, least)[: min(n, 2)]
    return lengths


def near(actual, expected, magnitude, terms):
    """Within 4 ceil(log2 terms) eps of the sum of the products' sizes."""
    eps = np.finfo(actual.dtype).eps
    assert actual.shape == expected.shape
    bound = 4 * math.ceil(math.log2(max(terms, 2))) * eps * magnitude
    assert np.all(np.abs(actual - expected) <= bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize(("n", "c", "length", "k", "s", "padding"), SHAPES)
def test_forward_and_backward(n, c, length, k, s, padding, ragged, dtype):
    x, w = draw(n, c, length, dtype=dtype), draw(k, c, s, dtype=dtype, seed=1)
    b, dy = draw(k, dtype=dtype, seed=2), draw(n, k, dtype=dtype, seed=3)
    sizes = dict(padding=padding, lengths=lengths_for(n, length, s, padding) if ragged else None)
    y, at = forward(x, w, b, **sizes)
    expected, places = reference.conv1d_max_over_time(x, w, b, **sizes)
    assert y.dtype == dtype and at.dtype == np.int32
    size = reference.conv1d_max_over_time(abs(x), abs(w), abs(b), **sizes)[0]
    near(y, expected, size, c * s + 1)
    if dtype == np.float64 and c:
        np.testing.assert_array_equal(at, places)

    dy[::3, ::2] = 0  # left out
    grads = backward(dy, at, x, w, **sizes)
    expected = reference.conv1d_max_over_time_backward(dy, at, x, w, **sizes)
    sizes = reference.conv1d_max_over_time_backward(abs(dy), at, abs(x), abs(w), **sizes)
    for grad, want, size, terms in zip(grads, expected, sizes, (k * s, n, n), strict=True):
        assert grad.dtype == dtype
        near(grad, want, size, terms)


@pytest.mark.parametrize("dtype", DTYPES)
def test_only_what_is_needed(dtype):
    x, w, dy = draw(3, 4, 5, dtype=dtype), draw(6, 4, 2, dtype=dtype), draw(3, 6, dtype=dtype)
    at = forward(x, w)[1]
    whole = backward(dy, at, x, w)
    for i in range(3):
        some = backward(dy, at, x, w, needs=[j == i for j in range(3)])
        np.testing.assert_array_equal(some[i], whole[i])
        assert sum(grad is None for grad in some) == 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 3, 8, 16, 21])
def test_ties_and_special_numbers(k, dtype):
    """Of equal windows the first wins; NaN wins over everything, the first one; so does infinity
    over numbers. In every lane."""
    x = np.zeros((1, 1, 6), dtype)
    w = np.ones((k, 1, 1), dtype)
    y, at = forward(x, w)
    assert not y.any() and not at.any()
    x[0, 0] = [1, np.inf, np.nan, 5, np.nan, np.inf]
    y, at = forward(x, w)
    assert np.isnan(y).all() and (at == 2).all()
    y, at = forward(x, w, lengths=[2])
    assert (y == np.inf).all() and (at == 1).all()
    x[0, 0] = -np.inf
    y, at = forward(x, w)
    assert (y == -np.inf).all() and (at == 0).all()
    for lane in range(k):
        dy = np.zeros((1, k), dtype)
        dy[0, lane] = np.nan
        dx, dw, db = backward(dy, at, np.ones_like(x), w)
        assert np.isnan(dx[0, 0]).tolist() == [True] + 5 * [False]
        np.testing.assert_array_equal(np.isnan(dw[:, 0, 0]), np.isnan(db))
        assert np.isnan(dw[lane]).all() and np.isnan(dw).sum() == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_lies_beyond_a_sequence_takes_no_part(dtype):
    x, w, b = draw(3, 5, 9, dtype=dtype), draw(7, 5, 3, dtype=dtype), draw(7, dtype=dtype)
    lengths = np.array([4, 9, 1])
    sizes = dict(padding=2, lengths=lengths)
    before = forward(x, w, b, **sizes)
    dy = draw(3, 7, dtype=dtype)
    grads = backward(dy, before[1], x, w, **sizes)
    for row, length in zip(x, lengths, strict=True):
        row[:, length:] = np.nan
    for a, again in zip(before, forward(x, w, b, **sizes), strict=True):
        np.testing.assert_array_equal(a, again)
    for a, again in zip(grads, backward(dy, before[1], x, w, **sizes), strict=True):
        np.testing.assert_array_equal(a, again)
    alone = forward(x[2:, :, :1], w, b, padding=2)
    np.testing.assert_allclose(before[0][2:], alone[0], rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_odd_arrays(dtype):
    x, w, b = draw(3, 4, 6, dtype=dtype), draw(5, 4, 2, dtype=dtype), draw(5, dtype=dtype)
    dy, lengths = draw(3, 5, dtype=dtype), np.array([6, 1, 3])
    sizes = dict(padding=1, lengths=lengths)
    y, at = forward(x, w, b, **sizes)
    grads = backward(dy, at, x, w, **sizes)
    for (name, ox), (_, ow), (_, ob), (_, ody), (_, oat), (_, olengths) in zip(
        *map(odd_arrays, (x, w, b, dy, at, lengths)), strict=True
    ):
        odd = dict(padding=1, lengths=olengths)
        np.testing.assert_array_equal(forward(ox, ow, ob, **odd)[0], y, err_msg=name)
        for grad, expected in zip(backward(ody, oat, ox, ow, **odd), grads, strict=True):
            np.testing.assert_array_equal(grad, expected, err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_threads(dtype):
    """Also where the products of all steps are not made at once."""
    x, w = draw(120, 64, 40, dtype=dtype), draw(50, 64, 4, dtype=dtype)
    dy = draw(120, 50, dtype=dtype)

    def run():
        y, at = forward(x, w, padding=2)
        return y, at, *backward(dy, at, x, w, padding=2)

    same_for_any_threads(run)


X, W = np.zeros((2, 3, 4), np.float32), np.zeros((5, 3, 2), np.float32)
DY, AT = np.zeros((2, 5), np.float32), np.zeros((2, 5), int)
ERRORS = [
    (lambda: forward(X[0], W), ValueError, r"^conv1d_max_over_time: x must have 3 dimensions"),
    (lambda: forward(X, W.astype(float)), TypeError, "weight must be float32 like the other"),
    (lambda: forward(X, W[:, :2]), ValueError, "weight has 2 input channels, x has 3"),
    (lambda: forward(X, W[:, :, :0]), ValueError, "weight must have at least one tap"),
    (lambda: forward(X, W, DY[0, :4]), ValueError, r"bias must have shape \(5,\), got \(4,\)"),
    (lambda: forward(X, W, padding=-1), ValueError, "padding must be >= 0, got -1"),
    (lambda: forward(X, W, lengths=[4, 5]), ValueError, r"lengths must be in 0\.\.4, got 5"),
    (lambda: forward(X, W, lengths=[4]), ValueError, r"lengths must have shape \(2,\), got \(1,\)"),
    (lambda: forward(X, W, lengths=[4, 1]), ValueError, "2 taps, sequence 1 with its padding only"),
    (lambda: backward(DY[:1], AT, X, W), ValueError, r"dy must have y's shape \(2, 5\)"),
    (lambda: backward(DY, AT[:1], X, W), ValueError, r"at must have dy's shape \(2, 5\)"),
    (lambda: backward(DY, AT / 1, X, W), TypeError, "at must be integers, got float64"),
    (lambda: backward(DY, AT + 3, X, W), ValueError, r"at must be windows .*, got 3\.\.3"),
    (lambda: backward(DY, AT - 1, X, W), ValueError, r"at must be windows .*, got -1\.\.-1"),
    (lambda: backward(DY, AT + 1, X, W, lengths=[4, 2]), ValueError, "at must be windows"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
