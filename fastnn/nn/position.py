"""Where in a sequence a vector stands, told to layers that would not notice. torch has neither."""

import numpy as np

from ..autograd import as_tensor
from ..kernels import empty
from . import init
from .module import Module, Parameter


class _Positions(Module):
    def __init__(self, length, features, batch_first):
        super().__init__()
        self.length = length
        self.features = features
        self.batch_first = batch_first

    def forward(self, input, start=0):
        x = as_tensor(input, self.weight)
        steps = x.shape[-2] if self.batch_first or x.ndim == 2 else x.shape[0]
        if not 0 <= start <= self.length - steps:
            raise ValueError(
                f"{type(self).__name__}: places {start} to {start + steps} are beyond the "
                f"{self.length} there are"
            )
        rows = self.weight
        if steps < self.length:
            rows = rows[start : start + steps]
        return x + (rows if self.batch_first or x.ndim == 2 else rows.unsqueeze(1))

    def extra_repr(self):
        return f"{self.length}, {self.features}" + ", batch_first=True" * self.batch_first


class SinusoidalPositions(_Positions):
    """y_t = x_t + p_(start + t),  p_t,2i = sin(t / 10000^(2i / D)),  p_t,2i+1 = cos of the same.

    x (T, N, D), (N, T, D) with batch_first, or (T, D) -> y likewise. length: the most places.
    Raises ValueError for more. Vaswani et al. 2017, arXiv:1706.03762, 3.5.
    """

    def __init__(self, length, features, *, batch_first=False, dtype=np.float32):
        super().__init__(length, features, batch_first)
        angle = np.arange(length)[:, None] / 10000 ** (np.arange(0, features, 2) / features)
        both = np.stack([np.sin(angle), np.cos(angle)], -1).reshape(length, -1)
        self.register_buffer("weight", both[:, :features].astype(dtype), persistent=False)


class LearnedPositions(_Positions):
    """y_t = x_t + weight_(start + t): a vector for each place, trained.

    Shapes and errors as of SinusoidalPositions. weight (length, features) starts normal(0, std).
    """

    def __init__(self, length, features, *, std=0.02, batch_first=False, dtype=np.float32):
        super().__init__(length, features, batch_first)
        self.std = std
        self.weight = Parameter(empty((length, features), dtype))
        self.reset_parameters()

    def reset_parameters(self):
        init.normal_(self.weight, std=self.std)
