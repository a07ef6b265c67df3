"""Recurrent layers against loops over time: every cell, odd sizes, gradients by differences."""

import copy

import numpy as np
import pytest
import reference
from kernelcheck import DTYPES, draw, odd_arrays, same_for_any_threads

from fastnn import kernels

# name -> (kernel, gates, options)
CELLS = {
    "tanh": ("rnn", 1, {}),
    "relu": ("rnn", 1, {"nonlinearity": "relu"}),
    "sigmoid": ("rnn", 1, {"nonlinearity": "sigmoid"}),
    "identity": ("rnn", 1, {"nonlinearity": "identity"}),
    "lstm": ("lstm", 4, {}),
    "peephole": ("lstm", 4, {"peephole": True}),
    "coupled": ("lstm", 3, {"coupled": True}),
    "coupled peephole": ("lstm", 3, {"coupled": True, "peephole": True}),
    "gru": ("gru", 3, {}),
    "gru, reset before": ("gru", 3, {"reset_after": False}),
}
# T, N, D, U: tiles of 6 and of 14 rows, and panels of 4 to 32 units, whole and not
SIZES = [
    (1, 1, 1, 1), (7, 1, 3, 2), (1, 5, 2, 9), (4, 3, 7, 5), (5, 6, 8, 16), (3, 14, 5, 33),
    (3, 29, 4, 31), (2, 130, 3, 12), (6, 8, 1, 70), (2, 2, 40, 65),
]  # fmt: skip
every_cell = pytest.mark.parametrize("cell", CELLS)


class Layer:
    """A cell's random arguments, and calls of the kernels (or of the reference) with them."""

    def __init__(self, cell, T, N, D, U, dtype=np.float64, biases=True):
        self.op, gates, options = CELLS[cell]
        is_lstm = self.op == "lstm"
        self.states = [draw(N, U, dtype=dtype, seed=i) for i in range(1 + is_lstm)]
        self.x = draw(T, N, D, dtype=dtype)
        scale = dtype(0.8 * U**-0.5)
        self.weights = [draw(gates * U, n, dtype=dtype, seed=3) * scale for n in (D, U)]
        self.biases = [draw(gates * U, dtype=dtype, seed=i) if biases else None for i in (4, 5)]
        self.options = dict(options)
        if "peephole" in options:
            self.options["peephole"] = draw(gates - 1, U, dtype=dtype, seed=6)
        self.dy = draw(T, N, U, dtype=dtype, seed=7)
        self.last = [draw(N, U, dtype=dtype, seed=8 + i) for i in range(1 + is_lstm)]

    def inputs(self):
        """What the gradients are of, in their order."""
        inputs = [self.x, *self.states, *self.weights, *self.biases]
        return [*inputs, self.options.get("peephole")] if self.op == "lstm" else inputs

    def forward(self, module=kernels, **options):
        call = getattr(module, self.op)
        arguments = self.x, *self.states, *self.weights, *self.biases
        return call(*arguments, **self.options, **options)

    def backward(self, saved, module=kernels, **options):
        call = getattr(module, f"{self.op}_backward")
        gradients = self.dy, *self.last
        return call(*gradients, self.x, *self.weights, saved, **self.options, **options)

    def row(self, n, steps):
        """The layer with row n of the batch alone, as it goes through these steps."""
        row = copy.copy(self)
        row.x, row.dy = self.x[steps, n : n + 1], self.dy[steps, n : n + 1]
        row.states = [a[n : n + 1] for a in self.states]
        row.last = [a[n : n + 1] for a in self.last]
        return row


def assert_close(actual, expected, ulps=40):
    """Arrays in nested tuples, within roundings of the largest value."""
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        if isinstance(e, tuple):
            assert_close(a, e, ulps)
        elif e is None:
            assert a is None
        else:
            assert a.shape == e.shape
            bound = ulps * np.finfo(a.dtype).eps * np.fmax(1.0, np.abs(e).max(initial=0))
            np.testing.assert_allclose(a, e, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@every_cell
def test_forward_and_backward(cell, sizes, dtype):
    for biases in (True, False):
        layer = Layer(cell, *sizes, dtype, biases)
        results = layer.forward()
        assert all(a.dtype == dtype for a in results[:-1])
        assert_close(results, layer.forward(reference))
        gradients = layer.backward(results[-1])
        assert all(a.dtype == dtype for a in gradients if a is not None)
        assert_close(gradients, layer.backward(results[-1], reference))


@every_cell
def test_gradients_by_differences(cell):
    layer = Layer(cell, 4, 2, 3, 3)

    def loss():
        y, *last, _ = layer.forward()
        return sum(np.sum(a * d) for a, d in zip((y, *last), (layer.dy, *layer.last), strict=True))

    gradients = layer.backward(layer.forward()[-1])
    for a, gradient in zip(layer.inputs(), gradients, strict=True):
        if a is None:
            assert gradient is None
            continue
        for at in np.ndindex(a.shape):
            value, losses = a[at], []
            for step in (1e-6, -1e-6):
                a[at] = value + step
                losses.append(loss())
            a[at] = value
            np.testing.assert_allclose(gradient[at], (losses[0] - losses[1]) / 2e-6, atol=1e-7)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("batch", [1, 3, 13, 40])
@every_cell
def test_lengths_and_reverse(cell, batch, reverse):
    """Each row is what the reference makes of it alone."""
    layer = Layer(cell, 7, batch, 3, 9)
    lengths = np.random.default_rng(batch).integers(0, 8, batch)
    for options in ({"lengths": lengths, "reverse": reverse}, {"reverse": reverse}):
        y, *last, saved = layer.forward(**options)
        dx, *gradients = layer.backward(saved, **options)
        of_weights = []
        for n, length in enumerate(options.get("lengths", [7] * batch)):
            steps = np.arange(length)[::-1] if reverse else np.arange(length)
            row = layer.row(n, steps)
            row_y, *row_last, row_saved = row.forward(reference)
            row_dx, *row_gradients = row.backward(row_saved, reference)
            assert_close((y[steps, n], dx[steps, n]), (row_y[:, 0], row_dx[:, 0]))
            assert not y[length:, n].any() and not dx[length:, n].any()
            assert_close([a[n : n + 1] for a in last], row_last)
            states = len(layer.states)
            assert_close([a[n : n + 1] for a in gradients[:states]], row_gradients[:states])
            of_weights.append([a for a in row_gradients[states:] if a is not None])
        found = [a for a in gradients[states:] if a is not None]
        assert_close(found, [sum(parts) for parts in zip(*of_weights, strict=True)], 400)


@every_cell
def test_lengths_in_full_change_nothing(cell):
    layer = Layer(cell, 4, 9, 3, 11)
    y, *last, saved = layer.forward()
    packed_y, *packed_last, packed_saved = layer.forward(lengths=[4] * 9)
    assert_close((y, *last), (packed_y, *packed_last))
    assert_close(layer.backward(saved), layer.backward(packed_saved, lengths=[4] * 9))


@every_cell
def test_integers_stand_for_one_hot_rows(cell):
    layer = Layer(cell, 5, 6, 7, 8)
    classes = np.random.default_rng(0).integers(0, 7, (5, 6)).astype(np.uint8)
    layer.x = np.eye(7)[classes]
    for biases in (layer.biases, [None, None]):
        layer.biases = biases
        expected = layer.forward()
        _, *gradients = layer.backward(expected[-1])
        one_hot = copy.copy(layer)
        one_hot.x = classes
        results = one_hot.forward()
        assert_close(results, expected)
        dx, *one_hot_gradients = one_hot.backward(results[-1])
        assert dx is None
        assert_close(one_hot_gradients, gradients)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 5, 7), (20, 4, 33)], ids=str)
@every_cell
def test_one_step(cell, sizes, dtype):
    layer = Layer(cell, 1, *sizes, dtype)
    arguments = layer.x[0], *layer.states, *layer.weights, *layer.biases
    results = getattr(kernels, f"{layer.op}_step")(*arguments, **layer.options)
    assert_close(results, getattr(reference, f"{layer.op}_step")(*arguments, **layer.options))
    arguments = *layer.last, layer.x[0], *layer.weights, results[-1]
    gradients = getattr(kernels, f"{layer.op}_step_backward")(*arguments, **layer.options)
    backward = getattr(reference, f"{layer.op}_step_backward")
    assert_close(gradients, backward(*arguments, **layer.options))


@every_cell
def test_what_is_left_out(cell):
    """No first state is zero, no gradient of a result is zero; needs picks gradients."""
    layer = Layer(cell, 3, 7, 4, 10)
    zeros = [np.zeros_like(a) for a in layer.states]
    layer.states = [None for _ in zeros]
    without = layer.forward()
    layer.states = zeros
    assert_close(layer.forward(), without, 0)
    saved = without[-1]
    all_gradients = layer.backward(saved)
    for i in range(len(all_gradients)):
        needs = [j == i for j in range(len(all_gradients))]
        picked = layer.backward(saved, needs=needs)
        expected = tuple(a if need else None for a, need in zip(all_gradients, needs, strict=True))
        assert_close(picked, expected, 0)
    layer.last = zeros
    with_zeros = layer.backward(saved)
    layer.last = [None for _ in zeros]
    assert_close(layer.backward(saved), with_zeros, 0)
    layer.dy = np.zeros_like(layer.dy)
    with_zeros = layer.backward(saved)
    layer.dy = None
    assert_close(layer.backward(saved), with_zeros, 0)


@every_cell
def test_nothing(cell):
    """No steps, no rows, no inputs: the state stays; gradients of weights are zero."""
    for sizes in ((0, 3, 4, 5), (2, 0, 4, 5), (2, 3, 0, 5)):
        layer = Layer(cell, *sizes)
        results = layer.forward()
        assert_close(results, layer.forward(reference))
        assert_close(layer.backward(results[-1]), layer.backward(results[-1], reference))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@every_cell
def test_special_numbers_stay_in_their_row(cell, special, dtype):
    layer = Layer(cell, 4, 9, 3, 11, dtype)
    saved = layer.forward()[-1]
    clean = layer.x.copy(), layer.dy.copy()
    for n in range(9):
        layer.x = clean[0].copy()
        layer.x[1, n, 1] = special
        layer.dy = clean[1].copy()
        layer.dy[2, n, 1] = special
        with np.errstate(all="ignore"):
            expected = layer.forward(reference)
            actual = layer.forward()
            for a, e in zip(actual[:-1], expected[:-1], strict=True):
                np.testing.assert_allclose(a, e, atol=1e-5)
            states = 2 + (layer.op == "lstm")
            layer.x = clean[0]
            gradients = layer.backward(saved)[:states]
            for a, e in zip(gradients, layer.backward(saved, reference), strict=False):
                np.testing.assert_array_equal(np.isfinite(a), np.isfinite(e))
                np.testing.assert_allclose(a[np.isfinite(e)], e[np.isfinite(e)], atol=1e-4)


@every_cell
def test_odd_arrays(cell):
    layer = Layer(cell, 3, 4, 5, 6)
    results = layer.forward()
    gradients = layer.backward(results[-1])
    names = "x", "dy", "states", "weights", "biases", "last"
    plain = {name: getattr(layer, name) for name in names}

    def variants():
        each = {n: a if isinstance(a, list) else [a] for n, a in plain.items()}
        odd = [[list(odd_arrays(a)) for a in arrays] for arrays in each.values()]
        for i in range(len(odd[0][0])):
            yield [[a[i][1] for a in arrays] for arrays in odd]

    for variant in variants():
        for (name, value), arrays in zip(plain.items(), variant, strict=True):
            setattr(layer, name, arrays if isinstance(value, list) else arrays[0])
        assert_close(layer.forward(), results)
        assert_close(layer.backward(results[-1]), gradients)


@pytest.mark.parametrize("ragged", [False, True])
@every_cell
def test_any_number_of_threads(cell, ragged):
    layer = Layer(cell, 12, 450, 20, 100, np.float32)  # even a sum over rows has work for 8
    options = {"lengths": np.arange(450) % 13, "reverse": True} if ragged else {}

    def run():
        y, *last, saved = layer.forward(**options)
        gradients = layer.backward(saved, **options)
        return [y, *last, *saved, *(g for g in gradients if g is not None)]

    same_for_any_threads(run)


@every_cell
def test_gradients_of_200_steps(cell):
    layer = Layer(cell, 200, 3, 6, 20, np.float32)
    gradients = layer.backward(layer.forward()[-1])
    exact = layer.backward(layer.forward(reference)[-1], reference)
    for a, e in zip(gradients, exact, strict=True):
        if e is not None:
            assert np.linalg.norm(a - e) <= 1e-4 * np.linalg.norm(e)


def test_identity_is_a_vector_autoregression():
    """h[t] = A h[t-1] + B x[t]: the last state is a sum over powers of A."""
    x, a, b = draw(6, 3, 2), draw(4, 4) / 4, draw(4, 2)
    _, h, _ = kernels.rnn(x, None, b, a, nonlinearity="identity")
    powers = [np.linalg.matrix_power(a, 5 - t) @ b @ x[t].T for t in range(6)]
    np.testing.assert_allclose(h, sum(powers).T, rtol=1e-12)


def test_errors():
    x, h = np.zeros((5, 2, 3)), np.zeros((2, 4))
    w_ih, w_hh = np.zeros((16, 3)), np.zeros((16, 4))
    saved = kernels.lstm(x, h, h, w_ih, w_hh)[-1]
    calls = [
        (lambda: kernels.lstm(x[0], h, h, w_ih, w_hh),
         ValueError, r"lstm: x must have 3 dimensions, got shape \(2, 3\)"),
        (lambda: kernels.lstm(x, h, h, w_ih[:12], w_hh),
         ValueError, r"lstm: w_ih must have shape \(16, 3\), got \(12, 3\)"),
        (lambda: kernels.lstm(x, h, h, w_ih, w_hh[:12]),
         ValueError, r"lstm: w_hh must have shape \(4 U, U\), got \(12, 4\)"),
        (lambda: kernels.lstm(x, h, h[:1], w_ih, w_hh),
         ValueError, r"lstm: c0 must have shape \(2, 4\), got \(1, 4\)"),
        (lambda: kernels.lstm(x, h, h, w_ih, w_hh, np.zeros(4)),
         ValueError, r"lstm: b_ih must have shape \(16,\), got \(4,\)"),
        (lambda: kernels.lstm(x, h, h, w_ih, w_hh, peephole=np.zeros((2, 4))),
         ValueError, r"lstm: peephole must have shape \(3, 4\), got \(2, 4\)"),
        (lambda: kernels.lstm(x, h, h, w_ih, w_hh.astype(np.float32)),
         TypeError, "lstm: w_hh must be float64 like the other arrays, got float32"),
        (lambda: kernels.lstm_backward(x, h, h, x, w_ih, w_hh, saved),
         ValueError, r"lstm_backward: dy must have shape \(5, 2, 4\), got \(5, 2, 3\)"),
        (lambda: kernels.lstm_backward(None, h, h, x, w_ih, w_hh, saved[1:]),
         TypeError, "lstm_backward: saved must be the tuple of 3 arrays that forward returns"),
        (lambda: kernels.lstm_backward(None, h, h, x[1:], w_ih, w_hh, saved),
         ValueError, r"lstm_backward: saved gates must have shape \(8, 16\), got \(10, 16\)"),
        (lambda: kernels.gru(x, h, w_ih, w_hh),
         ValueError, r"gru: w_hh must have shape \(3 U, U\), got \(16, 4\)"),
        (lambda: kernels.rnn(x, h, w_ih[:4], w_hh[:4], nonlinearity="sin"),
         ValueError, "rnn: nonlinearity must be one of .*, got 'sin'"),
        (lambda: kernels.lstm(x, h, h, w_ih, w_hh, lengths=[5, 6]),
         ValueError, "lstm: lengths must be in 0..5, got 6"),
        (lambda: kernels.lstm(x, h, h, w_ih, w_hh, lengths=[5]),
         ValueError, r"lstm: lengths must have shape \(2,\), got \(1,\)"),
        (lambda: kernels.lstm(x, h, h, w_ih, w_hh, lengths=[5.0, 1.0]),
         TypeError, "lstm: lengths must be integers, got float64"),
        (lambda: kernels.lstm(np.full((5, 2), 3), h, h, w_ih, w_hh),
         ValueError, "embedding: index must be in 0..2"),
        (lambda: kernels.lstm_step(x, h, h, w_ih, w_hh),
         ValueError, r"lstm_step: x must have shape \(N, D\), or .*, got \(5, 2, 3\)"),
    ]  # fmt: skip
    for call, error, message in calls:
        with pytest.raises(error, match=message):
            call()
