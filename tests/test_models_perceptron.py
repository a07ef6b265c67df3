"""The perceptron: the lecture's corrections, the criterion, and what does not converge."""

import numpy as np
import pytest

from fastnn.models import Perceptron
from fastnn.models.perceptron import augmented, criterion, normalised

SAMPLES, TARGETS = np.array([(3, 3), (4, 3), (1, 1)]), np.array([1, 1, -1])
XOR = np.array([(0, 0), (0, 1), (1, 0), (1, 1)]), np.array([0, 1, 1, 0])


def clouds(gap, n=60, seed=0):
    """Two classes on both sides of a plane in three dimensions, at least `gap` from it."""
    rng = np.random.default_rng(seed)
    t = np.where(rng.random(n) < 0.4, -1, 1)
    x = rng.normal(size=(n, 3))
    x[:, 0] = t * (gap + np.abs(x[:, 0]))
    return x @ np.linalg.qr(rng.normal(size=(3, 3)))[0] + 0.5, t


def test_the_lectures_corrections():
    model = Perceptron(lr=1).fit(SAMPLES, TARGETS)
    assert [(i + 1, w.tolist()) for i, w in model.corrections] == [
        (1, [2, 6, 6]),
        (3, [0, 4, 4]),
        (3, [-2, 2, 2]),
        (3, [-4, 0, 0]),
        (1, [-2, 6, 6]),
        (3, [-4, 4, 4]),
        (3, [-6, 2, 2]),
    ]
    assert model.converged and model.errors == [2, 1, 1, 2, 1, 0]
    assert model.predict(SAMPLES).tolist() == [1, 1, -1]
    assert model.decision_function([(2, 2)]).tolist() == [2]


def test_the_rate_scales_the_weights_and_nothing_else():
    one, tenth = (Perceptron(lr).fit(SAMPLES, TARGETS) for lr in (1.0, 0.125))
    np.testing.assert_array_equal(one.w, 8 * tenth.w)
    assert len(one.corrections) == len(tenth.corrections)


def test_xor_does_not_converge_and_says_so():
    message = r"not converged after 50 epochs, \d of 4 samples are misclassified"
    with pytest.warns(UserWarning, match=message):
        model = Perceptron(max_epochs=50).fit(*XOR)
    assert not model.converged and len(model.errors) == 50 and model.score(*XOR) < 1
    with pytest.warns(UserWarning, match="not converged after 50 epochs"):
        assert not Perceptron(max_epochs=50, batch=True).fit(*XOR).converged


@pytest.mark.parametrize("batch", [False, True])
def test_what_a_plane_separates_is_learnt(batch):
    x, t = clouds(0.2)
    model = Perceptron(batch=batch).fit(x, t)
    assert model.converged and model.score(x, t) == 1
    assert criterion(model.w, normalised(x, t))[0] == 0


def test_novikoffs_bound():
    """No more than (R / margin)^2 corrections from w = 0."""
    x, t = clouds(0.2)
    y = normalised(x, t)
    w = Perceptron(batch=True).fit(x, t).w  # any plane that separates
    margin = (y @ w).min() / np.linalg.norm(w)
    bound = (np.linalg.norm(y, axis=1).max() / margin) ** 2
    assert 0 < len(Perceptron().fit(x, t).corrections) <= bound


def test_the_criterion_by_hand():
    """a = (0, 1, -1): a'y is 0, 1, 0; a = (-2, 0, 0): -2, -2, 2."""
    y = normalised(SAMPLES, TARGETS)
    assert y.tolist() == [[1, 3, 3], [1, 4, 3], [-1, -1, -1]]
    value, gradient = criterion(np.array([0, 1, -1]), y)
    assert value == 0 and gradient.tolist() == [0, -2, -2]
    value, gradient = criterion(np.array([-2, 0, 0]), y)
    assert value == 4 and gradient.tolist() == [-2, -7, -6]


def test_the_criterions_gradient_is_numeric():
    x, t = clouds(0.0)
    y, a, eps = normalised(x, t), np.array([0.3, -0.5, 0.2, 0.7]), 1e-6
    numeric = [
        (criterion(a + step, y)[0] - criterion(a - step, y)[0]) / (2 * eps)
        for step in eps * np.eye(4)
    ]
    value, gradient = criterion(a, y)
    assert value > 0
    np.testing.assert_allclose(gradient, numeric, atol=1e-6)


def test_a_batch_is_a_step_down_the_criterion():
    """w <- w + lr sum of (t - o) x = w - 2 lr (gradient of J_p)"""
    x, t = clouds(0.1)
    start = np.array([0.1, -0.2, 0.3, 0.4])
    outputs = np.where(augmented(x) @ start > 0, 1, -1)
    model = Perceptron(0.25, batch=True).fit(x, t, w=start)
    expected = start + 0.25 * (t - outputs) @ augmented(x)
    np.testing.assert_allclose(model.corrections[0][1], expected)
    assert start.tolist() == [0.1, -0.2, 0.3, 0.4]  # not written to


def test_labels_may_be_anything():
    model = Perceptron().fit(SAMPLES, ["yes", "yes", "no"])
    assert model.classes.tolist() == ["no", "yes"]
    assert model.predict(SAMPLES).tolist() == ["yes", "yes", "no"]
    assert model.score(SAMPLES, ["yes", "no", "no"]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Perceptron(lr=0), "lr must be > 0, got 0"),
        (lambda: Perceptron(max_epochs=0), "max_epochs must be >= 1, got 0"),
        (lambda: Perceptron().fit(SAMPLES, [1, 1]), r"got \(3, 2\) and \(2,\)"),
        (lambda: Perceptron().fit([1.0, 2.0], [0, 1]), r"got \(2,\) and \(2,\)"),
        (lambda: Perceptron().fit(SAMPLES, [1, 1, 1]), "two classes expected, got 1"),
        (lambda: Perceptron().fit(SAMPLES, [1, 2, 3]), "two classes expected, got 3"),
        (lambda: Perceptron().fit(SAMPLES / 0.0, TARGETS), "samples must be finite"),
        (lambda: Perceptron().fit(SAMPLES, TARGETS, w=[0, 0]), r"w must be \(3,\), got \(2,\)"),
        (lambda: Perceptron().predict(SAMPLES), "Perceptron: nothing was learnt yet"),
        (lambda: Perceptron().fit(SAMPLES, TARGETS).predict([[1]]), r"must be \(N, 2\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
