"""Multi-layer perceptrons and networks of any acyclic shape: gradients, XOR, digits."""

import numpy as np
import pytest

import fastnn
import fastnn.functional as F
from fastnn import data, gradcheck, nn, optim
from fastnn.models import MLP, AcyclicNetwork

XOR = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], np.float32), np.array([[0], [1], [1], [0]])

# shortcuts across one, two and three levels; "d" is named before what it sees
SKIPPING = {
    "d": (2, ["c", "x"]),
    "a": (3, ["x"]),
    "b": (2, ["x", "a"]),
    "c": (4, ["b", "a", "x"]),
    "y": (2, ["a", "d", "b", "x"]),
}


def loss_of(model, x, t):
    return F.mse_loss(model(x), t)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# -- any acyclic graph -----------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Tanh, nn.Softplus])
def test_backpropagation_across_levels_against_finite_differences(activation):
    fastnn.manual_seed(0)
    model = AcyclicNetwork(3, SKIPPING, activation, dtype=np.float64)
    x, t, eps = draw(5, 3), draw(5, 2, seed=1), 1e-6
    loss_of(model, x, t).backward()
    for parameter in model.parameters():
        numeric = np.empty_like(parameter.data)
        for at in np.ndindex(numeric.shape):
            value = parameter.data[at]
            parameter.data[at] = value + eps
            above = loss_of(model, x, t).item()
            parameter.data[at] = value - eps
            below = loss_of(model, x, t).item()
            parameter.data[at] = value
            numeric[at] = (above - below) / (2 * eps)
        np.testing.assert_allclose(parameter.grad, numeric, rtol=1e-5, atol=1e-8)
        assert np.abs(parameter.grad).max() > 1e-4  # every weight matters


def test_gradient_of_the_input():
    fastnn.manual_seed(0)
    model = AcyclicNetwork(3, SKIPPING, dtype=np.float64)
    assert gradcheck(model, fastnn.Tensor(draw(4, 3), requires_grad=True))


def test_the_forward_pass_by_hand():
    model = AcyclicNetwork(2, {"h": (1, ["x"]), "y": (1, ["x", "h"])}, dtype=np.float64)
    model.layers["h"].weight.data[...] = [[1.0, 2.0]]
    model.layers["h"].bias.data[...] = -0.5
    model.layers["y"].weight.data[...] = [[3.0, -1.0, 4.0]]
    model.layers["y"].bias.data[...] = 0.25
    h = 1 / (1 + np.exp(-(1 * 0.3 + 2 * 0.7 - 0.5)))
    y = model(np.array([[0.3, 0.7]]))
    assert y.item() == pytest.approx(3 * 0.3 - 0.7 + 4 * h + 0.25, rel=1e-14)


def test_layers_are_a_special_case():
    fastnn.manual_seed(0)
    layered = MLP((3, 5, 2), nn.Tanh, dtype=np.float64)
    graph = AcyclicNetwork(3, {"h": (5, ["x"]), "y": (2, ["h"])}, nn.Tanh, dtype=np.float64)
    for mine, theirs in zip(graph.parameters(), layered.parameters(), strict=True):
        mine.data[...] = theirs.data
    np.testing.assert_array_equal(graph(draw(4, 3)).data, layered(draw(4, 3)).data)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ({"a": (1, ["x", "b"]), "b": (1, ["a"])}, "(a -> b -> a|b -> a -> b) is a cycle"),
        ({"a": (1, ["a"])}, "a -> a is a cycle"),
        ({"a": (1, ["x", "z"])}, r"node 'a' must see nodes among \['x', 'a'\], got \['x', 'z'\]"),
        ({"a": (1, [])}, r"node 'a' must see nodes among \['x', 'a'\], got \[\]"),
        ({"x": (1, ["x"])}, "node 'x' must see"),
        ({"a": (1, ["x"]), "b": (1, ["x"])}, r"by no other; these are: \['a', 'b'\]"),
        ({}, r"these are: \[\]"),
    ],
)
def test_errors_of_a_graph(nodes, message):
    with pytest.raises(ValueError, match=f"AcyclicNetwork: .*{message}"):
        AcyclicNetwork(2, nodes)


# -- XOR and digits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "build",
    [
        lambda: MLP((2, 2, 1), nn.Sigmoid),
        lambda: AcyclicNetwork(2, {"h": (1, ["x"]), "y": (1, ["x", "h"])}),
    ],
    ids=["two hidden units", "one, with shortcuts"],
)
def test_xor_is_learnt(build):
    fastnn.manual_seed(0)
    model = build()
    optimizer = optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    for _ in range(1_000):
        optimizer.zero_grad()
        F.mse_loss(F.sigmoid(model(XOR[0])), XOR[1].astype(np.float32)).backward()
        optimizer.step()
    np.testing.assert_allclose(F.sigmoid(model(XOR[0])).data, XOR[1], atol=0.1)


def test_xor_is_not_learnt_without_a_hidden_unit():
    fastnn.manual_seed(0)
    model = MLP((2, 1))
    optimizer = optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    for _ in range(300):
        optimizer.zero_grad()
        F.mse_loss(F.sigmoid(model(XOR[0])), XOR[1].astype(np.float32)).backward()
        optimizer.step()
    np.testing.assert_allclose(F.sigmoid(model(XOR[0])).data, 0.5, atol=0.01)


def test_digits_are_learnt():
    fastnn.manual_seed(0)
    train, test = data.load_digits()
    model = MLP((64, 30, 10), nn.Tanh)
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    fastnn.fit(model, train, epochs=8, batch_size=32, optimizer=optimizer, progress=False)
    assert fastnn.evaluate(model, test)["accuracy"] > 0.95


# -- MLP -------------------------------------------------------------------------------------------


def test_mlp_by_hand():
    model = MLP((3, 4, 2), dtype=np.float64)
    (w1, b1), (w2, b2) = (
        (layer.weight.data, layer.bias.data) for layer in (model.hidden1.linear, model.output)
    )
    x = draw(5, 3)
    expected = np.maximum(x @ w1.T + b1, 0) @ w2.T + b2
    np.testing.assert_allclose(model(x).data, expected, rtol=1e-12)
    np.testing.assert_allclose(model(x.reshape(5, 1, 3, 1)).data, expected, rtol=1e-12)


def test_residual_where_the_width_stays():
    model = MLP((3, 4, 4, 2), nn.Tanh, residual=True, dtype=np.float64)
    model.hidden2.linear.weight.data[...] = 0
    model.hidden2.linear.bias.data[...] = 0  # tanh(0) = 0: the layer passes its input on
    x = draw(5, 3)
    expected = model.output(model.hidden1(x))
    np.testing.assert_array_equal(model(x).data, expected.data)
    assert not model.hidden1.residual


def test_parts_of_a_layer():
    model = MLP((3, 8, 2), dropout=0.25, batch_norm=True)
    assert [type(part).__name__ for part in model.hidden1] == [
        "Linear", "BatchNorm1d", "ReLU", "Dropout",
    ]  # fmt: skip
    assert model.hidden1.linear.bias is None and model.hidden1.dropout.p == 0.25
    assert model(np.ones((4, 3), np.float32)).shape == (4, 2)
    assert [type(part).__name__ for part in MLP((3, 2))] == ["Flatten", "Linear"]


@pytest.mark.parametrize("options", [{}, {"batch_norm": True}, {"residual": True}])
def test_gradients_of_an_mlp(options):
    fastnn.manual_seed(0)
    model = MLP((3, 4, 4, 2), nn.Tanh, dtype=np.float64, **options)
    assert gradcheck(model, fastnn.Tensor(draw(5, 3), requires_grad=True))


def test_errors_of_an_mlp():
    with pytest.raises(ValueError, match=r"sizes must be of input and output at least, got \(3,\)"):
        MLP((3,))
