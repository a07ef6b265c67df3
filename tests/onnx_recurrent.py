"""ONNX's RNN, LSTM and GRU by fastnn's recurrent layers, one direction at a time.

With D directions: x (T, N, I), w (D, G U, I), r (D, G U, U), b (D, 2 G U), first states (D, N, U),
outputs (T, D, N, U), last states (D, N, U); layout=1 has N first everywhere.
"""

import numpy as np
from onnx_operators import Skip, operator

import fastnn.functional as F

REVERSED = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


def recurrent(
    function, order, x, w, r, b, lengths, states, options, *, hidden_size, direction="forward",
    layout=0, **others,
):  # fmt: skip
    """function(x, states, weights and biases, **) -> y and the last states. order: which of ONNX's
    gates is fastnn's first, second, ...; options: keywords for a direction, by its number."""
    if others:
        raise Skip(f"no {', '.join(sorted(others))} of recurrent layers")
    if layout:
        x, *states = (None if a is None else a.swapaxes(0, 1) for a in (x, *states))
    results = []
    for d, reverse in enumerate(REVERSED[direction]):
        biases = (None, None) if b is None else np.split(b[d], 2)
        weights = [None if a is None else gates(a, order) for a in (w[d], r[d], *biases)]
        first = [None if s is None else s[d] for s in states]
        results.append(function(x, first, *weights, **options(d), lengths=lengths, reverse=reverse))
    y, *last = (np.stack(parts) for parts in zip(*results, strict=True))
    if layout:
        return y.transpose(2, 1, 0, 3), *(s.swapaxes(0, 1) for s in last)
    return y.swapaxes(0, 1), *last


def gates(a, order):
    """The blocks of rows of `a` in another order."""
    blocks = np.split(a, len(order))
    return np.concatenate([blocks[i] for i in order])


def of_one_state(function):
    return lambda x, states, *args, **options: function(x, *states, *args, **options)


def lstm(x, states, *args, **options):
    y, last = F.lstm(x, states, *args, **options)
    return y, *last


@operator
def RNN(x, w, r, b=None, lengths=None, h=None, **attributes):
    function = of_one_state(F.rnn)
    return recurrent(function, (0,), x, w, r, b, lengths, [h], lambda d: {}, **attributes)


@operator
def GRU(x, w, r, b=None, lengths=None, h=None, *, linear_before_reset=0, **attributes):
    options = {"reset_after": bool(linear_before_reset)}
    function = of_one_state(F.gru)  # ONNX has z, r, n
    return recurrent(function, (1, 0, 2), x, w, r, b, lengths, [h], lambda d: options, **attributes)


@operator
def LSTM(x, w, r, b=None, lengths=None, h=None, c=None, p=None, **attributes):
    def options(d):
        return {} if p is None else {"peephole": gates(p[d], (0, 2, 1)).reshape(3, -1)}  # i, o, f

    order = 0, 2, 3, 1  # ONNX has i, o, f, g
    return recurrent(lstm, order, x, w, r, b, lengths, [h, c], options, **attributes)
