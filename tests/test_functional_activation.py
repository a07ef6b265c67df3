"""functional: activations and softmax against the references and numeric gradients."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn
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


@pytest.mark.parametrize("dtype", DTYPES)
def test_scaled_tanh(dtype):
    (x,), y, dy, (dx,) = run(F.scaled_tanh, [2 * draw(3, 5)], dtype)
    assert_near(y, 1.7159 * np.tanh(2 / 3 * x.astype(np.float64)))
    assert_near(dx, dy * 1.7159 * 2 / 3 / np.cosh(2 / 3 * x.astype(np.float64)) ** 2)
    assert F.scaled_tanh(np.array([1.0, -1.0])).data == pytest.approx([1, -1], abs=1e-4)


@pytest.mark.parametrize(
    ("shape", "pieces", "dim", "grouped", "axis"),
    [
        ((5, 6), 3, -1, (5, 2, 3), 2),
        ((2, 6, 3, 5), 2, 1, (2, 3, 2, 3, 5), 2),
        ((4, 3), 4, 0, (1, 4, 3), 1),
        ((3, 7), 1, -1, (3, 7, 1), 2),
    ],
)
def test_maxout(shape, pieces, dim, grouped, axis):
    x = draw(*shape)
    y = F.maxout(x, pieces, dim)
    np.testing.assert_array_equal(y.data, x.reshape(grouped).max(axis))
    check_gradient(lambda t: F.maxout(t, pieces, dim), x)


def test_maxout_shares_among_equals_and_lets_nan_through():
    x = Tensor([[2.0, 2.0, 1.0, np.nan]], requires_grad=True)
    y = F.maxout(x, 2)
    assert y.data[0, 0] == 2 and np.isnan(y.data[0, 1])
    y.backward([[1.0, 0.0]])
    assert x.grad[0, :2].tolist() == [0.5, 0.5]


@pytest.mark.parametrize("pieces", [0, 4])
def test_maxout_needs_whole_groups(pieces):
    message = rf"maxout: axis 1 of \(2, 6\) cannot be cut into groups of {pieces} pieces"
    with pytest.raises(ValueError, match=message):
        F.maxout(np.zeros((2, 6)), pieces, 1)


def test_noisy_relu_has_the_variance_of_a_sigmoid():
    fastnn.manual_seed(0)
    for x in (3.0, 30.0):  # seldom cut off
        y = F.noisy_relu(np.full(100_000, x)).data
        assert (y >= 0).all() and y.mean() == pytest.approx(x, abs=0.02)
        assert y.var() == pytest.approx(1 / (1 + np.exp(-x)), rel=0.03)
    y = F.noisy_relu(np.full(100_000, -1.0)).data
    assert (y > 0).mean() == pytest.approx(0.0269, abs=0.003)  # P(n > 1), variance 0.2689
    x = draw(40)
    np.testing.assert_array_equal(F.noisy_relu(x, training=False).data, np.maximum(x, 0))


def test_noisy_relu_gradient_is_that_of_its_draw():
    def seeded(t):
        fastnn.manual_seed(1)
        return F.noisy_relu(t)

    check_gradient(seeded, 2 * draw(6, 7))


def test_noisy_relu_far_out():
    x = Tensor([-np.inf, -500.0, 500.0, np.nan], requires_grad=True)
    y = F.noisy_relu(x)
    y.backward(np.ones(4))
    assert y.data[:2].tolist() == [0, 0] and abs(y.data[2] - 500) < 10 and np.isnan(y.data[3])
    assert x.grad[:3].tolist() == [0, 0, 1]


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
