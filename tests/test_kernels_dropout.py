import numpy as np
import pytest
from kernelcheck import (
    DTYPES,
    SIZES,
    channels_last,
    draw,
    is_channels_last,
    odd_arrays,
    same_for_any_threads,
)
from reference.philox import philox4x32, uniform

from fastnn import kernels


def test_philox_gives_the_published_numbers():
    """Known answers of the authors' Random123 1.14 (tests/kat_vectors)."""
    ones = 0xFFFFFFFF
    pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]
    for counter, key, expected in [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([ones] * 4, [ones] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (pi, [0xA4093822, 0x299F31D0], [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
    ]:
        assert philox4x32(counter, key).tolist() == expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", [0, 1, 2**32 + 5, 2**63 - 1, 2**64 - 1])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1 - 2.0**-33, 1.0])
def test_dropout_is_philox(p, seed, dtype):
    x = draw(1000, dtype=dtype)
    scale = dtype(1 / (1 - p) if 0 < p < 0.99 else p == 0)
    expected = x * np.where(uniform(1000, seed) >= p, scale, dtype(0))
    before = x.copy()
    y = kernels.dropout(x, p, seed=seed)
    assert y.dtype == dtype and not np.shares_memory(x, y)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(kernels.dropout_backward(x, p, seed=seed), expected)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_a_mask_is_a_function_of_the_position(size, dtype):
    x = np.ones(size, dtype)
    whole = kernels.dropout(np.ones(300, dtype), 0.4, seed=9)
    np.testing.assert_array_equal(kernels.dropout(x, 0.4, seed=9), whole[:size])


def test_far_positions():
    """Past the first thread's chunks and the first slice."""
    x = np.ones(300_000, np.float32)
    kept = uniform(x.size, 3) >= 0.5
    np.testing.assert_array_equal(kernels.dropout(x, 0.5, seed=3) != 0, kept)


def test_statistics():
    n, p = 1_000_000, 0.3
    kept = [kernels.dropout(np.ones(n, np.float32), p, seed=s) != 0 for s in (5, 6, 5 + 2**32)]
    deviation = np.sqrt(p * (1 - p) / n)
    for mask in kept:
        assert abs(mask.mean() - (1 - p)) < 5 * deviation
        centred = mask - (1 - p)
        for lag in (1, 2, 4, 15, 16, 17, 48, 64, 1024, 16384):  # lanes, words, blocks, chunks
            correlation = np.mean(centred[:-lag] * centred[lag:]) / (p * (1 - p))
            assert abs(correlation) < 5 / np.sqrt(n)
        places = mask.reshape(-1, 64).mean(axis=0)
        assert np.all(abs(places - (1 - p)) < 5 * deviation * 8)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        correlation = np.mean((kept[a] - (1 - p)) * (kept[b] - (1 - p))) / (p * (1 - p))
        assert abs(correlation) < 5 / np.sqrt(n)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1,), (0, 3), (7, 11), (1, 1, 5), (2, 3, 4, 5), (2, 37, 3, 9)])
def test_odd_arrays(shape, dtype):
    x = draw(*shape, dtype=dtype)
    expected = kernels.dropout(x, 0.5, seed=11)
    assert expected.shape == shape
    for name, odd in odd_arrays(x):
        y = kernels.dropout(odd, 0.5, seed=11)
        np.testing.assert_array_equal(y, expected, err_msg=name)
    if len(shape) == 4:
        assert is_channels_last(kernels.dropout(channels_last(x), 0.5, seed=11))


def test_a_number():
    y = kernels.dropout(np.array(3.0), 0.5, seed=1)
    assert y.shape == () and y in (0.0, 6.0)


def test_any_number_of_threads():
    x = draw(400_003, dtype=np.float32)
    images = channels_last(draw(4, 33, 61, 53))
    same_for_any_threads(
        lambda: (kernels.dropout(x, 0.2, seed=1), kernels.dropout(images, 0.2, seed=2))
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_infinity_propagate(dtype):
    """As x times mask does in PyTorch: NaN and infinity stay visible where they are dropped."""
    kept = kernels.dropout(np.ones(67, dtype), 0.5, seed=4) != 0
    for special in (np.nan, np.inf, -np.inf):
        for i in range(67):
            x = np.ones(67, dtype)
            x[i] = special
            y = kernels.dropout(x, 0.5, seed=4)
            if kept[i] and special == special:
                assert y[i] == special
            else:
                assert np.isnan(y[i])
            assert np.isfinite(np.delete(y, i)).all()
    assert np.isnan(kernels.dropout(np.full(3, np.nan, dtype), 1.0, seed=0)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 7, 4, 5), (2, 40, 3, 3), (3, 5, 9), (4, 6), (0, 3, 2, 2)])
def test_dropout_channels(shape, dtype):
    x = draw(*shape, dtype=dtype)
    kept = uniform(shape[0] * shape[1], 7).reshape(shape[:2]) >= 0.4
    expected = x * (kept * dtype(1 / 0.6)).reshape(*shape[:2], *(1,) * (len(shape) - 2))
    for name, odd in odd_arrays(x):
        y = kernels.dropout_channels(odd, 0.4, seed=7)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, expected, err_msg=name)
        dx = kernels.dropout_channels_backward(odd, 0.4, seed=7)
        np.testing.assert_array_equal(dx, expected, err_msg=name)
    if len(shape) == 4:
        assert is_channels_last(kernels.dropout_channels(channels_last(x), 0.4, seed=7))


def test_dropout_of_channels_on_any_number_of_threads():
    images = channels_last(draw(16, 6, 61, 53, dtype=np.float32))
    same_for_any_threads(lambda: [kernels.dropout_channels(images, 0.2, seed=2)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", [0, 2**32 + 5, 2**64 - 1])
def test_bernoulli_is_philox(seed, dtype):
    u = np.floor(uniform(1000, seed) * 2**24) / 2**24
    p = np.abs(draw(1000, dtype=dtype)) / 2
    p[:4] = 0, 1, -0.5, 1.5
    p[4:900:7] = u[4:900:7]  # equal: not below
    y = kernels.bernoulli(p, seed=seed)
    assert y.dtype == dtype and set(y) == {0, 1}
    np.testing.assert_array_equal(y, u < p)
    assert y[:4].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (7, 11), (2, 37, 3, 9)])
def test_bernoulli_of_odd_arrays(shape, dtype):
    p = np.asarray(np.abs(draw(*shape, dtype=dtype)))
    expected = kernels.bernoulli(p, seed=11)
    assert expected.shape == shape
    for name, odd in odd_arrays(p):
        np.testing.assert_array_equal(kernels.bernoulli(odd, seed=11), expected, err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bernoulli_propagates_nan(dtype):
    for i in range(67):
        p = np.ones(67, dtype)
        p[i] = np.nan
        np.testing.assert_array_equal(kernels.bernoulli(p, seed=4), p)


def test_bernoulli_on_any_number_of_threads():
    p = np.abs(draw(400_003, dtype=np.float32))
    same_for_any_threads(lambda: [kernels.bernoulli(p, seed=1)])


X = np.zeros(3, np.float32)
ERRORS = [
    (
        lambda: kernels.dropout([1, 2], 0.5, seed=0),
        TypeError,
        "dropout: x must be float32 or float64",
    ),
    (
        lambda: kernels.dropout(X, 1.5, seed=0),
        ValueError,
        r"dropout: p must be in \[0, 1\], got 1.5",
    ),
    (lambda: kernels.dropout(X, np.nan, seed=0), ValueError, r"p must be in \[0, 1\], got nan"),
    (lambda: kernels.dropout(X, "a", seed=0), TypeError, "p must be a number"),
    (lambda: kernels.dropout(X, 0.5, seed=1.5), TypeError, "seed an int"),
    (
        lambda: kernels.dropout(X, 0.5, seed=-1),
        ValueError,
        r"seed must be in \[0, 2\*\*64\), got -1",
    ),
    (
        lambda: kernels.dropout_channels(X, 0.5, seed=0),
        ValueError,
        r"dropout_channels: x must have 2 dimensions or more, got shape \(3,\)",
    ),
    (
        lambda: kernels.dropout_channels_backward(X[None], 2, seed=0),
        ValueError,
        "dropout_channels_backward: p must be in",
    ),
    (lambda: kernels.bernoulli([1], seed=0), TypeError, "bernoulli: p must be float32 or float64"),
    (lambda: kernels.bernoulli(X, seed="a"), TypeError, "bernoulli: seed must be an int, got 'a'"),
    (lambda: kernels.bernoulli(X, seed=-1), ValueError, r"bernoulli: seed must be in \[0, 2"),
    (
        lambda: kernels.dropout_backward(X, 0.5, seed=2**64),
        ValueError,
        "dropout_backward: seed must",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
