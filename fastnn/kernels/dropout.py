"""Dropout (Srivastava et al. 2014, JMLR 15) and Bernoulli numbers, with a counter-based random
number generator."""

import math

import numpy as np

from .._kernels import dropout as _dropout
from . import _checks
from .elementwise import multiply


def dropout(x, p, *, seed):
    """y_i = x_i / (1 - p) if u_i >= p, else 0 x_i

    x: any shape. u_i in [0, 1) is a pure function of seed and of i, the element's position in C
    order: with i = 64 b + 16 w + j (w < 4, j < 16), u_i 2^32 is word w of Philox4x32-10 (Salmon
    et al. 2011, SC11) at counter 16 b + j under the key `seed`. So the mask is the same for any
    layout, dtype, instruction set and number of threads. A dropped NaN or infinity gives NaN, as
    in PyTorch.

    p: a number in [0, 1]; seed: an int in [0, 2^64). Raises TypeError for another dtype,
    ValueError for another p or seed.
    """
    return _drop("dropout", "x", x, p, seed)


def dropout_backward(dy, p, *, seed):
    """dx_i = dy_i / (1 - p) if u_i >= p, else 0 dy_i: y's mask, for the same p and seed."""
    return _drop("dropout_backward", "dy", dy, p, seed)


def dropout_channels(x, p, *, seed):
    """y[n,c] = x[n,c] / (1 - p) if u_nc >= p, else 0 x[n,c]

    x (N, C, ...) of two or more dimensions: whole channels are dropped together (Tompson et al.
    2015, CVPR). u is that of `dropout` for an array (N, C); p, seed and errors as there.
    """
    return _drop_channels("dropout_channels", "x", x, p, seed)


def dropout_channels_backward(dy, p, *, seed):
    """dx[n,c] = dy[n,c] / (1 - p) if u_nc >= p, else 0 dy[n,c]: y's mask, for the same p, seed."""
    return _drop_channels("dropout_channels_backward", "dy", dy, p, seed)


def bernoulli(p, *, seed):
    """y_i = 1 if u_i < p_i, else 0: one with probability p_i; NaN where p_i is NaN

    p: any shape, float32 or float64. u_i is that of `dropout`, rounded down to 24 bits, so y is
    the same for any layout, instruction set and number of threads. A p_i <= 0 gives 0, >= 1 gives
    1. seed: an int in [0, 2^64). Raises TypeError for another dtype, ValueError for another seed.
    """
    op = "bernoulli"
    p = _checks.array(op, "p", p)
    try:
        key = seed.__index__()
    except AttributeError:
        raise TypeError(f"{op}: seed must be an int, got {seed!r}") from None
    if not 0 <= key < 2**64:
        raise ValueError(f"{op}: seed must be in [0, 2**64), got {seed}")
    return _dropout.bernoulli(np.ascontiguousarray(p).reshape(p.shape), key)


def _drop_channels(op, name, x, p, seed):
    x = _checks.array(op, name, x)
    if x.ndim < 2:
        raise ValueError(f"{op}: {name} must have 2 dimensions or more, got shape {x.shape}")
    factors = _drop(op, name, np.ones(x.shape[:2], x.dtype), p, seed)
    pixels = np.moveaxis(x, 1, -1)
    if x.ndim == 2 or not pixels.flags.c_contiguous:
        return multiply(x, factors.reshape(*x.shape[:2], *(1,) * (x.ndim - 2)))
    # Channels-last: the factors of a row of pixels, so that few channels are long rows too.
    *rows, width, channels = pixels.shape
    factors = np.tile(factors, width).reshape(x.shape[0], *(1,) * (x.ndim - 3), width * channels)
    y = multiply(pixels.reshape(*rows, width * channels), factors)
    return np.moveaxis(y.reshape(pixels.shape), -1, 1)


def _drop(op, name, x, p, seed):
    x = _checks.array(op, name, x)
    try:
        drop = float(p)
        key = seed.__index__()
    except (AttributeError, TypeError, ValueError):
        raise TypeError(
            f"{op}: p must be a number and seed an int, got p={p!r}, seed={seed!r}"
        ) from None
    if not 0 <= drop <= 1:
        raise ValueError(f"{op}: p must be in [0, 1], got {p}")
    if not 0 <= key < 2**64:
        raise ValueError(f"{op}: seed must be in [0, 2**64), got {seed}")
    threshold, scale = threshold_and_scale(drop)
    channels_last = False
    if not x.flags.c_contiguous:
        channels_last = x.ndim == 4 and x.transpose(0, 2, 3, 1).flags.c_contiguous
        if not channels_last:
            x = np.ascontiguousarray(x)
    return _dropout.dropout(x, key, threshold, scale, channels_last)


def threshold_and_scale(p):
    """What the kernels take for p in [0, 1]: x_i is multiplied by the scale if r_i >= threshold,
    r_i = u_i 2^32, else by 0."""
    threshold = math.ceil(p * 2**32)  # u >= p  <=>  u 2^32 >= threshold
    scale = 1 / (1 - p) if threshold < 2**32 else 0.0
    return min(threshold, 2**32 - 1), scale
