"""Convolution, and the matrix of its patches."""

import numpy as np

from ._window import Window, pair
from .activation import EPILOGUES, f64


def conv2d(
    x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1, activation=None, scale=None,
    residual=None,
):  # fmt: skip
    """y[n,k,oh,ow] = b[k] + sum_crs x[n,c, oh*stride + r*dilation - pad, ...] w[k,c,r,s]

    x (N, C, H, W), w (K, C / groups, R, S), b (K,) -> y (N, K, OH, OW). scale (K,) multiplies the
    sum; residual (N, K, OH, OW) is added before the activation.
    """
    x, w = f64(x), f64(w)
    win = Window(x.shape[2:], w.shape[2:], stride, padding, dilation)
    xg = np.split(win.pad(x), groups, axis=1)
    wg = np.split(w, groups, axis=0)
    y = np.concatenate(
        [
            sum(np.einsum("nchw,kc->nkhw", xp[tap], wk[:, :, r, s]) for r, s, tap in win.taps())
            for xp, wk in zip(xg, wg, strict=True)
        ],
        axis=1,
    )
    if scale is not None:
        y = y * f64(scale)[:, None, None]
    if b is not None:
        y = y + f64(b)[:, None, None]
    return EPILOGUES[activation](y if residual is None else y + f64(residual))


def conv2d_backward(
    dy, x, w, *, stride=1, padding=0, dilation=1, groups=1, needs=(True, True, True)
):  # y[oh,ow] = b + sum_rs x_padded[tap(r, s, oh, ow)] w[r,s]
    dy, x, w = f64(dy), f64(x), f64(w)
    win = Window(x.shape[2:], w.shape[2:], stride, padding, dilation)
    xp = win.pad(x)
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    c, k = x.shape[1] // groups, w.shape[0] // groups
    for g in range(groups):
        cs, ks = slice(g * c, (g + 1) * c), slice(g * k, (g + 1) * k)
        for r, s, tap in win.taps():
            dxp[:, cs][tap] += np.einsum("nkhw,kc->nchw", dy[:, ks], w[ks, :, r, s])
            dw[ks, :, r, s] = np.einsum("nkhw,nchw->kc", dy[:, ks], xp[:, cs][tap])
    return (
        np.ascontiguousarray(win.inside(dxp)) if needs[0] else None,
        dw if needs[1] else None,
        np.sum(dy, axis=(0, 2, 3)) if needs[2] else None,
    )


def conv1d(x, w, b=None, *, groups=1, activation=None, **sizes):
    """x (N, C, L), w (K, C / groups, S), b (K,) -> y (N, K, OL)"""
    x, w = as_rows(x, w)
    return conv2d(x, w, b, **in_a_row(**sizes), groups=groups, activation=activation)[:, :, 0]


def conv1d_backward(dy, x, w, *, groups=1, **sizes):  # y = conv2d of rows
    dx, dw, db = conv2d_backward(*as_rows(dy, x, w), **in_a_row(**sizes), groups=groups)
    return dx[:, :, 0], dw[:, :, 0], db


def as_rows(*sequences):
    """(N, C, L) as images of one row: (N, C, 1, L)."""
    return [a[:, :, None] for a in sequences]


def in_a_row(**sizes):
    """stride and the like of a sequence as pairs for images of one row."""
    return {name: ("padding" not in name, n) for name, n in sizes.items()}


def im2col(x, kernel_size, *, stride=1, padding=0, dilation=1):
    """x (N, C, H, W) -> cols (N, C * R * S, OH * OW)"""
    x = f64(x)
    n, c = x.shape[:2]
    win = Window(x.shape[2:], kernel_size, stride, padding, dilation)
    xp = win.pad(x)
    cols = np.empty((n, c, *win.kernel, *win.output))
    for r, s, tap in win.taps():
        cols[:, :, r, s] = xp[tap]
    return cols.reshape(n, c * win.kernel[0] * win.kernel[1], win.output[0] * win.output[1])


def col2im(cols, output_size, kernel_size, *, stride=1, padding=0, dilation=1):
    """The transpose of im2col: cols (N, C * R * S, OH * OW) -> x (N, C, H, W), overlaps summed"""
    cols = f64(cols)
    win = Window(pair(output_size), kernel_size, stride, padding, dilation)
    n, c = cols.shape[0], cols.shape[1] // (win.kernel[0] * win.kernel[1])
    cols = cols.reshape(n, c, *win.kernel, *win.output)
    xp = np.zeros((n, c, *win.padded))
    for r, s, tap in win.taps():
        xp[tap] += cols[:, :, r, s]
    return np.ascontiguousarray(win.inside(xp))
