"""Additive attention, that of products, and the LSTM that attends to a source at every step.

Shapes: S source positions, N batch, A the width in which queries and keys are compared, M that of
the values; T steps. source_lengths: N integers in 0..S, only so many positions of each sequence
take part; None: all. Plain arrays are cast to the weights' dtype. All raise TypeError for dtypes,
ValueError for shapes and values that do not fit.
"""

from itertools import compress

import numpy as np

from .. import kernels
from ..autograd import as_tensor, record_together
from ..kernels._sequence import check_lengths
from ._lookup import SummedGradient, distinct
from .activation import softmax
from .recurrent import inputs, pair


def additive_attention(query, keys, values, v, *, source_lengths=None):
    """e[t, s] = v . tanh(keys[s] + query[t]), weights = softmax of e over s,
    context[t] = sum over s of weights[t, s] values[s]

    query (T, N, A), or (N, A) for a single step; keys (S, N, A), values (S, N, M), v (A,) ->
    context (T, N, M), weights (T, N, S); both without T for a single step. With keys = W1 h and
    query = W2 s this is the attention of Bahdanau, Cho and Bengio 2015, arXiv:1409.0473.
    """
    v = as_tensor(v)
    query, keys, values = (as_tensor(x, v) for x in (query, keys, values))
    single = query.data.ndim == 2
    if single:
        query = query.unsqueeze(0)
    data = [x.data for x in (query, keys, values, v)]
    options = dict(source_lengths=source_lengths)
    context, weights = kernels.additive_attention(*data, **options)

    def backward(dcontext, dweights):  # c = sum of w_s values_s,  w = softmax(v . tanh(k + q))
        if dcontext is None:
            dcontext = np.zeros_like(context)
        return kernels.additive_attention_backward(dcontext, dweights, *data, weights, **options)

    outputs = record_together((context, weights), (query, keys, values, v), backward)
    return tuple(x.squeeze(0) for x in outputs) if single else outputs


def attention_lstm(
    input, hx, keys, values, weight_ih, weight_hh, bias_ih, bias_hh, weight_query, v, *,
    source_lengths=None, lengths=None,
):  # fmt: skip
    """context[t] by `additive_attention` of the query W_query h[t-1], then a step of `lstm` with
    the input (x[t], context[t]).

    input (T, N, D), or integers (T, N) for one-hot rows; hx: (h, c), each (N, U), or None: zero;
    keys (S, N, A), values (S, N, M); weight_ih (4 U, D + M), weight_hh (4 U, U), biases (4 U,) or
    None; weight_query (A, U); v (A,); lengths: N integers in 0..T, as of `lstm` -> y (T, N, U),
    context (T, N, M), weights (T, N, S), the last (h, c).
    """
    w_ih = as_tensor(weight_ih)
    h, c = pair("attention_lstm", hx)
    others = h, c, keys, values, w_ih, weight_hh, bias_ih, bias_hh, weight_query, v
    arguments = [inputs(input, w_ih), *(None if a is None else as_tensor(a, w_ih) for a in others)]
    data = [None if a is None else a.data for a in arguments]
    x, h, c, keys, values, w_ih, w_hh, b_ih, b_hh, w_query, v = data
    options = dict(source_lengths=source_lengths, lengths=lengths)
    width = w_ih.shape[1] - values.shape[2]
    if width < 0:
        raise ValueError(
            f"attention_lstm: weight_ih must be at least as wide as the values, got "
            f"{w_ih.shape} and values {values.shape[2]} wide"
        )
    w_ih, w_ch = w_ih[:, :width], w_ih[:, width:]
    once, first = distinct(arguments[0]), (x, w_ih)
    if once is not None:  # rows of a table: their products are looked up
        first = once.places, kernels.matmul(once.rows, w_ih.T).T
    *outputs, saved = kernels.attention_lstm(
        first[0], h, c, keys, values, first[1], w_ch, w_hh, b_ih, b_hh, w_query, v, **options
    )
    given = [a is not None for a in arguments]
    needs = [a is not None and a.requires_grad for a in arguments]

    def backward(*dys):  # y, context, weights, h, c
        def gradients(x, w_ih, needs):
            rest = x, keys, values, w_ih, w_ch, w_hh, w_query, v, saved
            return kernels.attention_lstm_backward(*dys, *rest, **options, needs=needs)

        needed = [*needs[:6], *needs[5:]]  # weight_ih is in two parts
        if once is None:
            found = list(gradients(x, w_ih, needed))
        else:  # products = W_ih rows'
            found = list(
                gradients(*first, [False, *needed[1:5], needs[0] or needs[5], *needed[6:]])
            )
            d = found[5]
            if needs[0]:
                only_x = [True] + [False] * 11
                found[0] = SummedGradient(
                    once.numbers, kernels.matmul(d.T, w_ih), lambda: gradients(x, w_ih, only_x)[0]
                )
            found[5] = kernels.matmul(d, once.rows) if needs[5] else None
        parts = found[5], found.pop(6)
        found[5] = np.concatenate(parts, 1) if needs[5] else None
        return compress(found, given)

    parents = tuple(compress(arguments, given))
    y, context, weights, h, c = record_together(tuple(outputs), parents, backward)
    return y, context, weights, (h, c)


def dot_attention(query, keys, values, *, source_lengths=None):
    """e[t, s] = query[t] . keys[s], weights = softmax of e over s,
    context[t] = sum over s of weights[t, s] values[s]

    query (T, N, A), or (N, A) for a single step; keys (S, N, A), values (S, N, M) -> context
    (T, N, M), weights (T, N, S); both without T for a single step. Luong, Pham and Manning 2015,
    arXiv:1508.04025. A sequence whose source has no positions attends to all S.
    """
    keys = as_tensor(keys)
    query, values = as_tensor(query, keys), as_tensor(values, keys)
    if query.data.ndim == 2:
        context, weights = dot_attention(
            query.unsqueeze(0), keys, values, source_lengths=source_lengths
        )
        return context.squeeze(0), weights.squeeze(0)
    if query.data.ndim != 3 or keys.data.shape[1:] != query.data.shape[1:]:
        raise ValueError(
            f"dot_attention: query and keys must have shapes (T, N, A) and (S, N, A), got "
            f"{query.data.shape} and {keys.data.shape}"
        )
    scores = query.transpose(0, 1) @ keys.transpose(0, 1).transpose(1, 2)  # (N, T, S)
    if source_lengths is not None:
        ends = check_lengths(
            "dot_attention", source_lengths, *keys.data.shape[:2], "source_lengths"
        )
        outside = np.arange(keys.data.shape[0]) >= ends[:, None]
        lowest = np.finfo(keys.data.dtype).min / 2
        scores = scores + np.where(outside, lowest, 0).astype(keys.data.dtype)[:, None]
    weights = softmax(scores, -1)
    context = weights @ values.transpose(0, 1)
    return context.transpose(0, 1), weights.transpose(0, 1)
