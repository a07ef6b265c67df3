"""Convolution over sequences followed by the maximum over time: one number a filter, whatever the
sequence's length. N sequences of up to L steps with C channels, K filters of S taps."""

import numpy as np

from .._kernels import max_over_time as _max_over_time
from .._kernels import memory
from . import _checks
from ._sequence import check_lengths
from ._window import bias_of
from .embedding import embedding
from .linalg import gemm, pack
from .reduce import sum as _sum

_STEPS = 2048  # whose products with the taps are made at a time: they shall stay in a cache


def conv1d_max_over_time(x, w, b=None, *, padding=0, lengths=None):
    """y[n, k] = b[k] + max_i sum_{c, s} x[n, c, i + s - padding] w[k, c, s], and the winning i.

    x: (N, C, L).  w: (K, C, S).  b: (K,) or None.  padding: zeros before each sequence, and as many
    behind it.  lengths: (N,), sequence n is x[n, :, :lengths[n]] alone; None: all have L steps.
    Returns y (N, K) and at (N, K), int32: i counts from 0, the window that begins with all of the
    padding. Of equal windows the first one wins, and a NaN over all numbers.

    That is the maximum over the last axis of `conv1d`, of each sequence as though it were alone.
    float32 or float64, any strides (quickest: x channels-last, w with C fastest and S slowest).
    Collobert et al. 2011, arXiv:1103.0398. Raises TypeError for mixed or other dtypes, ValueError
    for shapes and numbers that do not fit, and for a sequence shorter than the filters.
    """
    op = "conv1d_max_over_time"
    x, w, padding, lengths = _arguments(op, x, w, padding, lengths)
    (n, c, length), (k, _, taps) = x.shape, w.shape
    b = bias_of(op, b, k, x)
    rows = _rows(x).reshape(n * length, c)
    begin = np.concatenate(([0], np.cumsum(lengths)))
    if begin[-1] < n * length:  # only the steps that are there
        steps = np.arange(begin[-1]) + np.repeat(np.arange(n) * length - begin[:-1], lengths)
        rows = embedding(steps, rows)
    y = memory.empty_array((n, k), x.dtype.num)
    at = np.empty((n, k), f"i{x.itemsize}")
    packed = pack(_filters(w).reshape(taps * k, c), trans=True)
    for first, last in _slices(begin) if k else ():
        p = gemm(rows[begin[first] : begin[last]], packed)
        part = slice(first, last)
        _max_over_time.forward(p, begin[first : last + 1], padding, b, y[part], at[part])
    return y, at.astype(np.int32, copy=False)


def conv1d_max_over_time_backward(
    dy, at, x, w, *, padding=0, lengths=None, needs=(True, True, True)
):
    """Gradients of `conv1d_max_over_time` for x, w and b: (dx, dw, db).

    dy: (N, K), the gradient of y; at: the winning windows; x, w and keywords as given to the
    forward. needs: which of the three to compute; the others are None. dx: (N, C, L), channels-
    last, 0 beyond the lengths. dw: (K, C, S), with C fastest in memory and S slowest. db: (K,).

    Only winning windows have a gradient, and those whose dy is 0 are left out.
    """
    op = "conv1d_max_over_time_backward"
    x, w, padding, lengths = _arguments(op, x, w, padding, lengths)
    (n, c, length), (k, _, taps) = x.shape, w.shape
    dy = _checks.array(op, "dy", dy, 2, x)
    if dy.shape != (n, k):
        raise ValueError(f"{op}: dy must have y's shape {(n, k)}, got {dy.shape}")
    at = _winners(op, at, dy.shape, lengths + 2 * padding - taps)
    dy = np.ascontiguousarray(dy)
    dx = dw = None
    if needs[0]:
        dx = memory.empty_array((n, length, c), x.dtype.num)
        _max_over_time.backward(dy, at, lengths, _filters(w), dx, padding, True)
        dx = dx.transpose(0, 2, 1)
    if needs[1]:
        dw = memory.empty_array((taps, k, c), x.dtype.num)
        _max_over_time.backward(dy, at, lengths, _rows(x), dw, padding, False)
        dw = dw.transpose(1, 2, 0)
    return dx, dw, _sum(dy, 0) if needs[2] else None


def _arguments(op, x, w, padding, lengths):
    x = _checks.array(op, "x", x, 3)
    w = _checks.array(op, "weight", w, 3, x)
    padding = _checks.count(op, "padding", padding, 0)
    if w.shape[1] != x.shape[1]:
        raise ValueError(
            f"{op}: weight has {w.shape[1]} input channels, x has {x.shape[1]} "
            f"(x: {x.shape}, weight: {w.shape})"
        )
    n, _, length = x.shape
    taps = w.shape[2]
    if taps == 0:
        raise ValueError(f"{op}: weight must have at least one tap, got {w.shape}")
    if length + 2 * padding >= 1 << 31:
        raise ValueError(f"{op}: a padded sequence must have fewer than 2^31 steps, got {length}")
    lengths = np.full(n, length) if lengths is None else check_lengths(op, lengths, length, n)
    if n and lengths.min() + 2 * padding < taps:
        raise ValueError(
            f"{op}: the filters have {taps} taps, sequence {lengths.argmin()} with its padding "
            f"only {lengths.min() + 2 * padding} steps (padding {padding})"
        )
    return x, w, padding, lengths.astype(np.int64, copy=False)


def _winners(op, at, shape, last):
    """at as contiguous int64 (N, K), its row n in 0..last[n]."""
    at = np.asarray(at)
    if at.dtype.kind not in "iu":
        raise TypeError(f"{op}: at must be integers, got {at.dtype}")
    if at.shape != shape:
        raise ValueError(f"{op}: at must have dy's shape {shape}, got {at.shape}")
    if at.size and (at.min() < 0 or (at > last[:, None]).any()):
        raise ValueError(f"{op}: at must be windows of the forward's, got {at.min()}..{at.max()}")
    return np.require(at, np.int64, "CA")


def _rows(x):
    """(N, C, L) as a contiguous (N, L, C)"""
    return np.ascontiguousarray(x.transpose(0, 2, 1))


def _filters(w):
    """(K, C, S) as a contiguous (S, K, C)"""
    return np.ascontiguousarray(w.transpose(2, 0, 1))


def _slices(begin):
    """(first, last) of runs of sequences that have about _STEPS steps together, or are one."""
    n, first = len(begin) - 1, 0
    while first < n:
        last = max(first + 1, int(np.searchsorted(begin, begin[first] + _STEPS, "right")) - 1)
        yield first, last
        first = last
