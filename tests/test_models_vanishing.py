"""Vanishing gradients: by hand in a chain of units, and by depth."""

import numpy as np
import pytest

import fastnn
import fastnn.functional as F
from fastnn import nn
from fastnn.models import MLP
from fastnn.models.vanishing import deep_mlp, gradient_norms, hidden_layers


def norms(depth, activation, **options):
    fastnn.manual_seed(0)
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(60, 20)).astype(np.float32), rng.integers(0, 3, 60)
    model = deep_mlp(depth, activation, width=30, inputs=20, classes=3, **options)
    return gradient_norms(model, x, labels)


def test_a_chain_of_sigmoids_by_hand():
    """Each unit multiplies what comes back by w o (1 - o)."""
    model = MLP((1, 1, 1, 1, 2), nn.Sigmoid, dtype=np.float64)
    x, label = np.array([[0.7]]), np.array([1])
    o, outputs = 0.7, [0.7]
    for layer in hidden_layers(model):
        w, b = layer.linear.weight.data.item(), layer.linear.bias.data.item()
        o = 1 / (1 + np.exp(-(w * o + b)))
        outputs.append(o)
    p = F.softmax(model(x), 1).data[0]
    back = model.output.weight.data.T @ (p - [0, 1])
    expected = []
    for layer, below, o in list(zip(hidden_layers(model), outputs, outputs[1:], strict=False))[
        ::-1
    ]:
        delta = back.item() * o * (1 - o)
        expected.insert(0, abs(delta * below))
        back = np.array(layer.linear.weight.data.item() * delta)
    np.testing.assert_allclose(gradient_norms(model, x, label), expected, rtol=1e-10)


def test_gradients_vanish_through_sigmoids():
    """By a factor of about 4 for each layer, the largest derivative of a sigmoid."""
    n = norms(12, nn.Sigmoid)
    factors = n[2:-1] / n[1:-2]
    assert len(n) == 12 and n[1] < 1e-4 * n[-1]
    assert 3 < np.exp(np.log(factors).mean()) < 6


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU])
def test_they_do_not_through_tanh_and_relu(activation):
    n = norms(12, activation)
    assert 0.2 < n[1] / n[-1] < 5


@pytest.mark.parametrize("options", [{"batch_norm": True}, {"residual": True}])
def test_nor_with_batch_norm_or_shortcuts(options):
    n = norms(12, nn.Sigmoid, **options)
    assert n[1] / n[-1] > 0.1


def test_initial_weights():
    fastnn.manual_seed(0)
    model = deep_mlp(3, nn.ReLU, width=200, inputs=100)
    for layer, inputs in zip(hidden_layers(model), (100, 200, 200), strict=True):
        assert layer.linear.weight.data.std() == pytest.approx(np.sqrt(2 / inputs), rel=0.03)
        assert not layer.linear.bias.data.any()
    model = deep_mlp(4, nn.Tanh, width=200, inputs=100, residual=True)
    for layer, variance in zip(hidden_layers(model), (2 / 300, *[2 / 400 / 4] * 3), strict=True):
        assert layer.linear.weight.data.std() == pytest.approx(np.sqrt(variance), rel=0.03)


def test_norms_are_of_one_pass():
    fastnn.manual_seed(0)
    model = deep_mlp(2, width=5, inputs=4, classes=3)
    x, labels = np.ones((2, 4), np.float32), np.array([0, 2])
    np.testing.assert_array_equal(
        gradient_norms(model, x, labels), gradient_norms(model, x, labels)
    )
