"""Dropout and Bernoulli numbers. Only the rate, and y = x * mask / (1 - p), are the specification:
which elements a seed keeps is the kernel's own choice (a pure function of the seed and the
element's position)."""

import numpy as np

from .activation import f64


def _mask(shape, p, seed):
    """1 with probability 1 - p: splitmix64 (Steele et al. 2014) of seed and position."""
    with np.errstate(over="ignore"):
        z = np.arange(np.prod(shape, dtype=np.int64), dtype=np.uint64) + np.uint64(seed)
        z = z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(11)) * 2.0**-53 >= p).reshape(shape)


def dropout(x, p, *, seed):
    x = f64(x)
    scale = 0.0 if p == 1 else 1.0 / (1.0 - p)
    return np.asarray(x * _mask(x.shape, p, seed) * scale)


def dropout_backward(dy, p, *, seed):  # y = x * mask / (1 - p)
    return dropout(dy, p, seed=seed)


def dropout_channels(x, p, *, seed):
    x = f64(x)
    factors = dropout(np.ones(x.shape[:2]), p, seed=seed)
    return x * factors.reshape(*x.shape[:2], *(1,) * (x.ndim - 2))


def dropout_channels_backward(dy, p, *, seed):  # y[n,c] = x[n,c] * mask[n,c] / (1 - p)
    return dropout_channels(dy, p, seed=seed)


def bernoulli(p, *, seed):
    """Only the rate is the specification, as above."""
    p = f64(p)
    return np.where(np.isnan(p), p, 1.0 - _mask(p.shape, p.ravel(), seed))
