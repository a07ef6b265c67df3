"""Additive attention, and the LSTM that looks at a sequence by it at every step.

S source positions, A the width in which queries and keys are compared, M that of the values;
T steps, N batch, U units. Steps and positions come first, as in recurrent layers. float32 or
float64, any strides; mixed or other dtypes raise TypeError, shapes that do not fit ValueError.

source_lengths: N integers; only the first source_lengths[n] positions of sequence n take part, and
the weights of the others are 0. None: all have S. Where a sequence has none, its context is 0.
"""

from itertools import pairwise

import numpy as np

from .._kernels import additive_attention as _attention
from .._kernels import gemm as _gemm
from .._kernels import memory
from .._kernels import recurrent as _recurrent
from . import _checks
from ._sequence import Sequence, check_lengths
from .recurrent import (
    _biases,
    _both,
    _gradients,
    _input_gradient,
    _inputs,
    _products,
    _saved,
    _shaped,
    _state_gradient,
    _states,
    _weights,
)  # fmt: skip
from .reduce import sum as _sum


def additive_attention(query, keys, values, v, *, source_lengths=None):
    """e[t, s] = v . tanh(keys[s] + query[t]), weights = softmax of e over s,
    context[t] = sum over s of weights[t, s] values[s]

    query: (T, N, A).  keys: (S, N, A).  values: (S, N, M).  v: (A,).
    Returns context (T, N, M) and weights (T, N, S).

    Bahdanau, Cho and Bengio 2015, arXiv:1409.0473.
    """
    op = "additive_attention"
    query, keys, values, v, lengths = _arguments(op, query, keys, values, v, source_lengths)
    (steps, batch, _), (_, positions, width) = query.shape, values.shape
    weights = memory.empty_array((steps, batch, positions), query.dtype.num)
    context = memory.empty_array((steps, batch, width), query.dtype.num)
    rows = context.reshape(steps * batch, width)
    _attention.forward(query, keys, values, v, lengths, weights, rows)
    return context, weights


def additive_attention_backward(
    dcontext, dweights, query, keys, values, v, weights, *, source_lengths=None
):  # fmt: skip
    """Gradients of `additive_attention` for query, keys, values and v.

    dcontext: (T, N, M) and dweights: (T, N, S), the gradients of its results; dweights may be None:
    zero.  weights: as it returned them; the rest as given to it.
    """
    op = "additive_attention_backward"
    query, keys, values, v, lengths = _arguments(op, query, keys, values, v, source_lengths)
    (steps, batch, _), (_, positions, width) = query.shape, values.shape
    dcontext = np.ascontiguousarray(_shaped(op, "dcontext", dcontext, (steps, batch, width), query))
    shape = steps, batch, positions
    weights = np.ascontiguousarray(_shaped(op, "weights", weights, shape, query))
    if dweights is not None:
        dweights = np.ascontiguousarray(_shaped(op, "dweights", dweights, shape, query))
    dquery = memory.empty_array(query.shape, query.dtype.num)
    dkeys, dvalues, dv = _zeros(keys, keys.shape), _zeros(keys, values.shape), _dv(batch, v)
    _attention.backward(
        query, keys, values, v, lengths, weights, dcontext.reshape(steps * batch, width), dweights,
        dquery, dkeys, dvalues, dv,
    )  # fmt: skip
    return dquery, dkeys.swapaxes(0, 1), dvalues.swapaxes(0, 1), _sum(dv, 0)


def attention_lstm(
    x, h0, c0, keys, values, w_ih, w_ch, w_hh, b_ih, b_hh, w_query, v, *, source_lengths=None,
    lengths=None,
):  # fmt: skip
    """context[t] by `additive_attention` of the query w_query h[t-1], then the step of an LSTM:
    i, f, o = sigmoid(a), g = tanh(a), a = w_ih x[t] + w_ch context[t] + w_hh h[t-1] + b_ih + b_hh,
    c[t] = f c[t-1] + i g, h[t] = o tanh(c[t]), y[t] = h[t]

    x: (T, N, D), or integers (T, N) for one-hot rows.  h0, c0: (N, U), None: zero.  keys: (S, N, A)
    and values: (S, N, M), of the source.  w_ih: (4 U, D), w_ch: (4 U, M), w_hh: (4 U, U), gates i,
    f, g, o.  b_ih, b_hh: (4 U,) or None.  w_query: (A, U).  v: (A,).  lengths: N integers, how many
    steps each row has, as of `lstm`; y, context and weights are 0 beyond them.
    Returns y (T, N, U), context (T, N, M), weights (T, N, S), the last h and c (N, U), and saved.

    Bahdanau, Cho and Bengio 2015, with an LSTM. What needs no state is one product for all steps:
    with x before the loop, and in backward all weights' gradients after it.
    """
    op = "attention_lstm"
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, 4)
    units, batch = w_hh.shape[1], x.shape[1]
    b_ih, b_hh = _biases(op, w_ih, b_ih=b_ih, b_hh=b_hh)
    order = Sequence(op, x.shape[:2], lengths)
    keys, values, v, ends = _source(op, keys, values, v, source_lengths, batch, w_hh, order)
    w_ch, w_query = _further_weights(op, w_ch, w_query, keys, values, w_hh)
    h, c = _states(op, "h0", h0, order, w_hh), _states(op, "c0", c0, order, w_hh)

    rows, dtype = order.rows, w_hh.dtype.num
    gates = memory.empty_array((rows, 4 * units), dtype)
    _inputs(order.gather(x), w_ih, _both(b_ih, b_hh), gates)
    states = memory.empty_array((rows, units + w_ch.shape[1]), dtype)  # h[t-1] and context[t]
    query = memory.empty_array((rows, keys.shape[2]), dtype)
    weights = memory.empty_array((rows, keys.shape[1]), dtype)
    to_gates, to_query = _often(np.concatenate((w_hh, w_ch), 1).T, order), _often(w_query.T, order)
    for t, begin, end in _steps(order):
        before = order.batch + order.begin[t - 1] if t else 0
        state, here = h[before : before + end - begin], slice(begin, end)
        states[here, :units] = state
        _gemm.gemm(state, to_query, None, None, query[here])
        _attention.forward(
            query[None, here], keys, values, v, ends, weights[None, here], states[here, units:]
        )
        sums = _gemm.gemm(states[here], to_gates, None, None, None)
        _recurrent.forward_step(_recurrent.LSTM, order.begin, t, sums, gates, h, c, None, None, 0)
    return (
        order.scatter(h[order.batch :]), order.scatter(states[:, units:]), order.scatter(weights),
        order.last(h), order.last(c), (gates, h, c, states, query, weights),
    )  # fmt: skip


def attention_lstm_backward(
    dy, dcontext, dweights, dh, dc, x, keys, values, w_ih, w_ch, w_hh, w_query, v, saved, *,
    source_lengths=None, lengths=None, needs=(True,) * 12,
):  # fmt: skip
    """Gradients of `attention_lstm` for x, h0, c0, keys, values, w_ih, w_ch, w_hh, b_ih, b_hh,
    w_query and v, in this order.

    dy, dcontext, dweights, dh, dc: of its results, each may be None: zero.  saved: as returned by
    it; the rest as given to it.  needs: which of the twelve to compute; the others are None.
    """
    op = "attention_lstm_backward"
    x, w_ih, w_hh = _weights(op, x, w_ih, w_hh, 4)
    units, batch = w_hh.shape[1], x.shape[1]
    order = Sequence(op, x.shape[:2], lengths)
    keys, values, v, ends = _source(op, keys, values, v, source_lengths, batch, w_hh, order)
    w_ch, w_query = _further_weights(op, w_ch, w_query, keys, values, w_hh)
    (_, positions, width), both = keys.shape, units + values.shape[2]
    gates, h, c, states, query, weights = _saved(
        op, saved, order, w_hh, gates=4 * units, h=None, c=None, states=both, query=width,
        weights=positions,
    )  # fmt: skip
    dy, dh, dc = _gradients(op, dy, order, w_hh, dh=dh, dc=dc)
    dcontext = _rows(op, "dcontext", dcontext, order, values.shape[2], w_hh)
    dweights = _rows(op, "dweights", dweights, order, positions, w_hh)

    dgates = memory.empty_array(gates.shape, gates.dtype.num)
    dquery = memory.empty_array(query.shape, query.dtype.num)
    dkeys, dvalues, dv = _zeros(keys, keys.shape), _zeros(keys, values.shape), _dv(batch, v)
    recurrent = _often(np.concatenate((w_hh, w_ch), 1), order)
    of_query = _often(w_query, order)
    for t, begin, end in reversed(_steps(order)):
        here = slice(begin, end)
        _recurrent.backward_step(
            _recurrent.LSTM, order.begin, t, None, dy, dh, dc, gates, h, c, None, dgates, 0
        )
        dstates = _gemm.gemm(dgates[here], recurrent, None, None, None)
        if dcontext is not None:
            dstates[:, units:] += dcontext[here]
        _attention.backward(
            query[None, here], keys, values, v, ends, weights[None, here], dstates[:, units:],
            None if dweights is None else dweights[None, here], dquery[None, here], dkeys, dvalues,
            dv,
        )  # fmt: skip
        before = dh[: end - begin]
        _gemm.gemm(dquery[here], of_query, None, None, before)
        before += dstates[:, :units]

    x = order.gather(x)
    dx, dw_ih, dw, db_ih, db_hh = _products(
        dgates, x, states, w_ih, (needs[0], needs[5], needs[6] or needs[7], *needs[8:10])
    )
    dw_query = _gemm.gemm(dquery.T, states[:, :units], None, None, None) if needs[10] else None
    return (
        _input_gradient(order, dx), _state_gradient(order, dh, needs[1]),
        _state_gradient(order, dc, needs[2]),
        order.unsort(dkeys).swapaxes(0, 1) if needs[3] else None,
        order.unsort(dvalues).swapaxes(0, 1) if needs[4] else None,
        dw_ih, dw[:, units:] if needs[6] else None, dw[:, :units] if needs[7] else None,
        db_ih, db_hh, dw_query, _sum(dv, 0) if needs[11] else None,
    )  # fmt: skip


# ---- shared -------------------------------------------------------------------------------------


def _steps(order):
    """(t, begin, end) of every step that has rows."""
    rows = enumerate(pairwise(order.begin.tolist()))
    return [(t, begin, end) for t, (begin, end) in rows if begin < end]


def _often(w, order):
    """A matrix that each step multiplies by; a single step is not worth packing it for."""
    return _gemm.pack(w) if order.steps > 1 else w


def _zeros(like, shape):
    a = memory.empty_array(shape, like.dtype.num)
    a[...] = 0
    return a


def _dv(batch, v):
    return _zeros(v, (batch, len(v)))


def _rows(op, name, d, order, width, like):
    """A gradient (T, N, width) as R rows, or None."""
    if d is None:
        return None
    return order.gather(_shaped(op, name, d, (order.steps, order.batch, width), like))


def _arguments(op, query, keys, values, v, source_lengths):
    query = np.ascontiguousarray(_checks.array(op, "query", query, 3))
    keys, values, v, ends = _source(op, keys, values, v, source_lengths, query.shape[1], query)
    if query.shape[2] != keys.shape[2]:
        raise ValueError(
            f"{op}: query must be as wide as keys, got {query.shape} and keys {keys.shape[2]} wide"
        )
    return query, keys, values, v, ends


def _source(op, keys, values, v, source_lengths, batch, like, order=None):
    """keys (N, S, A), values (N, S, M), v (A,) and the lengths, contiguous; in the order of
    computation."""
    keys = _checks.array(op, "keys", keys, 3, like)
    values = _checks.array(op, "values", values, 3, like)
    if keys.shape[1] != batch or values.shape[:2] != keys.shape[:2]:
        raise ValueError(
            f"{op}: keys and values must have shapes (S, {batch}, A) and (S, {batch}, M), got "
            f"{keys.shape} and {values.shape}"
        )
    v = np.ascontiguousarray(_shaped(op, "v", v, (keys.shape[2],), like))
    if source_lengths is not None:
        source_lengths = check_lengths(op, source_lengths, *keys.shape[:2], "source_lengths")
    keys, values = keys.swapaxes(0, 1), values.swapaxes(0, 1)
    if order is not None:
        keys, values = order.sort(keys), order.sort(values)
        source_lengths = None if source_lengths is None else order.sort(source_lengths)
    return np.ascontiguousarray(keys), np.ascontiguousarray(values), v, source_lengths


def _further_weights(op, w_ch, w_query, keys, values, w_hh):
    return (
        _shaped(op, "w_ch", w_ch, (w_hh.shape[0], values.shape[2]), w_hh),
        _shaped(op, "w_query", w_query, (keys.shape[2], w_hh.shape[1]), w_hh),
    )
