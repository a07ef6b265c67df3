"""Rows of a table that were looked up many times over, as the characters of a text are.

What is linear in such rows need be computed only once for each distinct one: W x for all places is
looked up in W times the distinct rows, and the gradient of W, and of the table, follows from the
gradient of W x summed by distinct row. For a recurrent layer over characters that is nearly all of
its products with the input.
"""

import numpy as np

from .. import kernels
from ..autograd import record


class Distinct:
    """x (..., D), which has `rows` (n, D) at `places` (...): the table's rows `numbers`."""

    def __init__(self, numbers, rows, places):
        self.numbers, self.rows, self.places = numbers, rows, places


def distinct(x):
    """The Distinct of a Tensor that `embedding` gave, or None where that is of no use."""
    looked_up = getattr(x, "looked_up", None)
    if looked_up is None or looked_up.size == 0:
        return None
    numbers, first, places = np.unique(looked_up, return_index=True, return_inverse=True)
    if 3 * len(numbers) > 2 * looked_up.size:
        return None
    rows = x.data.reshape(looked_up.size, -1)[first]
    places = places.reshape(looked_up.shape)
    if not np.array_equal(kernels.embedding(places, rows), x.data):
        return None  # x, or the numbers, were written to since
    return Distinct(numbers, rows, places)


class SummedGradient:
    """The gradient of looked-up rows, already summed by row of the table: rows (n, D) for its rows
    `numbers`. Who wants it place by place gets it as an array, from `by_place`."""

    def __init__(self, numbers, rows, by_place):
        self.numbers, self.rows, self._by_place = numbers, rows, by_place

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._by_place(), dtype)

    def __add__(self, other):  # of the same places
        return SummedGradient(
            self.numbers, kernels.add(self.rows, other.rows),
            lambda: kernels.add(self._by_place(), other._by_place()),
        )  # fmt: skip


def steps_first(x):
    """x.transpose(0, 1), which is still known to be looked up."""

    def backward(dy):  # y[t, n] = x[n, t]
        return (dy if isinstance(dy, SummedGradient) else dy.swapaxes(0, 1),)

    y = record(x.data.swapaxes(0, 1), (x,), backward)
    looked_up = getattr(x, "looked_up", None)
    if looked_up is not None:
        y.looked_up = looked_up.T
    return y
