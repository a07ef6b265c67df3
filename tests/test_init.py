"""nn.init: statistics, orthogonality, seeds, errors; and what layers start from."""

import math

import numpy as np
import pytest

import fastnn
from fastnn import Tensor, nn
from fastnn.nn import init

SHAPE = (120, 30, 3, 3)  # fan in 270, fan out 1080
FAN_IN, FAN_OUT = 270, 1080

# name, arguments, standard deviation expected, bound of a uniform one
CASES = [
    ("uniform_", (-2.0, 3.0), 5 / math.sqrt(12), None),
    ("normal_", (1.0, 0.5), 0.5, None),
    ("xavier_uniform_", (), math.sqrt(2 / 1350), math.sqrt(6 / 1350)),
    ("xavier_normal_", (3.0,), 3 * math.sqrt(2 / 1350), None),
    ("kaiming_uniform_", (), math.sqrt(2 / FAN_IN), math.sqrt(6 / FAN_IN)),
    ("kaiming_uniform_", (math.sqrt(5.0),), math.sqrt(1 / 3 / FAN_IN), math.sqrt(1 / FAN_IN)),
    ("kaiming_normal_", (0, "fan_out", "relu"), math.sqrt(2 / FAN_OUT), None),
    ("kaiming_normal_", (0, "fan_in", "tanh"), 5 / 3 / math.sqrt(FAN_IN), None),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "args", "std", "bound"), CASES)
def test_statistics(name, args, std, bound, dtype):
    fastnn.manual_seed(3)
    t = Tensor(np.empty(SHAPE, dtype))
    assert getattr(init, name)(t, *args) is t
    assert t.dtype == dtype
    mean = {"uniform_": 0.5, "normal_": 1.0}.get(name, 0.0)
    assert abs(t.data.mean() - mean) < 5 * std / math.sqrt(t.size)
    assert abs(t.data.std() / std - 1) < 0.02
    if bound is not None:
        assert 0.99 * bound < np.abs(t.data).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 20), (20, 7), (9, 9), (6, 2, 3, 2), (16, 2, 2, 1)])
def test_orthogonal(shape, dtype):
    fastnn.manual_seed(0)
    t = Tensor(np.empty(shape, dtype))
    assert init.orthogonal_(t, gain=2.0) is t
    q = t.data.reshape(shape[0], -1) / 2.0
    gram = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-6 if dtype == np.float32 else 1e-14)


def test_orthogonal_is_uniform_over_signs():
    """A plain QR would leave the first column of Q always of one sign."""
    fastnn.manual_seed(0)
    first = [init.orthogonal_(np.empty((3, 3)))[0, 0] > 0 for _ in range(200)]
    assert 60 < sum(first) < 140


@pytest.mark.parametrize("shape", [(), (0, 5), (3, 200_001), (600_000,), (1000, 30, 3, 3)])
def test_large_arrays_get_the_same_numbers(shape):
    """They are drawn some rows at a time."""
    for draw, arguments in (("uniform", (-2.0, 3.0)), ("normal", (1.0, 0.5))):
        array = np.empty(shape, np.float32)
        getattr(init, f"{draw}_")(array, *arguments, generator=np.random.default_rng(1))
        whole = getattr(np.random.default_rng(1), draw)(*arguments, shape)
        np.testing.assert_array_equal(array, np.float32(whole))


def test_constants():
    a = np.empty((2, 3), np.float32)
    np.testing.assert_array_equal(init.constant_(a, 1.5), 1.5)
    np.testing.assert_array_equal(init.ones_(a), 1.0)
    np.testing.assert_array_equal(init.zeros_(a), 0.0)
    np.testing.assert_array_equal(init.eye_(a), [[1, 0, 0], [0, 1, 0]])


def test_seed_gives_the_same_weights_in_either_dtype():
    fastnn.manual_seed(11)
    single = init.normal_(np.empty((5, 7), np.float32))
    fastnn.manual_seed(11)
    double = init.normal_(np.empty((5, 7)))
    np.testing.assert_array_equal(single, double.astype(np.float32))
    given = np.random.default_rng(2)
    mine = init.uniform_(np.empty(4), generator=given)
    np.testing.assert_array_equal(mine, np.random.default_rng(2).uniform(size=4))


def test_gains():
    assert init.calculate_gain("linear") == init.calculate_gain("sigmoid") == 1.0
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / (1 + 0.01**2))
    assert init.calculate_gain("leaky_relu", 0.2) == math.sqrt(2 / 1.04)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.eye_(np.empty(3)), ValueError, r"eye_: tensor must be 2-d, got shape \(3,\)"),
        (lambda: init.xavier_normal_(np.empty(3)), ValueError, "xavier_normal_: .* 2 axes or more"),
        (lambda: init.orthogonal_(np.empty(3)), ValueError, "orthogonal_: .* 2 axes or more"),
        (
            lambda: init.kaiming_uniform_(np.empty((2, 2)), mode="fan"), ValueError,
            "kaiming_uniform_: mode must be 'fan_in' or 'fan_out', got 'fan'",
        ),
        (
            lambda: init.calculate_gain("gelu"), ValueError,
            "calculate_gain: nonlinearity must be one of linear, .*got 'gelu'",
        ),
        (lambda: init.zeros_(np.empty(3, int)), TypeError, "constant_: .* of floats, got int64"),
        (lambda: init.normal_([1.0]), TypeError, "normal_: .* of floats, got list"),
        (lambda: init.kaiming_normal_([1.0]), TypeError, "kaiming_normal_: .* floats, got list"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [
        (lambda: nn.Linear(100, 300), 100),
        (lambda: nn.Conv2d(8, 200, (5, 3)), 120),
        (lambda: nn.Conv1d(24, 200, 5), 120),
        (lambda: nn.ConvTranspose2d(200, 300, 2), 1200),
    ],
)
def test_layers_start_as_torchs(make, fan_in):
    fastnn.manual_seed(1)
    layer, bound = make(), 1 / math.sqrt(fan_in)
    for p in layer.parameters():
        assert p.dtype == np.float32
        assert 0.97 * bound < np.abs(p.data).max() <= bound * (1 + 1e-6)
        assert abs(p.data.std() / (bound / math.sqrt(3)) - 1) < 0.1


@pytest.mark.parametrize(
    "module", [nn.RNN(3, 4, 2, "relu", bidirectional=True), nn.RNNCell(3, 400, bias=False)]
)
def test_irnn(module):
    assert init.irnn_(module, scale=0.5, std=0.01) is module
    for name, p in module.named_parameters():
        if name.startswith("weight_hh"):
            np.testing.assert_array_equal(p.data, 0.5 * np.eye(len(p.data)))
        elif name.startswith("weight_ih"):
            assert 0.003 < p.data.std() < 0.03
        else:
            assert not p.data.any()


def test_irnn_keeps_positive_states_and_their_gradients():
    rnn = init.irnn_(nn.RNN(2, 3, nonlinearity="relu", dtype=np.float64))
    h = Tensor(np.array([[[0.5, 1.0, 2.0]]]), requires_grad=True)
    _, last = rnn(np.zeros((100, 1, 2)), h)
    last.sum().backward()
    np.testing.assert_array_equal(last.data, h.data)
    np.testing.assert_array_equal(h.grad, np.ones((1, 1, 3)))


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize(
    "module",
    [lambda **o: nn.LSTM(3, 4, 2, bidirectional=True, **o), lambda **o: nn.LSTMCell(3, 4, **o)],
)
def test_forget_gate_bias(module, coupled):
    """The cell keeps what it has by sigmoid(value), and nothing else changes."""
    module = module(coupled=coupled, peephole=True)
    before = {key: a.copy() for key, a in module.state_dict().items()}
    assert init.forget_gate_bias_(module, 1.5) is module
    forget = slice(0, 4) if coupled else slice(4, 8)
    for key, a in module.state_dict().items():
        if key.startswith("bias_"):
            np.testing.assert_array_equal(a[forget], 1.5 if "ih" in key else 0)
            before[key][forget] = a[forget]
        np.testing.assert_array_equal(a, before[key])


def test_errors_of_recurrent_ones():
    with pytest.raises(TypeError, match="irnn_: module must be an RNN or RNNCell, got LSTM"):
        init.irnn_(nn.LSTM(2, 3))
    with pytest.raises(TypeError, match="forget_gate_bias_: module must be an LSTM"):
        init.forget_gate_bias_(nn.GRUCell(2, 3))
    with pytest.raises(ValueError, match="forget_gate_bias_: module must have biases"):
        init.forget_gate_bias_(nn.LSTM(2, 3, bias=False))
