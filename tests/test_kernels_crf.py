"""Conditional random fields: against the reference and against all paths, one by one."""

from itertools import product

import numpy as np
import pytest
import reference
from kernelcheck import DTYPES, assert_near, draw, same_for_any_threads

from fastnn import kernels

# T, N, K: a tag alone, fewer than a vector, one more than a vector, several blocks of vectors
SHAPES = [(1, 1, 1), (5, 3, 2), (4, 2, 9), (7, 4, 13), (6, 40, 17), (3, 2, 67)]


def scores(T, N, K, dtype=np.float64, seed=0):
    """emissions, transitions, start, end"""
    shapes = (T, N, K), (K, K), (K,), (K,)
    return [draw(*s, dtype=dtype, seed=seed + i) for i, s in enumerate(shapes)]


def tags_of(T, N, K):
    return np.random.default_rng(K).integers(0, K, (T, N))


def lengths_of(T, N):
    """0 and T among them, where there are two sequences or more."""
    lengths = np.random.default_rng(N).integers(0, T + 1, N)
    lengths[-1], lengths[0] = 0, T
    return lengths


def both(T, N, K, dtype, lengths):
    """(ll, saved, gradients, best tags, their scores) by kernel and reference."""
    e, A, start, end = scores(T, N, K, dtype)
    tags, dll = tags_of(T, N, K), draw(N, dtype=dtype)
    for module in kernels, reference:
        ll, saved = module.crf_log_likelihood(e, tags, A, start, end, lengths=lengths)
        gradients = module.crf_log_likelihood_backward(
            dll, e, tags, A, start, end, saved, lengths=lengths
        )
        best, score = module.crf_decode(e, A, start, end, lengths=lengths)
        yield [ll, saved, *gradients, score], best


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_against_reference(shape, dtype):
    for lengths in (None, lengths_of(*shape[:2])):
        (actual, tags), (expected, expected_tags) = both(*shape, dtype, lengths)
        for a, e in zip(actual, expected, strict=True):
            assert a.dtype == (np.float64 if a is actual[1] else dtype)
            assert_near(a, e, ulps=32)
        assert tags.dtype == np.int64
        np.testing.assert_array_equal(tags, expected_tags)


def test_against_all_paths():
    T, N, K = 4, 2, 3
    e, A, start, end = scores(T, N, K)
    tags, lengths = tags_of(T, N, K), [4, 2]
    ll, saved = kernels.crf_log_likelihood(e, tags, A, start, end, lengths=lengths)
    best, score = kernels.crf_decode(e, A, start, end, lengths=lengths)
    de, dA, dstart, dend = kernels.crf_log_likelihood_backward(
        np.ones(N), e, tags, A, start, end, saved, lengths=lengths
    )
    pairs, firsts, lasts = np.zeros((K, K)), np.zeros(K), np.zeros(K)
    for n, length in enumerate(lengths):
        paths = [list(y) for y in product(range(K), repeat=length)]
        own = [
            start[y[0]] + e[range(length), n, y].sum() + A[y[:-1], y[1:]].sum() + end[y[-1]]
            for y in paths
        ]
        shares = np.exp(own) / np.sum(np.exp(own))
        given = paths.index(list(tags[:length, n]))
        assert ll[n] == pytest.approx(np.log(shares[given]))
        assert best[:, n].tolist() == paths[np.argmax(own)] + [-1] * (T - length)
        assert score[n] == pytest.approx(max(own))
        counted = shares * -1.0
        counted[given] += 1
        expected = np.zeros((T, K))
        for y, weight in zip(paths, counted, strict=True):
            expected[range(length), y] += weight
            np.add.at(pairs, (y[:-1], y[1:]), weight)
            firsts[y[0]] += weight
            lasts[y[-1]] += weight
        np.testing.assert_allclose(de[:, n], expected, atol=1e-14)
    for actual, expected in ((dA, pairs), (dstart, firsts), (dend, lasts)):
        np.testing.assert_allclose(actual, expected, atol=1e-14)


@pytest.mark.parametrize("far", [-300.0, -2000.0, -np.inf])
def test_tags_that_are_far_below_the_others(far):
    """A tag that is reached from such a tag only: what underflows beside the best is still there
    where it is all there is."""
    T, N, K = 6, 3, 6
    e, A, start, end = scores(T, N, K)
    A[:, 1] = start[1] = -np.inf
    A[2, 1] = 0.5  # tag 1 comes after tag 2 only,
    e[:, :2, 2] += far  # which is far below,
    e[3:, 0, :] = -np.inf
    e[3:, 0, 1] = 1.0  # and yet must have been there:
    A[1, 1] = 0.25
    tags = np.array([[2, 0, 3], [2, 2, 3], [2, 1, 4]] + [[1, 1, 5]] * 3)
    with np.errstate(all="ignore"):
        expected, saved = reference.crf_log_likelihood(e, tags, A, start, end)
        gradients = reference.crf_log_likelihood_backward(np.ones(N), e, tags, A, start, end, saved)
    ll, saved = kernels.crf_log_likelihood(e, tags, A, start, end)
    actual = kernels.crf_log_likelihood_backward(np.ones(N), e, tags, A, start, end, saved)
    np.testing.assert_allclose(ll, expected, rtol=1e-12)
    if far == -np.inf:  # impossible tags
        assert np.isnan(ll[0]) and ll[1] == -np.inf and np.isfinite(ll[2])
    else:
        assert np.isfinite(ll).all()
        for a, b in zip(actual, gradients, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)


def test_forbidden_transitions():
    """-inf, and the large negative number that others write for it."""
    e, A, start, end = scores(9, 4, 7)
    tags = np.zeros((9, 4), int)
    found = []
    for never in (-np.inf, -1e4):
        A[2, 3:5] = A[:, 6] = start[1:3] = end[0] = never
        best, _ = kernels.crf_decode(e, A, start, end)
        assert not np.isin(best[0], [1, 2]).any() and not (best[-1] == 0).any()
        assert not ((best[:-1] == 2) & np.isin(best[1:], [3, 4])).any()
        assert not (best[1:] == 6).any()
        ll, saved = kernels.crf_log_likelihood(e, best, A, start, end)
        found.append([ll, *kernels.crf_log_likelihood_backward(
            np.ones(4), e, best, A, start, end, saved)])  # fmt: skip
        assert (kernels.crf_log_likelihood(e, tags, A, start, end)[0] < -9e3).all()
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    assert (found[0][2][A == -1e4] == 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_long_sequences_keep_their_digits(dtype):
    """Each step's shift is taken off: log Z is in the thousands, probabilities as good as ever."""
    e, A, start, end = scores(3000, 1, 5, dtype)
    tags = tags_of(3000, 1, 5)
    ll, saved = kernels.crf_log_likelihood(e, tags, A, start, end)
    expected, saved_there = reference.crf_log_likelihood(e, tags, A, start, end)
    np.testing.assert_allclose(ll, expected, rtol=4 * np.finfo(dtype).eps)
    dll = np.ones(1, dtype)
    de, *_ = kernels.crf_log_likelihood_backward(dll, e, tags, A, start, end, saved)
    expected, *_ = reference.crf_log_likelihood_backward(dll, e, tags, A, start, end, saved_there)
    np.testing.assert_allclose(de, expected, rtol=0, atol=64 * np.finfo(dtype).eps)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("tag", range(11))
def test_not_a_number_reaches_its_own_sequence_alone(tag, bad):
    e, A, start, end = scores(5, 4, 11)
    tags = tags_of(5, 4, 11)
    e[2, 1, tag] = bad
    e[3, 2, tag] = bad  # beyond the length
    lengths = [5, 5, 3, 5]
    ll, saved = kernels.crf_log_likelihood(e, tags, A, start, end, lengths=lengths)
    assert np.isnan(ll).tolist() == [False, True, False, False]
    de, dA, _, _ = kernels.crf_log_likelihood_backward(
        np.ones(4), e, tags, A, start, end, saved, lengths=lengths
    )
    assert np.isnan(de).any((0, 2)).tolist() == [False, True, False, False]
    assert np.isnan(dA).any()
    best, score = kernels.crf_decode(e, A, start, end, lengths=lengths)
    assert not np.isfinite(score[1]) and np.isfinite(score[[0, 2, 3]]).all()
    assert ((best >= 0).sum(0) == lengths).all()


def test_a_transition_that_is_not_a_number():
    e, A, start, end = scores(3, 2, 9)
    A[8, 2] = np.nan
    ll, _ = kernels.crf_log_likelihood(e, tags_of(3, 2, 9), A, start, end, lengths=[3, 1])
    assert np.isnan(ll).tolist() == [True, False]


def test_equally_good_tags():
    """The first ones."""
    tags, score = kernels.crf_decode(*(np.zeros(s) for s in ((4, 2, 9), (9, 9), 9, 9)))
    assert (tags == 0).all() and (score == 0).all()


def test_any_threads():
    T, N, K = 60, 70, 23
    e, A, start, end = scores(T, N, K, np.float32)
    tags, lengths, dll = tags_of(T, N, K), lengths_of(T, N), draw(N, dtype=np.float32)

    def run():
        ll, saved = kernels.crf_log_likelihood(e, tags, A, start, end, lengths=lengths)
        gradients = kernels.crf_log_likelihood_backward(
            dll, e, tags, A, start, end, saved, lengths=lengths
        )
        return ll, saved, *gradients, *kernels.crf_decode(e, A, start, end, lengths=lengths)

    same_for_any_threads(run)


def test_what_lies_beyond_the_lengths_takes_no_part():
    e, A, start, end = scores(5, 2, 4)
    tags = tags_of(5, 2, 4)
    whole = kernels.crf_log_likelihood(e[:3], tags[:3], A, start, end)[0]
    e[3:], tags[3:] = np.nan, -100
    cut, saved = kernels.crf_log_likelihood(e, tags, A, start, end, lengths=[3, 3])
    np.testing.assert_array_equal(cut, whole)
    de, *others = kernels.crf_log_likelihood_backward(
        np.ones(2), e, tags, A, start, end, saved, lengths=[3, 3]
    )
    assert (de[3:] == 0).all() and all(np.isfinite(a).all() for a in others)


E, A, S = np.zeros((4, 2, 3), np.float32), np.zeros((3, 3), np.float32), np.zeros(3, np.float32)
Y = np.zeros((4, 2), int)
ll, decode = kernels.crf_log_likelihood, kernels.crf_decode
ERRORS = [
    (lambda: ll(E[0], Y, A, S, S), ValueError, "crf_log_likelihood: emissions must have 3 dim"),
    (lambda: ll(E[..., :0], Y, A, S, S), ValueError, "emissions must have one tag or more"),
    (lambda: ll(E.astype(int), Y, A, S, S), TypeError, "emissions must be float32 or float64"),
    (lambda: ll(E, Y, A[:2], S, S), ValueError, r"transitions must have shape \(3, 3\)"),
    (lambda: ll(E, Y, A.astype(float), S, S), TypeError, "transitions must be float32"),
    (lambda: decode(E, A, S[:2], S), ValueError, r"crf_decode: start must have shape \(3,\)"),
    (lambda: decode(E, A, S, A), ValueError, r"end must have shape \(3,\)"),
    (lambda: ll(E, Y[:3], A, S, S), ValueError, r"tags must have shape \(4, 2\), got \(3, 2\)"),
    (lambda: ll(E, E[..., 0], A, S, S), TypeError, "tags must be integers, got float32"),
    (lambda: ll(E, Y + 3, A, S, S), ValueError, r"0\.\.2, got 3 at position 0 of sequence 0"),
    (lambda: ll(E, Y, A, S, S, lengths=[4]), ValueError, r"lengths must have shape \(2,\)"),
    (lambda: decode(E, A, S, S, lengths=[5, 1]), ValueError, r"lengths must be in 0\.\.4, got 5"),
    (lambda: decode(E, A, S, S, lengths=[1.0, 1]), TypeError, "lengths must be integers"),
    (
        lambda: kernels.crf_log_likelihood_backward(S, E, Y, A, S, S, E),
        ValueError,
        r"crf_log_likelihood_backward: dll must have shape \(2,\), got \(3,\)",
    ),
    (
        lambda: kernels.crf_log_likelihood_backward(S[:2], E, Y, A, S, S, E),
        ValueError,
        r"saved must be float64 of shape \(4, 2, 3\)",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
