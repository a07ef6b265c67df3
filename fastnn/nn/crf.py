"""The conditional random field as an output layer."""

import numpy as np

from .. import functional as F
from .. import kernels
from ..autograd import as_tensor
from ..kernels import empty
from . import init
from .module import Module, Parameter


class CRF(Module):
    """A linear-chain conditional random field: tags of a sequence are likely by their emissions,
    which come from a network, and by which follows which, learnt here.

        crf = nn.CRF(num_tags)
        loss = -crf(emissions, tags, mask, reduction="mean")
        best = crf.decode(emissions, mask)

    emissions (T, N, num_tags) and tags (T, N), or (N, T, ...) where batch_first. How many positions
    a sequence has is said by mask, (T, N) like the tags, true at a sequence's positions, which must
    be the first ones, or by lengths (N,); neither: all have T.

    Parameters transitions (num_tags, num_tags), from the row's tag to the column's,
    start_transitions and end_transitions (num_tags,), uniform in +-0.1; -inf in them forbids.
    Names and arguments are those of the package pytorch-crf, whose state dicts fit. Source: see
    kernels.crf_log_likelihood. Raises TypeError or ValueError for arguments that do not fit.
    """

    def __init__(self, num_tags, batch_first=False, *, dtype=np.float32):
        super().__init__()
        if num_tags < 1:
            raise ValueError(f"CRF: num_tags must be positive, got {num_tags}")
        self.num_tags = num_tags
        self.batch_first = batch_first
        self.start_transitions = Parameter(empty(num_tags, dtype))
        self.end_transitions = Parameter(empty(num_tags, dtype))
        self.transitions = Parameter(empty((num_tags, num_tags), dtype))
        self.reset_parameters()

    def reset_parameters(self):
        for parameter in self.parameters():
            init.uniform_(parameter, -0.1, 0.1)

    def forward(self, emissions, tags, mask=None, reduction="sum", *, lengths=None):
        """The log-likelihood of the tags: "none" (N,), "sum", "mean" over sequences, "token_mean"
        over positions. A loss is its negative."""
        emissions, tags = as_tensor(emissions, self.transitions), as_tensor(tags)
        if self.batch_first:
            emissions, tags = self._turned(emissions, 3), self._turned(tags, 2)
        lengths = self._lengths(emissions, mask, lengths)
        return F.crf_log_likelihood(
            emissions, tags, self.transitions, self.start_transitions, self.end_transitions,
            lengths=lengths, reduction=reduction,
        )  # fmt: skip

    def decode(self, emissions, mask=None, *, lengths=None):
        """The likeliest tags of each sequence, as N lists of its length."""
        emissions = as_tensor(emissions, self.transitions)
        if self.batch_first:
            emissions = self._turned(emissions, 3)
        lengths = self._lengths(emissions, mask, lengths)
        tags, _ = kernels.crf_decode(
            emissions.data, self.transitions.data, self.start_transitions.data,
            self.end_transitions.data, lengths=lengths,
        )  # fmt: skip
        return [own[own >= 0].tolist() for own in tags.T]

    def _turned(self, x, dims):
        if x.data.ndim != dims:
            raise ValueError(f"CRF: expected (N, T, ...) of {dims} dimensions, got {x.data.shape}")
        return x.transpose(0, 1)

    def _lengths(self, emissions, mask, lengths):
        if emissions.data.ndim != 3 or emissions.data.shape[2] != self.num_tags:
            raise ValueError(
                f"CRF: emissions must have 3 dimensions, the last of size {self.num_tags}, got "
                f"{emissions.data.shape}"
            )
        if mask is None:
            return lengths
        if lengths is not None:
            raise ValueError("CRF: mask and lengths say the same; give one of them")
        mask = np.asarray(as_tensor(mask).data)
        mask = mask.T if self.batch_first else mask
        if mask.shape != emissions.data.shape[:2]:
            raise ValueError(
                f"CRF: mask must have shape {emissions.data.shape[:2]} (steps, batch), got "
                f"{mask.shape}"
            )
        mask = mask != 0
        if np.any(mask[1:] & ~mask[:-1]):
            raise ValueError("CRF: mask must be true at the first positions of a sequence only")
        return mask.sum(0)

    def extra_repr(self):
        return f"num_tags={self.num_tags}" + ", batch_first=True" * self.batch_first
