"""+ - * / ** with NumPy's broadcasting.

The other operand may be a Tensor, a Python number or a plain array; the latter two take the
tensor's float dtype. Two float Tensors must share one dtype.
"""

import numpy as np

from .. import kernels
from .tensor import Tensor, as_tensor, constant, method, record


def _operands(x, y):
    """x and y, one of them a Tensor: -> both Tensors; integers take the other's float dtype."""
    if not isinstance(y, Tensor):
        y = as_tensor(y, like=x)
    elif not isinstance(x, Tensor):
        x = as_tensor(x, like=y)
    dx, dy = x.data.dtype, y.data.dtype
    if dx is not dy:
        if dx.kind != "f" and dy.kind == "f":
            return constant(x.data.astype(dy)), y
        if dy.kind != "f" and dx.kind == "f":
            return x, constant(y.data.astype(dx))
    return x, y


def _wanted_shape(x):
    return x.data.shape if x.requires_grad else None


def _sum_to(gradient, shape):
    """The gradient of an operand of `shape` that was broadcast; None where none is wanted."""
    if shape is None or gradient.shape == shape:
        return gradient
    return kernels.sum_to(gradient, shape)


def _both(dy):  # out = x + y, one shape
    return dy, dy


@method("__add__", "__radd__", "add")
def add(x, y):
    """x + y"""
    x, y = _operands(x, y)
    out = kernels.add(x.data, y.data)
    if x.data.shape == y.data.shape:
        return record(out, (x, y), _both)
    x_shape, y_shape = _wanted_shape(x), _wanted_shape(y)

    def backward(dy):  # out = x + y
        return _sum_to(dy, x_shape), _sum_to(dy, y_shape)

    return record(out, (x, y), backward)


@method("__sub__", "sub", "subtract")
def subtract(x, y):
    """x - y"""
    x, y = _operands(x, y)
    x_shape, y_shape = _wanted_shape(x), _wanted_shape(y)

    def backward(dy):  # out = x - y
        dx = _sum_to(dy, x_shape)
        return dx, None if y_shape is None else kernels.negative(_sum_to(dy, y_shape))

    return record(kernels.subtract(x.data, y.data), (x, y), backward)


@method("__rsub__")
def _reflected_subtract(x, y):
    return subtract(y, x)


@method("__mul__", "__rmul__", "mul", "multiply")
def multiply(x, y):
    """x * y"""
    x, y = _operands(x, y)
    x_shape, y_shape = _wanted_shape(x), _wanted_shape(y)
    xd = None if y_shape is None else x.data  # kept for what is wanted, and no more
    yd = None if x_shape is None else y.data

    def backward(dy):  # out = x * y
        return (
            None if yd is None else _sum_to(kernels.multiply(dy, yd), x_shape),
            None if xd is None else _sum_to(kernels.multiply(dy, xd), y_shape),
        )

    return record(kernels.multiply(x.data, y.data), (x, y), backward)


@method("__truediv__", "div", "divide")
def divide(x, y):
    """x / y"""
    x, y = _operands(x, y)
    yd = y.data
    out = kernels.divide(x.data, yd)
    x_shape, y_shape = _wanted_shape(x), _wanted_shape(y)
    quotient = None if y_shape is None else out

    def backward(dy):  # out = x / y
        dx = kernels.divide(dy, yd)
        return _sum_to(dx, x_shape), (
            None
            if quotient is None
            else kernels.negative(_sum_to(kernels.multiply(dx, quotient), y_shape))
        )

    return record(out, (x, y), backward)


@method("__rtruediv__")
def _reflected_divide(x, y):
    return divide(y, x)


@method("__pow__", "pow")
def power(x, y):
    """x ** y, elementwise. The gradient of y is 0 where x = 0 and y >= 0, as in PyTorch."""
    if isinstance(y, (int, float)):
        return _scalar_power(x, int(y) if isinstance(y, int) else float(y))
    x, y = _operands(x, y)
    xd, yd = x.data, y.data
    with np.errstate(all="ignore"):  # NaN and infinity are values, not warnings
        out = np.asarray(np.power(xd, yd))
    x_shape, y_shape = _wanted_shape(x), _wanted_shape(y)

    def backward(dy):  # out = x ** y
        dx = dexponent = None
        with np.errstate(all="ignore"):
            if x_shape is not None:  # 0 where y = 0, even if x ** (y - 1) is infinite
                slope = np.where(yd == 0, xd.dtype.type(0), yd * np.power(xd, yd - 1))
                dx = _sum_to(kernels.multiply(dy, slope), x_shape)
            if y_shape is not None:
                slope = np.where((xd == 0) & (yd >= 0), xd.dtype.type(0), out * np.log(xd))
                dexponent = _sum_to(kernels.multiply(dy, slope), y_shape)
        return dx, dexponent

    return record(out, (x, y), backward)


def _scalar_power(x, p):
    xd = x.data
    if p == 2:
        out = kernels.multiply(xd, xd)
    else:
        with np.errstate(all="ignore"):
            out = np.asarray(np.power(xd, p))

    def backward(dy):  # out = x ** p
        if p == 0:
            return (np.zeros_like(xd),)
        with np.errstate(all="ignore"):
            slope = xd if p == 2 else np.asarray(np.power(xd, p - 1))
        return (kernels.multiply(kernels.multiply(dy, slope), float(p)),)

    return record(out, (x,), backward)


@method("__rpow__")
def _reflected_power(x, y):
    return power(as_tensor(y, like=x), x)
