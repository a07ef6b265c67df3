"""Linear-chain conditional random fields, by the forward-backward and Viterbi algorithms."""

from itertools import pairwise

import numpy as np

from .activation import f64


def _log_sum_exp(x, axis):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.logaddexp.reduce(x, axis=axis)


def _sequences(emissions, lengths):
    """The emissions (length, K) of each sequence."""
    steps, batch, _ = emissions.shape
    lengths = [steps] * batch if lengths is None else lengths
    return [f64(emissions[:length, n]) for n, length in enumerate(lengths)]


def _score(e, y, A, start, end):
    total = start[y[0]] + end[y[-1]]
    total += sum(A[i, j] for i, j in pairwise(y))
    return total + sum(e[t, tag] for t, tag in enumerate(y))


def _before(e, A, start):
    """(length, K): log-weights of what comes before a tag, and what has been taken off them."""
    before, shift = [start], 0.0
    for et in e[:-1]:
        a = et + before[-1]
        shift += np.max(a)
        before.append(_log_sum_exp((a - np.max(a))[:, None] + A, 0))
    return np.stack(before), shift


def crf_log_likelihood(emissions, tags, transitions, start, end, *, lengths=None):
    A, start, end = f64(transitions), f64(start), f64(end)
    ll, saved = np.zeros(emissions.shape[1]), np.zeros(emissions.shape)
    for n, e in enumerate(_sequences(emissions, lengths)):
        if len(e):
            before, shift = _before(e, A, start)
            saved[: len(e), n] = before
            log_z = shift + _log_sum_exp(e[-1] + before[-1] + end, 0)
            ll[n] = _score(e, tags[: len(e), n], A, start, end) - log_z
    return ll, saved


def crf_log_likelihood_backward(
    dll, emissions, tags, transitions, start, end, saved, *, lengths=None
):
    """A tag's probability is exp(a + after) over the sum of that, with a the log-weight of all up
    to it and after that of all behind it; a pair's likewise."""
    A, start, end = f64(transitions), f64(start), f64(end)
    de, dA = np.zeros(emissions.shape), np.zeros(A.shape)
    dstart, dend = np.zeros(start.shape), np.zeros(end.shape)
    for n, e in enumerate(_sequences(emissions, lengths)):
        if len(e) == 0:
            continue
        before, last = f64(saved[: len(e), n]), len(e) - 1
        after = [end]
        for et in e[:0:-1]:
            after.insert(0, _log_sum_exp(A + et + after[0] - np.max(after[0]), 1))
        for t, tag in enumerate(tags[: len(e), n]):
            d = _normalised(e[t] + before[t] + after[t])
            d = dll[n] * ((np.arange(len(d)) == tag) - d)
            de[t, n] = d
            dstart += d if t == 0 else 0
            dend += d if t == last else 0
            if t > 0:
                a = e[t - 1] + before[t - 1]
                pairs = _normalised(a[:, None] + A + e[t] + after[t])
                dA -= dll[n] * pairs
                dA[tags[t - 1, n], tag] += dll[n]
    return de, dA, dstart, dend


def _normalised(x):
    with np.errstate(invalid="ignore"):
        return np.exp(x - _log_sum_exp(x, None))


def crf_decode(emissions, transitions, start, end, *, lengths=None):
    A, start, end = f64(transitions), f64(start), f64(end)
    tags = np.full(emissions.shape[:2], -1)
    scores = np.zeros(emissions.shape[1])
    for n, e in enumerate(_sequences(emissions, lengths)):
        if len(e) == 0:
            continue
        a, pointers = start + e[0], []
        for et in e[1:]:
            through = a[:, None] + A
            pointers.append(np.argmax(through, axis=0))
            a = et + np.max(through, axis=0)
        y = [np.argmax(a + end)]
        for pointer in pointers[::-1]:
            y.insert(0, pointer[y[0]])
        tags[: len(e), n], scores[n] = y, np.max(a + end)
    return tags, scores
