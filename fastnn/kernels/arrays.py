"""New arrays from the kernels' cached memory, for what is gone through again and again.

Parameters, and what an optimiser keeps beside them, lie on large pages there, if the system has
any: on small ones the address of every 4 KiB must be looked up, several reads of memory each in a
virtual machine.
"""

import numpy as np

from .._kernels import memory


def empty(shape, dtype=np.float32):
    """An uninitialised array, as np.empty's. shape: an int or ints."""
    dtype = np.dtype(dtype)
    shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    if dtype not in (np.float32, np.float64) or not dtype.isnative or min(shape, default=0) < 0:
        return np.empty(shape, dtype)
    return memory.empty_array(shape, dtype.num)


def empty_like(a):
    """An uninitialised array of a's shape, dtype and order of axes in memory."""
    order = sorted(range(a.ndim), key=lambda axis: -abs(a.strides[axis]))
    new = empty(tuple(a.shape[axis] for axis in order), a.dtype)
    return new.transpose(np.argsort(order)) if a.ndim > 1 else new


def full_like(a, value):
    """As `empty_like`, filled with a number."""
    new = empty_like(a)
    new[...] = value
    return new
