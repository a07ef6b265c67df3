"""The delta rule: one step by hand, its gradient, what it converges to, and when it does not."""

import numpy as np
import pytest

import fastnn
import fastnn.functional as F
from fastnn import Tensor
from fastnn.models import Adaline
from fastnn.models.adaline import delta_rule, error, largest_rate
from fastnn.models.perceptron import augmented

X, T = np.array([(3.0, 3.0), (4.0, 3.0), (1.0, 1.0)]), np.array([1.0, 1.0, -1.0])


def clouds(n=80, seed=0, shift=1.0):
    """Two overlapping classes; the second is named 7."""
    rng = np.random.default_rng(seed)
    t = np.where(rng.random(n) < 0.4, -1, 1)
    return rng.normal(size=(n, 2)) + shift * t[:, None] * [1.0, 0.5], np.where(t < 0, 3, 7)


def test_one_step_by_hand():
    """From w = 0 all outputs are 0: w = lr mean of t x = 0.3 / 3 (1, 6, 5)."""
    w = delta_rule(np.zeros(3), augmented(X), T, 0.3)
    np.testing.assert_allclose(w, [0.1, 0.6, 0.5], rtol=1e-14)
    # then x3 alone: o = 1.2, w + 0.3 (-1 - 1.2) (1, 1, 1)
    w = delta_rule(w, augmented(X)[2:], T[2:], 0.3)
    np.testing.assert_allclose(w, [-0.56, -0.06, -0.16], rtol=1e-12)


def test_one_step_of_a_sigmoid_unit_by_hand():
    """From w = 0 all outputs are 1/2, with slope 1/4: w = lr mean of +-1/8 x."""
    w = delta_rule(np.zeros(3), augmented(X), (T + 1) / 2, 2.4, "sigmoid")
    np.testing.assert_allclose(w, [0.1, 0.6, 0.5], rtol=1e-14)


@pytest.mark.parametrize("activation", ["linear", "sigmoid"])
def test_a_step_is_down_the_errors_gradient(activation):
    rng = np.random.default_rng(1)
    samples, t, start = augmented(rng.normal(size=(7, 3))), rng.normal(size=7), rng.normal(size=4)
    w = Tensor(start, requires_grad=True)
    net = Tensor(samples) @ w.reshape(4, 1)
    o = F.sigmoid(net) if activation == "sigmoid" else net
    loss = F.mse_loss(o.reshape(7), t) * 0.5
    assert error(start, samples, t, activation) == pytest.approx(loss.item(), rel=1e-12)
    loss.backward()
    step = delta_rule(start, samples, t, 0.5, activation)
    np.testing.assert_allclose(step, start - 0.5 * w.grad, rtol=1e-12)


def test_the_linear_unit_ends_at_least_squares():
    x, y = clouds()
    model = Adaline(lr=0.3, epochs=300).fit(x, y)
    best = np.linalg.lstsq(augmented(x), np.where(y == 7, 1.0, -1.0), rcond=None)[0]
    np.testing.assert_allclose(model.w, best, atol=1e-8)
    assert (np.diff(model.errors) <= 1e-15).all()  # the batch rule never climbs
    assert model.path.shape == (301, 3) and len(model.errors) == 301


def test_the_stochastic_rule_comes_near_it():
    x, y = clouds()
    fastnn.manual_seed(0)
    model = Adaline(lr=0.005, epochs=60, batch_size=1).fit(x, y)
    best = Adaline(lr=0.3, epochs=300).fit(x, y)
    assert best.errors[-1] < model.errors[-1] < 1.01 * best.errors[-1]
    fastnn.manual_seed(0)
    np.testing.assert_array_equal(Adaline(0.005, 60, batch_size=1).fit(x, y).w, model.w)


@pytest.mark.parametrize("options", [{}, {"activation": "sigmoid", "lr": 2.0}, {"batch_size": 16}])
def test_what_a_line_separates_is_learnt(options):
    x, y = clouds(shift=4.0)
    fastnn.manual_seed(0)
    model = Adaline(**options).fit(x, y)
    assert model.score(x, y) == 1 and set(model.predict(x).tolist()) == {3, 7}


def test_outputs_and_classes():
    x, y = clouds()
    linear, sigmoid = Adaline().fit(x, y), Adaline(2.0, activation="sigmoid").fit(x, y)
    net = augmented(x) @ linear.w
    np.testing.assert_allclose(linear.decision_function(x), net)
    np.testing.assert_array_equal(linear.predict(x), np.where(net > 0, 7, 3))
    outputs = sigmoid.decision_function(x)
    assert 0 < outputs.min() and outputs.max() < 1
    np.testing.assert_array_equal(sigmoid.predict(x), np.where(outputs > 0.5, 7, 3))


def test_the_largest_rate():
    """Just below it the batch rule converges, just above it does not."""
    x, y = clouds()
    rate = largest_rate(x)
    assert Adaline(0.98 * rate, 2000).fit(x, y).errors[-1] < 0.5
    with pytest.raises(FloatingPointError, match=rf"converges below {rate:.3g}\)"):
        Adaline(1.5 * rate, 2000).fit(x, y)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Adaline(activation="relu"), r"one of \['linear', 'sigmoid'\], got 'relu'"),
        (lambda: Adaline(lr=-1), "lr must be > 0, got -1"),
        (lambda: Adaline(epochs=0), "epochs and batch_size must be >= 1, got 0 and None"),
        (lambda: Adaline(batch_size=0), "must be >= 1, got 100 and 0"),
        (lambda: Adaline().fit(X, [0, 1, 2]), "Adaline: labels of two classes expected, got 3"),
        (lambda: Adaline().fit(X, T, w=[0, 0]), r"w must be \(3,\), got \(2,\)"),
        (lambda: Adaline().predict(X), "Adaline: nothing was learnt yet"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
