"""functional: activations and softmax against the references and numeric gradients."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn.functional as F
from fastnn import Tensor

DTYPES = [np.float32, np.float64]

# name, keywords, what the reference's backward starts from
ELEMENTWISE = [
    ("relu", {}, "y"),
    ("sigmoid", {}, "y"),
    ("tanh", {}, "y"),
    ("softplus", {}, "x"),
    ("softplus", {"beta": 2.5, "threshold": 1.0}, "x"),
    ("leaky_relu", {}, "x"),
    ("leaky_relu", {"negative_slope": 0.3}, "x"),
    ("elu", {}, "x"),
    ("elu", {"alpha": 0.4}, "x"),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "keywords", "saved"), ELEMENTWISE)
def test_elementwise_matches_the_reference(name, keywords, saved, dtype):
    op, x = getattr(F, name), 3 * draw(3, 5, 7)
    (x,), y, dy, (dx,) = run(lambda t: op(t, **keywords), [x], dtype)
    assert_near(y, getattr(reference, name)(x, **keywords))
    backward = getattr(reference, name + "_backward")
    assert_near(dx, backward(dy, x if saved == "x" else y, **keywords))


@pytest.mark.parametrize(("name", "keywords", "saved"), ELEMENTWISE)
def test_elementwise_gradients(name, keywords, saved):
    x = 2 * draw(2, 3, 5)
    x[np.abs(x) < 0.01] = 0.5  # away from the kink at 0
    check_gradient(lambda t: getattr(F, name)(t, **keywords), x)


def test_inplace_leaves_the_input_alone():
    x = draw(4, 3)
    for op in (F.relu, F.leaky_relu, F.elu):
        before = x.copy()
        op(x, inplace=True)
        np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_matches_the_reference(name, dim, dtype):
    (x,), y, dy, (dx,) = run(lambda t: getattr(F, name)(t, dim), [draw(3, 5, 7)], dtype)
    assert_near(y, getattr(reference, name)(x, axis=dim))
    assert_near(dx, getattr(reference, name + "_backward")(dy, y, axis=dim))


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_gradients(name, dim):
    check_gradient(lambda t: getattr(F, name)(t, dim=dim), draw(2, 3, 5))


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5), (2, 3, 4, 5)])
def test_softmax_without_dim_warns_and_takes_torchs_choice(shape):
    x, axis = draw(*shape), 0 if len(shape) in (1, 3) else 1
    with pytest.warns(UserWarning, match=f"softmax: dim was not given; {axis} is assumed"):
        y = F.softmax(x)
    np.testing.assert_array_equal(y.data, F.softmax(x, dim=axis).data)


def test_plain_arrays_and_lists_are_taken():
    assert isinstance(F.relu([-1.0, 2.0]), Tensor)
    assert F.relu([-1.0, 2.0]).tolist() == [0.0, 2.0]
    assert not F.sigmoid(np.zeros(3)).requires_grad
