"""What is measured, continued (see cases.py): attention, forward and backward through the tapes."""

import numpy as np
import numpy_impl as plain
from cases import label_of, normal, plain_case, torch

import fastnn


def attention(causal, shape):
    """Scaled dot-product attention. shape: (N, H, L, E), of query, key and value"""
    arrays = [normal(*shape, seed=i) for i in range(3)]

    def op(F):
        return lambda *inputs: F.scaled_dot_product_attention(*inputs, is_causal=causal)

    def by_numpy(*given):
        return plain.attention_both(*given, causal)

    label = f"{'causal, ' * causal}{label_of(shape)}"
    work = 12 * np.prod(shape) * shape[2] / (1 + causal)  # six products, of halves where causal
    return plain_case(label, op, arrays, normal(*shape, seed=3), by_numpy, work)


def attend_heads(heads, shape):
    """Of a layer's projections, causal. shape: (N, T, D)"""
    n, t, d = shape

    def op(F):
        if F is fastnn.functional:
            options = {"batch_first": True, "causal": True}
            return lambda source: F.attention.attend_heads([source], heads, **options)

        def by_torch(source):
            parts = source.view(n, t, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(*parts, is_causal=True)
            return y.transpose(1, 2).reshape(n, t, d)

        return by_torch

    def by_numpy(source, dy):
        return plain.attend_heads_both(source, dy, heads)

    source, dy = normal(n, t, 3 * d), normal(*shape, seed=1)
    label = f"{heads} heads, {label_of(shape)}"
    return plain_case(label, op, [source], dy, by_numpy, 6 * np.prod(shape) * t)


def additive(shape):
    """shape: (T, N, S, A, M)"""
    T, N, S, A, M = shape
    shapes = (T, N, A), (S, N, A), (S, N, M), (A,)
    arrays = [normal(*s, seed=i) for i, s in enumerate(shapes)]

    def op(F):
        if F is fastnn.functional:
            return lambda *inputs: F.additive_attention(*inputs)[0]
        return _by_torch

    def by_numpy(query, keys, values, v, dy):
        context, saved = plain.additive_attention(query, keys, values, v)
        return context, *plain.additive_attention_backward(dy, values, v, saved)

    label, work = f"(T, N, S, A, M) = {shape}", 6 * T * N * S * (A + M)
    return plain_case(label, op, arrays, normal(T, N, M, seed=4), by_numpy, work)


def _by_torch(query, keys, values, v):
    weights = (torch.tanh(keys + query[:, None]) @ v).softmax(1)
    return torch.einsum("tsn,snm->tnm", weights, values)


def attention_lstm(shape):
    """The LSTM that attends at every step. shape: (T, N, S, A, M, D, U)"""
    T, N, S, A, M, D, U = shape
    shapes = (
        (T, N, D), (S, N, A), (S, N, M), (4 * U, D + M), (4 * U, U), (4 * U,), (A, U), (A,),
    )  # fmt: skip
    arrays = [normal(*s, seed=i) for i, s in enumerate(shapes)]
    for i in (3, 4, 6):
        arrays[i] *= np.float32(shapes[i][1] ** -0.5)

    def op(F):
        if F is not fastnn.functional:
            return _lstm_by_torch
        return lambda x, keys, values, w_ih, w_hh, b, w_query, v: F.attention_lstm(
            x, None, keys, values, w_ih, w_hh, b, None, w_query, v
        )[0]

    work = 6 * T * N * (4 * U * (D + M + U) + A * U + S * (A + M))
    label, dy = f"(T, N, S, A, M, D, U) = {shape}", normal(T, N, U, seed=9)
    return plain_case(label, op, arrays, dy, plain.attention_lstm_both, work)


def _lstm_by_torch(x, keys, values, w_ih, w_hh, b, w_query, v):
    h = c = torch.zeros(x.shape[1], w_hh.shape[1])
    states = []
    for inputs in x:
        context = _by_torch((h @ w_query.T)[None], keys, values, v)[0]
        both = torch.cat([inputs, context], 1)
        h, c = torch.lstm_cell(both, (h, c), w_ih, w_hh, b, torch.zeros_like(b))
        states.append(h)
    return torch.stack(states)
