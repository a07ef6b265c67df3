"""Checks shared by the operations that slide a window over an image."""

import numpy as np

from . import _checks


def channels_last(x):
    """(N, C, H, W) as a C-contiguous (N, H, W, C): a view if that is how x is stored."""
    x = x.transpose(0, 2, 3, 1)
    return x if x.flags.c_contiguous else np.ascontiguousarray(x)


def output_size(op, image, kernel, stride, padding, dilation, ceil_mode=False):
    """(OH, OW): in each direction 1 + (size + 2 pad - dilation (kernel - 1) - 1) / stride, rounded
    down, or with ceil_mode up, if the last window then starts inside the image or its left padding.

    Raises ValueError if no window fits.
    """
    sizes = []
    for n, k, s, p, d in zip(image, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        out = room // s + 1
        if ceil_mode and room % s and out * s < n + p:
            out += 1
        sizes.append(out)
    if min(sizes) < 1:
        raise ValueError(
            f"{op}: no window fits: the image is {_by(image)}, padding {_by(padding)}, "
            f"kernel_size {_by(kernel)}, dilation {_by(dilation)}"
        )
    return tuple(sizes)


def image_size(op, name, value):
    """(H, W), positive or zero."""
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"{op}: {name} must be a pair of ints (H, W), got {value!r}")
    return _checks.pair(op, name, tuple(value), 0)


def _by(pair):
    return f"{pair[0]} x {pair[1]}"
