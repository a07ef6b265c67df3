"""Recurrent layers over whole sequences, forward and backward through time.

x (T, N, D), the states (N, U), y (T, N, U): steps first, as PyTorch without batch_first. Weights
have PyTorch's shapes and order of gates. float32 or float64, any strides; mixed or other dtypes
raise TypeError, shapes that do not fit ValueError. x may also be integers (T, N) in 0..D-1, which
stand for one-hot rows: their products are looked up, and x has no gradient.

lengths: N integers; row n of the batch has the first lengths[n] steps of x alone. The rest is not
computed: y and dx are 0 there, dy is not looked at, and the last states are those after each row's
own last step. None: all have T. reverse: each row goes from its last step to its first; y, in the
order of time as ever, then knows what comes after, and the last states are those after step 0.

The input's product for all steps is one matrix product with the bias in its epilogue, and so are,
after the backward sweep, the gradients of x and of each weight; what lies between goes step by step
(_kernels/recurrent.pyx), over the rows that still have a step (_sequence.py).

Forward returns `saved`, which backward takes: arrays of activated gates and of states, of R rows
(T N, or the sum of lengths) and N + R rows. They may not be changed in between; y and the last
states are views of them where nothing is to be put in order.

A function's _step is a single step, x (N, D), and its backward, for loops of one's own: what it
costs is its products, for nothing is packed.
"""

import numpy as np

from .._kernels import gemm as _gemm
from .._kernels import memory
from .._kernels import recurrent as _kernel
from . import _checks
from ._sequence import Sequence
from .elementwise import add as _add
from .elementwise import multiply as _multiply
from .embedding import embedding as _embedding
from .embedding import embedding_backward as _embedding_backward
from .reduce import sum as _sum

_RNN = {
    "tanh": _kernel.RNN_TANH, "relu": _kernel.RNN_RELU, "sigmoid": _kernel.RNN_SIGMOID,
    "identity": _kernel.RNN_IDENTITY,
}  # fmt: skip

# ---- rnn ----------------------------------------------------------------------------------------


def rnn(
    x, h0, w_ih, w_hh, b_ih=None, b_hh=None, *, nonlinearity="tanh", lengths=None, reverse=False
):
    """h[t] = act(w_ih x[t] + b_ih + w_hh h[t-1] + b_hh), y[t] = h[t]

    x: (T, N, D).  h0: (N, U), None: zero.  w_ih: (U, D).  w_hh: (U, U).  b_ih, b_hh: (U,) or None.
    nonlinearity: "tanh", "relu", "sigmoid" or "identity".
    Returns y (T, N, U), the last h (N, U), and saved: (h,).

    Elman 1990, "Finding structure in time".
    """
    op = "rnn"
    cell = _cell_of(op, nonlinearity)
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, 1)
    b_ih, b_hh = _biases(op, w_ih, b_ih=b_ih, b_hh=b_hh)
    order = Sequence(op, x.shape[:2], lengths, reverse)
    h = _states(op, "h0", h0, order, w_hh)
    _inputs(order.gather(x), w_ih, _both(b_ih, b_hh), h[order.batch :])
    _forward(cell, order, h[order.batch :], h, None, w_hh)
    return order.scatter(h[order.batch :]), order.last(h), (h,)


def rnn_backward(
    dy, dh, x, w_ih, w_hh, saved, *, nonlinearity="tanh", lengths=None, reverse=False,
    needs=(True,) * 6,
):  # fmt: skip
    """Gradients of `rnn` for x, h0, w_ih, w_hh, b_ih and b_hh, in this order.

    dy: (T, N, U), the gradient of y; dh: (N, U), of the last h; either may be None: zero.  x, w_ih,
    w_hh, nonlinearity, lengths, reverse: as given to `rnn`; saved: as returned by it.  needs: which
    of the six to compute; the others are None.
    """
    op = "rnn_backward"
    cell = _cell_of(op, nonlinearity)
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, 1)
    order = Sequence(op, x.shape[:2], lengths, reverse)
    (h,) = _saved(op, saved, order, w_hh, h=None)
    dy, dh = _gradients(op, dy, order, w_hh, dh=dh)
    dgates = memory.empty_array((order.rows, w_hh.shape[1]), w_hh.dtype.num)
    _backward(cell, order, dy, dh, None, None, h, None, w_hh, None, dgates)
    dx, dw_ih, dw_hh, db_ih, db_hh = _products(
        dgates, order.gather(x), order.before(h), w_ih, _without(needs, 1)
    )  # fmt: skip
    return (
        _input_gradient(order, dx), _state_gradient(order, dh, needs[1]), dw_ih, dw_hh, db_ih,
        db_hh,
    )  # fmt: skip


def rnn_step(x, h, w_ih, w_hh, b_ih=None, b_hh=None, *, nonlinearity="tanh"):
    """One step of `rnn`: x (N, D) or integers (N,) -> the new h (N, U), and saved."""
    y, _, saved = rnn(_one("rnn_step", x), h, w_ih, w_hh, b_ih, b_hh, nonlinearity=nonlinearity)
    return y[0], saved


def rnn_step_backward(dh, x, w_ih, w_hh, saved, *, nonlinearity="tanh", needs=(True,) * 6):
    """Gradients of `rnn_step` as of `rnn`, from dh (N, U), the gradient of the new h."""
    x = _one("rnn_step_backward", x)
    return _of_one(
        rnn_backward(None, dh, x, w_ih, w_hh, saved, nonlinearity=nonlinearity, needs=needs)
    )


# ---- lstm ---------------------------------------------------------------------------------------


def lstm(
    x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, *, peephole=None, coupled=False, lengths=None,
    reverse=False,
):  # fmt: skip
    """i, f, o = sigmoid(a), g = tanh(a), a = w_ih x[t] + b_ih + w_hh h[t-1] + b_hh for each gate,
    c[t] = f c[t-1] + i g, h[t] = o tanh(c[t]), y[t] = h[t]

    x: (T, N, D).  h0, c0: (N, U), None: zero.  w_ih: (4 U, D) and w_hh: (4 U, U), gates i, f, g, o.
    b_ih, b_hh: (4 U,) or None.  peephole: (3, U) for i, f, o, which then add p_i c[t-1], p_f c[t-1]
    and p_o c[t] to their a; or None.  coupled: i = 1 - f, and i's rows are left out everywhere:
    gates f, g, o, peepholes f, o.
    Returns y (T, N, U), the last h and c (N, U), and saved: (gates, h, c).

    Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000 (the forget gate), Gers and
    Schmidhuber 2000 (peepholes); Greff et al. 2017, arXiv:1503.04069 (coupled gates).
    """
    op = "lstm"
    cell, count = _lstm_cell(coupled)
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, count)
    b_ih, b_hh = _biases(op, w_ih, b_ih=b_ih, b_hh=b_hh)
    peephole = _peephole(op, peephole, w_hh, count)
    order = Sequence(op, x.shape[:2], lengths, reverse)
    h, c = _states(op, "h0", h0, order, w_hh), _states(op, "c0", c0, order, w_hh)
    gates = memory.empty_array((order.rows, w_hh.shape[0]), w_hh.dtype.num)
    _inputs(order.gather(x), w_ih, _both(b_ih, b_hh), gates)
    _forward(cell, order, gates, h, c, w_hh, peephole=peephole)
    return order.scatter(h[order.batch :]), order.last(h), order.last(c), (gates, h, c)


def lstm_backward(
    dy, dh, dc, x, w_ih, w_hh, saved, *, peephole=None, coupled=False, lengths=None, reverse=False,
    needs=(True,) * 8,
):  # fmt: skip
    """Gradients of `lstm` for x, h0, c0, w_ih, w_hh, b_ih, b_hh and peephole, in this order.

    dy: (T, N, U), the gradient of y; dh, dc: (N, U), of the last h and c; any may be None: zero.
    x, w_ih, w_hh, peephole, coupled, lengths, reverse: as given to `lstm`; saved: as returned by
    it.  needs: which of the eight to compute; the others are None, as is peephole's where there is
    none.
    """
    op = "lstm_backward"
    cell, count = _lstm_cell(coupled)
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, count)
    units = w_hh.shape[1]
    peephole = _peephole(op, peephole, w_hh, count)
    order = Sequence(op, x.shape[:2], lengths, reverse)
    gates, h, c = _saved(op, saved, order, w_hh, gates=count * units, h=None, c=None)
    dy, dh, dc = _gradients(op, dy, order, w_hh, dh=dh, dc=dc)
    dgates = memory.empty_array(gates.shape, w_hh.dtype.num)
    _backward(cell, order, dy, dh, dc, gates, h, c, w_hh, peephole, dgates)
    dx, dw_ih, dw_hh, db_ih, db_hh = _products(
        dgates, order.gather(x), order.before(h), w_ih, (needs[0], *needs[3:7])
    )  # fmt: skip
    dpeephole = None
    if peephole is not None and needs[7]:  # a += p c: i and f see c[t-1], o sees c[t]
        dpeephole = np.empty_like(peephole)
        before, after = order.before(c), c[order.batch :]
        for k, gate in enumerate((0, 2) if coupled else (0, 1, 3)):
            da = dgates[:, gate * units : (gate + 1) * units]
            dpeephole[k] = _sum(_multiply(da, after if gate == count - 1 else before), 0)
    return (
        _input_gradient(order, dx), _state_gradient(order, dh, needs[1]),
        _state_gradient(order, dc, needs[2]), dw_ih, dw_hh, db_ih, db_hh, dpeephole,
    )  # fmt: skip


def lstm_step(x, h, c, w_ih, w_hh, b_ih=None, b_hh=None, *, peephole=None, coupled=False):
    """One step of `lstm`: x (N, D) or integers (N,) -> the new h and c (N, U), and saved."""
    x = _one("lstm_step", x)
    y, _, c, saved = lstm(x, h, c, w_ih, w_hh, b_ih, b_hh, peephole=peephole, coupled=coupled)
    return y[0], c, saved


def lstm_step_backward(
    dh, dc, x, w_ih, w_hh, saved, *, peephole=None, coupled=False, needs=(True,) * 8
):
    """Gradients of `lstm_step` as of `lstm`, from dh and dc (N, U), of the new h and c."""
    x = _one("lstm_step_backward", x)
    return _of_one(
        lstm_backward(
            None, dh, dc, x, w_ih, w_hh, saved, peephole=peephole, coupled=coupled, needs=needs
        )
    )


# ---- gru ----------------------------------------------------------------------------------------


def gru(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, *, reset_after=True, lengths=None, reverse=False):
    """r, z = sigmoid(w_ih x[t] + b_ih + w_hh h[t-1] + b_hh),
    n = tanh(w_in x[t] + b_in + r (w_hn h[t-1] + b_hn)), or, with reset_after=False,
    n = tanh(w_in x[t] + b_in + w_hn (r h[t-1]) + b_hn),
    h[t] = (1 - z) n + z h[t-1], y[t] = h[t]

    x: (T, N, D).  h0: (N, U), None: zero.  w_ih: (3 U, D) and w_hh: (3 U, U), gates r, z, n.
    b_ih, b_hh: (3 U,) or None.
    Returns y (T, N, U), the last h (N, U), and saved: (gates, h), where gates r, z and n are
    followed by w_hn h[t-1] + b_hn, or r h[t-1].

    Cho et al. 2014, arXiv:1406.1078 (the reset before); PyTorch's and cuDNN's form has it after.
    """
    op = "gru"
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, 3)
    units, dtype = w_hh.shape[1], w_hh.dtype
    b_ih, b_hh = _biases(op, w_ih, b_ih=b_ih, b_hh=b_hh)
    order = Sequence(op, x.shape[:2], lengths, reverse)
    h = _states(op, "h0", h0, order, w_hh)
    gates = memory.empty_array((order.rows, 4 * units), dtype.num)
    b_q = np.zeros(units, dtype)  # is within the reset's reach, and no part of the sum of biases
    if reset_after and b_hh is not None:
        b_q[...] = b_hh[2 * units :]
        b_hh = np.concatenate((b_hh[: 2 * units], np.zeros_like(b_q)))
    _inputs(order.gather(x), w_ih, _both(b_ih, b_hh), gates)
    _forward(_gru_cell(reset_after), order, gates, h, None, w_hh, b_q)
    return order.scatter(h[order.batch :]), order.last(h), (gates, h)


def gru_backward(
    dy, dh, x, w_ih, w_hh, saved, *, reset_after=True, lengths=None, reverse=False,
    needs=(True,) * 6,
):  # fmt: skip
    """Gradients of `gru` for x, h0, w_ih, w_hh, b_ih and b_hh, in this order.

    dy: (T, N, U), the gradient of y; dh: (N, U), of the last h; either may be None: zero.  x, w_ih,
    w_hh, reset_after, lengths, reverse: as given to `gru`; saved: as returned by it.  needs: which
    of the six to compute; the others are None.
    """
    op = "gru_backward"
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, 3)
    units, dtype = w_hh.shape[1], w_hh.dtype
    order = Sequence(op, x.shape[:2], lengths, reverse)
    gates, h = _saved(op, saved, order, w_hh, gates=4 * units, h=None)
    dy, dh = _gradients(op, dy, order, w_hh, dh=dh)
    dgates = memory.empty_array(gates.shape, dtype.num)
    _backward(_gru_cell(reset_after), order, dy, dh, None, gates, h, None, w_hh, None, dgates)
    # The state meets r, z and, after the reset q, before it n.
    of_inputs, of_rz = dgates[:, : 3 * units], dgates[:, : 2 * units]
    of_n = dgates[:, 3 * units :] if reset_after else dgates[:, 2 * units : 3 * units]
    dx, dw_ih, _, db_ih, db_hh = _products(
        of_inputs, order.gather(x), None, w_ih, (needs[0], needs[2], False, needs[4], needs[5])
    )  # fmt: skip
    dw_hh = None
    if needs[3]:
        before = order.before(h)
        dw_hh = memory.empty_array(w_hh.shape, dtype.num)
        _weight_gradient(of_rz, before, dw_hh[: 2 * units])
        _weight_gradient(of_n, before if reset_after else gates[:, 3 * units :], dw_hh[2 * units :])
    if needs[5] and reset_after:
        db_hh[2 * units :] = _sum(of_n, 0)
    return (
        _input_gradient(order, dx), _state_gradient(order, dh, needs[1]), dw_ih, dw_hh, db_ih,
        db_hh,
    )  # fmt: skip


def gru_step(x, h, w_ih, w_hh, b_ih=None, b_hh=None, *, reset_after=True):
    """One step of `gru`: x (N, D) or integers (N,) -> the new h (N, U), and saved."""
    y, _, saved = gru(_one("gru_step", x), h, w_ih, w_hh, b_ih, b_hh, reset_after=reset_after)
    return y[0], saved


def gru_step_backward(dh, x, w_ih, w_hh, saved, *, reset_after=True, needs=(True,) * 6):
    """Gradients of `gru_step` as of `gru`, from dh (N, U), the gradient of the new h."""
    x = _one("gru_step_backward", x)
    return _of_one(
        gru_backward(None, dh, x, w_ih, w_hh, saved, reset_after=reset_after, needs=needs)
    )


# ---- the sweep over time ------------------------------------------------------------------------


def _forward(cell, order, gates, h, c, w_hh, b_q=None, peephole=None):
    """_kernel.forward; one step alone is not worth packing w_hh for."""
    begin = order.begin
    if order.steps != 1 or order.padded:
        _kernel.forward(cell, begin, gates, h, c, w_hh, b_q, peephole)
        return
    two = 2 * w_hh.shape[1]
    before = cell == _kernel.GRU_BEFORE
    sums = _gemm.gemm(h[: order.batch], (w_hh[:two] if before else w_hh).T, None, None, None)
    _kernel.forward_step(cell, begin, 0, sums, gates, h, c, b_q, peephole, 0)
    if before:
        reset = gates[:, 3 * w_hh.shape[1] :]
        sums = _gemm.gemm(reset, w_hh[two:].T, None, None, None)
        _kernel.forward_step(cell, begin, 0, sums, gates, h, c, b_q, peephole, 1)


def _backward(cell, order, dy, dh, dc, gates, h, c, w_hh, peephole, dgates):
    """_kernel.backward, likewise."""
    begin = order.begin
    if order.steps != 1 or order.padded:
        _kernel.backward(cell, begin, dy, dh, dc, gates, h, c, w_hh, peephole, dgates)
        return
    units = w_hh.shape[1]
    _kernel.backward_step(cell, begin, 0, None, dy, dh, dc, gates, h, c, peephole, dgates, 0)
    if cell == _kernel.GRU_BEFORE:
        of_n = dgates[:, 2 * units : 3 * units]
        sums = _gemm.gemm(of_n, w_hh[2 * units :], None, None, None)
        _kernel.backward_step(cell, begin, 0, sums, dy, dh, dc, gates, h, c, peephole, dgates, 1)
    elif cell == _kernel.GRU:
        dh += _gemm.gemm(dgates[:, 3 * units :], w_hh[2 * units :], None, None, None)
    else:
        _gemm.gemm(dgates, w_hh, None, None, dh)
        return
    dh += _gemm.gemm(dgates[:, : 2 * units], w_hh[: 2 * units], None, None, None)


# ---- products over whole sequences --------------------------------------------------------------


def _is_one_hot(x):
    return x.dtype.kind in "iu"


def _inputs(x, w_ih, bias, gates):
    """The products of x's rows (R, D) and the bias, to the first columns of gates."""
    gates = gates[:, : w_ih.shape[0]]
    if _is_one_hot(x):
        _embedding(x[:, 0], w_ih.T if bias is None else _add(w_ih.T, bias), out=gates)
    else:
        _gemm.gemm(x, w_ih.T, bias, None, gates)


def _weight_gradient(dgates, x, out=None):
    return _gemm.gemm(dgates.T, x, None, None, out)


def _products(dgates, x, h, w_ih, needs):
    """dx, dw_ih, dw_hh, db_ih and db_hh of a = w_ih x + b_ih + w_hh h + b_hh, from a's gradient.

    needs: which of the five; the others are None.
    """
    dx = dw_ih = dw_hh = db_ih = db_hh = None
    one_hot = _is_one_hot(x)
    if needs[0] and not one_hot:
        dx = _gemm.gemm(dgates, w_ih, None, None, None)
    if needs[1] and one_hot:
        dw_ih = _embedding_backward(dgates, x[:, 0], w_ih.shape[1]).T
    elif needs[1]:
        dw_ih = _weight_gradient(dgates, x)
    if needs[2]:
        dw_hh = _weight_gradient(dgates, h)
    if needs[3] or needs[4]:
        db_ih = _sum(dgates, 0)
        db_hh = db_ih.copy() if needs[4] else None
    return dx, dw_ih, dw_hh, db_ih if needs[3] else None, db_hh


def _input_gradient(order, dx):
    return None if dx is None else order.scatter(dx)


def _state_gradient(order, d, needed):
    return order.unsort(d) if needed else None


# ---- checks -------------------------------------------------------------------------------------


def _cell_of(op, nonlinearity):
    if nonlinearity not in _RNN:
        raise ValueError(f"{op}: nonlinearity must be one of {sorted(_RNN)}, got {nonlinearity!r}")
    return _RNN[nonlinearity]


def _lstm_cell(coupled):
    """(cell, number of gates)"""
    return (_kernel.LSTM_COUPLED, 3) if coupled else (_kernel.LSTM, 4)


def _gru_cell(reset_after):
    return _kernel.GRU if reset_after else _kernel.GRU_BEFORE


def _without(values, i):
    return (*values[:i], *values[i + 1 :])


def _one(op, x):
    """A step's x as a sequence of one."""
    x = np.asarray(x)
    expected = 1 if _is_one_hot(x) else 2
    if x.ndim != expected:
        raise ValueError(f"{op}: x must have shape (N, D), or (N,) of integers, got {x.shape}")
    return x[None]


def _of_one(gradients):
    """Those of a sequence of one as a step's."""
    dx, *others = gradients
    return (None if dx is None else dx[0], *others)


def _shaped(op, name, a, shape, like):
    """An array of this shape, and of like's dtype."""
    a = _checks.array(op, name, a, like=like)
    if a.shape != shape:
        raise ValueError(f"{op}: {name} must have shape {shape}, got {a.shape}")
    return a


def _weights(op, x, w_ih, w_hh, count):
    """x (T, N, D), or integers (T, N, 1), w_ih and w_hh, sizes checked; count: gates."""
    x = np.asarray(x)
    if _is_one_hot(x):
        if x.ndim != 2:
            raise ValueError(f"{op}: x of integers must have 2 dimensions, got shape {x.shape}")
        w_ih = _checks.array(op, "w_ih", w_ih, 2)
        x, inputs, like = x[:, :, None], w_ih.shape[1], w_ih
    else:
        x = like = _checks.array(op, "x", x, 3)
        inputs = x.shape[2]
    w_hh = _checks.array(op, "w_hh", w_hh, 2, like)
    units = w_hh.shape[1]
    if w_hh.shape[0] != count * units:
        rows = "U" if count == 1 else f"{count} U"
        raise ValueError(f"{op}: w_hh must have shape ({rows}, U), got {w_hh.shape}")
    return x, _shaped(op, "w_ih", w_ih, (count * units, inputs), like), w_hh


def _biases(op, w_ih, **biases):
    shape = w_ih.shape[:1]
    return [None if b is None else _shaped(op, name, b, shape, w_ih) for name, b in biases.items()]


def _both(b_ih, b_hh):
    """The sum of the biases that are there, contiguous, or None."""
    if b_ih is None or b_hh is None:
        b = b_hh if b_ih is None else b_ih
        return None if b is None else np.ascontiguousarray(b)
    return _add(b_ih, b_hh)


def _peephole(op, peephole, w_hh, count):
    if peephole is None:
        return None
    shape = (count - 1, w_hh.shape[1])
    return np.ascontiguousarray(_shaped(op, "peephole", peephole, shape, w_hh))


def _states(op, name, first, order, w_hh):
    """(N + R, U), of which the first N are given; None: zero."""
    units, batch = w_hh.shape[1], order.batch
    states = memory.empty_array((batch + order.rows, units), w_hh.dtype.num)
    if first is not None:
        first = order.sort(_shaped(op, name, first, (batch, units), w_hh))
    states[:batch] = 0 if first is None else first
    return states


def _gradients(op, dy, order, w_hh, **last):
    """dy's rows (R, U) or None; copies of the last states' gradients, which backward writes to."""
    units = w_hh.shape[1]
    if dy is not None:
        dy = order.gather(_shaped(op, "dy", dy, (order.steps, order.batch, units), w_hh))
    copies = [dy]
    for name, d in last.items():
        copies.append(memory.empty_array((order.batch, units), w_hh.dtype.num))
        if d is not None:
            d = order.sort(_shaped(op, name, d, (order.batch, units), w_hh))
        copies[-1][...] = 0 if d is None else d
    return copies


def _saved(op, saved, order, w_hh, **widths):
    """What forward saved, in C order: R rows of this width; None: N + R states."""
    if not isinstance(saved, tuple) or len(saved) != len(widths):
        given = len(saved) if isinstance(saved, tuple) else type(saved).__name__
        raise TypeError(
            f"{op}: saved must be the tuple of {len(widths)} arrays that forward returns, "
            f"got {given}"
        )
    rows, units = order.rows, w_hh.shape[1]
    shapes = [(rows, w) if w is not None else (order.batch + rows, units) for w in widths.values()]
    return [
        np.ascontiguousarray(_shaped(op, f"saved {name}", a, shape, w_hh))
        for name, a, shape in zip(widths, saved, shapes, strict=True)
    ]
