"""Reductions, and the backward of broadcasting."""

import numpy as np

from .activation import f64


def sum_to(dy, shape):
    """The backward of broadcasting `shape` to dy.shape: sum over the axes that were stretched."""
    dy, shape = f64(dy), tuple(shape)
    lead = dy.ndim - len(shape)
    stretched = [lead + i for i, n in enumerate(shape) if n == 1 and dy.shape[lead + i] != 1]
    return np.sum(dy, axis=(*range(lead), *stretched), keepdims=True).reshape(shape)


def sum(x, axis=None, keepdims=False):
    return np.asarray(np.sum(f64(x), axis=axis, keepdims=keepdims))


def mean(x, axis=None, keepdims=False):
    return np.asarray(np.mean(f64(x), axis=axis, keepdims=keepdims))


def max(x, axis=None, keepdims=False):
    return np.asarray(np.max(f64(x), axis=axis, keepdims=keepdims))  # NaN wins


def max_backward(dy, x, y, axis=None, keepdims=False):  # y = max(x, axis)
    """Elements that equal the maximum share its gradient evenly."""
    dy, x, y = f64(dy), f64(x), f64(y)
    if not keepdims:
        axes = tuple(range(x.ndim)) if axis is None else axis
        dy, y = np.expand_dims(dy, axes), np.expand_dims(y, axes)
    wins = (x == y) | (np.isnan(x) & np.isnan(y))
    return dy * wins / np.sum(wins, axis=axis, keepdims=True)
