"""What the tests of functional operations share: run one, and compare within the dtype's error."""

import numpy as np

from fastnn import Tensor, gradcheck

# Relative to the largest value, as sums of products of numbers of both signs cancel.
TOLERANCE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}


def draw(*shape, seed=0):
    """Normal float64 numbers."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def assert_near(actual, expected):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    bound = TOLERANCE[actual.dtype] * max(1.0, np.max(np.abs(expected), initial=0.0))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=bound)


def run(op, arrays, dtype):
    """op's result on leaves of this dtype -> (rounded inputs, y, dy, gradients), as arrays.

    dy is random; inputs are rounded to the dtype, so that a reference can start from the same.
    """
    leaves = [Tensor(a.astype(dtype), requires_grad=True) for a in arrays]
    y = op(*leaves)
    assert y.dtype == dtype
    dy = draw(*y.shape, seed=99).astype(dtype)
    y.backward(dy)
    for leaf in leaves:
        assert leaf.grad.dtype == dtype
    return [leaf.data for leaf in leaves], y.data, dy, [leaf.grad for leaf in leaves]


def check_gradient(op, *arrays):
    assert gradcheck(op, [Tensor(a, requires_grad=True) for a in arrays])
