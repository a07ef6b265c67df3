"""Checks shared by the operations that slide a window over an image."""

import numpy as np

from . import _checks


def channels_last(x):
    """(N, C, H, W) as a C-contiguous (N, H, W, C): a view if that is how x is stored."""
    x = x.transpose(0, 2, 3, 1)
    return x if x.flags.c_contiguous else np.ascontiguousarray(x)


def as_images(x):
    """A sequence's (N, C, L) as an image's (N, C, 1, L); an image's as it is."""
    return x[:, :, None] if x.ndim == 3 else x


def bias_of(op, b, outputs, x, name="bias"):
    """A convolution's bias, or another number for each of its outputs (K,), contiguous, or None."""
    if b is None:
        return None
    b = _checks.array(op, name, b, 1, x)
    if b.shape[0] != outputs:
        raise ValueError(f"{op}: {name} must have shape ({outputs},), got {b.shape}")
    return b if b.flags.c_contiguous else b.copy()


def dy_of(op, axes, dy, y_shape, x):
    """The gradient of y, as an image's; y_shape: (N, K, OH, OW), of sequences with OH = 1."""
    dy = _checks.array(op, "dy", dy, 2 + axes, x)
    y_shape = y_shape if axes == 2 else (*y_shape[:2], y_shape[3])
    if dy.shape != y_shape:
        raise ValueError(f"{op}: dy must have y's shape {y_shape}, got {dy.shape}")
    return as_images(dy)


def output_size(op, image, kernel, stride, padding, dilation, ceil_mode=False):
    """(OH, OW): in each direction 1 + (size + 2 pad - dilation (kernel - 1) - 1) / stride, rounded
    down, or with ceil_mode up, if the last window then starts inside the image or its left padding.

    Raises ValueError if no window fits.
    """
    output = (
        _along(image[0], kernel[0], stride[0], padding[0], dilation[0], ceil_mode),
        _along(image[1], kernel[1], stride[1], padding[1], dilation[1], ceil_mode),
    )
    if output[0] < 1 or output[1] < 1:
        raise ValueError(
            f"{op}: no window fits: the image is {_by(image)}, padding {_by(padding)}, "
            f"kernel_size {_by(kernel)}, dilation {_by(dilation)}"
        )
    return output


def _along(size, kernel, stride, padding, dilation, ceil_mode):
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    out = room // stride + 1
    return out + 1 if ceil_mode and room % stride and out * stride < size + padding else out


def image_size(op, name, value):
    """(H, W), positive or zero."""
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{op}: {name} must be a pair of ints (H, W), got {value!r}")
    return _checks.pair(op, name, tuple(value), 0)


def length(op, name, value, least):
    """An int >= least, or a tuple of one, for sequences: the pair (least, value)."""
    if type(value) is int and value >= least:
        return least, value
    try:
        (value,) = value if isinstance(value, (tuple, list)) else (value,)
        value = value.__index__()
    except (TypeError, ValueError, AttributeError):
        raise TypeError(f"{op}: {name} must be an int, got {value!r}") from None
    if value < least:
        raise ValueError(f"{op}: {name} must be >= {least}, got {value}")
    return least, value


def ints(op, axes, name, value, least):
    """An int or, for two axes, a pair of ints, each >= least, as a tuple of `axes`."""
    if axes == 2:
        return _checks.pair(op, name, value, least)
    return length(op, name, value, least)[1:]


def _by(pair):
    return f"{pair[0]} x {pair[1]}"
