"""What the tests of kernels share: odd arrays, thread counts, comparison within rounding."""

import numpy as np

from fastnn._kernels import threads

DTYPES = [np.float32, np.float64]
SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 67, 100, 257]


def draw(*shape, dtype=np.float64, seed=0):
    """Normal numbers."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def channels_last(x):
    """The same (N, C, H, W), channels-last in memory."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def is_channels_last(x):
    return x.transpose(0, 2, 3, 1).flags.c_contiguous


def assert_near(actual, expected, ulps=16):
    """Within `ulps` roundings of the largest finite value."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    finite = np.abs(expected[np.isfinite(expected)])
    bound = ulps * np.finfo(actual.dtype).eps * max(1.0, np.max(finite, initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=bound)


def odd_arrays(a):
    """a itself, laid out in every odd way; yields (name, array)."""
    yield "contiguous", np.ascontiguousarray(a).reshape(a.shape)
    yield "fortran", np.asfortranarray(a)
    flip = (slice(None, None, -1),) * a.ndim
    yield "negative strides", np.array(a[flip], order="C")[flip]
    wide = np.zeros([2 * n + 1 for n in a.shape], a.dtype)
    gaps = tuple(slice(1, 2 * n + 1, 2) for n in a.shape)
    wide[gaps] = a
    yield "gaps", wide[gaps]
    raw = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    raw[...] = a
    yield "unaligned", raw
    yield "byte-swapped", a.astype(a.dtype.newbyteorder())
    frozen = a.copy()
    frozen.flags.writeable = False
    yield "read-only", frozen
    if a.ndim == 4:
        yield "channels-last", channels_last(a)
    if 1 in a.shape:
        far = 12345 * a.itemsize
        strides = [s if n > 1 else far for n, s in zip(a.shape, a.strides, strict=True)]
        yield "odd strides of length-1 axes", np.lib.stride_tricks.as_strided(a, a.shape, strides)


def same_for_any_threads(run):
    """run() gives the same bits for 1, 2, 3 and 8 threads; returns them."""
    before = threads.get_limit()
    try:
        results = []
        for n in (1, 2, 3, 8):
            threads.set_limit(n)
            results.append([np.array(a) for a in run()])
    finally:
        threads.set_limit(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert a.tobytes() == b.tobytes()
    return results[0]
