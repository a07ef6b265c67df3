"""conv2d and conv2d_backward against the float64 reference, over all geometries."""

import math

import numpy as np
import pytest
import reference

import fastnn
from fastnn import functional
from fastnn.kernels import conv2d, conv2d_backward

DTYPES = [np.float32, np.float64]


def draw(*shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng([seed, *shape])
    return rng.standard_normal(shape).astype(dtype)


def channels_last(a):
    return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def assert_within(actual, expected, magnitude, terms):
    """|actual - expected| <= 4 ceil(log2 terms) eps magnitude; 'magnitude' sums |a b|."""
    eps = np.finfo(actual.dtype).eps
    assert actual.shape == expected.shape
    allowed = 4 * math.ceil(math.log2(max(terms, 2))) * eps * magnitude
    excess = np.abs(actual - expected) - allowed
    assert np.all(excess <= 0), f"beyond the bound by {excess.max()}"


def check(x, w, b, **geometry):
    """Forward, and all gradients of a random dy, each within the error bound of GEMM."""
    c, r, s = w.shape[1:]
    y = conv2d(x, w, b, **geometry)
    expected = reference.conv2d(x, w, b, **geometry)
    magnitude = reference.conv2d(abs(x), abs(w), None if b is None else abs(b), **geometry)
    assert y.dtype == x.dtype
    assert_within(y, expected, magnitude, c * r * s + (b is not None))
    assert y.size == 0 or y.transpose(0, 2, 3, 1).flags.c_contiguous

    dy = draw(*y.shape, dtype=x.dtype, seed=2)
    actual = conv2d_backward(dy, x, w, **geometry)
    expected = reference.conv2d_backward(dy, x, w, **geometry)
    magnitude = reference.conv2d_backward(abs(dy), abs(x), abs(w), **geometry)
    pixels = y.shape[0] * y.shape[2] * y.shape[3]
    outer = w.shape[0] // geometry.get("groups", 1)
    for got, want, size, terms in zip(
        actual, expected, magnitude, (outer * r * s, pixels, pixels), strict=True
    ):
        assert got.dtype == x.dtype
        assert_within(got, want, size, terms)


# (N, C, H, W, K, R, S, stride, padding, dilation)
SPECIAL = {
    "LeNet's first": (3, 1, 28, 28, 6, 5, 5, 1, 2, 1),
    "LeNet's second": (3, 6, 14, 14, 16, 5, 5, 1, 0, 1),
    "ResNet's first": (2, 3, 30, 30, 64, 7, 7, 2, 3, 1),
    "1x1": (2, 64, 7, 7, 70, 1, 1, 1, 0, 1),
    "1x1 strided": (2, 17, 9, 8, 33, 1, 1, 2, 0, 1),
    "1x1 padded": (2, 17, 5, 4, 33, 1, 1, 1, 2, 1),
    "R != S": (2, 3, 11, 9, 7, 1, 4, 1, (0, 2), 1),
    "all pairs": (2, 3, 17, 19, 7, 3, 2, (3, 2), (1, 4), (2, 5)),
    "kernel as large as the image": (3, 4, 6, 5, 9, 6, 5, 1, 0, 1),
    "kernel as large as the padded image": (2, 4, 3, 2, 9, 7, 6, 1, 2, 1),
    "padding beyond the kernel": (2, 3, 4, 5, 6, 3, 3, 1, 5, 1),
    "outputs that see nothing of the image": (1, 2, 1, 1, 3, 2, 2, 1, 6, 1),
    "stride beyond the kernel": (2, 3, 16, 15, 5, 2, 3, 5, 1, 1),
    "stride beyond the image": (2, 3, 5, 5, 5, 3, 3, 50, 1, 1),
    "dilation beyond the image": (2, 3, 4, 4, 5, 3, 3, 1, 7, 7),
    "dilation shares a factor with stride": (2, 3, 13, 13, 5, 3, 3, 4, 2, 2),
    "one pixel": (5, 7, 1, 1, 11, 1, 1, 1, 0, 1),
    "one pixel, padded": (5, 7, 1, 1, 11, 3, 3, 1, 1, 1),
    "one row": (2, 3, 1, 40, 5, 1, 3, 1, 0, 1),
    "one column": (2, 3, 40, 1, 5, 3, 1, 2, 0, 1),
    "one channel each way": (2, 1, 9, 9, 1, 3, 3, 1, 1, 1),
    "many channels": (1, 300, 5, 5, 130, 3, 3, 1, 1, 1),
    "many images": (70, 2, 5, 5, 3, 3, 3, 1, 1, 1),
    "a large image": (1, 2, 200, 301, 5, 3, 3, 1, 1, 1),
    "a large image of many channels": (1, 64, 65, 65, 40, 3, 3, 1, 1, 1),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SPECIAL)
def test_special(name, dtype):
    n, c, h, w, k, r, s, stride, padding, dilation = SPECIAL[name]
    x, weight, b = (
        draw(n, c, h, w, dtype=dtype),
        draw(k, c, r, s, dtype=dtype),
        draw(k, dtype=dtype),
    )
    check(x, weight, b, stride=stride, padding=padding, dilation=dilation)
    check(channels_last(x), weight, None, stride=stride, padding=padding, dilation=dilation)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [4, 8, 16, 24, 48])  # one vector of some ISA, or ends in one
@pytest.mark.parametrize(
    "c, h, w, kernel, padding",
    [
        (8, 5, 10, (3, 3), 1),
        (9, 6, 9, (3, 3), 0),
        (16, 4, 8, (3, 3), (0, 1)),
        (16, 9, 33, (3, 3), 1),
        (17, 3, 40, (2, 3), (1, 0)),
        (100, 4, 19, (3, 3), 1),
        (11, 2, 30, (1, 3), (0, 1)),
        (8, 40, 2, (3, 3), 1),
        (8, 3, 1, (3, 3), 1),
        (9, 3, 300, (3, 3), 1),
        (8, 5, 20, (3, 3), 2),
    ],
)
def test_three_taps_and_outputs_of_one_vector(c, h, w, kernel, padding, k, dtype):
    """The sliding tiles: rows of every remainder, sums of several chains, ends of every kind."""
    x, weight = draw(2, c, h, w, dtype=dtype), draw(k, c, *kernel, dtype=dtype)
    check(x, weight, draw(k, dtype=dtype), padding=padding)
    x = draw(2, w, h, c, dtype=dtype).transpose(0, 3, 1, 2)  # w x h, channels last
    check(x, weight.transpose(0, 1, 3, 2), None, padding=padding)


# groups, channels in and out of each: both sides of every choice of an engine, and tails of lanes
GROUPS = {
    "depthwise": (37, 1, 1),
    "depthwise, fewer channels than lanes": (3, 1, 1),
    "depthwise, whole vectors": (128, 1, 1),
    "depthwise, two outputs a channel": (9, 1, 2),
    "one output a group": (5, 6, 1),
    "3 to 5": (7, 3, 5),
    "4 to 4": (8, 4, 4),
    "5 to 2": (11, 5, 2),
    "many to few": (3, 19, 2),
    "few to many": (2, 2, 35),
    "one to many": (2, 1, 66),
    "many to one": (2, 67, 1),
    "slices": (3, 16, 16),
    "slices with tails": (2, 17, 33),
    "slices as narrow as can be": (5, 8, 9),
}

WINDOWS = {
    "3x3": (3, 3, {"padding": 1}),
    "stride 2": (3, 3, {"stride": 2, "padding": 1}),
    "dilation 2": (3, 2, {"dilation": 2, "padding": (2, 0)}),
    "all pairs": (2, 3, {"stride": (3, 2), "padding": (1, 4), "dilation": (2, 3)}),
    "1x1 strided": (1, 1, {"stride": 2}),
    "stride beyond the kernel": (2, 2, {"stride": 5}),
    "outputs that see nothing of the image": (2, 2, {"padding": 6}),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", GROUPS)
def test_groups(name, window, dtype):
    groups, inner, outer = GROUPS[name]
    r, s, geometry = WINDOWS[window]
    x = draw(3, groups * inner, 9, 14, dtype=dtype)
    w = draw(groups * outer, inner, r, s, dtype=dtype)
    b = draw(groups * outer, dtype=dtype)
    check(x, w, b, groups=groups, **geometry)
    check(channels_last(x)[..., 1:], w, None, groups=groups, **geometry)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 600, 5, 4, 1), (1, 24, 3, 90, 4), (1, 4, 70, 3, 1)])
def test_groups_beyond_a_slab(shape, dtype):
    """More channels, and longer and more rows, than are taken at a time."""
    n, c, h, w, inner = shape
    x, weight = draw(n, c, h, w, dtype=dtype), draw(c, inner, 3, 3, dtype=dtype)
    check(x, weight, draw(c, dtype=dtype), padding=1, groups=c // inner)
    check(x, weight, None, padding=7, dilation=7, groups=c // inner)


def test_groups_of_a_single_column():
    """Its pixels may be any stride apart."""
    for groups, inner, outer in ((12, 1, 1), (3, 9, 9)):
        x, w = draw(3, groups * inner, 6, 9), draw(groups * outer, inner, 3, 1)
        check(channels_last(x)[..., 4:5], w, None, groups=groups)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("groups, inner", [(5, 1), (70, 1), (6, 3), (2, 16)])
def test_groups_activation(groups, inner, dtype):
    x, b = draw(2, groups * inner, 6, 7, dtype=dtype), draw(groups * 2, dtype=dtype)
    w = draw(groups * 2, inner, 3, 3, dtype=dtype) / 4
    plain, ulp = conv2d(x, w, b, groups=groups), np.finfo(dtype).eps
    for activation in ("relu", "sigmoid", "tanh"):
        y = conv2d(x, w, b, groups=groups, activation=activation)
        expected = getattr(reference, activation)(plain)
        np.testing.assert_allclose(y, expected, rtol=6 * ulp, atol=6 * ulp)


@pytest.mark.parametrize("groups, inner, outer", [(9, 1, 1), (3, 4, 5), (2, 17, 16)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_channel_reaches_its_group_alone(value, groups, inner, outer):
    x, w = abs(draw(2, groups * inner, 6, 7)) + 1, abs(draw(groups * outer, inner, 3, 2)) + 1
    geometry = {"padding": 1, "stride": (1, 2), "groups": groups}
    dy = abs(draw(*conv2d(x, w, **geometry).shape)) + 1
    for i, j, channel in [(0, 0, 0), (3, 4, groups * inner // 2), (5, 6, groups * inner - 1)]:
        hit = x.copy()
        hit[1, channel, i, j] = value
        y, expected = conv2d(hit, w, **geometry), reference.conv2d(hit, w, **geometry)
        np.testing.assert_array_equal(np.isfinite(y), np.isfinite(expected))
        assert not np.isfinite(y).all()
        _, dw, _ = conv2d_backward(dy, hit, w, **geometry)
        _, expected, _ = reference.conv2d_backward(dy, hit, w, **geometry)
        np.testing.assert_array_equal(np.isfinite(dw), np.isfinite(expected))
        hit = dy.copy()
        hit[1, channel * outer // inner, i, j // 2] = value
        dx, _, _ = conv2d_backward(hit, x, w, **geometry)
        expected, _, _ = reference.conv2d_backward(hit, x, w, **geometry)
        np.testing.assert_array_equal(np.isfinite(dx), np.isfinite(expected))
        assert not np.isfinite(dx).all()


def random_geometry(rng):
    """Sizes from 1 up, biased to the small; the kernel fits the padded image."""
    while True:
        n, c, k = rng.choice([1, 2, 3, 5, 6, 16, 17, 31, 33], 3)
        h, w = rng.integers(1, 16, 2)
        r, s = rng.choice([1, 2, 3, 4, 5, 7], 2)
        stride, dilation = tuple(rng.choice([1, 1, 2, 3, 4], 2)), tuple(rng.choice([1, 1, 2, 3], 2))
        padding = tuple(rng.choice([0, 0, 1, 2, 3, 6], 2))
        if all(d * (t - 1) + 1 <= i + 2 * p
               for d, t, i, p in zip(dilation, (r, s), (h, w), padding, strict=True)):  # fmt: skip
            return int(n), int(c), int(h), int(w), int(k), int(r), int(s), stride, padding, dilation


@pytest.mark.parametrize("seed", range(20))
def test_random(seed):
    rng = np.random.default_rng(seed)
    for _ in range(6):
        n, c, h, w, k, r, s, stride, padding, dilation = random_geometry(rng)
        dtype = DTYPES[rng.integers(2)]
        x, weight = draw(n, c, h, w, dtype=dtype), draw(k, c, r, s, dtype=dtype)
        x = channels_last(x) if rng.integers(2) else x
        b = draw(k, dtype=dtype) if rng.integers(2) else None
        check(x, weight, b, stride=stride, padding=padding, dilation=dilation)


@pytest.mark.parametrize("k", [3, 9, 20])
def test_pixels_that_are_neighbours_in_another_order(k):
    """Rows of images in turn: 0 1, 4 5 of the first image, 2 3, 6 7 of the second."""
    x = np.lib.stride_tricks.as_strided(draw(40), (17, 1, 2, 2), (8, 4, 16, 4))
    check(x, draw(k, 1, 1, 1, seed=1), draw(k, seed=2))
    check(x, draw(k, 1, 2, 2, seed=1), draw(k, seed=2), padding=1)


@pytest.mark.parametrize("c", [1, 9])
def test_one_row_with_a_stride_of_zero(c):
    """As an axis that indexing adds has: x[:, :, None]."""
    x, w, dy = (draw(*shape) for shape in ((2, 9, c), (32, c, 1, 3), (2, 7, 32)))
    x, dy = (a.transpose(0, 2, 1)[:, :, None] for a in (x, dy))
    assert x.strides[2] == dy.strides[2] == 0
    actual, expected = conv2d_backward(dy, x, w), reference.conv2d_backward(dy, x, w)
    for got, want in zip(actual, expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_width_of_channels(dtype):
    """Tails of the register tile in both directions."""
    for c in (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65):
        check(draw(2, c, 4, 5, dtype=dtype), draw(18, c, 3, 3, dtype=dtype), None, padding=1)
        check(draw(2, 5, 4, 5, dtype=dtype), draw(c, 5, 2, 3, dtype=dtype), draw(c, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "c, k, groups", [(1, 4, 1), (3, 33, 1), (19, 18, 1), (6, 12, 6), (32, 34, 2)]
)
def test_scale_and_residual(c, k, groups, dtype):
    """y = relu(scale (x * w) + b + residual), by every engine, in vectors and tails."""
    x, w = draw(3, c, 9, 8).astype(dtype), draw(k, c // groups, 3, 3, seed=1).astype(dtype)
    b, scale = draw(k, seed=2).astype(dtype), draw(k, seed=3).astype(dtype)
    residual = draw(3, k, 9, 8, seed=4).astype(dtype)
    plain = reference.conv2d(x, w, padding=1, groups=groups)
    expected = reference.relu(
        plain * np.float64(scale)[:, None, None] + b[:, None, None] + residual
    )
    y = conv2d(x, w, b, padding=1, groups=groups, scale=scale, residual=residual, activation="relu")
    assert y.dtype == dtype
    tolerance = 200 * np.finfo(dtype).eps
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance * 10)
    apart = conv2d(x, w, padding=1, groups=groups, scale=scale[::-1][::-1])
    expected = plain * np.float64(scale)[:, None, None]
    np.testing.assert_allclose(apart, expected, rtol=tolerance, atol=tolerance * 10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_epilogues(activation, dtype):
    for k in (1, 6, 33):
        x, w, b = (
            draw(2, 3, 8, 9, dtype=dtype),
            draw(k, 3, 3, 3, dtype=dtype) / 4,
            draw(k, dtype=dtype),
        )
        for bias in (b, b[::-1], None):
            y = conv2d(x, w, bias, padding=1, activation=activation)
            plain = conv2d(x, w, bias, padding=1)
            expected, ulp = getattr(reference, activation)(plain), np.finfo(dtype).eps
            np.testing.assert_allclose(y, expected, rtol=6 * ulp, atol=6 * ulp)


@pytest.mark.parametrize("dtype", DTYPES)
def test_empty(dtype):
    x, w = np.ones((0, 3, 8, 8), dtype), np.ones((5, 3, 3, 3), dtype)
    assert conv2d(x, w, padding=1).shape == (0, 5, 8, 8)
    dx, dw, db = conv2d_backward(np.ones((0, 5, 6, 6), dtype), x, w)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dw, np.zeros(w.shape))
    np.testing.assert_array_equal(db, np.zeros(5))
    # no channels in: only the bias; no channels out: nothing
    x, w, b = np.ones((2, 0, 4, 4), dtype), np.ones((5, 0, 3, 3), dtype), np.arange(5, dtype=dtype)
    np.testing.assert_array_equal(conv2d(x, w, b), np.broadcast_to(b[:, None, None], (2, 5, 2, 2)))
    dx, dw, db = conv2d_backward(np.ones((2, 5, 2, 2), dtype), x, w)
    assert (dx.shape, dw.shape) == (x.shape, w.shape)
    np.testing.assert_array_equal(db, np.full(5, 8))
    w = np.ones((4, 0, 3, 3), dtype)
    np.testing.assert_array_equal(conv2d(x, w, groups=2), np.zeros((2, 4, 2, 2)))
    x, w = np.ones((2, 3, 4, 4), dtype), np.ones((0, 3, 3, 3), dtype)
    assert conv2d(x, w).shape == (2, 0, 2, 2)
    dx, dw, db = conv2d_backward(np.ones((2, 0, 2, 2), dtype), x, w)
    np.testing.assert_array_equal(dx, np.zeros(x.shape))
    assert (dw.shape, db.shape) == (w.shape, (0,))


def test_needs():
    x, w = draw(2, 3, 6, 7), draw(4, 3, 3, 3)
    dy = draw(2, 4, 4, 5)
    everything = conv2d_backward(dy, x, w)
    for mask in np.ndindex(2, 2, 2):
        some = conv2d_backward(dy, x, w, needs=tuple(map(bool, mask)))
        for needed, got, full in zip(mask, some, everything, strict=True):
            if needed:
                np.testing.assert_array_equal(got, full)
            else:
                assert got is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("c, k", [(1, 1), (6, 16), (16, 33), (8, 8), (16, 16)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "kernel, geometry",
    [
        ((3, 2), {"stride": (1, 2), "padding": (2, 1), "dilation": (2, 1)}),
        ((3, 3), {"padding": 1}),  # the sliding tiles
    ],
)
def test_one_pixel_reaches_the_outputs_whose_window_holds_it(kernel, geometry, value, c, k, dtype):
    n, h, w = 2, 7, 12
    x, weight = abs(draw(n, c, h, w, dtype=dtype)) + 1, abs(draw(k, c, *kernel, dtype=dtype)) + 1
    dy = abs(draw(*conv2d(x, weight, **geometry).shape, dtype=dtype)) + 1
    for i, j in [(0, 0), (3, 4), (6, 11), (6, 0), (2, 7)]:
        hit = x.copy()
        hit[1, c // 2, i, j] = value
        y, expected = conv2d(hit, weight, **geometry), reference.conv2d(hit, weight, **geometry)
        np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
        np.testing.assert_array_equal(np.isinf(y), np.isinf(expected))
        assert not np.isfinite(y).all()
        assert np.array_equal(
            np.isnan(conv2d(hit, weight, activation="relu", **geometry)), np.isnan(y)
        )
        # dw: the taps that met this pixel
        _, dw, _ = conv2d_backward(dy, hit, weight, **geometry)
        _, expected, _ = reference.conv2d_backward(dy, hit, weight, **geometry)
        np.testing.assert_array_equal(np.isfinite(dw), np.isfinite(expected))
    for i, j in [
        (0, 0),
        (3, 2),
        (dy.shape[2] - 1, dy.shape[3] - 1),
    ]:  # dx: the pixels of its window
        hit = dy.copy()
        hit[1, k // 2, i, j] = value
        dx, _, db = conv2d_backward(hit, x, weight, **geometry)
        expected, _, expected_db = reference.conv2d_backward(hit, x, weight, **geometry)
        np.testing.assert_array_equal(np.isfinite(dx), np.isfinite(expected))
        np.testing.assert_array_equal(np.isfinite(db), np.isfinite(expected_db))


DATA = {
    "positive": lambda rng, dtype, *shape: rng.random(shape, dtype=dtype),
    "equal": lambda rng, dtype, *shape: np.full(shape, 0.1, dtype),  # all roundings err alike
}


# (the reference is no judge of equal numbers in float64: its own roundings err alike, too)
@pytest.mark.parametrize(
    "data, dtype", [("positive", np.float32), ("positive", np.float64), ("equal", np.float32)]
)
@pytest.mark.parametrize(
    "shape", [(40, 2, 80, 80, 3, 3), (1, 1, 500, 450, 1, 1), (1, 512, 6, 6, 4, 5)]
)
def test_error_bound_of_long_sums(shape, data, dtype):
    """Gradients of weights sum over 200,000 pixels, outputs over 12,800 products, of one sign."""
    n, c, h, w, k, r = shape
    rng = np.random.default_rng(0)
    x, weight = DATA[data](rng, dtype, n, c, h, w), DATA[data](rng, dtype, k, c, r, r)
    dy = DATA[data](rng, dtype, n, k, h - r + 1, w - r + 1)
    y = conv2d(x, weight)
    expected = reference.conv2d(x, weight)
    assert_within(y, expected, expected, c * r * r)
    pixels = dy[:, 0].size
    actual, expected = (f(dy, x, weight) for f in (conv2d_backward, reference.conv2d_backward))
    for got, want, terms in zip(actual, expected, (k * r * r, pixels, pixels), strict=True):
        assert_within(got, want, want, terms)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize(
    "shape", [(40, 2, 80, 80, 1, 3), (70, 3, 9, 301, 1, 3), (1, 14, 30, 30, 7, 9)]
)
def test_error_bound_of_long_sums_of_groups(shape, data):
    """Over 200,000 pixels, over rows longer than a chain of sums, over 567 products."""
    n, c, h, w, inner, r = shape
    rng = np.random.default_rng(0)
    x, weight = DATA[data](rng, np.float32, n, c, h, w), DATA[data](rng, np.float32, c, inner, r, r)
    y = conv2d(x, weight, groups=c // inner)
    expected = reference.conv2d(x, weight, groups=c // inner)
    assert_within(y, expected, expected, inner * r * r)
    dy = DATA[data](rng, np.float32, *y.shape)
    actual = conv2d_backward(dy, x, weight, groups=c // inner)
    expected = reference.conv2d_backward(dy, x, weight, groups=c // inner)
    pixels = dy[:, 0].size
    for got, want, terms in zip(actual, expected, (inner * r * r, pixels, pixels), strict=True):
        assert_within(got, want, want, terms)


def test_gradients():
    x, w, b = (
        draw(2, 3, 5, 6, dtype=np.float64),
        draw(4, 3, 3, 2, dtype=np.float64),
        draw(4, dtype=np.float64),
    )
    for geometry in ({}, {"padding": (2, 1)}, {"stride": 2, "padding": 1, "dilation": (1, 2)}):
        leaves = [fastnn.Tensor(a, requires_grad=True) for a in (x, w, b)]
        assert fastnn.gradcheck(lambda x, w, b, g=geometry: functional.conv2d(x, w, b, **g), leaves)


X, W = draw(8, 4, 32, 32), draw(6, 4, 5, 5)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: conv2d(X, W[:, :3]),
            ValueError,
            "conv2d: weight has 3 input channels, x has 4 (x: (8, 4, 32, 32))",
        ),
        (
            lambda: conv2d(X[0], W),
            ValueError,
            "conv2d: x must have 4 dimensions, got shape (4, 32, 32)",
        ),
        (
            lambda: conv2d(X, W[0]),
            ValueError,
            "conv2d: weight must have 4 dimensions, got shape (4, 5, 5)",
        ),
        (
            lambda: conv2d(X, W.astype(np.float64)),
            TypeError,
            "conv2d: weight must be float32 like the other arrays, got float64",
        ),
        (
            lambda: conv2d(X.astype(int), W),
            TypeError,
            "conv2d: x must be float32 or float64, got int64",
        ),
        (lambda: conv2d(X, W, draw(5)), ValueError, "conv2d: bias must have shape (6,), got (5,)"),
        (
            lambda: conv2d(X, W, draw(6, 1)),
            ValueError,
            "conv2d: bias must have 1 dimensions, got shape (6, 1)",
        ),
        (lambda: conv2d(X, W, stride=0), ValueError, "conv2d: stride must be >= 1, got (0, 0)"),
        (
            lambda: conv2d(X, W, stride=(1, 2, 3)),
            TypeError,
            "conv2d: stride must be an int or a pair of ints, got (1, 2, 3)",
        ),
        (
            lambda: conv2d(X, W, stride=1.5),
            TypeError,
            "conv2d: stride must be an int or a pair of ints, got 1.5",
        ),
        (
            lambda: conv2d(X, W, padding=-1),
            ValueError,
            "conv2d: padding must be >= 0, got (-1, -1)",
        ),
        (
            lambda: conv2d(X, W, dilation=(1, 0)),
            ValueError,
            "conv2d: dilation must be >= 1, got (1, 0)",
        ),
        (
            lambda: conv2d(X, W, dilation=8),
            ValueError,
            "conv2d: the kernel reaches over 33 (size 5, dilation 8)",
        ),
        (
            lambda: conv2d(X, W[:, :, :0]),
            ValueError,
            "conv2d: weight must have a kernel of at least 1 x 1, got (6, 4, 0, 5)",
        ),
        (
            lambda: conv2d(X, W, groups=2),
            ValueError,
            "conv2d: weight has 4 input channels, x has 4, in 2 groups of 2 (x: (8, 4, 32, 32))",
        ),
        (
            lambda: conv2d(X, W, groups=4),
            ValueError,
            "conv2d: groups must divide the 4 channels of x and the 6 outputs of weight, got 4 "
            "(x: (8, 4, 32, 32), weight: (6, 4, 5, 5))",
        ),
        (lambda: conv2d(X, W, groups=0), ValueError, "conv2d: groups must be >= 1, got 0"),
        (lambda: conv2d(X, W, groups=2.0), TypeError, "conv2d: groups must be an int, got 2.0"),
        (
            lambda: conv2d(X, W, activation="swish"),
            ValueError,
            "conv2d: activation must be None or one of ['relu', 'sigmoid', 'tanh'], got 'swish'",
        ),
        (
            lambda: conv2d(X, W, scale=draw(5).astype(np.float32)),
            ValueError,
            "conv2d: scale must have shape (6,), got (5,)",
        ),
        (
            lambda: conv2d(X, W, residual=X),
            ValueError,
            "conv2d: residual must have y's shape (8, 6, 28, 28), got (8, 4, 32, 32)",
        ),
        (
            lambda: conv2d_backward(draw(8, 6, 28, 27), X, W),
            ValueError,
            "conv2d_backward: dy must have y's shape (8, 6, 28, 28), got (8, 6, 28, 27)",
        ),
        (
            lambda: conv2d_backward(draw(8, 6, 28, 28).astype(np.float64), X, W),
            TypeError,
            "conv2d_backward: dy must be float32",
        ),
        (lambda: conv2d(X, W, padding=2**62), (ValueError, MemoryError, OverflowError), ""),
        (lambda: conv2d(X, W, padding=2**40), (ValueError, MemoryError, OverflowError), ""),
        (lambda: conv2d(X, W, stride=2**70), (ValueError, OverflowError), ""),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
