"""Pooling."""

import numpy as np

from ._window import Window
from .activation import f64


def max_pool2d(x, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False):
    """x (N, C, H, W) -> y (N, C, OH, OW), indices (int32, h * W + w of the winner)

    The first of equal maxima wins; NaN beats every number, and the last NaN wins.
    """
    x = f64(x)
    stride = kernel_size if stride is None else stride
    win = Window(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    xp = win.pad(x)
    position = np.arange(win.image[0] * win.image[1]).reshape(win.image)
    position = win.pad(position, value=-1).astype(np.int32)  # -1: outside the image
    y = np.full((*x.shape[:2], *win.output), -np.inf)
    indices = np.full(y.shape, -1, dtype=np.int32)
    for _, _, tap in win.taps():
        v, i = xp[tap], position[tap]
        wins = (i >= 0) & ((v > y) | np.isnan(v) | (indices < 0))
        y, indices = np.where(wins, v, y), np.where(wins, i, indices)
    return y, indices


def max_pool2d_backward(dy, indices, input_size):  # y[n,c,oh,ow] = x[n,c].flat[indices[...]]
    dy = f64(dy)
    n, c = dy.shape[:2]
    h, w = input_size
    dx = np.zeros((n * c, h * w))
    image = np.arange(n * c)[:, None]
    pixels = (n * c, dy.shape[2] * dy.shape[3])
    np.add.at(dx, (image, indices.reshape(pixels)), dy.reshape(pixels))
    return dx.reshape(n, c, h, w)


def _avg_window(image, kernel_size, stride, padding, ceil_mode, count_include_pad, override):
    """-> the window, and the divisor of each output (OH, OW)"""
    stride = kernel_size if stride is None else stride
    win = Window(image, kernel_size, stride, padding, ceil_mode=ceil_mode)
    if override is not None:
        return win, np.full(win.output, float(override))
    counted = np.zeros(win.padded)
    if count_include_pad:  # what ceil_mode adds beyond the padding never counts
        (h, w), (ph, pw) = win.image, win.padding
        counted[: h + 2 * ph, : w + 2 * pw] = 1.0
    else:
        win.inside(counted)[...] = 1.0
    return win, sum(counted[tap] for _, _, tap in win.taps())


def avg_pool2d(
    x,
    kernel_size,
    *,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """x (N, C, H, W) -> y (N, C, OH, OW): the sum of each window over its divisor"""
    x = f64(x)
    win, divisor = _avg_window(
        x.shape[2:], kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
    xp = win.pad(x)
    return sum(xp[tap] for _, _, tap in win.taps()) / divisor


def avg_pool2d_backward(
    dy,
    input_size,
    kernel_size,
    *,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):  # y = sum_taps x_padded[tap] / divisor
    dy = f64(dy)
    win, divisor = _avg_window(
        input_size, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
    dxp = np.zeros((*dy.shape[:2], *win.padded))
    for _, _, tap in win.taps():
        dxp[tap] += dy / divisor
    return np.ascontiguousarray(win.inside(dxp))
