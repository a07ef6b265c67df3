"""Padding of images and sequences."""

from math import prod

from .. import kernels
from ..autograd import as_tensor, record


def pad(input, pad, mode="constant", value=None):
    """y = x with a border of `value` (0 unless given), or with mode "reflect" or "replicate" of x.

    pad: (left, right) for the last axis, or (left, right, top, bottom) for the last two; a negative
    number cuts off. input: (N, C, H, W) or (C, H, W); for (left, right) also (N, C, L) or (C, L);
    for "constant" of any shape.
    """
    if len(pad) not in (2, 4):
        raise ValueError(f"pad: pad must have 2 or 4 numbers, got {pad}")
    return _padded(as_tensor(input), tuple(pad), mode, 0.0 if value is None else value)


def _padded(x, pad, mode, value):
    shape, axes = x.data.shape, len(pad) // 2
    if len(shape) == axes + 1:
        return _padded(x.unsqueeze(0), pad, mode, value).squeeze(0)
    if mode == "constant" and len(shape) not in (3, 4) and axes <= len(shape):
        rest = len(shape) - axes  # any array is a batch of images of one channel
        y = _padded(
            x.reshape(prod(shape[:rest]), 1, *(1,) * (2 - axes), *shape[rest:]), pad, mode, value
        )
        return y.reshape(*shape[:rest], *y.data.shape[4 - axes :])
    y = kernels.pad(x.data, pad, mode=mode, value=value)

    def backward(dy):  # y = pixels of x
        return (kernels.pad_backward(dy, pad, mode=mode),)

    return record(y, (x,), backward)
