"""Recurrent layers over whole sequences, forward and backward through time.

x (T, N, D), the states (N, U), y (T, N, U): steps first, as PyTorch without batch_first. Weights
have PyTorch's shapes and order of gates. float32 or float64, any strides; mixed or other dtypes
raise TypeError, shapes that do not fit ValueError.

The input's product for all steps is one matrix product with the bias in its epilogue, and so are,
after the backward sweep, the gradients of x and of each weight; what lies between goes step by step
(_kernels/recurrent.pyx).

Forward returns `saved`, which backward takes: the activated gates, and the states of all steps
(T + 1, N, U), which begin with the given ones and of which y is a view. They may not be changed in
between.
"""

import numpy as np

from .._kernels import gemm as _gemm
from .._kernels import memory
from .._kernels import recurrent as _kernel
from . import _checks
from .elementwise import add as _add
from .elementwise import multiply as _multiply
from .reduce import sum as _sum

_RNN = {
    "tanh": _kernel.RNN_TANH, "relu": _kernel.RNN_RELU, "identity": _kernel.RNN_IDENTITY
}  # fmt: skip


def rnn(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, *, nonlinearity="tanh"):
    """h[t] = act(w_ih x[t] + b_ih + w_hh h[t-1] + b_hh), y[t] = h[t]

    x: (T, N, D).  h0: (N, U), None: zero.  w_ih: (U, D).  w_hh: (U, U).  b_ih, b_hh: (U,) or None.
    nonlinearity: "tanh", "relu" or "identity".
    Returns y (T, N, U), the last h (N, U), and saved: (h,).
    """
    op = "rnn"
    cell = _cell_of(op, nonlinearity)
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, 1)
    b_ih, b_hh = _biases(op, x, w_ih, b_ih=b_ih, b_hh=b_hh)
    h = _states(op, "h0", h0, x, w_hh)
    _inputs(x, w_ih, _both(b_ih, b_hh), h[1:])
    _kernel.forward(cell, h[1:], h, None, w_hh, None, None)
    return h[1:], h[-1], (h,)


def rnn_backward(dy, dh, x, w_ih, w_hh, saved, *, nonlinearity="tanh", needs=(True,) * 6):
    """Gradients of `rnn` for x, h0, w_ih, w_hh, b_ih and b_hh, in this order.

    dy: (T, N, U), the gradient of y; dh: (N, U), of the last h; either may be None: zero.  x, w_ih,
    w_hh, nonlinearity: as given to `rnn`; saved: as returned by it.  needs: which of the six to
    compute; the others are None.
    """
    op = "rnn_backward"
    cell = _cell_of(op, nonlinearity)
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, 1)
    (h,) = _saved(op, saved, x, w_hh, h=None)
    dy, dh = _gradients(op, x, w_hh, dy, dh=dh)
    dgates = memory.empty_array((*x.shape[:2], w_hh.shape[1]), x.dtype.num)
    _kernel.backward(cell, dy, dh, None, None, h, None, w_hh, None, dgates)
    dx, dw_ih, dw_hh, db_ih, db_hh = _products(dgates, x, h[:-1], w_ih, _without(needs, 1))
    return dx, dh if needs[1] else None, dw_ih, dw_hh, db_ih, db_hh


def lstm(x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, *, peephole=None, coupled=False):
    """i, f, o = sigmoid(a), g = tanh(a), a = w_ih x[t] + b_ih + w_hh h[t-1] + b_hh for each gate,
    c[t] = f c[t-1] + i g, h[t] = o tanh(c[t]), y[t] = h[t]

    x: (T, N, D).  h0, c0: (N, U), None: zero.  w_ih: (4 U, D) and w_hh: (4 U, U), gates i, f, g, o.
    b_ih, b_hh: (4 U,) or None.  peephole: (3, U) for i, f, o, which then add p_i c[t-1], p_f c[t-1]
    and p_o c[t] to their a; or None.  coupled: i = 1 - f, and i's rows are left out everywhere:
    gates f, g, o, peepholes f, o.
    Returns y (T, N, U), the last h and c (N, U), and saved: (gates (T, N, 4 U or 3 U), h, c).

    Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000 (the forget gate), Gers and
    Schmidhuber 2000 (peepholes); Greff et al. 2017, arXiv:1503.04069 (coupled gates).
    """
    op = "lstm"
    cell, count = _lstm_cell(coupled)
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, count)
    b_ih, b_hh = _biases(op, x, w_ih, b_ih=b_ih, b_hh=b_hh)
    peephole = _peephole(op, peephole, x, w_hh, count)
    h, c = _states(op, "h0", h0, x, w_hh), _states(op, "c0", c0, x, w_hh)
    gates = memory.empty_array((*x.shape[:2], w_hh.shape[0]), x.dtype.num)
    _inputs(x, w_ih, _both(b_ih, b_hh), gates)
    _kernel.forward(cell, gates, h, c, w_hh, None, peephole)
    return h[1:], h[-1], c[-1], (gates, h, c)


def lstm_backward(
    dy, dh, dc, x, w_ih, w_hh, saved, *, peephole=None, coupled=False, needs=(True,) * 8
):
    """Gradients of `lstm` for x, h0, c0, w_ih, w_hh, b_ih, b_hh and peephole, in this order.

    dy: (T, N, U), the gradient of y; dh, dc: (N, U), of the last h and c; any may be None: zero.
    x, w_ih, w_hh, peephole, coupled: as given to `lstm`; saved: as returned by it.  needs: which of
    the eight to compute; the others are None, as is peephole's where there is none.
    """
    op = "lstm_backward"
    cell, count = _lstm_cell(coupled)
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, count)
    units = w_hh.shape[1]
    peephole = _peephole(op, peephole, x, w_hh, count)
    gates, h, c = _saved(op, saved, x, w_hh, gates=count * units, h=None, c=None)
    dy, dh, dc = _gradients(op, x, w_hh, dy, dh=dh, dc=dc)
    dgates = memory.empty_array(gates.shape, x.dtype.num)
    _kernel.backward(cell, dy, dh, dc, gates, h, c, w_hh, peephole, dgates)
    dx, dw_ih, dw_hh, db_ih, db_hh = _products(
        dgates, x, h[:-1], w_ih, (needs[0], *needs[3:7])
    )  # fmt: skip
    dpeephole = None
    if peephole is not None and needs[7]:  # a += p c: i and f see c[t-1], o sees c[t]
        dpeephole = np.empty_like(peephole)
        for k, gate in enumerate((0, 2) if coupled else (0, 1, 3)):
            seen = c[1:] if gate == count - 1 else c[:-1]
            da = dgates[:, :, gate * units : (gate + 1) * units]
            dpeephole[k] = _sum(_multiply(da, seen), (0, 1))
    return (
        dx, dh if needs[1] else None, dc if needs[2] else None, dw_ih, dw_hh, db_ih, db_hh,
        dpeephole,
    )  # fmt: skip


def gru(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, *, reset_after=True):
    """r, z = sigmoid(w_ih x[t] + b_ih + w_hh h[t-1] + b_hh),
    n = tanh(w_in x[t] + b_in + r (w_hn h[t-1] + b_hn)), or, with reset_after=False,
    n = tanh(w_in x[t] + b_in + w_hn (r h[t-1]) + b_hn),
    h[t] = (1 - z) n + z h[t-1], y[t] = h[t]

    x: (T, N, D).  h0: (N, U), None: zero.  w_ih: (3 U, D) and w_hh: (3 U, U), gates r, z, n.
    b_ih, b_hh: (3 U,) or None.
    Returns y (T, N, U), the last h (N, U), and saved: (gates (T, N, 4 U), h), where r, z and n are
    followed by w_hn h[t-1] + b_hn, or r h[t-1].

    Cho et al. 2014, arXiv:1406.1078 (the reset before); PyTorch's and cuDNN's form has it after.
    """
    op = "gru"
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, 3)
    units = w_hh.shape[1]
    b_ih, b_hh = _biases(op, x, w_ih, b_ih=b_ih, b_hh=b_hh)
    h = _states(op, "h0", h0, x, w_hh)
    gates = memory.empty_array((*x.shape[:2], 4 * units), x.dtype.num)
    b_q = np.zeros(units, x.dtype)  # is within the reset's reach, and no part of the sum of biases
    if reset_after and b_hh is not None:
        b_q[...] = b_hh[2 * units :]
        b_hh = np.concatenate((b_hh[: 2 * units], np.zeros_like(b_q)))
    _inputs(x, w_ih, _both(b_ih, b_hh), gates)
    cell = _kernel.GRU if reset_after else _kernel.GRU_BEFORE
    _kernel.forward(cell, gates, h, None, w_hh, b_q, None)
    return h[1:], h[-1], (gates, h)


def gru_backward(dy, dh, x, w_ih, w_hh, saved, *, reset_after=True, needs=(True,) * 6):
    """Gradients of `gru` for x, h0, w_ih, w_hh, b_ih and b_hh, in this order.

    dy: (T, N, U), the gradient of y; dh: (N, U), of the last h; either may be None: zero.  x, w_ih,
    w_hh, reset_after: as given to `gru`; saved: as returned by it.  needs: which of the six to
    compute; the others are None.
    """
    op = "gru_backward"
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, 3)
    units = w_hh.shape[1]
    gates, h = _saved(op, saved, x, w_hh, gates=4 * units, h=None)
    dy, dh = _gradients(op, x, w_hh, dy, dh=dh)
    dgates = memory.empty_array(gates.shape, x.dtype.num)
    cell = _kernel.GRU if reset_after else _kernel.GRU_BEFORE
    _kernel.backward(cell, dy, dh, None, gates, h, None, w_hh, None, dgates)
    # The state meets r, z and, after the reset q, before it n.
    of_inputs, of_rz = dgates[:, :, : 3 * units], dgates[:, :, : 2 * units]
    of_n = dgates[:, :, 3 * units :] if reset_after else dgates[:, :, 2 * units : 3 * units]
    seen_by_n = h[:-1] if reset_after else gates[:, :, 3 * units :]
    dx, dw_ih, _, db_ih, db_hh = _products(
        of_inputs, x, None, w_ih, (needs[0], needs[2], False, needs[4], needs[5])
    )  # fmt: skip
    dw_hh = None
    if needs[3]:
        dw_hh = memory.empty_array(w_hh.shape, x.dtype.num)
        _weight_gradient(of_rz, h[:-1], dw_hh[: 2 * units])
        _weight_gradient(of_n, seen_by_n, dw_hh[2 * units :])
    if needs[5] and reset_after:
        db_hh[2 * units :] = _sum(of_n, (0, 1))
    return dx, dh if needs[1] else None, dw_ih, dw_hh, db_ih, db_hh


# ---- whole-sequence products --------------------------------------------------------------------


def _rows(a):
    """(T, N, width), of which rows are evenly apart, as (T N, width)."""
    return a.reshape(a.shape[0] * a.shape[1], a.shape[2])


def _inputs(x, w_ih, bias, gates):
    """The input's products and the bias, to the first columns of gates."""
    _gemm.gemm(_rows(x), w_ih.T, bias, None, _rows(gates)[:, : w_ih.shape[0]])


def _weight_gradient(dgates, x, out=None):
    return _gemm.gemm(_rows(dgates).T, _rows(x), None, None, out)


def _products(dgates, x, h, w_ih, needs):
    """dx, dw_ih, dw_hh, db_ih and db_hh of a = w_ih x + b_ih + w_hh h + b_hh, from a's gradient.

    needs: which of the five; the others are None.
    """
    dx = dw_ih = dw_hh = db_ih = db_hh = None
    if needs[0]:
        dx = _gemm.gemm(_rows(dgates), w_ih, None, None, None).reshape(x.shape)
    if needs[1]:
        dw_ih = _weight_gradient(dgates, x)
    if needs[2]:
        dw_hh = _weight_gradient(dgates, h)
    if needs[3] or needs[4]:
        db_ih = _sum(dgates, (0, 1))
        db_hh = db_ih.copy() if needs[4] else None
    return dx, dw_ih, dw_hh, db_ih if needs[3] else None, db_hh


# ---- checks -------------------------------------------------------------------------------------


def _cell_of(op, nonlinearity):
    if nonlinearity not in _RNN:
        raise ValueError(f"{op}: nonlinearity must be one of {sorted(_RNN)}, got {nonlinearity!r}")
    return _RNN[nonlinearity]


def _lstm_cell(coupled):
    """(cell, number of gates)"""
    return (_kernel.LSTM_COUPLED, 3) if coupled else (_kernel.LSTM, 4)


def _without(values, i):
    return (*values[:i], *values[i + 1 :])


def _shaped(op, name, a, shape, x):
    """An array of x's dtype and of this shape."""
    a = _checks.array(op, name, a, like=x)
    if a.shape != shape:
        raise ValueError(f"{op}: {name} must have shape {shape}, got {a.shape}")
    return a


def _weights(op, x, w_ih, w_hh, count):
    """x, w_ih and w_hh, x in C order, after their sizes are checked; count: gates."""
    x = np.ascontiguousarray(_checks.array(op, "x", x, 3))
    w_hh = _checks.array(op, "w_hh", w_hh, 2, x)
    units = w_hh.shape[1]
    if w_hh.shape[0] != count * units:
        rows = "U" if count == 1 else f"{count} U"
        raise ValueError(f"{op}: w_hh must have shape ({rows}, U), got {w_hh.shape}")
    return x, _shaped(op, "w_ih", w_ih, (count * units, x.shape[2]), x), w_hh


def _biases(op, x, w_ih, **biases):
    shape = w_ih.shape[:1]
    return [None if b is None else _shaped(op, name, b, shape, x) for name, b in biases.items()]


def _both(b_ih, b_hh):
    """The sum of the biases that are there, contiguous, or None."""
    if b_ih is None or b_hh is None:
        b = b_hh if b_ih is None else b_ih
        return None if b is None else np.ascontiguousarray(b)
    return _add(b_ih, b_hh)


def _peephole(op, peephole, x, w_hh, count):
    if peephole is None:
        return None
    shape = (count - 1, w_hh.shape[1])
    return np.ascontiguousarray(_shaped(op, "peephole", peephole, shape, x))


def _states(op, name, first, x, w_hh):
    """(T + 1, N, U), of which the first is given; None: zero."""
    steps, batch, units = *x.shape[:2], w_hh.shape[1]
    states = memory.empty_array((steps + 1, batch, units), x.dtype.num)
    states[0] = 0 if first is None else _shaped(op, name, first, (batch, units), x)
    return states


def _gradients(op, x, w_hh, dy, **last):
    """dy, in C order, or None; copies of the last states' gradients, which backward writes to."""
    steps, batch, units = *x.shape[:2], w_hh.shape[1]
    if dy is not None:
        dy = np.ascontiguousarray(_shaped(op, "dy", dy, (steps, batch, units), x))
    copies = [dy]
    for name, d in last.items():
        copies.append(memory.empty_array((batch, units), x.dtype.num))
        copies[-1][...] = 0 if d is None else _shaped(op, name, d, (batch, units), x)
    return copies


def _saved(op, saved, x, w_hh, **widths):
    """What forward saved, in C order: (T, N, width), or, width None, states."""
    steps, batch, units = *x.shape[:2], w_hh.shape[1]
    if not isinstance(saved, tuple) or len(saved) != len(widths):
        given = len(saved) if isinstance(saved, tuple) else type(saved).__name__
        raise TypeError(
            f"{op}: saved must be the tuple of {len(widths)} arrays that forward returns, "
            f"got {given}"
        )
    shapes = [(steps, batch, w) if w else (steps + 1, batch, units) for w in widths.values()]
    return [
        np.ascontiguousarray(_shaped(op, f"saved {name}", a, shape, x))
        for name, a, shape in zip(widths, saved, shapes, strict=True)
    ]
