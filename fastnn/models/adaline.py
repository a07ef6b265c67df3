"""The delta rule: Widrow and Hoff's Adaline, and the sigmoid unit in its place."""

import numpy as np

from .. import kernels, random
from .perceptron import augmented, checked_samples, two_classes

# f(net), its derivative in terms of o = f(net), and the targets of the two classes
_UNITS = {
    "linear": (lambda net: net, np.ones_like, (-1.0, 1.0)),
    "sigmoid": (kernels.sigmoid, lambda o: o * (1 - o), (0.0, 1.0)),
}


def error(w, samples, t, activation="linear"):
    """E(w) = 1/2 mean over the samples of (t - o)^2, o = f(w x).

    w (..., 1 + D): any number of weights at once, to draw the surface; samples (N, 1 + D)
    augmented, t (N,): -> (...).
    """
    f, _, _ = _UNITS[activation]
    outputs = f(np.asarray(w) @ samples.T)
    return ((t - outputs) ** 2).mean(-1) / 2


def delta_rule(w, samples, t, lr, activation="linear"):
    """One step down the gradient of `error`: w + lr mean over the samples of (t - o) f'(net) x.

    With one sample it is the stochastic rule (Widrow and Hoff's LMS), with all the batch's. The
    linear unit has f' = 1, the sigmoid unit f' = o (1 - o). w (1 + D,), samples (N, 1 + D), t (N,).
    """
    f, slope, _ = _UNITS[activation]
    o = f(samples @ w)
    return w + lr * ((t - o) * slope(o)) @ samples / len(t)


def largest_rate(x):
    """2 / lambda_max of the mean of x x^T over the augmented samples x (N, D): with a smaller lr
    the linear unit's batch rule converges, with a larger one it diverges."""
    samples = augmented(x)
    return float(2 * len(samples) / np.linalg.eigvalsh(samples.T @ samples)[-1])


class Adaline:
    """o = f(w_0 + w_1 x_1 + ... + w_D x_D), learnt by `delta_rule`; two classes.

    Unlike the perceptron's rule it goes on where samples are on the right side already, until the
    squared error is least, and so settles where no plane separates the classes, too.

    activation  "linear", targets -1 and +1; or "sigmoid", targets 0 and 1
    batch_size  samples a step, in a new order each epoch; 1: stochastic; None: all, the batch rule

    After `fit`: `w` (1 + D,), bias first; `classes`, the labels of the lower and higher target;
    `errors`, E before the first epoch and after each; `path` (1 + epochs, 1 + D), w at the same
    times.

    Widrow and Hoff, "Adaptive switching circuits", IRE WESCON Convention Record (1960); the
    sigmoid unit's: Rumelhart, Hinton and Williams, "Learning internal representations by error
    propagation" (1986).
    """

    def __init__(self, lr=0.1, epochs=100, *, batch_size=None, activation="linear"):
        if activation not in _UNITS:
            raise ValueError(f"Adaline: activation must be one of {[*_UNITS]}, got {activation!r}")
        if not lr > 0:
            raise ValueError(f"Adaline: lr must be > 0, got {lr}")
        if epochs < 1 or (batch_size is not None and batch_size < 1):
            raise ValueError(
                f"Adaline: epochs and batch_size must be >= 1, got {epochs} and {batch_size}"
            )
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.activation = activation

    def fit(self, x, y, *, w=None, generator=None):
        """x (N, D); y (N,), labels of two classes; w (1 + D,): where to begin, 0 unless given;
        generator of the orders: the package's unless given. -> self

        Raises FloatingPointError where lr is so large that the weights grow without bound.
        """
        x, self.classes, sides = two_classes("Adaline", x, y)
        samples, t = augmented(x), self._targets(sides)
        w = np.zeros(samples.shape[1]) if w is None else np.array(w, np.float64)
        if w.shape != samples.shape[1:]:
            raise ValueError(f"Adaline: w must be ({samples.shape[1]},), got {w.shape}")
        path = [w]
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(self.epochs):
                for rows in self._batches(len(t), generator):
                    w = delta_rule(w, samples[rows], t[rows], self.lr, self.activation)
                path.append(w)
        if not np.isfinite(w).all():
            raise FloatingPointError(
                f"Adaline: the weights grow without bound; lr={self.lr} is too large"
                f" (the batch rule converges below {largest_rate(x):.3g})"
            )
        self.w, self.path = w, np.array(path)
        self.errors = error(self.path, samples, t, self.activation).tolist()
        return self

    def _targets(self, sides):
        low, high = _UNITS[self.activation][2]
        return np.where(sides > 0, high, low)

    def _batches(self, count, generator):
        if self.batch_size is None:
            return [slice(None)]
        order = (generator or random.generator()).permutation(count)
        return np.split(order, range(self.batch_size, count, self.batch_size))

    def decision_function(self, x):
        """The unit's output o (N,) for samples x (N, D)."""
        f, _, _ = _UNITS[self.activation]
        return f(checked_samples(self, x) @ self.w)

    def predict(self, x):
        """The labels (N,): the class whose target is nearer to o."""
        side = self.decision_function(x) > sum(_UNITS[self.activation][2]) / 2
        return self.classes[side.astype(int)]

    def score(self, x, y):
        """The share of samples (N, D) whose label is y (N,)."""
        return float((self.predict(x) == np.asarray(y)).mean())
