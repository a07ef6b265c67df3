"""Rosenblatt's perceptron, and the criterion that it minimises."""

import warnings

import numpy as np


def augmented(x):
    """(N, D) -> (N, 1 + D): a 1 in front of each sample, for the bias w_0."""
    return np.column_stack([np.ones(len(x)), x])


def normalised(x, t):
    """Samples (N, D) of targets t = -1 or +1 as y = t (1, x): every a with a'y > 0 for all of them
    separates the two classes."""
    return np.asarray(t)[:, None] * augmented(x)


def criterion(a, y):
    """J_p(a) = sum of -a'y over the misclassified y, those with a'y <= 0, and its gradient.

    a (D,), y (N, D) normalised augmented samples: -> J >= 0, the sum of -y (D,). J is 0 where a
    separates the classes, grows linearly with the distance from there, and has no other minimum.
    Duda, Hart and Stork, "Pattern Classification", 2nd edition (2001), section 5.5.
    """
    products = y @ a
    wrong = products <= 0
    return -products[wrong].sum(), -y[wrong].sum(0)


class Perceptron:
    """o = +1 where w_0 + w_1 x_1 + ... + w_D x_D > 0, else -1; two classes.

    `fit` goes through the samples and corrects w after each that is misclassified,

        w <- w + lr (t - o) (1, x)        t, o = -1 or +1

    until a whole pass needs no correction. If a plane separates the classes this comes to pass
    (Rosenblatt 1962; after at most (R / margin)^2 corrections, Novikoff 1962); if none does it
    never will, and `fit` warns after `max_epochs` passes. batch=True corrects once a pass, by the
    sum over all misclassified samples: gradient descent on `criterion` with rate 2 lr.

    After `fit`: `w` (1 + D,), bias first; `classes`, the labels of -1 and +1; `corrections`, a
    list of (sample, or None for a batch; w after it); `errors`, how many samples each pass found
    misclassified; `converged`.

    Rosenblatt, "The perceptron: a probabilistic model for information storage and organization in
    the brain", Psychological Review 65 (1958); "Principles of Neurodynamics" (1962).
    """

    def __init__(self, lr=1.0, max_epochs=1000, *, batch=False):
        if not lr > 0:
            raise ValueError(f"Perceptron: lr must be > 0, got {lr}")
        if max_epochs < 1:
            raise ValueError(f"Perceptron: max_epochs must be >= 1, got {max_epochs}")
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch = batch

    def fit(self, x, y, *, w=None):
        """x (N, D); y (N,), labels of two classes, the greater one being +1; w (1 + D,): where to
        begin, 0 unless given. -> self"""
        x, self.classes, t = two_classes("Perceptron", x, y)
        samples = augmented(x)
        self.w = np.zeros(samples.shape[1]) if w is None else np.array(w, np.float64)
        if self.w.shape != samples.shape[1:]:
            raise ValueError(f"Perceptron: w must be ({samples.shape[1]},), got {self.w.shape}")
        self.corrections, self.errors = [], []
        one_pass = self._batch_pass if self.batch else self._pass
        for _ in range(self.max_epochs):
            self.errors.append(one_pass(samples, t))
            if not self.errors[-1]:
                break
        self.converged = self.errors[-1] == 0
        if not self.converged:
            wrong = int((self._outputs(samples) != t).sum())
            warnings.warn(
                f"Perceptron: not converged after {self.max_epochs} epochs, {wrong} of {len(t)} "
                "samples are misclassified; it never will be unless a plane separates the classes",
                stacklevel=2,
            )
        return self

    def _pass(self, samples, t):
        wrong = 0
        for i, (sample, target) in enumerate(zip(samples, t, strict=True)):
            output = 1.0 if self.w @ sample > 0 else -1.0
            if output != target:
                self.w = self.w + self.lr * (target - output) * sample
                self.corrections.append((i, self.w))
                wrong += 1
        return wrong

    def _batch_pass(self, samples, t):
        y = t[:, None] * samples
        wrong = int((y @ self.w <= 0).sum())
        if wrong:
            self.w = self.w - 2 * self.lr * criterion(self.w, y)[1]
            self.corrections.append((None, self.w))
        return wrong

    def _outputs(self, samples):
        return np.where(samples @ self.w > 0, 1, -1)

    def decision_function(self, x):
        """w_0 + w x (N,): positive on the side of the second class."""
        return checked_samples(self, x) @ self.w

    def predict(self, x):
        """The labels (N,) of samples x (N, D)."""
        side = self.decision_function(x) > 0
        return self.classes[side.astype(int)]

    def score(self, x, y):
        """The share of samples (N, D) whose label is y (N,)."""
        return float((self.predict(x) == np.asarray(y)).mean())


def two_classes(name, x, y):
    """What a unit's `fit` was given, checked: x as float64, the two labels, and t = -1 or +1."""
    x, y = np.asarray(x, np.float64), np.asarray(y)
    if x.ndim != 2 or y.shape != x.shape[:1] or not len(x):
        raise ValueError(
            f"{name}: expected samples (N, D) and labels (N,), N >= 1, got {x.shape} and {y.shape}"
        )
    if not np.isfinite(x).all():
        raise ValueError(f"{name}: samples must be finite")
    classes, index = np.unique(y, return_inverse=True)
    if len(classes) != 2:
        raise ValueError(f"{name}: labels of two classes expected, got {len(classes)}")
    return x, classes, np.where(index == 1, 1.0, -1.0)


def checked_samples(unit, x):
    """Samples for a fitted unit, augmented."""
    name = type(unit).__name__
    if not hasattr(unit, "w"):
        raise ValueError(f"{name}: nothing was learnt yet; fit(x, y) comes first")
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or x.shape[1] != len(unit.w) - 1:
        raise ValueError(f"{name}: samples must be (N, {len(unit.w) - 1}), got {x.shape}")
    return augmented(x)
