"""What is measured, continued (see cases.py): recurrent layers over whole sequences, forward and
backward, through the tapes."""

import numpy as np
import numpy_impl as plain
from cases import normal, plain_case, torch

import fastnn

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def recurrent(name, shape):
    """One layer of the cell `name`: y, and the gradients of x, both weights and both biases."""
    T, N, D, U = shape
    x, dy = normal(T, N, D, seed=1), normal(T, N, U, seed=2)
    rows, scale = GATES[name] * U, np.float32(U**-0.5)
    shapes = (D,), (U,), (), ()
    weights = [normal(rows, *n, seed=3 + i) * scale for i, n in enumerate(shapes)]

    def op(F):
        if F is fastnn.functional:
            return lambda x, *weights: getattr(F, name)(x, None, *weights)[0]
        state = torch.zeros(1, N, U)
        state = (state, state) if name == "lstm" else state
        options = True, 1, 0.0, False, False, False  # biases, one layer, no dropout, one direction
        by_torch = getattr(torch, "rnn_tanh" if name == "rnn" else name)
        return lambda x, *weights: by_torch(x, state, weights, *options)[0]

    work = 6 * T * N * rows * (D + U)
    return plain_case(f"{name}, {shape}", op, (x, *weights), dy, getattr(plain, name), work)
