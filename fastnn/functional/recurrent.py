"""Recurrent layers over whole sequences, one layer in one direction, and their single steps.

Shapes, here and in `fastnn.kernels`: input x (T, N, D), states (N, U), output y (T, N, U), the
steps first. A first state that is None is zero. Biases may be None. Plain numbers and arrays are
cast to weight_ih's dtype.

lengths: N integers in 1..T, any order, or None: row n has lengths[n] steps; y is 0 beyond them, and
the last state is that after the row's own last step. reverse: every row runs from its last step to
its first; y stays in the order of time, and the last state is that after step 0.
"""

from itertools import compress

import numpy as np

from ..autograd import as_tensor, cat, record_together
from ._lengths import kernels
from .linear import linear


def rnn(
    input, hx, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, nonlinearity="tanh",
    lengths=None, reverse=False,
):  # fmt: skip
    """h[t] = act(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh), y[t] = h[t]; act nonlinearity's: "tanh",
    "relu" or "identity".

    hx (N, U); weight_ih (U, D), weight_hh (U, U), biases (U,) -> y (T, N, U), the last h (N, U).
    Raises TypeError for dtypes, ValueError for shapes and values that do not fit.
    """
    w = as_tensor(weight_ih)
    options = dict(nonlinearity=nonlinearity, lengths=lengths, reverse=reverse)
    arguments = _tensors(w, input, hx, w, weight_hh, bias_ih, bias_hh)
    return _sequence(kernels.rnn, kernels.rnn_backward, arguments, options)


def lstm(
    input, hx, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, weight_hr=None, peephole=None,
    coupled=False, lengths=None, reverse=False,
):  # fmt: skip
    """i, f, o = sigmoid(a), g = tanh(a), a = W_ih x[t] + b_ih + W_hh h[t-1] + b_hh for each gate,
    c[t] = f c[t-1] + i g, h[t] = o tanh(c[t]), y[t] = h[t]

    hx: (h, c), each (N, U), or None; weight_ih (4 U, D), weight_hh (4 U, U), biases (4 U,), gates
    i, f, g, o; peephole (3, U) for i, f, o, which then see c[t-1], o c[t], or None; coupled:
    i = 1 - f, and i's rows are left out of all of these -> y (T, N, U), the last (h, c).
    weight_hr (P, U): h[t] = W_hr (o tanh(c[t])) is a projection (Sak et al. 2014, arXiv:1402.1128);
    h and y are P wide then, and weight_hh (4 U, P).
    Raises TypeError for dtypes, ValueError for shapes and values that do not fit.
    """
    w = as_tensor(weight_ih)
    h, c = _pair("lstm", hx)
    options = dict(coupled=coupled, lengths=lengths, reverse=reverse)
    *arguments, p = _tensors(w, input, h, c, w, weight_hh, bias_ih, bias_hh, peephole)
    if weight_hr is not None:
        return _projected(*arguments, p, as_tensor(weight_hr, w), options)
    y, h, c = _sequence(kernels.lstm, kernels.lstm_backward, arguments, options, peephole=p)
    return y, (h, c)


def _projected(x, h, c, w_ih, w_hh, b_ih, b_hh, peephole, w_hr, options):
    """With h[t] = W_hr m[t], m[t] = o tanh(c[t]), this is the LSTM of m whose recurrent weight is
    W_hh W_hr; the first h, which is W_hr times no known m, is one more input of the first step."""
    if h is not None:
        steps, batch = x.data.shape[:2]
        first = np.zeros(batch, int)
        if options["reverse"]:
            first += np.subtract(steps if options["lengths"] is None else options["lengths"], 1)
        at_first = (np.arange(steps)[:, None] == first)[:, :, None]
        x = cat([x, h * at_first], 2)
        w_ih = cat([w_ih, w_hh], 1)
    hx = None if c is None else (None, c)
    m, (m_last, c) = lstm(x, hx, w_ih, w_hh @ w_hr, b_ih, b_hh, peephole=peephole, **options)
    return linear(m, w_hr), (linear(m_last, w_hr), c)


def gru(
    input, hx, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, reset_after=True, lengths=None,
    reverse=False,
):  # fmt: skip
    """r, z = sigmoid(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh),
    n = tanh(W_in x[t] + b_in + r (W_hn h[t-1] + b_hn)), or, with reset_after=False,
    n = tanh(W_in x[t] + b_in + W_hn (r h[t-1]) + b_hn),
    h[t] = (1 - z) n + z h[t-1], y[t] = h[t]

    hx (N, U); weight_ih (3 U, D), weight_hh (3 U, U), biases (3 U,), gates r, z, n -> y (T, N, U),
    the last h (N, U). Raises TypeError for dtypes, ValueError for shapes and values that do not
    fit.
    """
    w = as_tensor(weight_ih)
    options = dict(reset_after=reset_after, lengths=lengths, reverse=reverse)
    arguments = _tensors(w, input, hx, w, weight_hh, bias_ih, bias_hh)
    return _sequence(kernels.gru, kernels.gru_backward, arguments, options)


# ---- single steps -------------------------------------------------------------------------------


def rnn_cell(
    input, hx, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, nonlinearity="tanh"
):  # fmt: skip
    """One step of `rnn`: input (N, D), hx (N, U) -> h (N, U)."""
    weights = weight_ih, weight_hh, bias_ih, bias_hh
    return rnn(_step(weight_ih, input), hx, *weights, nonlinearity=nonlinearity)[1]


def lstm_cell(
    input, hx, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, peephole=None, coupled=False
):  # fmt: skip
    """One step of `lstm`: input (N, D), hx (h, c), each (N, U) -> (h, c)."""
    weights = weight_ih, weight_hh, bias_ih, bias_hh
    return lstm(_step(weight_ih, input), hx, *weights, peephole=peephole, coupled=coupled)[1]


def gru_cell(
    input, hx, weight_ih, weight_hh, bias_ih=None, bias_hh=None, *, reset_after=True
):  # fmt: skip
    """One step of `gru`: input (N, D), hx (N, U) -> h (N, U)."""
    weights = weight_ih, weight_hh, bias_ih, bias_hh
    return gru(_step(weight_ih, input), hx, *weights, reset_after=reset_after)[1]


def _step(weight, input):
    return as_tensor(input, as_tensor(weight)).unsqueeze(0)


# ---- shared -------------------------------------------------------------------------------------


def _tensors(like, *values):
    return [None if v is None else as_tensor(v, like) for v in values]


def _pair(op, hx):
    if hx is None:
        return None, None
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        given = f"{len(hx)} items" if isinstance(hx, (tuple, list)) else type(hx).__name__
        raise TypeError(f"{op}: hx must be a pair (h, c) or None, got {given}")
    return hx


def _sequence(kernel, differentiate, arguments, options, **peephole):
    """The outputs of `kernel`, without what it saved, on the tape.

    arguments: x, the states, w_ih, w_hh, b_ih, b_hh, Tensors or None; peephole: likewise, LSTM's.
    """
    data = [None if t is None else t.data for t in arguments]
    options = options | {k: None if t is None else t.data for k, t in peephole.items()}
    *outputs, saved = kernel(*data, **options)
    tensors = (*arguments, *peephole.values())
    given = [t is not None for t in tensors]
    needs = [t is not None and t.requires_grad for t in tensors]
    x, w_ih, w_hh = data[0], *data[-4:-2]

    def backward(*dys):  # y, and the last states
        gradients = differentiate(*dys, x, w_ih, w_hh, saved, **options, needs=needs)
        return compress(gradients, given)

    return record_together(tuple(outputs), tuple(compress(tensors, given)), backward)
