"""Hebbian learning: what fires together wires together, unbounded and with Oja's bound."""

import numpy as np

from .. import random


class HebbianAssociator:
    """Associates patterns with answers by W = lr sum over samples of t x^T; answers sign(W x).

    Each weight grows by what its two ends do at the same time, dw_kd = lr t_k x_d, and by nothing
    else: one pass, in any order, without errors. Patterns that are orthogonal to each other are
    recalled exactly. With a constant 1 among the inputs (`bias`) it learns AND and OR of bipolar
    inputs (-1, +1).

    Hebb, "The Organization of Behavior" (1949), chapter 4; as a network of associations,
    Kohonen, "Correlation matrix memories", IEEE Transactions on Computers C-21 (1972).
    """

    def __init__(self, lr=1.0, *, bias=False):
        self.lr = lr
        self.bias = bias
        self.weight = None

    def fit(self, x, t):
        """x (N, D), t (N, K) or (N,); once more adds to what is known. -> self"""
        x, t = self._inputs(x), np.asarray(t, np.float64)
        columns = t.reshape(len(t), -1)
        if len(x) != len(t):
            raise ValueError(f"HebbianAssociator: {len(x)} samples need as many t, got {len(t)}")
        if self.weight is None:
            self._shape = t.shape[1:]
            self.weight = np.zeros((columns.shape[1], x.shape[1]))
        self.weight += self.lr * columns.T @ x  # dw_kd = lr t_k x_d
        return self

    def decision_function(self, x):
        """W x: (N, K), or (N,) as t was."""
        if self.weight is None:
            raise ValueError("HebbianAssociator: nothing was learnt yet; fit(x, t) comes first")
        return (self._inputs(x) @ self.weight.T).reshape(-1, *self._shape)

    def predict(self, x):
        """sign(W x), -1 or +1; 0 for what nothing speaks for or against."""
        return np.sign(self.decision_function(x))

    def _inputs(self, x):
        x = np.asarray(x, np.float64)
        if x.ndim != 2:
            raise ValueError(f"HebbianAssociator: x must be (N, D), got shape {x.shape}")
        return np.column_stack([np.ones(len(x)), x]) if self.bias else x


def oja(x, lr=0.01, epochs=20, *, w=None, generator=None):
    """Oja's rule: one linear unit y = w x whose weights find the direction of largest variance.

        dw = lr y (x - y w)

    Hebb's lr y x alone lets w grow for ever; -lr y^2 w keeps its length near 1. For samples with
    mean 0 and a small lr, w becomes their first principal component, up to its sign.

    x (N, D), in a new order every epoch; w (D,) to begin with, random unless given; generator: the
    package's unless given. -> w (D,). Raises FloatingPointError where lr is so large that w grows
    without bound.

    Oja, "A simplified neuron model as a principal component analyzer", Journal of Mathematical
    Biology 15 (1982).
    """
    x = np.asarray(x, np.float64)
    rng = generator or random.generator()
    w = rng.normal(size=x.shape[1]) / np.sqrt(x.shape[1]) if w is None else np.array(w, float)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(epochs):
            for sample in x[rng.permutation(len(x))]:
                y = w @ sample
                w += lr * y * (sample - y * w)
            if not np.isfinite(w).all():
                raise FloatingPointError(
                    f"oja: the weights grow without bound; lr={lr} is too large"
                )
    return w
