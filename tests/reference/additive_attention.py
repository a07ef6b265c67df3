"""Additive attention, one query at a time; and the LSTM that attends, one step at a time."""

import numpy as np

from .activation import f64
from .recurrent import _save, lstm, lstm_backward


def additive_attention(query, keys, values, v, *, source_lengths=None):
    query, keys, values, v = map(f64, (query, keys, values, v))
    steps, batch, _ = query.shape
    context, weights = (np.zeros((steps, batch, k)) for k in (values.shape[2], len(keys)))
    for t, n, length in _queries(query, keys, source_lengths):
        e = np.tanh(keys[:length, n] + query[t, n]) @ v
        weights[t, n, :length] = np.exp(e - e.max()) / np.exp(e - e.max()).sum()
        context[t, n] = weights[t, n, :length] @ values[:length, n]
    return context, weights


def additive_attention_backward(
    dcontext, dweights, query, keys, values, v, weights, *, source_lengths=None
):  # e_s = v . tanh(k_s + q),  w = softmax(e),  c = sum of w_s values_s
    query, keys, values, v, weights = map(f64, (query, keys, values, v, weights))
    dweights = np.zeros(weights.shape) if dweights is None else f64(dweights)
    dquery, dkeys, dvalues, dv = map(np.zeros_like, (query, keys, values, v))
    for t, n, length in _queries(query, keys, source_lengths):
        w, dc = weights[t, n, :length], f64(dcontext)[t, n]
        dvalues[:length, n] += w[:, None] * dc
        dw = values[:length, n] @ dc + dweights[t, n, :length]
        de = w * (dw - w @ dw)
        tanh = np.tanh(keys[:length, n] + query[t, n])
        dv += de @ tanh
        da = de[:, None] * v * (1 - tanh**2)
        dkeys[:length, n] += da
        dquery[t, n] = da.sum(0)
    return dquery, dkeys, dvalues, dv


def _queries(query, keys, source_lengths):
    lengths = [len(keys)] * query.shape[1] if source_lengths is None else source_lengths
    return [(t, n, k) for t in range(len(query)) for n, k in enumerate(lengths) if k]


def attention_lstm(
    x, h0, c0, keys, values, w_ih, w_ch, w_hh, b_ih, b_hh, w_query, v, *, source_lengths=None
):  # without lengths
    w, (steps, batch, _) = np.concatenate((f64(w_ih), f64(w_ch)), 1), x.shape
    shape = batch, w_hh.shape[1]
    h, c = ([np.zeros(shape) if state is None else f64(state)] for state in (h0, c0))
    widths = w_hh.shape[0], shape[1] + values.shape[2], keys.shape[2], len(keys)
    gates, states, query, weights = (np.zeros((steps, batch, k)) for k in widths)
    for t in range(steps):
        query[t] = h[t] @ f64(w_query).T
        (context,), (weights[t],) = additive_attention(
            query[t : t + 1], keys, values, v, source_lengths=source_lengths
        )
        inputs = np.concatenate((f64(x[t]), context), 1)[None]
        _, after, c_after, saved = lstm(inputs, h[t], c[t], w, w_hh, b_ih, b_hh)
        states[t] = np.concatenate((h[t], context), 1)
        gates[t] = saved[0]
        h.append(after)
        c.append(c_after)
    h, c = np.stack(h), np.stack(c)
    context = states[:, :, shape[1] :]
    return h[1:], context, weights, h[-1], c[-1], _save(gates, h, c, states, query, weights)


def attention_lstm_backward(
    dy, dcontext, dweights, dh, dc, x, keys, values, w_ih, w_ch, w_hh, w_query, v, saved, *,
    source_lengths=None,
):  # fmt: skip
    w, w_query, (steps, batch, inputs) = np.concatenate((w_ih, w_ch), 1), f64(w_query), x.shape
    gates, h, c, states, query, weights = (
        f64(a).reshape(-1, batch, a.shape[1]) if batch else np.zeros((steps, 0, a.shape[1]))
        for a in saved
    )
    dx, dh, dc = np.zeros(x.shape), f64(dh), f64(dc)
    dkeys, dvalues, dv = np.zeros(keys.shape), np.zeros(values.shape), np.zeros(len(v))
    dw, dw_hh, db = np.zeros(w.shape), np.zeros(w_hh.shape), np.zeros(len(w))
    dw_query = np.zeros(w_query.shape)
    for t in reversed(range(steps if batch else 0)):
        context = states[t, :, w_hh.shape[1] :]
        given = np.concatenate((f64(x[t]), context), 1)[None]
        (d,), dh, dc, *of_weights = lstm_backward(
            None,
            dh + dy[t],
            dc,
            given,
            w,
            w_hh,
            _save(gates[t : t + 1], h[t : t + 2], c[t : t + 2]),
        )
        dx[t] = d[:, :inputs]
        dquery, *of_source = additive_attention_backward(
            d[None, :, inputs:] + dcontext[t], dweights[None, t], query[t : t + 1], keys, values, v,
            weights[t : t + 1], source_lengths=source_lengths,
        )  # fmt: skip
        dh = dh + dquery[0] @ w_query  # query = w_query h'
        dw_query += dquery[0].T @ h[t]
        for total, part in zip((dkeys, dvalues, dv), of_source, strict=True):
            total += part
        for total, part in zip((dw, dw_hh, db), of_weights, strict=False):
            total += part
    return (
        dx, dh, dc, dkeys, dvalues, dw[:, :inputs], dw[:, inputs:], dw_hh, db, db.copy(), dw_query,
        dv,
    )  # fmt: skip
