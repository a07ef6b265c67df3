"""Dropout (Srivastava et al. 2014, JMLR 15) with a counter-based random number generator."""

import math

import numpy as np

from .._kernels import dropout as _dropout
from . import _checks


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
    threshold = math.ceil(drop * 2**32)  # u >= p  <=>  u 2^32 >= threshold
    scale = 1 / (1 - drop) if threshold < 2**32 else 0.0
    channels_last = False
    if not x.flags.c_contiguous:
        channels_last = x.ndim == 4 and x.transpose(0, 2, 3, 1).flags.c_contiguous
        if not channels_last:
            x = np.ascontiguousarray(x)
    return _dropout.dropout(x, key, min(threshold, 2**32 - 1), scale, channels_last)
