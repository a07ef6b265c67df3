"""Indexing, joining, and other operations that only move elements. Most results share memory
with their input."""

from math import prod

import numpy as np

from .. import kernels
from .reduce import normal_axes
from .tensor import Tensor, as_tensor, method, record


def _sizes(sizes):
    """f(2, 3) and f((2, 3)) are one"""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes


def _axis(op, dim, axis, ndim, default=None):
    if axis is not None:
        if dim is not None:
            raise TypeError(f"{op}: give dim or axis, not both")
        dim = axis
    return normal_axes(op, default if dim is None else dim, ndim)[0]


# -- indexing -----------------------------------------------------------------------------------


def _plain_index(index):
    if isinstance(index, Tensor):
        return index.data
    if isinstance(index, tuple):
        return tuple(i.data if isinstance(i, Tensor) else i for i in index)
    return index


def _may_repeat(index):
    """True where an index picks elements by number, maybe the same one twice."""
    return any(
        isinstance(i, (list, tuple)) or (isinstance(i, np.ndarray) and i.dtype.kind != "b")
        for i in (index if isinstance(index, tuple) else (index,))
    )


@method("__getitem__")
def getitem(x, index):
    """x[index]: everything that NumPy's basic and advanced indexing takes, Tensors of integers
    or bool included. An element picked twice gets both gradients."""
    index = _plain_index(index)
    shape, dtype = x.data.shape, x.data.dtype

    def backward(dy):  # y = x[index]
        dx = np.zeros(shape, dtype)
        if _may_repeat(index):
            np.add.at(dx, index, dy)
        else:
            dx[index] = dy
        return (dx,)

    return record(np.asarray(x.data[index]), (x,), backward)


# -- joining ------------------------------------------------------------------------------------


def _join(op, tensors):
    """-> Tensors of one dtype; plain arrays take that of the first Tensor"""
    tensors = tuple(tensors)
    if not tensors:
        raise ValueError(f"{op}: at least one tensor expected")
    like = next((t for t in tensors if isinstance(t, Tensor)), None)
    tensors = tuple(as_tensor(t, like=like) for t in tensors)
    dtypes = {t.data.dtype for t in tensors}
    if len(dtypes) > 1:
        raise TypeError(f"{op}: tensors of one dtype expected, got {sorted(map(str, dtypes))}")
    return tensors


def cat(tensors, dim=None, *, axis=None):
    """Tensors end to end along an existing axis (the first, unless given); the other sizes must
    agree, else ValueError."""
    tensors = _join("cat", tensors)
    ndim = tensors[0].data.ndim
    along = _axis("cat", dim, axis, ndim, default=0)
    shapes = [t.data.shape for t in tensors]
    for s in shapes[1:]:
        if len(s) != ndim or s[:along] + s[along + 1 :] != (
            shapes[0][:along] + shapes[0][along + 1 :]
        ):
            raise ValueError(f"cat: sizes must agree except along axis {along}, got {shapes}")
    ends = np.cumsum([s[along] for s in shapes])[:-1]

    def backward(dy):  # y = [x0, x1, ...]
        return np.split(dy, ends, axis=along)

    return record(np.concatenate([t.data for t in tensors], axis=along), tensors, backward)


def stack(tensors, dim=None, *, axis=None):
    """Tensors of one shape, else ValueError, side by side along a new axis (the first, unless
    given)."""
    tensors = _join("stack", tensors)
    shapes = {t.data.shape for t in tensors}
    if len(shapes) > 1:
        raise ValueError(f"stack: tensors of one shape expected, got {sorted(shapes)}")
    along = _axis("stack", dim, axis, tensors[0].data.ndim + 1, default=0)

    def backward(dy):  # y[..., i, ...] = x_i
        return np.moveaxis(dy, along, 0)

    return record(np.stack([t.data for t in tensors], axis=along), tensors, backward)


# -- rearranging --------------------------------------------------------------------------------


@method("reshape", "view")
def reshape(x, *shape):
    """The same elements, in C order, in another shape; one size may be -1."""
    shape, before = _sizes(shape), x.data.shape
    try:
        y = x.data.reshape(shape)
    except ValueError:
        raise ValueError(f"reshape: {before} does not fit into {shape}") from None
    return record(y, (x,), lambda dy: (dy.reshape(before),))


@method()
def flatten(x, start_dim=0, end_dim=-1):
    """Axes start_dim to end_dim, both included, become one."""
    shape = x.data.shape
    if not shape:
        return reshape(x, 1)
    (first,) = normal_axes("flatten", start_dim, len(shape))
    (last,) = normal_axes("flatten", end_dim, len(shape))
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    y = x.data.reshape(*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :])
    return record(y, (x,), lambda dy: (dy.reshape(shape),))


@method()
def permute(x, *dims):
    """y.shape[i] = x.shape[dims[i]]"""
    dims = _sizes(dims)
    axes = normal_axes("permute", dims, x.data.ndim)
    if len(axes) != x.data.ndim:
        raise ValueError(f"permute: {x.data.ndim} axes expected, got {dims}")
    inverse = sorted(range(len(axes)), key=axes.__getitem__)
    return record(x.data.transpose(axes), (x,), lambda dy: (dy.transpose(inverse),))


@method()
def transpose(x, *dims):
    """Two axes: swapped, as in PyTorch. More: permuted; none: reversed, as in NumPy."""
    dims = _sizes(dims)
    if not dims:
        return record(x.data.T, (x,), _reversed_backward)
    if len(dims) != 2:
        return permute(x, *dims)
    i, j = normal_axes("transpose", dims, x.data.ndim)
    return record(x.data.swapaxes(i, j), (x,), lambda dy: (dy.swapaxes(i, j),))


def _reversed_backward(dy):  # y = x.T
    return (dy.T,)


Tensor.T = property(transpose, doc="The axes reversed.")


@method()
def squeeze(x, dim=None, *, axis=None):
    """Drop axes of size 1: all of them, or the given ones where their size is 1."""
    shape = x.data.shape
    if dim is None and axis is None:
        return reshape(x, *(n for n in shape if n != 1))
    if dim is not None and axis is not None:
        raise TypeError("squeeze: give dim or axis, not both")
    dropped = normal_axes("squeeze", axis if dim is None else dim, len(shape))
    return reshape(x, *(n for i, n in enumerate(shape) if i not in dropped or n != 1))


@method()
def unsqueeze(x, dim=None, *, axis=None):
    """A new axis of size 1 before axis `dim` (of the result, where negative)."""
    if dim is None and axis is None:
        raise TypeError("unsqueeze: dim or axis must be given")
    at = _axis("unsqueeze", dim, axis, x.data.ndim + 1)
    shape = x.data.shape
    return reshape(x, *shape[:at], 1, *shape[at:])


@method("expand")
def expand(x, *sizes):
    """Broadcast to a larger shape, without a copy; -1 keeps an axis's size."""
    sizes, before = _sizes(sizes), x.data.shape
    lead = len(sizes) - len(before)
    if lead < 0:
        raise ValueError(f"expand: at least {len(before)} sizes expected, got {sizes}")
    if -1 in sizes[:lead]:
        raise ValueError(f"expand: a new axis needs a size, got {sizes}")
    shape = tuple(before[i - lead] if n == -1 else n for i, n in enumerate(sizes))
    try:
        y = np.broadcast_to(x.data, shape)
    except ValueError:
        raise ValueError(f"expand: shape {before} does not broadcast to {sizes}") from None
    return record(y, (x,), lambda dy: (kernels.sum_to(dy, before),))
