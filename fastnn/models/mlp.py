"""The multi-layer perceptron."""

from itertools import pairwise

import numpy as np

from .. import nn


class Dense(nn.Sequential):
    """y = f(norm(W x + b)), with dropout behind it; residual=True adds x, (N, D) as y must be."""

    def __init__(self, inputs, units, activation, *, dropout, batch_norm, residual, dtype):
        layers = {"linear": nn.Linear(inputs, units, bias=not batch_norm, dtype=dtype)}
        if batch_norm:  # which has a bias of its own
            layers["norm"] = nn.BatchNorm1d(units, dtype=dtype)
        layers["activation"] = activation()
        if dropout:
            layers["dropout"] = nn.Dropout(dropout)
        super().__init__(layers)
        self.residual = residual

    def forward(self, x):
        return x + super().forward(x) if self.residual else super().forward(x)


class MLP(nn.Sequential):
    """Fully connected layers, a non-linearity after each but the last: (N, ...) -> (N, V).

    sizes       of the input (all that comes after N), of each hidden layer, and of the output
    activation  what makes a hidden layer's activation: nn.ReLU, nn.Tanh, ...
    dropout     share of each hidden layer that is left out while training
    batch_norm  normalise each hidden layer before its activation
    residual    add its input to the output of each hidden layer that is as wide

    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature
    323 (1986).
    """

    def __init__(
        self,
        sizes,
        activation=nn.ReLU,
        *,
        dropout=0.0,
        batch_norm=False,
        residual=False,
        dtype=np.float32,
    ):
        *widths, classes = sizes
        if not widths:
            raise ValueError(f"MLP: sizes must be of input and output at least, got {sizes}")
        super().__init__({"flatten": nn.Flatten()})
        for i, (inputs, units) in enumerate(pairwise(widths), start=1):
            layer = Dense(
                inputs, units, activation, dropout=dropout, batch_norm=batch_norm,
                residual=residual and inputs == units, dtype=dtype,
            )  # fmt: skip
            self.add_module(f"hidden{i}", layer)
        self.add_module("output", nn.Linear(widths[-1], classes, dtype=dtype))
