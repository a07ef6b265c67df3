"""Initialisers: each fills a Tensor (or array) in place and returns it.

Random ones draw float64 numbers from ``fastnn.random.generator()``, or the
``numpy.random.Generator`` given, so a seed gives the same weights, rounded, in either dtype.
"""

import math
from functools import partial

import numpy as np

from .. import random
from ..autograd import Tensor

_DRAWN = 2**18  # numbers drawn at a time


def _array(op, tensor):
    array = tensor.data if isinstance(tensor, Tensor) else tensor
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        raise TypeError(
            f"{op}: tensor must be a Tensor or array of floats, "
            f"got {getattr(array, 'dtype', type(array).__name__)}"
        )
    return array


def _fill(array, draw):
    """array[...] = draw(array.shape), some rows at a time: the same numbers, which come in C order,
    without a float64 copy of a large array."""
    rows = max(1, _DRAWN // max(1, math.prod(array.shape[1:])))
    for block in np.split(array, range(rows, len(array), rows)) if array.ndim else [array]:
        block[...] = draw(block.shape)


def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Uniform in [a, b)."""
    array = _array("uniform_", tensor)
    _fill(array, partial((generator or random.generator()).uniform, a, b))
    return tensor


def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Normal with this mean and standard deviation."""
    array = _array("normal_", tensor)
    _fill(array, partial((generator or random.generator()).normal, mean, std))
    return tensor


def constant_(tensor, val):
    """Every element `val`."""
    _array("constant_", tensor)[...] = val
    return tensor


def zeros_(tensor):
    return constant_(tensor, 0.0)


def ones_(tensor):
    return constant_(tensor, 1.0)


def eye_(tensor):
    """The identity matrix: ones where row = column. 2-d only."""
    array = _array("eye_", tensor)
    if array.ndim != 2:
        raise ValueError(f"eye_: tensor must be 2-d, got shape {array.shape}")
    array[...] = np.eye(*array.shape)
    return tensor


def _fans(op, tensor):
    """(fan in, fan out) of a weight (out, in, ...): connections of one output and of one input."""
    shape = _array(op, tensor).shape
    if len(shape) < 2:
        raise ValueError(f"{op}: tensor must have 2 axes or more, got shape {shape}")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """Uniform in +-gain sqrt(6 / (fan_in + fan_out)). Glorot & Bengio 2010."""
    bound = gain * math.sqrt(6.0 / sum(_fans("xavier_uniform_", tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """Normal with std gain sqrt(2 / (fan_in + fan_out)). Glorot & Bengio 2010."""
    std = gain * math.sqrt(2.0 / sum(_fans("xavier_normal_", tensor)))
    return normal_(tensor, 0.0, std, generator)


_GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "sigmoid": 1.0,
    "tanh": 5.0 / 3.0, "relu": math.sqrt(2.0), "selu": 0.75,
}  # fmt: skip


def calculate_gain(nonlinearity, param=None):
    """The factor by which an activation shrinks the standard deviation, torch's table.

    leaky_relu: sqrt(2 / (1 + slope^2)) with slope `param` (0.01).
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1.0 + slope**2))
    if nonlinearity not in _GAINS:
        names = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(
            f"calculate_gain: nonlinearity must be one of {names}, got {nonlinearity!r}"
        )
    return _GAINS[nonlinearity]


def _kaiming_std(op, tensor, a, mode, nonlinearity):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{op}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan = _fans(op, tensor)[mode == "fan_out"]
    if fan == 0:
        raise ValueError(f"{op}: tensor has no {mode}: shape {tensor.shape}")
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Uniform in +-gain sqrt(3 / fan); `a` is leaky_relu's slope. He et al. 2015,
    arXiv:1502.01852."""
    bound = math.sqrt(3.0) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """Normal with std gain / sqrt(fan); `a` is leaky_relu's slope. He et al. 2015,
    arXiv:1502.01852."""
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor, gain=1.0, generator=None):
    """gain times a uniformly random matrix (out, rest) with orthonormal rows, or columns where
    there are more rows than columns. Saxe et al. 2014, arXiv:1312.6120."""
    array = _array("orthogonal_", tensor)
    if array.ndim < 2:
        raise ValueError(f"orthogonal_: tensor must have 2 axes or more, got shape {array.shape}")
    rows, columns = array.shape[0], math.prod(array.shape[1:])
    tall = (max(rows, columns), min(rows, columns))
    q, r = np.linalg.qr((generator or random.generator()).standard_normal(tall))
    # QR leaves the sign of each column open; a positive diagonal of R makes Q uniform
    # (Mezzadri 2007, arXiv:math-ph/0609050).
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    array[...] = gain * (q if rows >= columns else q.T).reshape(array.shape)
    return tensor


def default_(weight, bias):
    """What Linear and convolutions start from, as in torch: kaiming_uniform_(a=sqrt(5)) comes to
    uniform +-1/sqrt(fan_in), and so does the bias (None: no bias)."""
    fan_in, _ = _fans("default_", weight)
    bound = 1.0 / math.sqrt(fan_in) if fan_in else 0.0
    uniform_(weight, -bound, bound)
    if bias is not None:
        uniform_(bias, -bound, bound)


# ---- recurrent layers ---------------------------------------------------------------------------


def irnn_(module, scale=1.0, std=0.001, generator=None):
    """RNN or RNNCell, meant for ReLU: every recurrent weight `scale` times the identity, biases 0,
    the inputs' weights normal with this standard deviation. Without inputs a state of positive
    numbers then stays as it is, and so does its gradient. Le, Jaitly and Hinton 2015,
    arXiv:1504.00941."""
    from .recurrent import RNN, RNNCell  # which start from this file's functions

    if not isinstance(module, (RNN, RNNCell)):
        raise TypeError(f"irnn_: module must be an RNN or RNNCell, got {type(module).__name__}")
    for name, parameter in module.named_parameters():
        if name.startswith("weight_hh"):
            eye_(parameter).data[...] *= scale
        elif name.startswith("weight_ih"):
            normal_(parameter, 0.0, std, generator)
        else:
            zeros_(parameter)
    return module


def forget_gate_bias_(module, value=1.0):
    """LSTM or LSTMCell: the forget gate's two biases come to `value` together, the second being 0;
    all else stays. A gate that starts open lets gradients through from the first step of training.
    Gers, Schmidhuber and Cummins 2000; Jozefowicz, Zaremba and Sutskever 2015, ICML."""
    from .recurrent import LSTM, LSTMCell

    if not isinstance(module, (LSTM, LSTMCell)):
        given = type(module).__name__
        raise TypeError(f"forget_gate_bias_: module must be an LSTM or LSTMCell, got {given}")
    if not module.bias:
        raise ValueError("forget_gate_bias_: module must have biases, got bias=False")
    units = module.hidden_size
    first = 0 if module.coupled else units  # gates f, g, o or i, f, g, o
    for name, parameter in module.named_parameters():
        if name.startswith("bias_"):
            total = value if name.startswith("bias_ih") else 0.0
            parameter.data[first : first + units] = total
    return module
