"""Padding: y is x at an array of positions along each axis, -1 for the constant border."""

import numpy as np

from .activation import f64


def _positions(n, before, after, mode):
    """Which of n pixels stands at each place of the padded axis; -1: none"""
    at = np.arange(-before, n + after)
    if mode == "replicate":
        return np.clip(at, 0, n - 1)
    if mode == "reflect":
        at = np.abs(at)
        return np.where(at > n - 1, 2 * (n - 1) - at, at)
    return np.where((at >= 0) & (at < n), at, -1)


def _both(image, pad, mode):
    left, right, top, bottom = (*pad, 0, 0)[:4]
    return _positions(image[0], top, bottom, mode), _positions(image[1], left, right, mode)


def pad(x, pad, *, mode="constant", value=0.0):
    """x (N, C, H, W) or (N, C, L) -> y the same, with a border"""
    x = f64(x)
    images = x if x.ndim == 4 else x[:, :, None]
    rows, cols = _both(images.shape[2:], pad, mode)
    y = np.full((*x.shape[:2], len(rows), len(cols)), float(value))
    for i, row in enumerate(rows):
        for j, col in enumerate(cols):
            if row >= 0 and col >= 0:
                y[:, :, i, j] = images[:, :, row, col]
    return y if x.ndim == 4 else y[:, :, 0]


def pad_backward(dy, pad, *, mode="constant"):  # y = x[rows, cols], or value
    dy = f64(dy)
    images = dy if dy.ndim == 4 else dy[:, :, None]
    left, right, top, bottom = (*pad, 0, 0)[:4]
    h, w = images.shape[2] - top - bottom, images.shape[3] - left - right
    rows, cols = _both((h, w), pad, mode)
    dx = np.zeros((*dy.shape[:2], h, w))
    for i, row in enumerate(rows):
        for j, col in enumerate(cols):
            if row >= 0 and col >= 0:
                dx[:, :, row, col] += images[:, :, i, j]
    return dx if dy.ndim == 4 else dx[:, :, 0]
