"""What is measured, continued (see cases.py): recurrent layers over whole sequences, forward and
backward, by fastnn's kernels and by torch's modules."""

import numpy as np
import numpy_impl as plain
from cases import Case, f64, normal, torch

from fastnn import kernels


def lstm(shape):
    """One layer: y, and the gradients of x, both weights and the bias."""
    T, N, D, U = shape
    x, dy = normal(T, N, D, seed=1), normal(T, N, U, seed=2)
    w_ih, w_hh, b = (normal(4 * U, *n, seed=3) * np.float32(U**-0.5) for n in ((D,), (U,), ()))

    def by_kernels():
        y, _, _, saved = kernels.lstm(x, None, None, w_ih, w_hh, b)
        needs = (True, False, False, True, True, True, False, False)
        gradients = kernels.lstm_backward(dy, None, None, x, w_ih, w_hh, saved, needs=needs)
        return y, gradients[0], *gradients[3:6]

    def by_numpy(x, dy, w_ih, w_hh, b):
        y, saved = plain.lstm(x, w_ih, w_hh, b)
        return y, *plain.lstm_backward(dy, x, w_ih, w_hh, saved)

    arrays = x, dy, w_ih, w_hh, b
    impls = {"fastnn": by_kernels, "numpy": lambda: by_numpy(*arrays)}
    if torch:
        impls["torch"] = _by_torch(torch.nn.LSTM(D, U), *arrays)
    work = 6 * T * N * 4 * U * (D + U)
    return Case(str(shape), impls, lambda: by_numpy(*map(f64, arrays)), work)


def _by_torch(layer, x, dy, w_ih, w_hh, b):
    tx, tdy = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dy)
    leaves = [tx, *layer.parameters()]
    for parameter, value in zip(leaves[1:], (w_ih, w_hh, b, np.zeros_like(b)), strict=True):
        parameter.data[...] = torch.from_numpy(value)

    def run():
        for leaf in leaves:
            leaf.grad = None
        y = layer(tx)[0]
        y.backward(tdy)
        return y, *(leaf.grad for leaf in leaves[:4])

    return run
