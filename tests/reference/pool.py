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


def max_pool2d_backward(
    dy, indices, input_size, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False
):  # y[n,c,oh,ow] = x[n,c].flat[indices[...]]
    dy = f64(dy)
    dx = np.zeros((*dy.shape[:2], input_size[0] * input_size[1]))
    for n, c, oh, ow in np.argwhere(indices >= 0):
        dx[n, c, indices[n, c, oh, ow]] += dy[n, c, oh, ow]
    return dx.reshape(*dy.shape[:2], *input_size)


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


# One dimension: images of height 1, whose only row no window leaves.
def _row(stride, padding, kernel_size, dilation=1):
    stride = kernel_size if stride is None else stride
    sizes = dict(kernel_size=(1, kernel_size), stride=(1, stride), padding=(0, padding))
    return sizes if dilation == 1 else sizes | dict(dilation=(1, dilation))


def max_pool1d(x, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False):
    """x (N, C, L) -> y (N, C, OL), indices (int32)"""
    sizes = _row(stride, padding, kernel_size, dilation)
    y, indices = max_pool2d(x[:, :, None], **sizes, ceil_mode=ceil_mode)
    return y[:, :, 0], indices[:, :, 0]


def max_pool1d_backward(
    dy, indices, input_size, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False
):  # y[n,c,o] = x[n,c,indices[n,c,o]]
    image = (1, input_size)
    return max_pool2d_backward(dy[:, :, None], indices[:, :, None], image, (1, 1))[:, :, 0]


def avg_pool1d(x, kernel_size, *, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """x (N, C, L) -> y (N, C, OL)"""
    options = dict(ceil_mode=ceil_mode, count_include_pad=count_include_pad)
    return avg_pool2d(x[:, :, None], **_row(stride, padding, kernel_size), **options)[:, :, 0]


def avg_pool1d_backward(
    dy, input_size, kernel_size, *, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):  # y[n,c,o] = sum of a window / divisor
    options = dict(ceil_mode=ceil_mode, count_include_pad=count_include_pad)
    sizes = _row(stride, padding, kernel_size)
    return avg_pool2d_backward(dy[:, :, None], (1, input_size), **sizes, **options)[:, :, 0]
