"""Activations and softmax. ``inplace`` is accepted because torch's signature has it, and changes
nothing: inputs are never modified. torch has no `maxout`, `noisy_relu` and `scaled_tanh`."""

import warnings

from .. import kernels, random
from ..autograd import as_tensor, record
from ..autograd.reduce import normal_axes

# Activations that other operations compute with their output, with their backwards in y.
_BACKWARD = {
    "relu": kernels.relu_backward,
    "sigmoid": kernels.sigmoid_backward,
    "tanh": kernels.tanh_backward,
}


def backward_of(activation, dy, y):
    """The gradient before `activation` (None: there is none), for one after it; y = act(...)."""
    return dy if activation is None else _BACKWARD[activation](dy, y)


def relu(input, inplace=False):
    """y = max(x, 0), any shape; NaN stays NaN."""
    return as_tensor(input).relu()


def sigmoid(input):
    """y = 1 / (1 + exp(-x)), any shape."""
    return as_tensor(input).sigmoid()


def tanh(input):
    """y = tanh(x), any shape."""
    return as_tensor(input).tanh()


def softplus(input, beta=1.0, threshold=20.0):
    """y = log(1 + exp(beta x)) / beta, and y = x where beta x > threshold; any shape."""
    x = as_tensor(input)
    xd = x.data
    y = kernels.softplus(xd, beta=beta, threshold=threshold)

    def backward(dy):  # y = log(1 + exp(beta x)) / beta
        return (kernels.softplus_backward(dy, xd, beta=beta, threshold=threshold),)

    return record(y, (x,), backward)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """y = x where x > 0, else negative_slope x; any shape."""
    x = as_tensor(input)
    xd = x.data
    y = kernels.leaky_relu(xd, negative_slope=negative_slope)

    def backward(dy):  # y = x or negative_slope x
        return (kernels.leaky_relu_backward(dy, xd, negative_slope=negative_slope),)

    return record(y, (x,), backward)


def elu(input, alpha=1.0, inplace=False):
    """y = x where x > 0, else alpha (exp(x) - 1); any shape. Clevert et al. 2016,
    arXiv:1511.07289."""
    x = as_tensor(input)
    xd = x.data
    y = kernels.elu(xd, alpha=alpha)

    def backward(dy):  # y = x or alpha (exp(x) - 1)
        return (kernels.elu_backward(dy, xd, alpha=alpha),)

    return record(y, (x,), backward)


def gelu(input, approximate="none"):
    """y = x P(x), P the normal distribution function, or with approximate="tanh" what tanh makes
    of it; any shape. Hendrycks and Gimpel 2016, arXiv:1606.08415."""
    x = as_tensor(input)
    if not x.requires_grad:
        return record(kernels.gelu(x.data, approximate=approximate), (x,), None)
    y, slope = kernels.gelu_with_slope(x.data, approximate=approximate)

    def backward(dy):  # y = x P(x)
        return (kernels.multiply(dy, slope),)

    return record(y, (x,), backward)


def noisy_relu(input, training=True):
    """y = max(x + n, 0), n normal with mean 0 and variance sigmoid(x); y = max(x, 0) when not
    training. Any shape; the gradient is that of this draw of n, its dependence on x included.
    Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann machines"."""
    x = as_tensor(input)
    if not training:
        return x.relu()
    noise = random.generator().standard_normal(x.data.shape)
    deviation = (softplus(-x) * -0.5).exp()  # sqrt(sigmoid(x)), with a slope where that is 0
    return (x + noise * deviation).relu()


def scaled_tanh(input):
    """y = 1.7159 tanh(2 x / 3), any shape: y(1) = 1, y(-1) = -1, and bent most there. LeCun et
    al. 1998, "Efficient BackProp"."""
    return (as_tensor(input) * (2 / 3)).tanh() * 1.7159


def maxout(input, pieces, dim=-1):
    """y_i = max of x_j over the i-th `pieces` neighbours along `dim`: (..., K pieces, ...) ->
    (..., K, ...).

    Equals share the gradient evenly. Raises ValueError where the axis cannot be cut so. Goodfellow
    et al. 2013, "Maxout networks", arXiv:1302.4389.
    """
    x = as_tensor(input)
    axis = normal_axes("maxout", dim, x.data.ndim)[0]
    size = x.data.shape[axis]
    if pieces < 1 or size % pieces:
        raise ValueError(
            f"maxout: axis {dim} of {x.data.shape} cannot be cut into groups of {pieces} pieces"
        )
    before, after = x.data.shape[:axis], x.data.shape[axis + 1 :]
    return x.reshape(*before, size // pieces, pieces, *after).amax(axis + 1)


def _axis(op, dim, x):
    """The axis to normalise over; torch's choice, and its warning, where none was given."""
    if dim is None:
        dim = 0 if x.data.ndim in (0, 1, 3) else 1
        warnings.warn(
            f"{op}: dim was not given; {dim} is assumed for {x.data.ndim}-d input. Pass dim=",
            stacklevel=3,
        )
    return dim


def softmax(input, dim=None):
    """y_i = exp(x_i) / sum_j exp(x_j) along axis `dim`, any shape."""
    x = as_tensor(input)
    axis = _axis("softmax", dim, x)
    y = kernels.softmax(x.data, axis=axis)

    def backward(dy):  # y = exp(x) / sum(exp(x))
        return (kernels.softmax_backward(dy, y, axis=axis),)

    return record(y, (x,), backward)


def log_softmax(input, dim=None):
    """y_i = x_i - log(sum_j exp(x_j)) along axis `dim`, any shape."""
    x = as_tensor(input)
    axis = _axis("log_softmax", dim, x)
    y = kernels.log_softmax(x.data, axis=axis)

    def backward(dy):  # y = x - log(sum(exp(x)))
        return (kernels.log_softmax_backward(dy, y, axis=axis),)

    return record(y, (x,), backward)
