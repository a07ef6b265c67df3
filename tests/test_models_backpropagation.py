"""Backpropagation by hand: the lecture's network, and graphs of operations."""

import math

import numpy as np
import pytest

import fastnn.functional as F
from fastnn import Tensor
from fastnn.models.backpropagation import SigmoidNetwork
from fastnn.models.computation_graph import trace

X, T = (0.35, 0.9), (0.5,)
WEIGHTS = [[[0.1, 0.8], [0.4, 0.6]], [[0.3, 0.9]]]


# -- the network -----------------------------------------------------------------------------------


def test_the_lectures_forward_pass():
    x, hidden, output = SigmoidNetwork(WEIGHTS).forward(X)
    assert x.tolist() == [0.35, 0.9]
    assert hidden == pytest.approx([0.68, 0.6637], abs=5e-4)
    assert output == pytest.approx([0.69], abs=5e-4)


def test_the_lectures_step():
    """In its order: through the output's weights as they are after their own change. The lecture
    rounds on the way, which shows in the fifth digit."""
    network = SigmoidNetwork(WEIGHTS)
    step = network.step(X, T, order="from the output")
    assert step.deltas[1] == pytest.approx([-0.0406], abs=1e-4)
    assert step.deltas[0] == pytest.approx([-2.406e-3, -7.916e-3], abs=2e-5)
    assert step.weights[1] == pytest.approx(np.array([[0.272392, 0.87305]]), abs=1e-4)
    hidden = np.array([[0.09916, 0.7978], [0.3972, 0.5928]])
    assert step.weights[0] == pytest.approx(hidden, abs=1e-4)
    assert step.outputs[2][0] - 0.5 == pytest.approx(0.19, abs=5e-4)
    assert network.forward(X)[2][0] - 0.5 == pytest.approx(0.18205, abs=5e-5)


def test_the_two_orders_differ_below_the_output_only():
    together, later = (
        SigmoidNetwork(WEIGHTS).step(X, T, order=order) for order in ("together", "from the output")
    )
    np.testing.assert_array_equal(together.weights[1], later.weights[1])
    # hidden deltas in proportion to the output's weights, before and after the change
    ratio = later.deltas[0] / together.deltas[0]
    np.testing.assert_allclose(ratio, later.weights[1][0] / [0.3, 0.9], rtol=1e-12)


def test_together_is_the_tapes_gradient():
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=shape) for shape in ((4, 3), (2, 4), (3, 2))]
    x, t = rng.normal(size=3), rng.random(3)
    tensors = [Tensor(w.copy(), requires_grad=True) for w in weights]
    o = x[None]
    for w in tensors:
        o = F.sigmoid(F.linear(o, w))
    (F.mse_loss(o, t[None], reduction="sum") * 0.5).backward()
    network = SigmoidNetwork(weights)
    step = network.step(x, t, lr=0.3)
    for new, old, tensor in zip(step.weights, weights, tensors, strict=True):
        np.testing.assert_allclose(new, old - 0.3 * tensor.grad, rtol=1e-12)
    np.testing.assert_array_equal(network.weights[0], step.weights[0])


def test_errors_of_the_network():
    with pytest.raises(
        ValueError, match=r"weights\[1\] takes 3 inputs, the layer below .* 2 units"
    ):
        SigmoidNetwork([[[1, 2], [3, 4]], [[1, 2, 3]]])
    with pytest.raises(ValueError, match="order must be one of"):
        SigmoidNetwork(WEIGHTS).step(X, T, order="backwards")


# -- graphs ----------------------------------------------------------------------------------------


def test_the_lectures_product_of_a_sum():
    graph = trace(lambda x, y, z: (x + y) * z, x=-2, y=5, z=-4)
    assert graph.output.value == -12
    assert [v.gradient for v in graph.inputs.values()] == [-4, -4, 3]
    assert [(v.label, v.value, v.gradient) for v in graph.values[3:]] == [
        ("+", 3, -4),
        ("*", -12, 1),
    ]


def test_the_lectures_sigmoid_unit():
    graph = trace(
        lambda w0, x0, w1, x1, w2: 1 / ((-(w0 * x0 + w1 * x1 + w2)).exp() + 1),
        w0=2, x0=-1, w1=-3, x1=-2, w2=-3,
    )  # fmt: skip
    values = [(v.label, round(v.value, 2), round(v.gradient, 2)) for v in graph.values]
    assert values == [
        ("w0", 2, -0.2), ("x0", -1, 0.39), ("w1", -3, -0.39), ("x1", -2, -0.59), ("w2", -3, 0.2),
        ("*", -2, 0.2), ("*", 6, 0.2), ("+", 4, 0.2), ("+", 1, 0.2),
        ("* -1", -1, -0.2), ("exp", 0.37, -0.53), ("+ 1", 1.37, -0.53), ("1 / x", 0.73, 1),
    ]  # fmt: skip


def test_every_operation():
    def formula(x, y):
        return (
            ((x - y) / (2 - x) + x.exp() * 3 - y.log() / 2 + 1) * x.tanh()
            + ((x + 0.5) ** 2).sigmoid() * (-y).relu()
            + 5 / y.relu()
        )

    def numbers(x, y):
        s = 1 / (1 + math.exp(-((x + 0.5) ** 2)))
        return ((x - y) / (2 - x) + math.exp(x) * 3 - math.log(y) / 2 + 1) * math.tanh(x) + (
            s * max(-y, 0) + 5 / y
        )

    x, y, eps = 0.3, 1.7, 1e-6
    graph = trace(formula, x=x, y=y)
    assert graph.output.value == pytest.approx(numbers(x, y), rel=1e-12)
    slopes = (
        (numbers(x + eps, y) - numbers(x - eps, y)) / (2 * eps),
        (numbers(x, y + eps) - numbers(x, y - eps)) / (2 * eps),
    )
    assert [v.gradient for v in graph.inputs.values()] == pytest.approx(slopes, rel=1e-6)


def test_what_is_used_twice_is_one_value():
    graph = trace(lambda x, unused: x * x + x, x=3, unused=1)
    assert graph.output.value == 12 and graph.inputs["x"].gradient == 7
    assert graph.inputs["unused"].gradient == 0
    assert [v.label for v in graph.values] == ["x", "unused", "*", "+"]
    assert list(graph.levels().values()) == [0, 0, 1, 2]


def test_graphviz_text():
    text = trace(lambda x, y: (x + y) * 2, x=1, y=0.5).to_dot()
    assert text.startswith("digraph {\n") and text.endswith("}\n")
    assert text.count("[shape=plaintext") == text.count("[shape=ellipse") == 2
    assert '<+<br/><font color="#2e7d32">1.5</font><br/><font color="#c62828">2</font>>' in text
    for edge in ("n0 -> n2;", "n1 -> n2;", "n2 -> n3;"):
        assert text.count(edge) == 1


def test_a_formula_returns_a_value():
    with pytest.raises(TypeError, match="the formula must return a Value, got float"):
        trace(lambda x: 1.0, x=2)
