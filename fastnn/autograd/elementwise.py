"""Functions of one tensor, element by element. Each backward uses y where y is enough."""

import numpy as np

from .. import kernels
from .tensor import method, record


@method("__neg__", "neg")
def negative(x):
    """-x"""
    return record(kernels.negative(x.data), (x,), _negative_backward)


def _negative_backward(dy):  # y = -x
    return (kernels.negative(dy),)


@method()
def exp(x):
    """y = exp(x)"""
    y = kernels.exp(x.data)
    return record(y, (x,), lambda dy: (kernels.exp_backward(dy, y),))


@method()
def log(x):
    """y = log(x): -inf at 0, NaN below"""
    xd = x.data
    with np.errstate(all="ignore"):
        y = np.asarray(np.log(xd))
    return record(y, (x,), lambda dy: (kernels.divide(dy, xd),))


@method()
def sqrt(x):
    """y = sqrt(x): NaN below 0"""
    with np.errstate(all="ignore"):
        y = np.asarray(np.sqrt(x.data))

    def backward(dy):  # y = sqrt(x)
        return (kernels.divide(dy, kernels.add(y, y)),)

    return record(y, (x,), backward)


@method("__abs__", "abs")
def absolute(x):
    """y = |x|; its slope at 0 is taken as 0"""
    xd = x.data
    y = np.asarray(np.abs(xd))
    return record(y, (x,), lambda dy: (kernels.multiply(dy, np.asarray(np.sign(xd))),))


@method()
def relu(x):
    """y = max(x, 0)"""
    y = kernels.relu(x.data)
    return record(y, (x,), lambda dy: (kernels.relu_backward(dy, y),))


@method()
def sigmoid(x):
    """y = 1 / (1 + exp(-x))"""
    y = kernels.sigmoid(x.data)
    return record(y, (x,), lambda dy: (kernels.sigmoid_backward(dy, y),))


@method()
def tanh(x):
    """y = tanh(x)"""
    y = kernels.tanh(x.data)
    return record(y, (x,), lambda dy: (kernels.tanh_backward(dy, y),))


@method()
def clone(x):
    """A copy that passes its gradient on."""
    return record(x.data.copy(order="K"), (x,), lambda dy: (dy,))


@method()
def to(x, dtype):
    """x in another dtype; x itself where it has that dtype. Float to float is recorded."""
    dtype, before = np.dtype(dtype), x.data.dtype
    if dtype == before:
        return x
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"to: float32 or float64 expected, got {dtype}")
    return record(x.data.astype(dtype), (x,), lambda dy: (dy.astype(before),))
