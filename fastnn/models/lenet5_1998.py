"""LeNet-5 as its paper has it, and the recipe that trains it."""

from dataclasses import replace
from math import prod

import numpy as np

from .. import functional as F
from .. import nn
from ..autograd import record
from . import lenet5
from .preparation import Preparation

# Table I of the paper: the maps of S2 that each of the 16 maps of C3 sees.
CONNECTIONS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip


def _uniform_(fan_in, *parameters):
    """The paper's initial weights and biases: uniform in +-2.4 / fan in (appendix A)."""
    for parameter in parameters:
        nn.init.uniform_(parameter, -2.4 / fan_in, 2.4 / fan_in)


class Subsampling(nn.Module):
    """y[c] = weight[c] * (sum of each 2 x 2 window of x[c]) + bias[c]: (N, C, H, W) ->
    (N, C, H / 2, W / 2)."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(np.empty(channels, np.float32))
        self.bias = nn.Parameter(np.empty(channels, np.float32))
        _uniform_(4, self.weight, self.bias)

    def forward(self, x):
        total = F.avg_pool2d(x, 2, divisor_override=1)
        return self.weight.reshape(-1, 1, 1) * total + self.bias.reshape(-1, 1, 1)

    def flops(self, x, y):
        return 6 * prod(y)


class PartialConv2d(nn.Module):
    """A convolution whose output maps see the input maps that `connections` lists for each.

    weight (connections, R, S), one window a connection, and bias (K,): (N, C, H, W) ->
    (N, K, H - R + 1, W - S + 1).
    """

    def __init__(self, in_channels, connections, kernel_size):
        super().__init__()
        pairs = [(k, c) for k, seen in enumerate(connections) for c in seen]
        self.at = tuple(np.array(pairs).T)
        self.shape = (kernel_size, kernel_size, in_channels, len(connections))
        self.weight = nn.Parameter(np.empty((len(pairs), kernel_size, kernel_size), np.float32))
        self.bias = nn.Parameter(np.empty(len(connections), np.float32))
        windows = np.split(self.weight.data, np.cumsum([len(seen) for seen in connections])[:-1])
        for window, bias in zip(windows, self.bias.data.reshape(-1, 1), strict=True):
            _uniform_(window.size, window, bias)

    def _dense(self):
        """The weight as conv2d takes it, (K, C, R, S), zero where nothing is connected."""
        at = self.at
        dense = np.zeros(self.shape, self.weight.data.dtype).transpose(3, 2, 0, 1)
        dense[at] = self.weight.data

        def backward(d_dense):  # dense[at] = weight
            return (d_dense[at],)

        return record(dense, (self.weight,), backward)

    def forward(self, x):
        return F.conv2d(x, self._dense(), self.bias)

    def flops(self, x, y):
        return 2 * self.weight.data.size * y[1] * y[2]


class LeNet5_1998(nn.Sequential):
    """Seven layers, as in the paper: (N, C, 32, 32) -> (N, V).

    C1: 6@5x5, S2, C3: 16@5x5 partly connected, S4, C5: 120@5x5, F6: 84; after each the scaled
    tanh. 60,000 parameters up to F6 for one input channel, the paper's count.

    The last layer is linear, with softmax (850 more parameters). The paper has Euclidean radial
    basis functions, y_i = |x - w_i|^2, whose w_i are pictures of the characters in -1 and +1, set
    by hand. Since |x - w_i|^2 = |x|^2 - 2 x w_i + 84, softmax of -y_i is softmax of 2 x w_i: what
    differs is that the w_i are learnt here.

    LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
    Proc. IEEE 86 (1998), section II.B.
    """

    def __init__(self, num_classes=10, in_channels=1):
        super().__init__(
            {
                "c1": nn.Conv2d(in_channels, 6, 5),
                "tanh1": nn.ScaledTanh(),
                "s2": Subsampling(6),  # (N, 6, 14, 14)
                "tanh2": nn.ScaledTanh(),
                "c3": PartialConv2d(6, CONNECTIONS, 5),
                "tanh3": nn.ScaledTanh(),
                "s4": Subsampling(16),  # (N, 16, 5, 5)
                "tanh4": nn.ScaledTanh(),
                "c5": nn.Conv2d(16, 120, 5),  # (N, 120, 1, 1)
                "tanh5": nn.ScaledTanh(),
                "flatten": nn.Flatten(),
                "f6": nn.Linear(120, 84),
                "tanh6": nn.ScaledTanh(),
                "output": nn.Linear(84, num_classes),
            }
        )
        for name, fan_in in (("c1", 25 * in_channels), ("c5", 400), ("f6", 120), ("output", 84)):
            _uniform_(fan_in, *getattr(self, name).parameters())


RECIPE = replace(
    lenet5.RECIPE,
    title="LeNet-5 of 1998",
    preparation=Preparation(size=(32, 32), channels=1),
)

MODELS = {"lenet5_1998": (LeNet5_1998, RECIPE)}
