"""Convolution over sequences with the maximum over time."""

import numpy as np

from .activation import f64
from .conv import conv1d, conv1d_backward


def conv1d_max_over_time(x, w, b=None, *, padding=0, lengths=None):
    """y[n, k] = max_i conv1d(sequence n, w, b)[k, i], and the first such i

    x (N, C, L), w (K, C, S), b (K,) -> y, at (N, K). lengths (N,): sequence n is
    x[n, :, :lengths[n]].
    """
    outputs = [conv1d(s[None], w, b, padding=padding)[0] for s in _alone(f64(x), lengths)]
    shape = len(outputs), w.shape[0]
    y = np.array([o.max(1) for o in outputs]).reshape(shape)
    return y, np.array([o.argmax(1) for o in outputs], np.int64).reshape(shape)


def conv1d_max_over_time_backward(
    dy, at, x, w, *, padding=0, lengths=None
):  # y[n, k] = conv1d(sequence n, w, b)[k, at[n, k]]
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(w.shape[0])
    for n, s in enumerate(_alone(f64(x), lengths)):
        d_all = np.zeros((1, w.shape[0], s.shape[1] + 2 * padding - w.shape[2] + 1))
        d_all[0, np.arange(w.shape[0]), at[n]] = dy[n]
        ds, dw_n, db_n = conv1d_backward(d_all, s[None], w, padding=padding)
        dx[n, :, : s.shape[1]] = ds[0]
        dw, db = dw + dw_n, db + db_n
    return dx, dw, db


def _alone(x, lengths):
    return list(x) if lengths is None else [s[:, :n] for s, n in zip(x, lengths, strict=True)]
