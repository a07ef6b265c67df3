"""Linear-chain conditional random fields: how likely a sequence of tags is, and the likeliest.

J. Lafferty, A. McCallum, F. Pereira, "Conditional random fields", ICML 2001; as the output layer of
a network: G. Lample et al. 2016, arXiv:1603.01360.

T positions, N sequences, K tags. emissions (T, N, K), the steps first: the score of each tag at
each position; transitions (K, K): of tag j after tag i at [i, j]; start and end (K,): of the first
tag and of the last. All of one dtype. tags (T, N): integers in 0..K-1. lengths: N integers in 0..T,
any order; row n has lengths[n] positions, and what lies beyond takes no part; None: all have T.

Scores of -inf forbid; a NaN or +inf makes a sequence's likelihood NaN, and so does a sequence for
which no tags are possible. All is computed in double. Raises TypeError for dtypes, ValueError for
shapes that do not fit, a tag or a length out of range.
"""

import numpy as np

from .._kernels import crf as _crf
from . import _checks
from ._sequence import check_lengths


def crf_log_likelihood(emissions, tags, transitions, start, end, *, lengths=None):
    """ll[n] = s(tags[:, n]) - log(sum over all y of exp(s(y))), where

    s(y) = start[y[0]] + sum_t emissions[t, n, y[t]] + sum_(t>0) transitions[y[t-1], y[t]]
           + end[y[last]]

    Returns ll (N,), 0 for a sequence of no positions, and saved, float64 (T, N, K), which the
    backward takes: the logarithms of the sums of exp(scores) over the tags before a position,
    relative to the largest up to there.
    """
    op = "crf_log_likelihood"
    scores, lengths = _scores(op, emissions, transitions, start, end, lengths)
    tags = _tags(op, tags, scores[0], lengths)
    return _crf.log_likelihood(scores[0], tags, *scores[1:], lengths)


def crf_log_likelihood_backward(
    dll, emissions, tags, transitions, start, end, saved, *, lengths=None
):
    """demissions[t, n, j] = dll[n] ([j = tags[t, n]] - P(y[t] = j)), and likewise, summed over
    positions and sequences, dtransitions from P(y[t-1] = i, y[t] = j), dstart and dend.

    dll (N,); saved: as `crf_log_likelihood` returned it; the other arguments as given to it.
    Returns demissions, dtransitions, dstart, dend; demissions is 0 beyond the lengths.
    """
    op = "crf_log_likelihood_backward"
    scores, lengths = _scores(op, emissions, transitions, start, end, lengths)
    tags = _tags(op, tags, scores[0], lengths)
    dll = np.ascontiguousarray(_checks.array(op, "dll", dll, 1), np.float64)
    if dll.shape != lengths.shape:
        raise ValueError(f"{op}: dll must have shape {lengths.shape}, got {dll.shape}")
    saved = np.ascontiguousarray(_checks.array(op, "saved", saved, 3))
    if saved.shape != scores[0].shape or saved.dtype != np.float64:
        raise ValueError(
            f"{op}: saved must be float64 of shape {scores[0].shape}, as forward returns it, got "
            f"{saved.dtype} of {saved.shape}"
        )
    return _crf.log_likelihood_backward(dll, scores[0], tags, *scores[1:], saved, lengths)


def crf_decode(emissions, transitions, start, end, *, lengths=None):
    """argmax and max of s(y) over all y (s: see `crf_log_likelihood`), by Viterbi's algorithm.

    Returns tags, int64 (T, N), -1 beyond the lengths, and their scores (N,). Of equally good tags
    the first one is taken, at every position, from the last one back.
    """
    scores, lengths = _scores("crf_decode", emissions, transitions, start, end, lengths)
    return _crf.best_tags(*scores, lengths)


def _scores(op, emissions, transitions, start, end, lengths):
    """emissions, transitions, start and end in C order, and the lengths."""
    emissions = _checks.array(op, "emissions", emissions, 3)
    steps, batch, classes = emissions.shape
    if not classes:
        raise ValueError(f"{op}: emissions must have one tag or more, got {emissions.shape}")
    found = [emissions]
    for name, a, shape in (
        ("transitions", transitions, (classes, classes)),
        ("start", start, (classes,)),
        ("end", end, (classes,)),
    ):
        a = _checks.array(op, name, a, like=emissions)
        if a.shape != shape:
            raise ValueError(
                f"{op}: {name} must have shape {shape} for emissions {emissions.shape}, "
                f"got {a.shape}"
            )
        found.append(a)
    lengths = np.full(batch, steps) if lengths is None else check_lengths(op, lengths, steps, batch)
    return [np.ascontiguousarray(a) for a in found], lengths.astype(np.int64, copy=False)


def _tags(op, tags, emissions, lengths):
    tags = np.asarray(tags)
    if tags.dtype.kind not in "iu":
        raise TypeError(f"{op}: tags must be integers, got {tags.dtype}")
    if tags.shape != emissions.shape[:2]:
        raise ValueError(f"{op}: tags must have shape {emissions.shape[:2]}, got {tags.shape}")
    tags, classes = np.ascontiguousarray(tags, np.int64), emissions.shape[2]
    wrong = _crf.first_wrong_tag(tags, lengths, classes)
    if wrong is not None:
        raise ValueError(
            f"{op}: tags must be in 0..{classes - 1}, got {tags[wrong]} at position {wrong[0]} of "
            f"sequence {wrong[1]}"
        )
    return tags
