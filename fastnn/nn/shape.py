"""Layers that compute nothing."""

from .. import functional as F
from ..autograd import as_tensor
from .module import Module


class Flatten(Module):
    """Axes start_dim to end_dim (both included) as one, in C order."""

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input):
        return F.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """y = x; arguments are accepted and ignored, so that it can stand in for any layer."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input):
        return as_tensor(input)
