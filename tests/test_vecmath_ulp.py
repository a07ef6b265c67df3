"""exp, log, sigmoid and tanh within their error bounds, over all of float32 and float64.

An ULP is the distance between the floating-point numbers around the exact result. References:
float64 for float32; NumPy's longdouble for float64, where that is wider, else mpmath.
"""

import numpy as np
import pytest

from fastnn._kernels import activation

BOUNDS = {"exp": 2, "expm1": 3, "log": 2, "log1p01": 2, "sigmoid": 4, "tanh": 4}


def _sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


REFERENCES = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p01": np.log1p, "sigmoid": _sigmoid,
    "tanh": np.tanh,
}  # fmt: skip


def run(name, x):
    return activation.unary(activation.OPS[name], x)


def check(name, x):
    """Within the bound of the reference, which is as wide again as x; signs of zeros alike."""
    dtype = x.dtype
    wide = np.float64 if dtype == np.float32 else np.longdouble
    if name == "log1p01":
        x = np.abs(x)
        x = x[~(x > 1)]
    info = np.finfo(dtype)
    y = run(name, x)
    with np.errstate(all="ignore"):
        exact = REFERENCES[name](x.astype(wide))
        rounded = exact.astype(dtype)  # where this overflows, so must y
        exponent = np.frexp(np.where(np.isfinite(rounded), np.abs(exact), 1))[1] - 1
        ulp = np.ldexp(wide(1), np.maximum(exponent, info.minexp) - info.nmant)
        error = np.abs(y.astype(wide) - exact) / ulp
        error[y.astype(wide) == exact] = 0
    error[np.isinf(rounded) & (y == rounded)] = 0
    error[np.isnan(exact) & np.isnan(y)] = 0
    worst = np.argmax(np.where(np.isnan(error), np.inf, error))
    assert error[worst] <= BOUNDS[name], (name, x[worst], y[worst], exact[worst])
    zero = (y == 0) & (exact == 0)
    np.testing.assert_array_equal(np.signbit(y[zero]), np.signbit(exact[zero]))


def edges(dtype):
    info = np.finfo(dtype)
    numbers = [0.0, info.tiny, info.smallest_subnormal, info.eps, 0.5, 1, info.max, np.inf, np.nan]
    top, bottom = np.log(info.max), np.log(info.smallest_subnormal)
    for turn in (top, bottom, np.log(info.tiny), np.log(info.eps), np.log(2) / 2, np.log(2), 9, 19):
        near = dtype(turn)
        for _ in range(4):
            near = np.nextafter(near, dtype(-np.inf))
        for _ in range(9):
            numbers.append(near)
            near = np.nextafter(near, dtype(np.inf))
    numbers = np.array(numbers, dtype)
    return np.concatenate([numbers, -numbers])


def dense(dtype, count):
    """Numbers where the functions bend, evenly spread."""
    rng = np.random.default_rng(1)
    low = np.log(np.finfo(dtype).smallest_subnormal)
    high = np.log(np.finfo(dtype).max)
    spans = [(low * 1.02, high * 1.02), (-25, 25), (-2, 2), (0, 1)]
    return np.concatenate([rng.uniform(*span, count).astype(dtype) for span in spans])


@pytest.mark.parametrize("name", BOUNDS)
def test_float32(name):
    every_2039th = np.arange(0, 2**32, 2039, dtype=np.uint32).view(np.float32)
    assert every_2039th.size > 2_000_000
    for x in (every_2039th, edges(np.float32), dense(np.float32, 200_000)):
        check(name, x)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="longdouble is float64 here")
@pytest.mark.parametrize("name", BOUNDS)
def test_float64(name):
    bits = np.random.default_rng(2).integers(0, 2**64, 200_000, dtype=np.uint64)
    for x in (bits.view(np.float64), edges(np.float64), dense(np.float64, 100_000)):
        check(name, x)


@pytest.mark.parametrize("name", BOUNDS)
def test_float64_against_mpmath(name):
    mpmath = pytest.importorskip("mpmath")
    x = dense(np.float64, 250)
    if name == "log1p01":
        x = x[(x >= 0) & (x <= 1)]
    if name == "log":
        x = np.exp(x[np.abs(x) < 700])
    functions = {
        "sigmoid": lambda t: 1 / (1 + mpmath.exp(-t)),
        "log1p01": mpmath.log1p,
    }
    function = functions.get(name) or getattr(mpmath, name)
    with mpmath.workdps(350):  # e^-x beside 1, without a special case
        for t, y in zip(x.tolist(), run(name, x).tolist(), strict=True):
            exact = function(mpmath.mpf(t))
            if abs(exact) > 1.7e308:
                continue
            ulp = mpmath.ldexp(1, max(mpmath.frexp(exact)[1] - 1, -1022) - 52)
            assert abs(mpmath.mpf(y) - exact) <= BOUNDS[name] * ulp, (name, t, y)


def test_extremes():
    for dtype in (np.float32, np.float64):
        x = np.array([np.inf, -np.inf, np.nan, -0.0], dtype)
        np.testing.assert_array_equal(run("exp", x), [np.inf, 0, np.nan, 1])
        np.testing.assert_array_equal(run("sigmoid", x), [1, 0, np.nan, 0.5])
        np.testing.assert_array_equal(run("tanh", x), [1, -1, np.nan, 0])
        np.testing.assert_array_equal(run("expm1", x), [np.inf, -1, np.nan, 0])
        np.testing.assert_array_equal(run("log", x), [np.inf, np.nan, np.nan, -np.inf])
        assert np.signbit(run("tanh", x)[3]) and np.signbit(run("expm1", x)[3])
        smallest = np.finfo(dtype).smallest_subnormal
        just = np.array([np.log(smallest) + 0.1], dtype)
        assert run("sigmoid", just)[0] == run("exp", just)[0] == smallest
