"""Recurrent layers over whole sequences, one layer in one direction, and their single steps.

Shapes, here and in `fastnn.kernels`: input x (T, N, D), states (N, U), output y (T, N, U), the
steps first. x may also be integers (T, N) in 0..D-1, which stand for one-hot rows: their products
are looked up. A first state that is None is zero; biases may be None. Plain arrays of floats are
cast to weight_ih's dtype.

lengths: N integers in 0..T, any order, or None: row n has lengths[n] steps; y is 0 beyond them, and
the last state is that after the row's own last step. reverse: every row goes from its last step to
its first; y stays in the order of time, and the last state is that after step 0.

All raise TypeError for dtypes, ValueError for shapes and values that do not fit.
"""

from itertools import compress

import numpy as np

from .. import kernels
from ..autograd import Tensor, as_tensor, cat, record_together
from ..kernels._sequence import Sequence
from ._lookup import SummedGradient, distinct
from .embedding import embedding
from .linear import linear


def rnn(
    input, hx, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, nonlinearity="tanh",
    lengths=None, reverse=False,
):  # fmt: skip
    """h[t] = act(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh), y[t] = h[t]; act nonlinearity's: "tanh",
    "relu", "sigmoid" or "identity".

    hx (N, U); weight_ih (U, D), weight_hh (U, U), biases (U,) -> y (T, N, U), the last h (N, U).
    """
    options = dict(nonlinearity=nonlinearity, lengths=lengths, reverse=reverse)
    arguments = _arguments(input, weight_ih, (hx,), weight_hh, bias_ih, bias_hh)
    return _record(kernels.rnn, kernels.rnn_backward, arguments, options)


def lstm(
    input, hx, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, weight_hr=None, peephole=None,
    coupled=False, lengths=None, reverse=False,
):  # fmt: skip
    """i, f, o = sigmoid(a), g = tanh(a), a = W_ih x[t] + b_ih + W_hh h[t-1] + b_hh for each gate,
    c[t] = f c[t-1] + i g, h[t] = o tanh(c[t]), y[t] = h[t]

    hx: (h, c), each (N, U), or None; weight_ih (4 U, D), weight_hh (4 U, U), biases (4 U,), gates
    i, f, g, o -> y (T, N, U), the last (h, c).

    peephole: (3, U) for i, f, o: their a has p_i c[t-1], p_f c[t-1] and p_o c[t] too. coupled:
    i = 1 - f, and i's rows are left out of weights, biases and peephole. weight_hr (P, U): h[t] =
    W_hr (o tanh(c[t])), a projection; h and y are P wide then, and weight_hh (4 U, P).

    Sources: see kernels.lstm; Sak, Senior and Beaufays 2014, arXiv:1402.1128 (projection).
    """
    options = dict(coupled=coupled, lengths=lengths, reverse=reverse)
    arguments = _arguments(
        input, weight_ih, pair("lstm", hx), weight_hh, bias_ih, bias_hh, peephole
    )
    if weight_hr is not None:
        return _projected(*arguments, as_tensor(weight_hr, arguments[3]), options)
    y, *last = _record(kernels.lstm, kernels.lstm_backward, arguments, options)
    return y, tuple(last)


def gru(
    input, hx, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, reset_after=True, lengths=None,
    reverse=False,
):  # fmt: skip
    """r, z = sigmoid(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh),
    n = tanh(W_in x[t] + b_in + r (W_hn h[t-1] + b_hn)), or, with reset_after=False,
    n = tanh(W_in x[t] + b_in + W_hn (r h[t-1]) + b_hn),
    h[t] = (1 - z) n + z h[t-1], y[t] = h[t]

    hx (N, U); weight_ih (3 U, D), weight_hh (3 U, U), biases (3 U,), gates r, z, n -> y (T, N, U),
    the last h (N, U). Sources: see kernels.gru.
    """
    options = dict(reset_after=reset_after, lengths=lengths, reverse=reverse)
    arguments = _arguments(input, weight_ih, (hx,), weight_hh, bias_ih, bias_hh)
    return _record(kernels.gru, kernels.gru_backward, arguments, options)


# ---- single steps -------------------------------------------------------------------------------


def rnn_cell(
    input, hx, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, nonlinearity="tanh"
):  # fmt: skip
    """One step of `rnn`: input (N, D) or integers (N,), hx (N, U) -> the new h (N, U)."""
    arguments = _arguments(input, weight_ih, (hx,), weight_hh, bias_ih, bias_hh)
    step = kernels.rnn_step, kernels.rnn_step_backward
    return _record(*step, arguments, dict(nonlinearity=nonlinearity))[0]


def lstm_cell(
    input, hx, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, peephole=None, coupled=False
):  # fmt: skip
    """One step of `lstm`: input (N, D) or integers (N,), hx (h, c), each (N, U) -> the new (h, c),
    each (N, U)."""
    hx = pair("lstm_cell", hx)
    arguments = _arguments(input, weight_ih, hx, weight_hh, bias_ih, bias_hh, peephole)
    step = kernels.lstm_step, kernels.lstm_step_backward
    return _record(*step, arguments, dict(coupled=coupled))


def gru_cell(
    input, hx, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, reset_after=True
):  # fmt: skip
    """One step of `gru`: input (N, D) or integers (N,), hx (N, U) -> the new h (N, U)."""
    arguments = _arguments(input, weight_ih, (hx,), weight_hh, bias_ih, bias_hh)
    step = kernels.gru_step, kernels.gru_step_backward
    return _record(*step, arguments, dict(reset_after=reset_after))[0]


# ---- a projection -------------------------------------------------------------------------------


def _projected(x, h, c, w_ih, w_hh, b_ih, b_hh, peephole, w_hr, options):
    """With h[t] = W_hr m[t], m[t] = o tanh(c[t]), this is the LSTM of m whose recurrent weight is
    W_hh W_hr. The first h, which is no W_hr m, is one more input of each row's first step."""
    if h is not None:
        steps, batch = x.data.shape[:2]
        lengths = options["lengths"]
        Sequence("lstm", (steps, batch), lengths)  # raises for lengths that do not fit
        ends = np.asarray(steps if lengths is None else lengths)
        first = ends - 1 if options["reverse"] else 0
        if x.data.dtype.kind in "iu":
            x = embedding(x, np.eye(w_ih.data.shape[1], dtype=h.data.dtype))
        x = cat([x, _rows_where(np.arange(steps)[:, None] == first, h)], 2)
        w_ih = cat([w_ih, w_hh], 1)
    m, (last, c) = lstm(
        x, None if c is None else (None, c), w_ih, w_hh @ w_hr, b_ih, b_hh, peephole=peephole,
        **options,
    )  # fmt: skip
    last = linear(last, w_hr)
    if h is not None and np.any(ends == 0):
        last = last + _rows_where(ends == 0, h)
    return linear(m, w_hr), (last, c)


def _rows_where(condition, h):
    """h's row n where the condition, which broadcasts to (..., N), is true, else zeros."""
    batch, width = h.data.shape
    table = cat([h, np.zeros((1, width))])
    return embedding(np.where(condition, np.arange(batch), batch), table)


# ---- shared -------------------------------------------------------------------------------------


def _arguments(input, weight_ih, states, *others):
    """As Tensors, in the kernels' order; None stays."""
    w = as_tensor(weight_ih)
    return [inputs(input, w), *_tensors(w, states), w, *_tensors(w, others)]


def inputs(input, like):
    """As a Tensor of like's dtype, or of integers."""
    x = input if isinstance(input, Tensor) else np.asarray(input)
    return as_tensor(x, None if x.dtype.kind in "iu" else like)


def _tensors(like, values):
    return [None if v is None else as_tensor(v, like) for v in values]


def pair(op, hx):
    if hx is None:
        return None, None
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        given = f"{len(hx)} items" if isinstance(hx, (tuple, list)) else type(hx).__name__
        raise TypeError(f"{op}: hx must be a pair (h, c) or None, got {given}")
    return hx


def _record(kernel, differentiate, arguments, options):
    """The kernel's outputs, but for what it saved, on the tape.

    arguments: x, the first states, w_ih, w_hh, b_ih, b_hh and, LSTM's, peephole. Where x repeats
    rows of a table, each of them is multiplied by w_ih once, and the kernel looks up the products.
    """
    data = [None if t is None else t.data for t in arguments]
    if len(data) == 8:
        options = options | dict(peephole=data.pop())
    at = len(data) - 4  # w_ih's place
    x, w_ih, w_hh = data[0], data[at], data[at + 1]
    once = distinct(arguments[0])
    if once is not None:
        data[0], data[at] = once.places, kernels.matmul(once.rows, w_ih.T).T
    *outputs, saved = kernel(*data, **options)
    given = [t is not None for t in arguments]
    needs = [t is not None and t.requires_grad for t in arguments]
    products = data[at]

    def backward(*dys):  # y and the last states, or a step's new states
        def gradients(x, w_ih, needs):
            return differentiate(*dys, x, w_ih, w_hh, saved, **options, needs=needs)

        if once is None:
            return compress(gradients(x, w_ih, needs), given)
        # products = w_ih rows'
        of_products = [False, *needs[1:at], needs[0] or needs[at], *needs[at + 1 :]]
        found = list(gradients(once.places, products, of_products))
        d = found[at]
        if needs[0]:
            only_x = [True] + [False] * (len(needs) - 1)
            found[0] = SummedGradient(
                once.numbers, kernels.matmul(d.T, w_ih), lambda: gradients(x, w_ih, only_x)[0]
            )
        found[at] = kernels.matmul(d, once.rows) if needs[at] else None
        return compress(found, given)

    return record_together(tuple(outputs), tuple(compress(arguments, given)), backward)
