"""Universal approximation: the lecture's sum, the construction and its bound, and learning."""

import numpy as np
import pytest

import fastnn
from fastnn import nn, predict
from fastnn.models.universal import (
    fit_curve,
    lecture_sum,
    lecture_target,
    relu_interpolant,
)


def test_the_lectures_sum_by_hand():
    """At 0 only n3 = 1 is active; at 1.5: -2.8 + 1.6 + 1.9 + 2.5; at -2: -2.3 - 1.1."""
    assert lecture_sum([0, 1.5, -2]) == pytest.approx([-1, 3.2, -3.4], rel=1e-12)
    assert lecture_target(np.array([0, 1.5, -2])) == pytest.approx([-1, 3.125, -3])


def test_the_lectures_sum_is_near_its_target():
    x = np.linspace(-2, 1.7, 371)
    difference = np.abs(lecture_sum(x) - lecture_target(x))
    assert difference.max() < 0.51 and difference.mean() < 0.12


def test_the_construction_goes_through_its_points():
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.uniform(0.1, 1, 9))
    y = rng.normal(size=9)
    model = relu_interpolant(x, y)
    np.testing.assert_allclose(predict(model, x[:, None])[:, 0], y, atol=1e-12)
    between = rng.uniform(x[0], x[-1], 50)
    expected = np.interp(between, x, y)
    np.testing.assert_allclose(predict(model, between[:, None])[:, 0], expected, atol=1e-12)


def test_the_constructions_bound():
    """|f''| <= 9 for sin 3x: no farther than 9 h^2 / 8, and nearly so far."""
    x = np.linspace(-2, 2, 4001)
    for pieces in (16, 64):
        points = np.linspace(-2, 2, pieces + 1)
        model = relu_interpolant(points, np.sin(3 * points))
        error = np.abs(predict(model, x[:, None])[:, 0] - np.sin(3 * x)).max()
        bound = 9 * (4 / pieces) ** 2 / 8
        assert 0.9 * bound < error <= bound


@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid, nn.ReLU])
def test_more_units_learn_better(activation):
    x = np.linspace(-2, 2, 60)
    errors = []
    for width in (1, 16):
        fastnn.manual_seed(0)
        model, error = fit_curve(x, np.sin(3 * x), width, activation, steps=400)
        learnt = predict(model, x[:, None].astype(np.float32))[:, 0]
        assert error == pytest.approx(np.sqrt(np.mean((learnt - np.sin(3 * x)) ** 2)), rel=1e-4)
        errors.append(error)
    assert errors[1] < 0.4 * errors[0]


@pytest.mark.parametrize("x", [[1.0], [1.0, 1.0], [[1.0, 2.0]]])
def test_points_increase(x):
    with pytest.raises(ValueError, match="must be two or more increasing numbers"):
        relu_interpolant(x, np.zeros(np.shape(x)))
