"""functional.rnn, lstm, gru and their cells: values and gradients; what the tape keeps."""

import gc
import weakref

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn.functional as F
from fastnn import Tensor, cat, kernels, no_grad

# name -> (function, gates, options)
CELLS = {
    "tanh": ("rnn", 1, {}),
    "relu": ("rnn", 1, {"nonlinearity": "relu"}),
    "sigmoid": ("rnn", 1, {"nonlinearity": "sigmoid"}),
    "identity": ("rnn", 1, {"nonlinearity": "identity"}),
    "lstm": ("lstm", 4, {}),
    "coupled": ("lstm", 3, {"coupled": True}),
    "gru": ("gru", 3, {}),
    "gru, reset before": ("gru", 3, {"reset_after": False}),
}
every_cell = pytest.mark.parametrize("cell", CELLS)
T, N, D, U, P = 5, 4, 3, 6, 2
LENGTHS = [3, 5, 0, 1]
WAYS = [{}, {"reverse": True}, {"lengths": LENGTHS}, {"lengths": LENGTHS, "reverse": True}]
every_way = pytest.mark.parametrize("way", WAYS, ids=str)


def arrays_of(cell, steps=(T,), batch=N, inputs=D, units=U, outputs=None):
    """x, the first states, weights and biases, and, LSTM's, a peephole."""
    function, gates, _ = CELLS[cell]
    widths = (outputs or units, units)[: 1 + (function == "lstm")]
    arrays = [draw(*steps, batch, inputs), *(draw(batch, w, seed=i) for i, w in enumerate(widths))]
    arrays += [draw(gates * units, n, seed=2) / 2 for n in (inputs, outputs or units)]
    arrays += [draw(gates * units, seed=i) for i in (3, 4)]
    return [*arrays, draw(gates - 1, units, seed=5)] if function == "lstm" else arrays


def flat(outputs):
    """y and the last states, nested or not, as one vector."""
    if isinstance(outputs, tuple):
        return cat([flat(part) for part in outputs])
    return outputs.reshape(-1)


def call(cell, step=False, **options):
    """The cell's function of x, the states, the weights, and the peephole, -> one vector."""
    name, _, own = CELLS[cell]
    function = getattr(F, name + "_cell" * step)

    def of(x, *others):
        if name != "lstm":
            return flat(function(x, *others, **own, **options))
        h, c, *weights, peephole = others
        return flat(function(x, (h, c), *weights, peephole=peephole, **own, **options))

    return of


def by_reference(cell, arrays, dy=None):
    """The vector that `call` gives, or with its gradient dy the gradients of the arrays."""
    name, _, options = CELLS[cell]
    options = dict(options)
    if name == "lstm":
        *arrays, options["peephole"] = arrays
    *outputs, saved = getattr(reference, name)(*arrays, **options)
    if dy is None:
        return np.concatenate([a.ravel() for a in outputs])
    ends = np.cumsum([a.size for a in outputs])[:-1]
    dys = [d.reshape(a.shape) for d, a in zip(np.split(dy, ends), outputs, strict=True)]
    x, w_ih, w_hh = arrays[0], *arrays[-4:-2]
    return getattr(reference, f"{name}_backward")(*dys, x, w_ih, w_hh, saved, **options)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_cell
def test_matches_the_reference(cell, dtype):
    arrays, y, dy, gradients = run(call(cell), arrays_of(cell), dtype)
    assert_near(y, by_reference(cell, arrays))
    for actual, expected in zip(gradients, by_reference(cell, arrays, dy), strict=True):
        assert_near(actual, expected)


@every_cell
def test_a_cell_is_a_step(cell):
    arrays = arrays_of(cell, steps=())
    together = [arrays[0][None], *arrays[1:]]
    _, h, dy, gradients = run(call(cell, step=True), arrays, np.float64)
    states = slice(N * U, None)  # behind y
    assert_near(h, by_reference(cell, together)[states])
    dy = np.concatenate([np.zeros(N * U), dy])
    for actual, expected in zip(gradients, by_reference(cell, together, dy), strict=True):
        assert_near(actual, expected.reshape(actual.shape))


@every_way
@every_cell
def test_gradients(cell, way):
    sizes = dict(steps=(3,), batch=2, inputs=2, units=2)
    if "lengths" in way:
        way = way | {"lengths": [1, 3]}
    check_gradient(call(cell, **way), *arrays_of(cell, **sizes))


@every_cell
def test_gradients_of_a_step(cell):
    check_gradient(call(cell, step=True), *arrays_of(cell, steps=(), batch=2, inputs=2, units=2))


@every_way
@every_cell
def test_each_row_alone(cell, way):
    """lengths and reverse: a row is the sequence of its own steps, in its order."""
    name = CELLS[cell][0]
    x, *arrays = arrays_of(cell)
    states = 1 + (name == "lstm")
    outputs = call(cell, **way)(x, *arrays).data
    ends = np.cumsum([T * N * U] + [N * U] * states)[:-1]
    y, *last = (a.reshape(-1, N, U) for a in np.split(outputs, ends))
    for n, length in enumerate(way.get("lengths", [T] * N)):
        steps = slice(None, length)
        order = slice(None, None, -1 if way.get("reverse") else 1)
        row = [x[steps, n : n + 1][order], *(a[n : n + 1] for a in arrays[:states])]
        expected = by_reference(cell, [*row, *arrays[states:]])
        expected = [
            a.reshape(-1, U) for a in np.split(expected, np.cumsum([length * U, U])[:states])
        ]
        assert_near(y[steps, n], expected[0][order])
        assert not y[length:, n].any()
        for state, wanted in zip(last, expected[1:], strict=True):
            assert_near(state[0, n], wanted[0])


def projected(x, h, c, w_ih, w_hh, b_ih, b_hh, peephole, w_hr, reverse):
    """An LSTM with projection, step by step by the reference."""
    ys = []
    for xt in x[:: -1 if reverse else 1]:
        a = np.concatenate([xt, h], 1)[None]  # h is one more input, and what it is is known
        w = np.concatenate([w_ih, w_hh], 1)
        none = np.zeros((len(w), c.shape[1]))
        coupled = len(w) == 3 * c.shape[1]
        options = dict(peephole=peephole, coupled=coupled)
        _, m, c, _ = reference.lstm(a, np.zeros(c.shape), c, w, none, b_ih, b_hh, **options)
        h = m @ w_hr.T
        ys.append(h)
    y = np.stack(ys[:: -1 if reverse else 1]) if ys else np.zeros((0, *h.shape))
    return y, h, c


@every_way
@pytest.mark.parametrize("cell", ["lstm", "coupled"])
def test_projection(cell, way):
    x, h, c, *weights = arrays_of(cell, outputs=P)
    weights.append(draw(P, U))
    *others, peephole, w_hr = weights
    options = dict(CELLS[cell][2], peephole=peephole, weight_hr=w_hr, **way)
    y, (h_n, c_n) = F.lstm(x, (h, c), *others, **options)
    zero, _ = F.lstm(x, None, *others, **options)
    zeros = F.lstm(x, (0 * h, 0 * c), *others, **options)[0].data
    assert_near(zero.data, zeros)
    for n, length in enumerate(way.get("lengths", [T] * N)):
        row = slice(n, n + 1)
        expected = projected(x[:length, row], h[row], c[row], *weights, way.get("reverse", False))
        assert_near(y.data[:length, row], expected[0])
        assert not y.data[length:, n].any()
        assert_near(h_n.data[row], expected[1])
        assert_near(c_n.data[row], expected[2])


@every_way
@pytest.mark.parametrize("cell", ["lstm", "coupled"])
def test_gradients_of_a_projection(cell, way):
    arrays = arrays_of(cell, steps=(3,), batch=2, inputs=1, units=3, outputs=2)
    if "lengths" in way:
        way = way | {"lengths": [0, 3]}

    def op(x, h, c, w_ih, w_hh, b_ih, b_hh, peephole, w_hr):
        options = dict(CELLS[cell][2], peephole=peephole, weight_hr=w_hr, **way)
        return flat(F.lstm(x, (h, c), w_ih, w_hh, b_ih, b_hh, **options))

    check_gradient(op, *arrays, draw(2, 3, seed=6))


@every_cell
def test_integers_are_one_hot_rows(cell):
    numbers = np.array([[2, 0, 1, 1], [0, 2, 2, 1], [1, 1, 0, 0], [2, 2, 2, 2], [0, 1, 2, 0]])
    _, *arrays = arrays_of(cell)
    rows = np.eye(D)[numbers]
    for step, x, same in ((False, numbers, rows), (True, numbers[0], rows[0])):
        op, results = call(cell, step=step), []
        for given in (x, same):
            results.append(run(lambda *a, op=op, given=given: op(given, *a), arrays, np.float64))
        (_, y, _, gradients), (_, expected, _, wanted) = results
        assert_near(y, expected)
        for a, b in zip(gradients, wanted, strict=True):
            assert_near(a, b)


def test_integers_with_a_projection():
    numbers = np.array([[2, 0, 1, 1], [0, 2, 2, 1]])
    _, h, c, *others, peephole = arrays_of("lstm", outputs=P)
    options = dict(peephole=peephole, weight_hr=draw(P, U))
    y, _ = F.lstm(numbers, (h, c), *others, **options)
    expected, _ = F.lstm(np.eye(D)[numbers], (h, c), *others, **options)
    assert_near(y.data, expected.data)


@every_cell
def test_only_wanted_gradients(cell):
    """A gradient is computed for what requires one, and is the same as with all the others."""
    arrays = arrays_of(cell)
    op = call(cell)
    *_, dy, expected = run(op, arrays, np.float64)
    for i, wanted in enumerate(expected):
        tensors = [Tensor(a, requires_grad=i == j) for j, a in enumerate(arrays)]
        op(*tensors).backward(dy)
        assert [t.grad is not None for t in tensors] == [i == j for j in range(len(arrays))]
        np.testing.assert_array_equal(tensors[i].grad, wanted)


def test_states_and_biases_that_are_left_out():
    x, h, c, w_ih, w_hh, b_ih, b_hh, _ = arrays_of("lstm")
    nothing = flat(F.lstm(x, None, w_ih, w_hh)).data
    zeros = flat(F.lstm(x, (0 * h, 0 * c), w_ih, w_hh, 0 * b_ih, 0 * b_hh)).data
    np.testing.assert_array_equal(nothing, zeros)
    tensors = [Tensor(a, requires_grad=True) for a in (x, c, w_ih, w_hh, b_hh)]
    x, c, w_ih, w_hh, b_hh = tensors
    F.lstm(x, (None, c), w_ih, w_hh, None, b_hh)[0].sum().backward()
    assert [t.grad.shape for t in tensors] == [t.shape for t in tensors]


def test_losses_of_the_outputs_one_after_the_other():
    arrays = arrays_of("gru")
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    y, h = F.gru(*tensors)
    y.sum().backward(retain_graph=True)
    (h * 2).sum().backward()
    together = [Tensor(a, requires_grad=True) for a in arrays]
    y, h = F.gru(*together)
    (y.sum() + (h * 2).sum()).backward()
    for a, b in zip(tensors, together, strict=True):
        assert_near(a.grad, b.grad)


@pytest.mark.parametrize("way", ["no_grad", "constants", "recorded"])
def test_what_is_kept(way, monkeypatch):
    """The activated gates live until the backward pass, and where there is none, not at all."""
    watches = []

    def lstm(*args, **options):
        results = kernels_lstm(*args, **options)
        watches.append(weakref.ref(results[-1][0]))
        return results

    kernels_lstm = kernels.lstm
    monkeypatch.setattr(kernels, "lstm", lstm)
    x, h, c, *weights, _ = (Tensor(a, requires_grad=way != "constants") for a in arrays_of("lstm"))
    if way == "no_grad":
        with no_grad():
            y, _ = F.lstm(x, (h, c), *weights)
    else:
        y, _ = F.lstm(x, (h, c), *weights)
    gc.collect()
    assert (watches[0]() is not None) == (way == "recorded")
    if way == "recorded":
        y.sum().backward()
        assert watches[0]() is None


def test_arrays_take_the_weights_dtype():
    x, h, w_ih, w_hh, *biases = arrays_of("gru")
    w = Tensor(w_ih.astype(np.float32))
    y, last = F.gru(x.tolist(), h, w, w_hh, *biases)
    assert y.dtype == last.dtype == np.float32


def test_errors():
    x, h, c, w_ih, w_hh, *_ = arrays_of("lstm")
    calls = [
        (lambda: F.lstm(x, h, w_ih, w_hh),
         TypeError, r"lstm: hx must be a pair \(h, c\) or None, got ndarray"),
        (lambda: F.lstm_cell(x[0], (h,), w_ih, w_hh),
         TypeError, r"lstm_cell: hx must be a pair \(h, c\) or None, got 1 items"),
        (lambda: F.lstm(x[0], (h, c), w_ih, w_hh),
         ValueError, r"lstm: x must have 3 dimensions, got shape \(4, 3\)"),
        (lambda: F.lstm(x, (h, c), w_ih, w_hh, lengths=[1, 2]),
         ValueError, r"lstm: lengths must have shape \(4,\), got \(2,\)"),
        (lambda: F.lstm(x, (h[:, :P], c), w_ih, w_hh[:, :P], weight_hr=draw(P, U), lengths=[1, 2]),
         ValueError, r"lstm: lengths must have shape \(4,\), got \(2,\)"),
        (lambda: F.gru(x, h, w_ih[:18], w_hh[:18], lengths=[1, 2, 6, 3], reverse=True),
         ValueError, r"gru: lengths must be in 0\.\.5, got 6"),
        (lambda: F.rnn(x, h, w_ih[:6], w_hh[:6], nonlinearity="sin"),
         ValueError, "rnn: nonlinearity must be one of .*, got 'sin'"),
        (lambda: F.rnn_cell(x, h, w_ih[:6], w_hh[:6]),
         ValueError, r"rnn_step: x must have shape \(N, D\), .* got \(5, 4, 3\)"),
    ]  # fmt: skip
    for attempt, error, message in calls:
        with pytest.raises(error, match=message):
            attempt()
