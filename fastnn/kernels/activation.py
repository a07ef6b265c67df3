"""Activations, forward and backward. Any shape; results lie in memory as their input does.

Backwards take the output y where y is enough, else the input x. float32 or float64; every
function raises TypeError for another dtype, or for two arrays of different dtypes, and ValueError
for two arrays of different shapes. NaN stays NaN.
"""

from .._kernels import activation as _kernel
from . import _checks

_OPS = _kernel.OPS
_unary = _kernel.unary
_backward = _kernel.backward

_RELU, _RELU_BACKWARD = _OPS["relu"], _OPS["relu_backward"]
_SIGMOID, _SIGMOID_BACKWARD = _OPS["sigmoid"], _OPS["sigmoid_backward"]
_TANH, _TANH_BACKWARD = _OPS["tanh"], _OPS["tanh_backward"]
_EXP, _EXP_BACKWARD = _OPS["exp"], _OPS["exp_backward"]
_SOFTPLUS, _SOFTPLUS_BACKWARD = _OPS["softplus"], _OPS["softplus_backward"]
_LEAKY_RELU, _LEAKY_RELU_BACKWARD = _OPS["leaky_relu"], _OPS["leaky_relu_backward"]
_ELU, _ELU_BACKWARD = _OPS["elu"], _OPS["elu_backward"]
_GELU = {"none": "gelu", "tanh": "gelu_tanh"}

# The kernels take plain arrays and answer None to anything else, which comes to these two.


def _checked_unary(op, x, p=0.0, q=0.0):
    return _unary(_OPS[op], _checks.array(op, "x", x), p, q)


def _checked_backward(op, dy, saved, name, p=0.0, q=0.0):
    dy = _checks.array(op, "dy", dy)
    saved = _checks.array(op, name, saved, like=dy)
    if dy.shape != saved.shape:
        raise ValueError(f"{op}: dy must have {name}'s shape {saved.shape}, got {dy.shape}")
    return _backward(_OPS[op], dy, saved, p, q)


def relu(x):
    """y = max(x, 0)."""
    y = _unary(_RELU, x)
    return _checked_unary("relu", x) if y is None else y


def relu_backward(dy, y):
    """dx = dy where y > 0, else 0."""
    dx = _backward(_RELU_BACKWARD, dy, y)
    return _checked_backward("relu_backward", dy, y, "y") if dx is None else dx


def sigmoid(x):
    """y = 1 / (1 + exp(-x)), within 4 ULP."""
    y = _unary(_SIGMOID, x)
    return _checked_unary("sigmoid", x) if y is None else y


def sigmoid_backward(dy, y):
    """dx = dy y (1 - y)."""
    dx = _backward(_SIGMOID_BACKWARD, dy, y)
    return _checked_backward("sigmoid_backward", dy, y, "y") if dx is None else dx


def tanh(x):
    """y = tanh(x), within 4 ULP."""
    y = _unary(_TANH, x)
    return _checked_unary("tanh", x) if y is None else y


def tanh_backward(dy, y):
    """dx = dy (1 - y^2)."""
    dx = _backward(_TANH_BACKWARD, dy, y)
    return _checked_backward("tanh_backward", dy, y, "y") if dx is None else dx


def exp(x):
    """y = e^x, within 2 ULP."""
    y = _unary(_EXP, x)
    return _checked_unary("exp", x) if y is None else y


def exp_backward(dy, y):
    """dx = dy y."""
    dx = _backward(_EXP_BACKWARD, dy, y)
    return _checked_backward("exp_backward", dy, y, "y") if dx is None else dx


def softplus(x, *, beta=1.0, threshold=20.0):
    """y = log(1 + exp(beta x)) / beta, and y = x where beta x > threshold."""
    beta = _checks.number("softplus", "beta", beta)
    threshold = _checks.number("softplus", "threshold", threshold)
    y = _unary(_SOFTPLUS, x, beta, threshold)
    return _checked_unary("softplus", x, beta, threshold) if y is None else y


def softplus_backward(dy, x, *, beta=1.0, threshold=20.0):
    """dx = dy / (1 + exp(-beta x)), and dx = dy where beta x > threshold."""
    op = "softplus_backward"
    beta = _checks.number(op, "beta", beta)
    threshold = _checks.number(op, "threshold", threshold)
    dx = _backward(_SOFTPLUS_BACKWARD, dy, x, beta, threshold)
    return _checked_backward(op, dy, x, "x", beta, threshold) if dx is None else dx


def leaky_relu(x, *, negative_slope=0.01):
    """y = x where x > 0, else negative_slope x."""
    slope = _checks.number("leaky_relu", "negative_slope", negative_slope)
    y = _unary(_LEAKY_RELU, x, slope)
    return _checked_unary("leaky_relu", x, slope) if y is None else y


def leaky_relu_backward(dy, x, *, negative_slope=0.01):
    """dx = dy where x > 0, else negative_slope dy."""
    slope = _checks.number("leaky_relu_backward", "negative_slope", negative_slope)
    dx = _backward(_LEAKY_RELU_BACKWARD, dy, x, slope)
    return _checked_backward("leaky_relu_backward", dy, x, "x", slope) if dx is None else dx


def elu(x, *, alpha=1.0):
    """y = x where x > 0, else alpha (exp(x) - 1). Clevert et al. 2016, arXiv:1511.07289."""
    alpha = _checks.number("elu", "alpha", alpha)
    y = _unary(_ELU, x, alpha)
    return _checked_unary("elu", x, alpha) if y is None else y


def elu_backward(dy, x, *, alpha=1.0):
    """dx = dy where x > 0, else alpha exp(x) dy."""
    alpha = _checks.number("elu_backward", "alpha", alpha)
    dx = _backward(_ELU_BACKWARD, dy, x, alpha)
    return _checked_backward("elu_backward", dy, x, "x", alpha) if dx is None else dx


def gelu(x, *, approximate="none"):
    """y = x P(x), P the normal distribution function; relatively accurate for negative x too.

    approximate: "none", or "tanh" for P(x) = (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
    Hendrycks and Gimpel 2016, arXiv:1606.08415.
    """
    op = _gelu("gelu", approximate)
    y = _unary(_OPS[op], x)
    return _checked_unary(op, x) if y is None else y


def gelu_with_slope(x, *, approximate="none"):
    """y as `gelu`, and dy/dx, by which who keeps it need only multiply: dx = dy slope."""
    by_tanh = _gelu("gelu_with_slope", approximate) != "gelu"
    return _kernel.gelu_with_slope(_checks.array("gelu_with_slope", "x", x), by_tanh)


def gelu_backward(dy, x, *, approximate="none"):
    """dx = dy (P(x) + x P'(x))."""
    op = f"{_gelu('gelu_backward', approximate)}_backward"
    dx = _backward(_OPS[op], dy, x)
    return _checked_backward(op, dy, x, "x") if dx is None else dx


def _gelu(op, approximate):
    """The name of the forward kernel."""
    if approximate not in _GELU:
        raise ValueError(f"{op}: approximate must be 'none' or 'tanh', got {approximate!r}")
    return _GELU[approximate]
