"""Arithmetic with NumPy's broadcasting (its backward: `sum_to`).

Operands are two arrays of one dtype (float32 or float64), or an array and a number, which takes
the array's dtype. Where the operands lie alike in memory, so does the result. TypeError for other
dtypes, ValueError for shapes that do not broadcast. Division by zero gives infinity or NaN, with
no warning.
"""

import numpy as np

from .._kernels import activation as _activation
from .._kernels import elementwise as _kernel
from . import _checks

_binary = _kernel.binary
_ADD, _SUBTRACT = _kernel.ADD, _kernel.SUBTRACT
_MULTIPLY, _DIVIDE = _kernel.MULTIPLY, _kernel.DIVIDE
_unary = _activation.unary
_NEGATIVE = _activation.OPS["negative"]


def _number(value):
    """value as a float if it is a number, else None."""
    return float(value) if isinstance(value, (int, float, np.number)) else None


def _checked(code, op, x, y):
    """What the kernel could not take as it was."""
    x_number, y_number = _number(x), _number(y)
    if x_number is not None and y_number is not None:
        raise TypeError(f"{op}: x or y must be an array, got two numbers")
    if x_number is None:
        x = _checks.array(op, "x", x)
    if y_number is None:
        y = _checks.array(op, "y", y, like=x if x_number is None else None)
    z = _binary(code, x if x_number is None else x_number, y if y_number is None else y_number)
    if z is None:
        raise ValueError(f"{op}: shapes do not broadcast (x: {x.shape}, y: {y.shape})")
    return z


def add(x, y):
    """z = x + y."""
    z = _binary(_ADD, x, y)
    return _checked(_ADD, "add", x, y) if z is None else z


def subtract(x, y):
    """z = x - y."""
    z = _binary(_SUBTRACT, x, y)
    return _checked(_SUBTRACT, "subtract", x, y) if z is None else z


def multiply(x, y):
    """z = x y."""
    z = _binary(_MULTIPLY, x, y)
    return _checked(_MULTIPLY, "multiply", x, y) if z is None else z


def divide(x, y):
    """z = x / y."""
    z = _binary(_DIVIDE, x, y)
    return _checked(_DIVIDE, "divide", x, y) if z is None else z


def negative(x):
    """y = -x."""
    y = _unary(_NEGATIVE, x)
    return _unary(_NEGATIVE, _checks.array("negative", "x", x)) if y is None else y
