"""Operations that only rearrange."""

import numpy as np

from ..autograd import Tensor, as_tensor


def flatten(input, start_dim=0, end_dim=-1):
    """Axes start_dim to end_dim (both included) as one, in C order."""
    return as_tensor(input).flatten(start_dim, end_dim)


def one_hot(tensor, num_classes=-1):
    """y[..., v] = 1 where v is the class, else 0: int (...) -> int64 (..., num_classes).

    num_classes: -1 for the largest class + 1. Raises TypeError for classes that are no
    integers, ValueError for one outside [0, num_classes).
    """
    classes = np.asarray(tensor)
    if classes.dtype.kind not in "iu":
        raise TypeError(f"one_hot: classes must be integers, got dtype {classes.dtype}")
    if num_classes == -1:
        if classes.size == 0:
            raise ValueError("one_hot: num_classes must be given for an empty array")
        num_classes = int(classes.max()) + 1
    elif num_classes < 1:
        raise ValueError(f"one_hot: num_classes must be positive or -1, got {num_classes}")
    if classes.size and (classes.min() < 0 or classes.max() >= num_classes):
        raise ValueError(
            f"one_hot: classes must lie in [0, {num_classes}), "
            f"got {classes.min()} to {classes.max()}"
        )
    return Tensor((classes[..., None] == np.arange(num_classes)).astype(np.int64))
