"""Operations that only rearrange."""

from ..autograd import as_tensor


def flatten(input, start_dim=0, end_dim=-1):
    """Axes start_dim to end_dim (both included) as one, in C order."""
    return as_tensor(input).flatten(start_dim, end_dim)
