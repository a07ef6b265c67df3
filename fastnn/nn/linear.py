"""Fully connected layers."""

import numpy as np

from .. import functional as F
from ..kernels import empty
from . import init
from .module import Module, Parameter


class Linear(Module):
    """y = x W^T + b. x (..., in_features) -> (..., out_features).

    weight (out_features, in_features) and bias (out_features,) start uniform in
    +-1/sqrt(in_features).
    """

    fuses_activation = True  # forward takes activation=, see Sequential

    def __init__(self, in_features, out_features, bias=True, *, dtype=np.float32):
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty((out_features, in_features), dtype))
        self.register_parameter("bias", Parameter(empty(out_features, dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        init.default_(self.weight, self.bias)

    def forward(self, input, activation=None):
        return F.linear(input, self.weight, self.bias, activation=activation)

    def extra_repr(self):
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class Maxout(Module):
    """y_k = max over j of (x W_kj + b_kj): the largest of `pieces` linear units for each output.
    x (..., in_features) -> (..., out_features).

    weight (out_features pieces, in_features) and bias (out_features pieces,), the pieces of an
    output next to each other, start as Linear's. A convex function of its inputs, learnt: with
    enough pieces any; with two it can be ReLU, or the absolute value. (torch has none.) Goodfellow
    et al. 2013, "Maxout networks", arXiv:1302.4389.
    """

    def __init__(self, in_features, out_features, pieces=2, bias=True, *, dtype=np.float32):
        super().__init__()
        if pieces < 1:
            raise ValueError(f"Maxout: pieces must be >= 1, got {pieces}")
        self.in_features = in_features
        self.out_features = out_features
        self.pieces = pieces
        units = out_features * pieces
        self.weight = Parameter(empty((units, in_features), dtype))
        self.register_parameter("bias", Parameter(empty(units, dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        init.default_(self.weight, self.bias)

    def forward(self, input):
        return F.maxout(F.linear(input, self.weight, self.bias), self.pieces)

    def extra_repr(self):
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"pieces={self.pieces}, bias={self.bias is not None}"
        )
