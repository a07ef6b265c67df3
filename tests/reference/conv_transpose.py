"""Transposed convolution: every input pixel adds its window of weights to the output."""

import numpy as np

from ._window import Window, pair
from .activation import f64
from .conv import as_rows, in_a_row


def conv_transpose2d(
    x, w, b=None, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):  # fmt: skip
    """y_padded[n,k, h*stride + r*dilation, ...] += x[n,c,h,...] w[c,k,r,s]

    x (N, C, H, W), w (C, K / groups, R, S), b (K,) -> y (N, K, OH, OW)
    """
    x, w = f64(x), f64(w)
    win = _window(x.shape, w.shape, stride, padding, output_padding, dilation)
    k = w.shape[1]
    yp = np.zeros((x.shape[0], k * groups, *win.padded))
    for cs, ks in _groups(x.shape[1], k * groups, groups):
        for r, s, tap in win.taps():
            yp[:, ks][tap] += np.einsum("nchw,ck->nkhw", x[:, cs], w[cs, :, r, s])
    y = np.ascontiguousarray(win.inside(yp))
    return y if b is None else y + f64(b)[:, None, None]


def conv_transpose2d_backward(
    dy, x, w, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1,
    needs=(True, True, True),
):  # y_padded[tap(r, s, h, w)] += x[h,w] w[r,s]  # fmt: skip
    dy, x, w = f64(dy), f64(x), f64(w)
    win = _window(x.shape, w.shape, stride, padding, output_padding, dilation)
    dyp = win.pad(dy)
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for cs, ks in _groups(x.shape[1], dy.shape[1], groups):
        for r, s, tap in win.taps():
            dx[:, cs] += np.einsum("nkhw,ck->nchw", dyp[:, ks][tap], w[cs, :, r, s])
            dw[cs, :, r, s] = np.einsum("nkhw,nchw->ck", dyp[:, ks][tap], x[:, cs])
    gradients = dx, dw, np.sum(dy, axis=(0, 2, 3))
    return tuple(g if need else None for g, need in zip(gradients, needs, strict=True))


def conv_transpose1d(x, w, b=None, *, groups=1, **sizes):
    """x (N, C, L), w (C, K / groups, S), b (K,) -> y (N, K, OL)"""
    x, w = as_rows(x, w)
    return conv_transpose2d(x, w, b, **in_a_row(**sizes), groups=groups)[:, :, 0]


def conv_transpose1d_backward(dy, x, w, *, groups=1, **sizes):  # y = conv_transpose2d of rows
    dx, dw, db = conv_transpose2d_backward(*as_rows(dy, x, w), **in_a_row(**sizes), groups=groups)
    return dx[:, :, 0], dw[:, :, 0], db


def _window(x_shape, w_shape, stride, padding, output_padding, dilation):
    """The windows of y that x's pixels add to."""
    sizes = zip(
        x_shape[2:], w_shape[2:], *map(pair, (stride, padding, output_padding, dilation)),
        strict=True,
    )  # fmt: skip
    image = [(n - 1) * s - 2 * p + d * (k - 1) + 1 + more for n, k, s, p, more, d in sizes]
    win = Window(image, w_shape[2:], stride, padding, dilation)
    win.output = x_shape[2:]  # output_padding beyond the stride has room for more
    return win


def _groups(channels, outputs, groups):
    """The slices of channels and of outputs that each group connects."""
    c, k = channels // groups, outputs // groups
    return [(slice(g * c, g * c + c), slice(g * k, g * k + k)) for g in range(groups)]
