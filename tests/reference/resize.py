"""Resizing: y = A x B^T for every channel, with the shares of rows in A and of columns in B."""

import numpy as np

from .activation import f64


def _shares(n, o, factor, mode, align_corners, axes):
    """(o, n): how much of each pixel goes into each of the output"""
    shares = np.zeros((o, n))
    if mode == "nearest":  # torch's exceptions from the factor
        exact = axes == 2 and o in (n, 2 * n)
    else:
        exact = o == n
    scale = n / o if factor is None or exact else 1 / factor
    for i in range(o):
        if mode == "nearest":  # in float32, as torch
            at = int(np.float32(i) * np.float32(scale))
            shares[i, min(at, n - 1)] = 1
            continue
        if align_corners:
            at = i * (n - 1) / max(o - 1, 1)
        else:
            at = (i + 0.5) * scale - 0.5
        at = min(max(at, 0), n - 1)
        low = min(int(at), max(n - 2, 0))
        shares[i, low] = 1 - (at - low)
        if n > 1:
            shares[i, low + 1] = at - low
    return shares


def _both(image, output, scale_factor, mode, align_corners):
    factors = scale_factor if np.ndim(scale_factor) else (scale_factor,) * len(image)
    return [
        _shares(n, o, f, mode, align_corners, len(image))
        for n, o, f in zip(image, output, factors, strict=True)
    ]


def _weighted(shares, x):
    """sum over a pixel's sources: those without a share take no part, be they NaN"""
    return sum(
        np.where(share != 0, share, 0) * np.where(share != 0, value[..., None], 0)
        for share, value in zip(shares.T, np.moveaxis(x, -1, 0), strict=True)
    )


def _apply(a, b, x):
    x = _weighted(b, x)
    return np.moveaxis(_weighted(a, np.moveaxis(x, -2, -1)), -1, -2)


def interpolate(x, size=None, *, scale_factor=None, mode="nearest", align_corners=False):
    """x (N, C, H, W) or (N, C, L) -> y (N, C, OH, OW) or (N, C, OL)"""
    x = f64(x)
    image = x.shape[2:]
    if size is None:
        factors = scale_factor if np.ndim(scale_factor) else (scale_factor,) * len(image)
        size = tuple(int(np.floor(n * f)) for n, f in zip(image, factors, strict=True))
    size = size if np.ndim(size) else (size,) * len(image)
    shares = _both(image, size, scale_factor, mode, align_corners)
    if len(image) == 1:
        return _weighted(shares[0], x)
    return _apply(*shares, x)


def interpolate_backward(
    dy, input_size, *, scale_factor=None, mode="nearest", align_corners=False
):  # y = A x B^T
    dy = f64(dy)
    image = input_size if np.ndim(input_size) else (input_size,)
    shares = _both(image, dy.shape[2:], scale_factor, mode, align_corners)
    if len(image) == 1:
        return _weighted(shares[0].T, dy)
    return _apply(*(s.T for s in shares), dy)
