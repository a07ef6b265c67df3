"""Universal approximation: one hidden layer comes as near to a continuous function as one likes.

By hand (`lecture_sum`), by construction (`relu_interpolant`), and by learning (`fit_curve`).

Cybenko, "Approximation by superpositions of a sigmoidal function", Mathematics of Control, Signals
and Systems 2 (1989); Hornik, Stinchcombe and White, "Multilayer feedforward networks are universal
approximators", Neural Networks 2 (1989); for units such as ReLU, Leshno et al., "Multilayer
feedforward networks with a nonpolynomial activation function can approximate any function", Neural
Networks 6 (1993).
"""

import numpy as np

from .. import functional as F
from .. import nn, optim
from .mlp import MLP

# (weight, bias, sign in the sum) of the lecture's six ReLUs
LECTURE_UNITS = (
    (-5.0, -7.7, -1), (-1.2, -1.3, -1), (1.2, 1.0, -1),
    (1.2, -0.2, 1), (2.0, -1.1, 1), (5.0, -5.0, 1),
)  # fmt: skip


def lecture_target(x):
    """x^3 + x^2 - x - 1, which `lecture_sum` approximates from -2 to 1.7 or so."""
    return x**3 + x**2 - x - 1


def lecture_sum(x):
    """-n1 - n2 - n3 + n4 + n5 + n6, n_i = max(w_i x + b_i, 0), weights by eye (LECTURE_UNITS)."""
    x = np.asarray(x, np.float64)
    return sum(sign * np.maximum(w * x + b, 0) for w, b, sign in LECTURE_UNITS)


def relu_interpolant(x, y, *, dtype=np.float64):
    """An MLP with one ReLU for each piece of the line through the points, and so exact at them.

        o(t) = y_0 + sum over i of (s_i - s_(i - 1)) max(t - x_i, 0)

    s_i: slope of the i-th piece, s_(-1) = 0. With K pieces the largest error over a function with
    |f''| <= M is at most M h^2 / 8, h the longest piece: the theorem, for one input, made with
    hands. x (K + 1,) increasing, y (K + 1,).
    """
    x, y = np.asarray(x, dtype), np.asarray(y, dtype)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2 or not (np.diff(x) > 0).all():
        raise ValueError("relu_interpolant: x must be two or more increasing numbers, y as many")
    model = MLP((1, len(x) - 1, 1), nn.ReLU, dtype=dtype)
    slopes = np.diff(y) / np.diff(x)
    hidden, output = model.hidden1.linear, model.output
    hidden.weight.data[...] = 1
    hidden.bias.data[...] = -x[:-1]
    output.weight.data[0] = np.diff(slopes, prepend=0)
    output.bias.data[...] = y[0]
    return model


def fit_curve(x, y, width, activation=nn.Tanh, *, steps=3000, lr=0.02):
    """Learn y = f(x) with one hidden layer of `width` units: -> (MLP (N, 1) -> (N, 1), error).

    x, y (N,), all at every step; Adam, its rate falling to 0 along a cosine; error: root of the
    mean squared difference. The hidden units start with their bends all over the range of x, as
    steep as fits their number: started flat, most of them would stay alike.
    """
    x, y = (np.asarray(a, np.float32).reshape(-1, 1) for a in (x, y))
    model = MLP((1, width, 1), activation)
    hidden, (low, high) = model.hidden1.linear, (x.min(), x.max())
    steepest = 2 * (width + 1) / (high - low)
    nn.init.uniform_(hidden.weight, -steepest, steepest)
    bends = nn.init.uniform_(np.empty(width), low, high)
    hidden.bias.data[...] = -hidden.weight.data[:, 0] * bends
    optimizer = optim.Adam(model.parameters(), lr=lr)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model, float(np.sqrt(F.mse_loss(model(x), y).item()))
