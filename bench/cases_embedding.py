"""Cases of embedding, forward and backward through the tapes; see cases.py."""

import numpy as np
import numpy_impl as plain
from cases import TF, Case, f64, leaf, normal, torch, torch_leaf, with_tape

import fastnn


def embedding(shape):
    """shape: (V, D, N)"""
    v, d, n = shape
    weight, dy = normal(v, d), normal(n, d, seed=1)
    index = np.random.default_rng(2).integers(0, v, n)
    op = fastnn.functional.embedding
    impls = {
        "fastnn": with_tape(lambda w: op(index, w), [leaf(weight)], dy),
        "numpy": lambda: plain.embedding(weight, index, dy),
    }
    if torch:
        t = torch.from_numpy(index)
        impls["torch"] = with_tape(
            lambda w: TF.embedding(t, w), [torch_leaf(weight)], torch.from_numpy(dy)
        )
    expected = lambda: plain.embedding(f64(weight), index, f64(dy))  # noqa: E731
    label = f"{n} of {v} rows of {d}"
    return Case(label, impls, expected, 4 * (3 * dy.size + weight.size), "GB/s")
