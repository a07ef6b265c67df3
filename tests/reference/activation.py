"""Activations. Backwards take the output y where y is enough, else the input x."""

import math

import numpy as np


def f64(x):
    return np.asarray(x, dtype=np.float64)


def exp(x):
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(f64(x)))


def exp_backward(dy, y):  # y = exp(x)
    return f64(dy) * f64(y)


def relu(x):
    return np.asarray(np.maximum(f64(x), 0.0))  # NaN stays NaN


def relu_backward(dy, y):  # y = max(x, 0)
    return np.where(f64(y) <= 0, 0.0, f64(dy))


def sigmoid(x):
    x = f64(x)
    e = np.exp(-np.abs(x))  # never overflows
    return np.asarray(np.where(x >= 0, 1.0, e) / (1.0 + e))


def sigmoid_backward(dy, y):  # y = 1 / (1 + exp(-x))
    y = f64(y)
    return f64(dy) * y * (1.0 - y)


def tanh(x):
    return np.asarray(np.tanh(f64(x)))


def tanh_backward(dy, y):  # y = tanh(x)
    return f64(dy) * (1.0 - f64(y) ** 2)


def softplus(x, *, beta=1.0, threshold=20.0):
    x = f64(x)
    return np.where(beta * x > threshold, x, np.logaddexp(0.0, beta * x) / beta)


def softplus_backward(dy, x, *, beta=1.0, threshold=20.0):  # y = log(1 + exp(beta x)) / beta
    bx = beta * f64(x)
    return f64(dy) * np.where(bx > threshold, 1.0, sigmoid(bx))


def leaky_relu(x, *, negative_slope=0.01):
    x = f64(x)
    return np.where(x > 0, x, negative_slope * x)


def leaky_relu_backward(dy, x, *, negative_slope=0.01):  # y = x if x > 0 else slope * x
    return f64(dy) * np.where(f64(x) > 0, 1.0, negative_slope)


def elu(x, *, alpha=1.0):
    x = f64(x)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def elu_backward(dy, x, *, alpha=1.0):  # y = x if x > 0 else alpha * (exp(x) - 1)
    x = f64(x)
    return f64(dy) * np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0.0)))


# What gemm and conv2d may apply to their result.
EPILOGUES = {None: f64, "relu": relu, "sigmoid": sigmoid, "tanh": tanh}


def _normal(x):
    """The normal distribution function and its density."""
    erfc = np.vectorize(math.erfc, otypes=[float])
    return erfc(-x / 2**0.5) / 2, np.exp(-x * x / 2) / (2 * np.pi) ** 0.5


def _gate(x):
    """The approximation's P(x) = (1 + tanh(z / 2)) / 2 = 1 / (1 + e^-z), and its slope."""
    x = np.clip(x, -100, 100)  # P is 0 or 1 beyond, and the cube may overflow
    c = (8 / np.pi) ** 0.5
    z = c * (x + 0.044715 * x**3)
    return sigmoid(z), sigmoid(z) * sigmoid(-z) * c * (1 + 3 * 0.044715 * x**2)


def gelu(x, *, approximate="none"):
    x = f64(x)
    return np.asarray(x * (_normal if approximate == "none" else _gate)(x)[0])


def gelu_with_slope(x, *, approximate="none"):
    return gelu(x, approximate=approximate), gelu_backward(1.0, x, approximate=approximate)


def gelu_backward(dy, x, *, approximate="none"):  # y = x P(x)
    x = f64(x)
    p, slope = (_normal if approximate == "none" else _gate)(x)
    return f64(dy) * (p + x * slope)
