"""conv_transpose2d, conv_transpose1d and conv1d, forward and backward, against the references: each
is conv2d's kernels in other roles, whose tails test_kernels_conv.py goes through."""

import numpy as np
import pytest
import reference
from test_kernels_conv import assert_within, channels_last, draw

from fastnn import kernels

DTYPES = [np.float32, np.float64]


def check(name, x, w, b, **geometry):
    """Forward, and all gradients of a random dy, each within the error bound of GEMM."""
    forward, backward = getattr(kernels, name), getattr(kernels, f"{name}_backward")
    expect, expect_gradients = getattr(reference, name), getattr(reference, f"{name}_backward")
    transposed = "transpose" in name
    y = forward(x, w, b, **geometry)
    assert y.dtype == x.dtype
    assert np.moveaxis(y, 1, -1).flags.c_contiguous  # channels last in memory
    terms = w[:, 0].size if transposed else w[0].size  # of an output, at most
    magnitude = expect(abs(x), abs(w), None if b is None else abs(b), **geometry)
    assert_within(y, expect(x, w, b, **geometry), magnitude, terms + 1)

    dy = draw(*y.shape, dtype=x.dtype, seed=2)
    actual = backward(dy, x, w, **geometry)
    expected = expect_gradients(dy, x, w, **geometry)
    magnitude = expect_gradients(abs(dy), abs(x), abs(w), **geometry)
    outputs = dy[:, 0].size
    terms = (w[0].size if transposed else w[:, 0].size, x[:, 0].size, outputs)
    for got, want, size, count in zip(actual, expected, magnitude, terms, strict=True):
        assert got.dtype == x.dtype
        assert_within(got, want, size, count)
    first_fastest = np.moveaxis(actual[1], (0, 1), (-1, -2))
    assert first_fastest.flags.c_contiguous  # the first axis, fastest in memory


# (N, C, H, W, K, R, S, stride, padding, output_padding, dilation)
IMAGES = {
    "a generator's first": (2, 40, 1, 1, 33, 4, 4, 1, 0, 0, 1),
    "twice as large": (2, 17, 4, 5, 33, 4, 4, 2, 1, 0, 1),
    "twice as large, of an odd kernel": (2, 17, 4, 5, 16, 3, 3, 2, 1, 1, 1),
    "to three channels": (2, 16, 7, 6, 3, 4, 4, 2, 1, 0, 1),
    "to one channel": (3, 5, 7, 6, 1, 5, 5, 2, 2, 1, 1),
    "1x1": (2, 17, 5, 6, 9, 1, 1, 1, 0, 0, 1),
    "1x1 strided": (2, 17, 5, 6, 9, 1, 1, 3, 0, 2, 1),
    "R != S": (2, 3, 5, 6, 7, 2, 5, 1, (0, 3), 0, 1),
    "all pairs": (2, 3, 5, 4, 7, 3, 2, (3, 2), (1, 4), (2, 1), (2, 5)),
    "stride beyond the kernel": (2, 3, 4, 5, 19, 2, 3, 5, 1, 3, 1),
    "dilation shares a factor with stride": (2, 3, 4, 5, 9, 3, 3, 4, 2, 1, 2),
    "output padding beyond the stride": (2, 3, 4, 5, 9, 3, 2, 2, 1, (3, 4), 5),
    "output padding beyond the stride, to few": (2, 3, 4, 5, 2, 3, 2, 1, (1, 0), 3, 4),
    "padding takes all but a pixel": (2, 3, 4, 5, 9, 2, 2, 1, (2, 2), (0, 0), 1),
    "padding beyond the kernel": (2, 3, 9, 8, 5, 2, 2, 1, 3, 0, 1),
    "one channel each way": (2, 1, 5, 5, 1, 3, 3, 2, 1, 1, 1),
    "many images": (70, 2, 3, 3, 3, 3, 3, 1, 1, 0, 1),
    "a large image": (1, 2, 99, 150, 9, 4, 4, 2, 1, 0, 1),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", IMAGES)
def test_conv_transpose2d(name, dtype):
    n, c, h, w, k, r, s, stride, padding, output_padding, dilation = IMAGES[name]
    x, weight, b = (draw(*shape, dtype=dtype) for shape in ((n, c, h, w), (c, k, r, s), (k,)))
    sizes = dict(
        stride=stride, padding=padding, output_padding=output_padding, dilation=dilation
    )  # fmt: skip
    check("conv_transpose2d", x, weight, b[::-1], **sizes)
    weight = np.ascontiguousarray(weight.transpose(2, 3, 1, 0)).transpose(3, 2, 0, 1)
    check("conv_transpose2d", channels_last(x), weight, None, **sizes)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_width_of_channels(dtype):
    for k in (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65):
        x, w = draw(2, 5, 4, 3, dtype=dtype), draw(5, k, 3, 2, dtype=dtype)
        check("conv_transpose2d", x, w, draw(k, dtype=dtype), stride=2, padding=1)
        x, w = draw(2, k, 4, 3, dtype=dtype), draw(k, 5, 3, 2, dtype=dtype)
        check("conv_transpose2d", x, w, None, padding=1)


def random_sizes(rng, transposed):
    """Sizes of a sequence, from 1 up, that have an output."""
    while True:
        length, kernel = rng.integers(1, 40), rng.integers(1, 6)
        stride, dilation = rng.choice([1, 1, 2, 3, 4]), rng.choice([1, 1, 2, 3])
        sizes = dict(stride=stride, padding=rng.choice([0, 1, 2, 6]), dilation=dilation)
        reach = dilation * (kernel - 1) + 1
        if transposed:
            sizes["output_padding"] = rng.integers(max(stride, dilation))
            fits = (length - 1) * stride + reach > 2 * sizes["padding"]
        else:
            fits = reach <= length + 2 * sizes["padding"]
        if fits:
            return length, kernel, {name: int(n) for name, n in sizes.items()}


@pytest.mark.parametrize("name", ["conv1d", "conv_transpose1d"])
@pytest.mark.parametrize("seed", range(8))
def test_sequences(seed, name):
    rng, transposed = np.random.default_rng(seed), "transpose" in name
    for _ in range(6):
        length, kernel, sizes = random_sizes(rng, transposed)
        n, c, k = map(int, rng.choice([1, 2, 3, 5, 6, 16, 17, 31, 33], 3))
        dtype = DTYPES[rng.integers(2)]
        x, w = draw(n, c, length, dtype=dtype), draw(k, c, kernel, dtype=dtype)
        if rng.integers(2):
            x = np.ascontiguousarray(x.transpose(0, 2, 1)).transpose(0, 2, 1)
        b = draw(k, dtype=dtype) if rng.integers(2) else None
        check(name, x, w.transpose(1, 0, 2) if transposed else w, b, **sizes)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["conv1d", "conv_transpose1d", "conv_transpose2d"])
def test_groups(name, dtype):
    """Of one channel (depthwise), of few and of many; as many outputs as channels, more and
    fewer."""
    axes, transposed = int(name[-2]), "transpose" in name
    for groups, c, k in (5, 1, 1), (6, 1, 2), (33, 1, 1), (2, 3, 5), (3, 17, 9), (2, 16, 32):
        x, b = draw(2, groups * c, *(7, 6)[:axes], dtype=dtype), draw(groups * k, dtype=dtype)
        w = (groups * c, k) if transposed else (groups * k, c)
        w = draw(*w, *(3, 2)[:axes], dtype=dtype)
        check(name, x, w, b, groups=groups)
        more = dict(output_padding=1) if transposed else {}
        check(name, x, w, None, groups=groups, stride=2, padding=1, dilation=2, **more)
        whole = x[..., :1] if axes == 1 else x[..., :1, :1]
        if transposed:
            check(name, whole, w, b, groups=groups)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_epilogues_of_conv1d(activation, dtype):
    x, w, b = draw(2, 3, 9, dtype=dtype), draw(6, 3, 4, dtype=dtype), draw(6, dtype=dtype)
    y = kernels.conv1d(x, w, b, padding=1, activation=activation)
    expected = getattr(reference, activation)(kernels.conv1d(x, w, b, padding=1))
    ulp = np.finfo(dtype).eps
    np.testing.assert_allclose(y, expected, rtol=6 * ulp, atol=6 * ulp)


NAMES = ["conv1d", "conv_transpose1d", "conv_transpose2d"]


def arrays(name, dtype=np.float32, n=2, c=3, k=5):
    """x, w and b of an operation; x is 6 long and wide, w 3."""
    axes = int(name[-2])
    w = draw(k, c, *(3,) * axes, dtype=dtype)
    w = w if name == "conv1d" else w.swapaxes(0, 1)
    return draw(n, c, *(6,) * axes, dtype=dtype), w, np.arange(k, dtype=dtype)


@pytest.mark.parametrize("name", NAMES)
def test_empty(name):
    for n, c, k in (0, 3, 5), (2, 0, 5), (2, 3, 0):
        x, w, b = arrays(name, n=n, c=c, k=k)
        y = getattr(kernels, name)(x, w, b)
        assert y.shape[:2] == (n, k)
        if c == 0:  # only the bias is left
            assert all((y[:, i] == b[i]).all() for i in range(k))
        dx, dw, db = getattr(kernels, f"{name}_backward")(np.ones_like(y), x, w)
        assert (dx.shape, dw.shape) == (x.shape, w.shape)
        assert k or not dx.any()
        assert n or not dw.any()
        np.testing.assert_array_equal(db, np.full(k, y.size // k if k else 0))


@pytest.mark.parametrize("name", NAMES)
def test_needs(name):
    x, w, b = arrays(name)
    dy, backward = getattr(kernels, name)(x, w, b), getattr(kernels, f"{name}_backward")
    everything = backward(dy, x, w)
    for mask in np.ndindex(2, 2, 2):
        some = backward(dy, x, w, needs=tuple(map(bool, mask)))
        for needed, got, full in zip(mask, some, everything, strict=True):
            if needed:
                np.testing.assert_array_equal(got, full)
            else:
                assert got is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 3, 33])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_pixel_reaches_its_window_of_the_output(value, k, dtype):
    x, w = abs(draw(2, 3, 5, 6, dtype=dtype)) + 1, abs(draw(3, k, 3, 2, dtype=dtype)) + 1
    sizes = dict(stride=(1, 2), padding=(2, 1), dilation=(2, 1))
    dy = abs(draw(*kernels.conv_transpose2d(x, w, **sizes).shape, dtype=dtype)) + 1
    for i, j in (0, 0), (2, 3), (4, 5):
        hit = x.copy()
        hit[1, 1, i, j] = value
        y, expected = (m.conv_transpose2d(hit, w, **sizes) for m in (kernels, reference))
        np.testing.assert_array_equal(np.isfinite(y), np.isfinite(expected))
        assert not np.isfinite(y).all()
        hit_dy = dy.copy()
        hit_dy[1, k // 2, i, j] = value
        ours, theirs = (
            m.conv_transpose2d_backward(hit_dy, x, w, **sizes) for m in (kernels, reference)
        )
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(np.isfinite(a), np.isfinite(b))


X, W = draw(2, 4, 6, 7), draw(4, 5, 3, 3)
TRANSPOSE = kernels.conv_transpose2d


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: TRANSPOSE(X, W[:3]), ValueError,
            "conv_transpose2d: weight has 3 input channels, x has 4 (x: (2, 4, 6, 7))",
        ),
        (
            lambda: TRANSPOSE(X[0], W), ValueError,
            "conv_transpose2d: x must have 4 dimensions, got shape (4, 6, 7)",
        ),
        (
            lambda: TRANSPOSE(X, W.astype(np.float64)), TypeError,
            "conv_transpose2d: weight must be float32 like the other arrays, got float64",
        ),
        (
            lambda: TRANSPOSE(X, W, draw(4)), ValueError,
            "conv_transpose2d: bias must have shape (5,), got (4,)",
        ),
        (
            lambda: TRANSPOSE(X, W, stride=(2, 0)), ValueError,
            "conv_transpose2d: stride must be >= 1, got (2, 0)",
        ),
        (
            lambda: TRANSPOSE(X, W, stride=2, dilation=(1, 3), output_padding=2), ValueError,
            "conv_transpose2d: output_padding must be less than stride 2 or dilation 1, got 2",
        ),
        (
            lambda: TRANSPOSE(X, W, padding=4), ValueError,
            "conv_transpose2d: padding 4 takes 8 pixels of an output of 8 "
            "(x: (2, 4, 6, 7), weight: (4, 5, 3, 3))",
        ),
        (
            lambda: TRANSPOSE(X[:, :, :0], W), ValueError,
            "conv_transpose2d: x and weight must have a pixel and a kernel of at least 1 x 1 "
            "(x: (2, 4, 0, 7), weight: (4, 5, 3, 3))",
        ),
        (
            lambda: TRANSPOSE(X, W, groups=3), ValueError,
            "conv_transpose2d: groups must divide the 4 channels of x, got 3 (x: (2, 4, 6, 7))",
        ),
        (
            lambda: TRANSPOSE(X, W, groups=0), ValueError,
            "conv_transpose2d: groups must be >= 1, got 0",
        ),
        (lambda: TRANSPOSE(X, W, stride=2**60), (ValueError, MemoryError, OverflowError), ""),
        (
            lambda: kernels.conv_transpose2d_backward(draw(2, 5, 8, 8), X, W), ValueError,
            "conv_transpose2d_backward: dy must have y's shape (2, 5, 8, 9), got (2, 5, 8, 8)",
        ),
        (
            lambda: kernels.conv_transpose1d(X, W), ValueError,
            "conv_transpose1d: x must have 3 dimensions, got shape (2, 4, 6, 7)",
        ),
        (
            lambda: kernels.conv_transpose1d_backward(X[:, :, 0], X[:, :, 0], W[:, :, 0]),
            ValueError,
            "conv_transpose1d_backward: dy must have y's shape (2, 5, 9), got (2, 4, 7)",
        ),
        (
            lambda: kernels.conv1d(X[:, :, 0], W[:, :, 0]), ValueError,
            "conv1d: weight has 5 input channels, x has 4 (x: (2, 4, 7))",
        ),
        (
            lambda: kernels.conv1d(X[:, :, 0], X[:, :, 0], stride=(1, 2)), TypeError,
            "conv1d: stride must be an int, got (1, 2)",
        ),
        (
            lambda: kernels.conv1d(X[:, :, 0], X[:, :, 0], dilation=2), ValueError,
            "conv1d: the kernel reaches over 13 (size 7, dilation 2), x with its padding "
            "only over 7 (x: (2, 4, 7), padding 0)",
        ),
        (
            lambda: kernels.conv1d_backward(X[:, :, 0], X[:, :, 0], X[:, :, 0]), ValueError,
            "conv1d_backward: dy must have y's shape (2, 2, 1), got (2, 4, 7)",
        ),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
