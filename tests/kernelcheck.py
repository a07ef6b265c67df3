"""What the tests of kernels share: odd arrays, thread counts, comparison within rounding."""

import numpy as np
from zoo import VARIANTS

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
    """a itself, and the same numbers in every odd layout; yields (name, array)."""
    yield "contiguous", a.copy()
    for variant in VARIANTS:
        yield variant.__name__, variant(a)


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
