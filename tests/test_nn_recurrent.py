"""nn.RNN, LSTM, GRU and their cells, without PyTorch: stacks, states, lengths, errors."""

import math

import numpy as np
import pytest
from opcheck import assert_near, draw

import fastnn.functional as F
from fastnn import Tensor, cat, gradcheck, nn, no_grad

T, N, D, U = 6, 4, 3, 5
LENGTHS = [3, 6, 0, 4]

KINDS = [
    (nn.RNN, {}),
    (nn.RNN, {"nonlinearity": "relu"}),
    (nn.RNN, {"nonlinearity": "sigmoid"}),
    (nn.RNN, {"nonlinearity": "identity"}),
    (nn.LSTM, {}),
    (nn.LSTM, {"peephole": True}),
    (nn.LSTM, {"coupled": True}),
    (nn.LSTM, {"peephole": True, "coupled": True}),
    (nn.LSTM, {"proj_size": 2}),
    (nn.LSTM, {"proj_size": 2, "peephole": True, "coupled": True}),
    (nn.GRU, {}),
    (nn.GRU, {"reset_after": False}),
]
every_kind = pytest.mark.parametrize(
    ("kind", "options"), KINDS, ids=[f"{kind.__name__} {options}" for kind, options in KINDS]
)
CELLS = [(kind, options) for kind, options in KINDS if "proj_size" not in options]
every_cell = pytest.mark.parametrize(
    ("kind", "options"), CELLS, ids=[f"{kind.__name__} {options}" for kind, options in CELLS]
)


def of(kind, options, inputs=D, units=U, **others):
    return kind(inputs, units, **options, **others, dtype=np.float64)


def first_states(layer, batch=(N,)):
    """hx as the layer takes it."""
    count = layer.num_layers * (1 + layer.bidirectional)
    widths = (layer.proj_size or layer.hidden_size, layer.hidden_size)[: layer.states]
    states = [draw(count, *batch, width, seed=i) for i, width in enumerate(widths)]
    return tuple(states) if layer.states == 2 else states[0]


def parts(states):
    return [np.asarray(s) for s in (states if isinstance(states, tuple) else (states,))]


def flat(outputs):
    if isinstance(outputs, tuple):
        return cat([flat(part) for part in outputs])
    return outputs.reshape(-1)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=str)
@every_kind
def test_a_stack_is_its_layers(kind, options, lengths):
    """Two layers in both directions, against functions one after the other."""
    stack = of(kind, options, num_layers=2, bidirectional=True)
    state, hx = stack.state_dict(), first_states(stack)
    y, last = stack(draw(T, N, D), hx, lengths)
    function = {nn.RNN: F.rnn, nn.LSTM: F.lstm, nn.GRU: F.gru}[kind]
    x, expected = draw(T, N, D), []
    for layer in range(2):
        ys = []
        for reverse, suffix in enumerate((f"_l{layer}", f"_l{layer}_reverse")):
            names = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
            own = dict(options)
            if kind is nn.LSTM:
                own = dict(
                    peephole=state.get("weight_ch" + suffix), coupled=options.get("coupled", False),
                    weight_hr=state.get("weight_hr" + suffix),
                )  # fmt: skip
            first = [s[len(expected)] for s in parts(hx)]
            weights = [state[name + suffix] for name in names]
            out, states = function(
                x, first if kind is nn.LSTM else first[0], *weights, **own, lengths=lengths,
                reverse=bool(reverse),
            )  # fmt: skip
            ys.append(out.data)
            expected.append(parts(states))
        x = np.concatenate(ys, 2)
    np.testing.assert_array_equal(y.data, x)
    for a, b in zip(parts(last), zip(*expected, strict=True), strict=True):
        np.testing.assert_array_equal(a, np.stack(b))


@every_kind
def test_gradients_of_inputs_states_and_parameters(kind, options):
    if "proj_size" in options:
        options = options | {"proj_size": 1}
    layer = of(kind, options, 1, 2, num_layers=2, bidirectional=True)
    x = Tensor(draw(3, 2, 1), requires_grad=True)
    hx = [Tensor(s, requires_grad=True) for s in parts(first_states(layer, (2,)))]
    given = tuple(hx) if layer.states == 2 else hx[0]
    inputs = [x, *hx, *layer.parameters()]
    weights = draw(flat(layer(x, given)).size)
    assert gradcheck(lambda *_: (flat(layer(x, given, lengths=[2, 3])) * weights).sum(), inputs)


@every_kind
def test_batch_first_and_no_batch(kind, options):
    layer = of(kind, options, bidirectional=True)
    x, hx = draw(T, N, D), first_states(layer)
    y, last = layer(x, hx)
    layer.batch_first = True
    other, same = layer(x.swapaxes(0, 1), hx)
    np.testing.assert_array_equal(other.data.swapaxes(0, 1), y.data)
    np.testing.assert_array_equal(flat(same).data, flat(last).data)
    row = [s[:, 1] for s in parts(hx)]
    alone, ends = layer(x[:, 1], tuple(row) if layer.states == 2 else row[0])
    assert_near(alone.data, y.data[:, 1])
    for a, b in zip(parts(ends), parts(last), strict=True):
        assert_near(a, b[:, 1])


@every_kind
def test_a_sequence_in_pieces(kind, options):
    """The state goes from one piece to the next; where it is detached, no gradient does."""
    layer = of(kind, options, num_layers=2)
    x = Tensor(draw(T, N, D), requires_grad=True)
    whole, last = layer(x)
    y1, hx = layer(x[:2])
    y2, ends = layer(x[2:], hx)
    assert_near(cat([y1, y2]).data, whole.data)
    for a, b in zip(parts(ends), parts(last), strict=True):
        assert_near(a, b)
    y2.sum().backward()
    assert x.grad[:2].any()
    x.grad = None
    _, hx = layer(x[:2])
    cut = tuple(s.detach() for s in hx) if layer.states == 2 else hx.detach()
    layer(x[2:], cut)[0].sum().backward()
    assert not x.grad[:2].any() and x.grad[2:].any()


@every_cell
def test_cells_in_a_loop_are_a_layer(kind, options):
    layer = of(kind, options)
    cell = of(getattr(nn, kind.__name__ + "Cell"), options)
    assert [f"{key}_l0" for key in cell.state_dict()] == list(layer.state_dict())
    cell.load_state_dict({k.removesuffix("_l0"): a for k, a in layer.state_dict().items()})
    x, hx = draw(T, N, D), first_states(layer)
    y, last = layer(x, hx)
    hs = []
    state = tuple(s[0] for s in hx) if layer.states == 2 else hx[0]
    for xt in x:
        state = cell(xt, state)
        hs.append(state[0] if layer.states == 2 else state)
    (y.sum() + sum(s.sum() for s in (last if layer.states == 2 else (last,)))).backward()
    (sum(h.sum() for h in hs) + flat(state).sum()).backward()
    assert_near(np.stack([h.data for h in hs]), y.data)
    for a, b in zip(cell.parameters(), layer.parameters(), strict=True):
        assert_near(a.grad, b.grad)
    one = cell(x[0, 1])
    assert_near(flat(one).data, np.concatenate([s[1] for s in parts(cell(x[0]))]))


@every_cell
def test_integers_stand_for_one_hot_rows(kind, options):
    numbers = np.random.default_rng(0).integers(0, D, (T, N))
    layer = of(kind, options, num_layers=2, bidirectional=True)
    rows = np.eye(D)[numbers]
    assert_near(flat(layer(numbers)).data, flat(layer(rows)).data)
    assert_near(flat(layer(numbers[:, 0])).data, flat(layer(rows[:, 0])).data)
    layer.batch_first = True
    assert_near(flat(layer(Tensor(numbers.T))).data, flat(layer(rows.swapaxes(0, 1))).data)
    cell = of(getattr(nn, kind.__name__ + "Cell"), options)
    assert_near(flat(cell(numbers[0])).data, flat(cell(rows[0])).data)
    assert_near(flat(cell(numbers[0, 0])).data, flat(cell(rows[0, 0])).data)


@every_kind
def test_parameters(kind, options):
    layer = kind(D, 100, 2, **options, bidirectional=True)
    bound = 1 / math.sqrt(100)
    for name, p in layer.named_parameters():
        assert p.dtype == np.float32
        assert 0.8 * bound < np.abs(p.data).max() <= bound * (1 + 1e-6), name
        assert abs(p.data.mean()) < 0.3 * bound
    before = layer.weight_ih_l1_reverse.data.copy()
    layer.reset_parameters()
    assert (layer.weight_ih_l1_reverse.data != before).any()
    gates = {nn.RNN: 1, nn.LSTM: 3 if options.get("coupled") else 4, nn.GRU: 3}[kind]
    outputs = options.get("proj_size", 100)
    expected = {
        "weight_ih": (gates * 100, 2 * outputs), "weight_hh": (gates * 100, outputs),
        "bias_ih": (gates * 100,), "bias_hh": (gates * 100,),
    }  # fmt: skip
    if "proj_size" in options:
        expected["weight_hr"] = (outputs, 100)
    if options.get("peephole"):
        expected["weight_ch"] = (gates - 1, 100)
    shapes = {k: a.shape for k, a in layer.state_dict().items() if k.endswith("_l1_reverse")}
    assert shapes == {f"{name}_l1_reverse": shape for name, shape in expected.items()}


def test_dropout_is_between_layers_and_in_training():
    layer = of(nn.GRU, {}, num_layers=3, dropout=0.5)
    x = draw(T, N, D)
    y, last = layer(x)
    again, same = layer(x)
    assert (y.data != again.data).any()
    np.testing.assert_array_equal(last.data[0], same.data[0])  # before any dropout
    assert (last.data[1] != same.data[1]).any()
    assert y.data.all()  # none after the last layer
    layer.eval()
    y, _ = layer(x)
    layer.dropout = 0.0
    np.testing.assert_array_equal(layer.train()(x)[0].data, y.data)
    with pytest.warns(UserWarning, match="LSTM: dropout acts between layers"):
        nn.LSTM(2, 3, dropout=0.5)


def test_nothing_is_recorded_without_gradients():
    layer = of(nn.LSTM, {}, num_layers=2, bidirectional=True)
    with no_grad():
        y, last = layer(draw(T, N, D))
    assert y.is_leaf and not any(t.requires_grad for t in (y, *last))
    y, (h, _) = layer(draw(T, N, D))
    assert y.requires_grad and h.requires_grad


def test_repr():
    layer = nn.LSTM(2, 3, 2, False, True, 0.5, True, 1, peephole=True, coupled=True)
    assert repr(layer) == (
        "LSTM(2, 3, proj_size=1, num_layers=2, bias=False, batch_first=True, dropout=0.5, "
        "bidirectional=True, peephole=True, coupled=True)"
    )
    assert repr(nn.GRU(2, 3)) == "GRU(2, 3)"
    assert repr(nn.RNN(2, 3, 1, "identity")) == "RNN(2, 3, nonlinearity=identity)"
    assert repr(nn.GRUCell(2, 3, False, reset_after=False)) == (
        "GRUCell(2, 3, bias=False, reset_after=False)"
    )


def test_errors():
    lstm, gru, rnn = nn.LSTM(D, U, 2, batch_first=True), nn.GRU(D, U), nn.RNNCell(D, U)
    x, h = draw(N, T, D), np.zeros((2, N, U))
    calls = [
        (lambda: nn.LSTM(D, 0), ValueError, "LSTM: hidden_size must be positive, got 0"),
        (lambda: nn.GRU(D, U, 0), ValueError, "GRU: num_layers must be positive, got 0"),
        (lambda: nn.GRU(D, U, dropout=1.5), ValueError, "GRU: dropout must be between 0 and 1"),
        (lambda: nn.LSTM(D, U, proj_size=U),
         ValueError, r"LSTM: proj_size must be 0 \(none\) or less than hidden_size 5, got 5"),
        (lambda: nn.RNN(D, U, 1, "sin"), ValueError, "RNN: nonlinearity must be one of .*'sin'"),
        (lambda: nn.RNNCell(D, U, True, "sin"), ValueError, "RNNCell: nonlinearity must be one of"),
        (lambda: gru(x[..., :2]), ValueError,
         r"GRU: input must have 2 or 3 dimensions, the last of size 3, .* got shape \(4, 6, 2\)"),
        (lambda: gru(np.zeros((2, 3, 4), int)), ValueError,
         r"GRU: .* integers without the last, got integers of shape \(2, 3, 4\)"),
        (lambda: gru(np.full((2, 3), D)), ValueError, r"must be in 0\.\.2"),
        (lambda: rnn(x), ValueError, "RNNCell: input must have 1 or 2 dimensions"),
        (lambda: lstm(x, h), TypeError, r"LSTM: hx must be a pair \(h, c\) or None, got ndarray"),
        (lambda: lstm(x, (h, h[:1])), ValueError,
         r"LSTM: c of hx must have shape \(2, 4, 5\), got \(1, 4, 5\)"),
        (lambda: gru(x[0], h), ValueError,
         r"GRU: h of hx must have shape \(1, 5\), got \(2, 4, 5\)"),
        (lambda: rnn(x[0], h[0, :2]), ValueError,
         r"RNNCell: h of hx must have shape \(6, 5\), got \(2, 5\)"),
        (lambda: gru(x[0], lengths=[2]), ValueError,
         r"GRU: lengths need a batch, got input \(6, 3\)"),
        (lambda: lstm(x, lengths=[1, 2, 3]), ValueError,
         r"lstm: lengths must have shape \(4,\), got \(3,\)"),
        (lambda: lstm(x, lengths=[1, 2, 3, 7]), ValueError,
         r"lstm: lengths must be in 0\.\.6, got 7"),
    ]  # fmt: skip
    for call, error, message in calls:
        with pytest.raises(error, match=message):
            call()
