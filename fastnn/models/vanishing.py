"""Vanishing gradients: how much of the loss's gradient reaches each layer of a deep network."""

import numpy as np

from .. import functional as F
from .. import nn
from .mlp import MLP, Dense


def deep_mlp(depth, activation=nn.ReLU, *, width=64, inputs=784, classes=10, **options):
    """An MLP of `depth` hidden layers as wide as each other, with initial weights that suit it.

    They are normal with variance 2 / (D + U) (Glorot and Bengio 2010, "Understanding the
    difficulty of training deep feedforward neural networks"), or 2 / D for ReLU (He et al. 2015,
    arXiv:1502.01852), so that what goes through tanh or ReLU keeps its size. A residual layer adds
    to what goes through, so its variance is divided by depth. Biases are 0. options: batch_norm,
    residual, ..., see MLP.
    """
    model = MLP((inputs, *[width] * depth, classes), activation, **options)
    initial_ = nn.init.kaiming_normal_ if activation is nn.ReLU else nn.init.xavier_normal_
    for layer in hidden_layers(model):
        initial_(layer.linear.weight)
        if layer.residual:
            layer.linear.weight.data /= np.sqrt(depth)
        if layer.linear.bias is not None:
            nn.init.zeros_(layer.linear.bias)
    return model


def hidden_layers(model):
    """An MLP's hidden layers, from the input's side."""
    return [layer for layer in model if isinstance(layer, Dense)]


def gradient_norms(model, x, labels):
    """The norm of d(cross-entropy) / dW of each hidden layer of an MLP, from the input's side.

    The gradient of a layer is a product over all layers above it of their weights and their
    activations' derivatives; a sigmoid's is at most 1/4, so it shrinks from layer to layer.
    x (N, ...), labels (N,): -> (depth,). The parameters' ``grad`` is overwritten.

    Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen" (1991); Bengio, Simard and
    Frasconi, "Learning long-term dependencies with gradient descent is difficult", IEEE
    Transactions on Neural Networks 5 (1994).
    """
    for parameter in model.parameters():
        parameter.grad = None
    F.cross_entropy(model(x), labels).backward()
    return np.array([np.linalg.norm(p.linear.weight.grad) for p in hidden_layers(model)])
