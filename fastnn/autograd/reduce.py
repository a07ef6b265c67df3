"""Reductions. ``dim, keepdim`` (PyTorch) and ``axis, keepdims`` (NumPy) say the same thing: None
for all axes, an int or a tuple of ints; negative axes count from the end."""

import numpy as np

from .. import kernels
from .tensor import constant, method, record


def _reduced(op, x, dim, keepdim, axis, keepdims):
    """-> axis (None or a tuple), keepdims, and the shape of the result with its axes kept"""
    if axis is None:
        axis = dim
    elif dim is not None:
        raise TypeError(f"{op}: give dim or axis, not both")
    shape = x.data.shape
    keepdims = keepdim or keepdims
    if axis is None:
        return None, keepdims, (1,) * len(shape)
    axes = normal_axes(op, axis, len(shape))
    return axes, keepdims, tuple(1 if i in axes else n for i, n in enumerate(shape))


def normal_axes(op, axis, ndim):
    """An int or several -> a tuple of different axes in [0, ndim)."""
    axes = []
    for a in axis if isinstance(axis, (tuple, list)) else (axis,):
        if isinstance(a, bool) or not hasattr(a, "__index__"):
            raise TypeError(f"{op}: an axis must be an int, got {a!r}")
        if not -ndim <= a < ndim:
            raise ValueError(f"{op}: axis {a} is out of range for {ndim} axes")
        a = a.__index__() % ndim
        if a in axes:
            raise ValueError(f"{op}: axes must differ, got {axis}")
        axes.append(a)
    return tuple(axes)


@method("sum")
def sum_(x, dim=None, keepdim=False, *, axis=None, keepdims=False):
    """y = sum of x over the axes"""
    axes, keep, kept = _reduced("sum", x, dim, keepdim, axis, keepdims)
    shape = x.data.shape

    def backward(dy):  # y = sum(x)
        return (np.broadcast_to(dy.reshape(kept), shape),)

    return record(kernels.sum(x.data, axes, keep), (x,), backward)


@method()
def mean(x, dim=None, keepdim=False, *, axis=None, keepdims=False):
    """y = sum of x over the axes / their number of elements"""
    axes, keep, kept = _reduced("mean", x, dim, keepdim, axis, keepdims)
    y = kernels.mean(x.data, axes, keep)
    shape, n = x.data.shape, x.data.size / max(y.size, 1)

    def backward(dy):  # y = sum(x) / n
        return (np.broadcast_to(kernels.divide(dy, n).reshape(kept), shape),)

    return record(y, (x,), backward)


@method("max", "amax")
def max_(x, dim=None, keepdim=False, *, axis=None, keepdims=False):
    """y = the largest of x over the axes (values only, as amax in PyTorch); NaN wins. Elements
    that equal it share its gradient evenly."""
    axes, keep, _ = _reduced("max", x, dim, keepdim, axis, keepdims)
    xd = x.data
    y = kernels.max(xd, axes, keep)
    return record(y, (x,), lambda dy: (kernels.max_backward(dy, xd, y, axes, keep),))


@method("min", "amin")
def min_(x, dim=None, keepdim=False, *, axis=None, keepdims=False):
    """y = the smallest of x over the axes; otherwise as `max`"""
    axes, keep, _ = _reduced("min", x, dim, keepdim, axis, keepdims)
    xd = x.data
    y = np.asarray(np.min(xd, axis=axes, keepdims=keep))
    # max_backward shares dy among the elements that equal y: a minimum's gradient just as well
    return record(y, (x,), lambda dy: (kernels.max_backward(dy, xd, y, axes, keep),))


@method()
def var(x, dim=None, keepdim=False, *, correction=1, axis=None, keepdims=False):
    """y = sum((x - mean(x))^2) / (n - correction) over the axes of n elements; correction=1, as
    in PyTorch, is the unbiased estimate, 0 is NumPy's default"""
    axes, keep, kept = _reduced("var", x, dim, keepdim, axis, keepdims)
    centred = kernels.subtract(x.data, kernels.mean(x.data, axes, True))
    total = kernels.sum(kernels.multiply(centred, centred), axes, keep)
    n = x.data.size / max(total.size, 1) - correction

    def backward(dy):  # y = sum((x - mean)^2) / n: the mean's own gradient cancels
        slope = kernels.divide(kernels.add(dy, dy), n).reshape(kept)
        return (kernels.multiply(centred, slope),)

    return record(kernels.divide(total, n), (x,), backward)


@method()
def std(x, dim=None, keepdim=False, *, correction=1, axis=None, keepdims=False):
    """y = sqrt(var(x))"""
    return var(x, dim, keepdim, correction=correction, axis=axis, keepdims=keepdims).sqrt()


@method()
def argmax(x, dim=None, keepdim=False, *, axis=None, keepdims=False):
    """Where the (first) largest element is: a constant Tensor of int64"""
    axes, keep, _ = _reduced("argmax", x, dim, keepdim, axis, keepdims)
    if axes is not None and len(axes) != 1:
        raise ValueError(f"argmax: one axis expected, got {axes}")
    return constant(np.asarray(np.argmax(x.data, axis=axes and axes[0], keepdims=keep)))
