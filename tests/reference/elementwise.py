"""Arithmetic with NumPy's broadcasting."""

import numpy as np

from .activation import f64


def add(x, y):
    return np.asarray(f64(x) + f64(y))


def subtract(x, y):
    return np.asarray(f64(x) - f64(y))


def multiply(x, y):
    return np.asarray(f64(x) * f64(y))


def divide(x, y):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(f64(x) / f64(y))


def negative(x):
    return np.asarray(-f64(x))
