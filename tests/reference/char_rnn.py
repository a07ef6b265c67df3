"""Karpathy's character model, one stream, from its equations:

    h[t] = tanh(w_xh x[t] + w_hh h[t-1] + b_h)      x[t]: the one-hot vector of character t
    y[t] = w_hy h[t] + b_y
    loss = sum_t -log softmax(y[t])[target t]

A. Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015; min-char-rnn.
"""

import numpy as np

from .activation import f64


def char_rnn(inputs, targets, h0, w_xh, w_hh, w_hy, b_h, b_y, *, cut=None):
    """The loss, the last state, and the gradients of w_xh, w_hh, w_hy, b_h, b_y.

    inputs, targets: numbers (T,); h0: (U,).  cut: no gradient passes from step t to t - 1 where cut
    divides t (truncated backpropagation through time); None: it passes everywhere.
    """
    w_xh, w_hh, w_hy, b_h, b_y = map(f64, (w_xh, w_hh, w_hy, b_h, b_y))
    x = np.eye(w_xh.shape[1])[inputs]
    h, p, loss = {-1: f64(h0)}, {}, 0.0
    for t in range(len(inputs)):
        h[t] = np.tanh(w_xh @ x[t] + w_hh @ h[t - 1] + b_h)
        y = w_hy @ h[t] + b_y
        p[t] = np.exp(y) / np.exp(y).sum()
        loss -= np.log(p[t][targets[t]])

    dw_xh, dw_hh, dw_hy, db_h, db_y = map(np.zeros_like, (w_xh, w_hh, w_hy, b_h, b_y))
    dh_later = np.zeros_like(h[-1])  # what step t + 1 says about h[t]
    for t in reversed(range(len(inputs))):
        dy = p[t] - np.eye(len(b_y))[targets[t]]  # loss = -log softmax(y)[target]
        dw_hy += np.outer(dy, h[t])  # y = w_hy h + b_y
        db_y += dy
        dh = w_hy.T @ dy + dh_later
        da = (1 - h[t] ** 2) * dh  # h = tanh(a)
        dw_xh += np.outer(da, x[t])  # a = w_xh x + w_hh h[t-1] + b_h
        dw_hh += np.outer(da, h[t - 1])
        db_h += da
        dh_later = w_hh.T @ da if cut is None or t % cut else np.zeros_like(da)
    return loss, h[len(inputs) - 1], (dw_xh, dw_hh, dw_hy, db_h, db_y)
