"""Dropout layers."""

from .. import functional as F
from .module import Module


class _Dropout(Module):
    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"{type(self).__name__}: p must be between 0 and 1, got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input):
        return self.function(input, self.p, self.training)

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """While training, zeroes each element with probability p and scales the rest by 1 / (1 - p).

    `inplace` is kept for torch's signature and repr; nothing is computed in place.
    """

    function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    """The same for whole channels of sequences, (N, C, L)."""

    function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    """The same for whole channels of images, (N, C, H, W)."""

    function = staticmethod(F.dropout2d)
