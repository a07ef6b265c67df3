"""Convolution of a whole image by a kernel as large: one output pixel, and a matrix product.

y[n, k] = sum over j = (r, s, c) of x[n, j] w[j, k]. `gemm` goes through its sums in blocks that
stay in cache; the convolution kernels, made for many pixels an image, take up to 14 times as long.
"""

import numpy as np

from .linalg import gemm


def fits(image, kernel, output, padding, groups):
    """All but groups are pairs (height, width)."""
    return groups == 1 and output == (1, 1) and image == kernel and padding == (0, 0)


def forward(x, w, b=None, activation=None):
    """x (N, C, R, S), w (K, C, R, S), b (K,) -> y (N, K, 1, 1)"""
    return gemm(_rows(x), _columns(w), bias=b, activation=activation)[:, :, None, None]


def backward_data(dy, w, b=None):
    """dy (N, K, 1, 1), w (K, C, R, S) -> dx (N, C, R, S), to which b (C,) is added if given"""
    n, (_, c, r, s) = dy.shape[0], w.shape
    b = None if b is None else np.tile(b, r * s)
    dx = gemm(_rows(dy), _columns(w), trans_b=True, bias=b)
    return dx.reshape(n, r, s, c).transpose(0, 3, 1, 2)


def backward_weight(dy, x):
    """dy (N, K, 1, 1), x (N, C, R, S) -> dw (K, C, R, S), K fastest"""
    k, (_, c, r, s) = dy.shape[1], x.shape
    return gemm(_rows(x), _rows(dy), trans_a=True).reshape(r, s, c, k).transpose(3, 2, 0, 1)


def _rows(x):
    """(N, R S C): of channels-last images a view."""
    n, c, r, s = x.shape
    return x.transpose(0, 2, 3, 1).reshape(n, r * s * c)


def _columns(w):
    """(R S C, K): of weights with K fastest a view."""
    k, c, r, s = w.shape
    return w.transpose(2, 3, 1, 0).reshape(r * s * c, k)
