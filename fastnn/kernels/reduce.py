"""Reductions over any axes, and the backward of broadcasting.

x is float32 or float64, of any shape; axis is None (all), an int or a tuple of ints. The same
array gives the same bits on any number of threads. TypeError for another dtype or an axis that is
no int, ValueError for an axis out of range or named twice.
"""

import numpy as np

from .._kernels import reduce as _kernel
from . import _checks

_reduce = _kernel.reduce
_SUM, _MEAN, _MAX = _kernel.SUM, _kernel.MEAN, _kernel.MAX


def _axes(op, axis, ndim):
    """axis as a tuple of different axes, counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(_checks.axis(op, a, ndim) for a in (axis if isinstance(axis, tuple) else (axis,)))
    if len(set(axes)) != len(axes):
        raise ValueError(f"{op}: axis names an axis twice: {axis}")
    return axes


def _checked(code, op, x, axis, keepdims):
    """What the kernel could not take as it was."""
    x = _checks.array(op, "x", x)
    axes = _axes(op, axis, x.ndim)
    y = _reduce(code, x, axes, bool(keepdims))
    if y is None:
        raise ValueError(f"{op}: no maximum of no elements (x: {x.shape}, axis: {axis})")
    return y


def sum(x, axis=None, keepdims=False):
    """The sum over axes, pairwise in blocks (Higham 1993); 0 where there is nothing to sum."""
    y = _reduce(_SUM, x, axis, keepdims)
    return _checked(_SUM, "sum", x, axis, keepdims) if y is None else y


def mean(x, axis=None, keepdims=False):
    """The mean over axes; NaN where there is nothing to average."""
    y = _reduce(_MEAN, x, axis, keepdims)
    return _checked(_MEAN, "mean", x, axis, keepdims) if y is None else y


def max(x, axis=None, keepdims=False):
    """The largest element over axes; NaN wins. ValueError where there is none."""
    y = _reduce(_MAX, x, axis, keepdims)
    return _checked(_MAX, "max", x, axis, keepdims) if y is None else y


def max_backward(dy, x, y, axis=None, keepdims=False):
    """dx of y = max(x, axis, keepdims): the elements that equal y share dy evenly (torch.amax).

    dy and y have the shape that max gave. ValueError for other shapes.
    """
    dx = _kernel.max_backward(dy, x, y, axis, keepdims)
    return _checked_max_backward(dy, x, y, axis, keepdims) if dx is None else dx


def _checked_max_backward(dy, x, y, axis, keepdims):
    op = "max_backward"
    x = _checks.array(op, "x", x)
    dy = _checks.array(op, "dy", dy, like=x)
    y = _checks.array(op, "y", y, like=x)
    axes = _axes(op, axis, x.ndim)
    kept = [a for a in range(x.ndim) if a not in axes]
    if keepdims:
        shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    else:
        shape = tuple(x.shape[a] for a in kept)
    for name, given in (("dy", dy), ("y", y)):
        if given.shape != shape:
            raise ValueError(
                f"{op}: {name} must have shape {shape} (x: {x.shape}, axis: {axis}, "
                f"keepdims: {keepdims}), got {given.shape}"
            )
    dx = _kernel.max_backward(dy, x, y, axes, bool(keepdims))
    if dx is None:  # reduced axes that are apart in memory: put them next to each other
        order = (*kept, *axes)
        rows = np.ascontiguousarray(x.transpose(order))
        shape = rows.shape[: len(kept)]
        last = tuple(range(len(kept), x.ndim))
        dx = _kernel.max_backward(dy.reshape(shape), rows, y.reshape(shape), last, False)
        dx = dx.transpose(np.argsort(order))
    return dx


def sum_to(dy, shape):
    """The backward of broadcasting `shape` to dy's shape: dy summed over the axes that were
    stretched. dy itself where none was. ValueError if `shape` does not broadcast to dy's."""
    dx = _kernel.sum_to(dy, shape) if type(shape) is tuple else None
    if dx is None:
        dy = _checks.array("sum_to", "dy", dy)
        dx = _kernel.sum_to(dy, tuple(shape))
        if dx is None:
            raise ValueError(f"sum_to: shape {tuple(shape)} does not broadcast to dy's {dy.shape}")
    return dx
