"""The likelihood of tags under a linear-chain conditional random field."""

import numpy as np

from .. import kernels
from ..autograd import as_tensor, record

REDUCTIONS = "none", "sum", "mean", "token_mean"


def crf_log_likelihood(
    emissions, tags, transitions, start_transitions, end_transitions, *, lengths=None,
    reduction="none",
):  # fmt: skip
    """ll = s(tags) - log(sum over all y of exp(s(y))), where s adds the emissions of the tags, the
    transitions between them, and those from the start and to the end: see
    kernels.crf_log_likelihood.

    emissions (T, N, K), steps first; tags (T, N), integers; transitions (K, K), from the row's tag
    to the column's; start_transitions, end_transitions (K,); lengths: N integers in 0..T, None: all
    T. reduction: "none", ll (N,); "sum"; "mean", over sequences; "token_mean", the sum over the
    number of positions. Raises TypeError for dtypes, ValueError for shapes and values that do not
    fit.
    """
    op = "crf_log_likelihood"
    if reduction not in REDUCTIONS:
        raise ValueError(f"{op}: reduction must be one of {REDUCTIONS}, got {reduction!r}")
    e = as_tensor(emissions)
    parents = e, *(as_tensor(a, e) for a in (transitions, start_transitions, end_transitions))
    ed, A, start, end = (parent.data for parent in parents)
    tags = np.array(as_tensor(tags).data)
    ll, saved = kernels.crf_log_likelihood(ed, tags, A, start, end, lengths=lengths)

    def backward(dll):  # ll = s(tags) - log(sum over all y of exp(s(y)))
        return kernels.crf_log_likelihood_backward(
            dll, ed, tags, A, start, end, saved, lengths=lengths
        )

    result = record(ll, parents, backward)
    if reduction == "none":
        return result
    if reduction == "sum":
        return result.sum()
    if reduction == "mean":
        return result.mean()
    return result.sum() / float(tags.size if lengths is None else np.sum(lengths))
