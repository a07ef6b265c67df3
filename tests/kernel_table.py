"""Every kernel with a call of it: what the tests of the promises run. A new kernel is one line.

An entry builds the arguments from draw (random arrays), b (a batch size: 0 or 3) and n (a
length: 101, or 100,003 where all of eight threads shall have work). `INPLACE` names the kernels
that update arrays, with the positions of the arguments that they update. A key's first word is
the kernel; what follows tells entries of one kernel apart.
"""

import hashlib

import numpy as np

from fastnn import kernels

SMALL, LARGE = 101, 100_003


class Draw:
    """Arrays of one dtype with the numbers of a fixed pool of normal deviates."""

    def __init__(self, dtype, seed=0):
        self.dtype = np.dtype(dtype)
        self.pool = np.random.default_rng(seed).standard_normal(65_521).astype(dtype)

    def __call__(self, *shape):
        self.pool = np.roll(self.pool, 1789)
        return np.resize(self.pool, shape)

    def positive(self, *shape):
        return np.abs(self(*shape)) + self.dtype.type(0.1)

    def ints(self, high, *shape):
        return (self.positive(*shape) * 1e3).astype(np.int64) % high


def _elementwise(arrays, **keywords):
    return lambda draw, b, n: ([draw(b, 7, n) for _ in range(arrays)], keywords)


def _row(n):  # a length at whose every place there are many multiply-adds
    return 90 + n // 8


def _image(draw, b, n, channels=5):
    return draw(b, channels, 12 + n // 32, 14)


def _pool(draw, b, n):
    return draw(b, 6, 12 + n // 100, 32)


def _pooled(draw, b, n):  # of a 2 x 2 window
    return draw(b, 6, 6 + n // 200, 16)


def _winners(draw, b, n):  # max_pool2d's indices for it
    return kernels.max_pool2d(draw(b, 6, 12 + n // 200 * 2, 32), 2)[1]


def _pooled_row(draw, b, n):  # of 7 windows of 3, 2 apart, over 16 numbers; or as many more
    return draw(b, 9, 7 + n // 20)


def _row_winners(draw, b, n):  # max_pool1d's indices for it
    return kernels.max_pool1d(draw(b, 9, 16 + n // 20 * 2), 3, stride=2)[1]


def _adapted_winners(draw, b, n):  # adaptive_max_pool2d's indices
    return kernels.adaptive_max_pool2d(draw(b, 6, 12 + n // 100, 32), (7, 15))[1]


def _max_backward(dy, x):
    return (dy, x, kernels.max(x, 2), 2), {}


def _steps(n):
    return 3 + n // 50_000


def _sequences(b, n):  # as many as give all threads work at every step
    return b * (1 + n // 128)


def _recurrent(draw, b, n, gates, states):  # x, states, w_ih, w_hh, b_ih, b_hh
    units = 21 + n // 2000
    x, first = draw(_steps(n), _sequences(b, n), 9), draw(_sequences(b, n), units)
    w_ih, w_hh = draw(gates * units, 9) / 3, draw(gates * units, units) / 5
    return [x, *[first] * states, w_ih, w_hh, draw(gates * units), draw(gates * units)]


def _recurrent_backward(kernel, draw, b, n, gates, states, **options):
    arguments = x, *first, w_ih, w_hh, _, _ = _recurrent(draw, b, n, gates, states)
    saved = kernel(*arguments, **options)[-1]
    return (draw(*x.shape[:2], w_hh.shape[1]), *first, x, w_ih, w_hh, saved), options


def _recurrent_step(draw, b, n, gates, states):
    x, *others = _recurrent(draw, 4 * b, n, gates, states)  # even a sum over rows has work for all
    return x[0], *others


def _recurrent_step_backward(kernel, draw, b, n, gates, states, **options):
    arguments = x, *first, w_ih, w_hh, _, _ = _recurrent_step(draw, b, n, gates, states)
    return (*first, x, w_ih, w_hh, kernel(*arguments, **options)[-1]), options


def _source(draw, b, n):  # keys and values
    positions, batch = 5 + n // 20_000, _sequences(b, n)
    return draw(positions, batch, 19), draw(positions, batch, 23)


def _additive(draw, b, n):
    keys, values = _source(draw, b, n)
    return draw(4, keys.shape[1], 19), keys, values, draw(19)


def _additive_backward(draw, b, n):
    arguments = _additive(draw, b, n)
    context, weights = kernels.additive_attention(*arguments)
    return draw(*context.shape), draw(*weights.shape), *arguments, weights


def _attention_lstm(draw, b, n):
    keys, values = _source(draw, b, n)
    x, h, c, w_ih, w_hh, b_ih, b_hh = _recurrent(draw, b, n, 4, 2)
    w_ch, w_query = draw(len(w_ih), 23) / 5, draw(19, w_hh.shape[1]) / 5
    return x, h, c, keys, values, w_ih, w_ch, w_hh, b_ih, b_hh, w_query, draw(19)


def _attention_lstm_backward(draw, b, n):
    x, h, c, keys, values, *weights, b_ih, b_hh, w_query, v = _attention_lstm(draw, b, n)
    results = kernels.attention_lstm(x, h, c, keys, values, *weights, b_ih, b_hh, w_query, v)
    gradients = [draw(*a.shape) for a in results[:-1]]
    return *gradients, x, keys, values, *weights, w_query, v, results[-1]


def _crf(draw, b, n):  # emissions, transitions, start, end
    emissions = draw(_steps(n), _sequences(b, n), 11)
    return [emissions, draw(11, 11), draw(11), draw(11)]


def _crf_tagged(draw, b, n):  # with tags, after the emissions
    emissions, *scores = _crf(draw, b, n)
    return [emissions, draw.ints(11, *emissions.shape[:2]), *scores]


def _crf_lengths(draw, b, n):
    return {"lengths": draw.ints(_steps(n) + 1, _sequences(b, n))}


def _crf_backward(draw, b, n):
    arguments, lengths = _crf_tagged(draw, b, n), _crf_lengths(draw, b, n)
    ll, saved = kernels.crf_log_likelihood(*arguments, **lengths)
    return (draw(*ll.shape), *arguments, saved), lengths


def _attention(draw, b, n, heads=5):  # query, key, value
    queries, keys = 20 + n // 300, 30 + n // 250
    shapes = (queries, 7), (keys, 7), (keys, 9)
    return [draw(b, heads, *shape) for shape in shapes]


def _attention_backward(draw, b, n, heads=5, **options):
    inputs = _attention(draw, b, n, heads)
    o, lse = kernels.scaled_dot_product_attention(*inputs, **options)
    return (draw(*o.shape), *inputs, o, lse), options


def _attend_heads_backward(source, dy, **options):
    return (dy, [source], *kernels.attend_heads([source], **options)), options


def _rows(draw, b, n, columns=37):
    return draw(b * (1 + n // 25), columns)


_WINDOW = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
_COLUMNS = {"stride": (2, 1), "padding": 1}
_SMOOTH = {"label_smoothing": 0.1, "reduction": "mean"}

TABLE = {
    "gemm": lambda d, b, n: ((_rows(d, b, n, 151), d(151, 71)), {}),
    "gemm narrow": lambda d, b, n: ((_rows(d, b, n, 151), d(151, 10)), {"activation": "relu"}),
    "gemm wide": lambda d, b, n: ((d(b, 23), d(23, n)), {"bias": d(n), "activation": "tanh"}),
    "gemm transposed": lambda d, b, n: (
        (d(151, b * n // 25), d(71, 151)), {"trans_a": True, "trans_b": True}),
    "gemm long": lambda d, b, n: ((d(2 * b, n), d(n, 9)), {"activation": "sigmoid"}),
    "gemm row": lambda d, b, n: ((d(1, 1 + b * 10), d(1 + b * 10, n)), {"bias": d(n)}),
    "gemm column": lambda d, b, n: ((d(b * n, 21), d(21, 1)), {"bias": d(1)}),
    "matmul": lambda d, b, n: ((d(b, 1, 20 + n // 50, 31), d(2, 31, 45)), {}),
    "conv2d": lambda d, b, n: ((_image(d, b, n), d(9, 5, 3, 5), d(9)), _WINDOW),
    "conv2d relu": lambda d, b, n: ((_image(d, b, n), d(33, 5, 3, 3)), {"activation": "relu"}),
    "conv2d scaled": lambda d, b, n: (
        (_image(d, b, n), d(33, 5, 3, 3), d(33)), {"scale": d(33), "activation": "relu"}),
    "conv2d_backward": lambda d, b, n: (
        (d(b, 9, 6 + n // 400, 10), d(b, 5, 12 + n // 400 * 2, 14), d(9, 5, 3, 5)), _WINDOW),
    "conv1d": lambda d, b, n: (
        (d(b, 7, _row(n)), d(33, 7, 4), d(33)), {"stride": 2, "padding": 3, "activation": "relu"}),
    "conv1d_backward": lambda d, b, n: (
        (d(b, 33, _row(n)), d(b, 7, _row(n)), d(33, 7, 5)), {"padding": 4, "dilation": 2}),
    "conv1d_max_over_time": lambda d, b, n: (
        (d(b, 7, _row(n)), d(33, 7, 4), d(33)),
        {"padding": 3, "lengths": _row(n) - d.ints(_row(n) - 1, b)}),
    "conv1d_max_over_time many": lambda d, b, n: (
        (d(b * (1 + n // 40), 37, 21), d(43, 37, 3)), {"padding": 1}),
    "conv1d_max_over_time_backward": lambda d, b, n: (
        (d(b * (1 + n // 400), 133), d.ints(10, b * (1 + n // 400), 133),
         d(b * (1 + n // 400), 37, 11), d(133, 37, 4)), {"padding": 1}),
    "conv_transpose2d": lambda d, b, n: (
        (_image(d, b, n), d(5, 17, 3, 4), d(17)), {**_WINDOW, "output_padding": (1, 0)}),
    "conv_transpose2d to few": lambda d, b, n: ((_image(d, b, n), d(5, 3, 3, 4)), {"stride": 2}),
    "conv_transpose2d of a pixel": lambda d, b, n: (
        (d(b, 1 + n // 16, 1, 1), d(1 + n // 16, 33, 4, 3), d(33)), {}),
    "conv2d_backward of a pixel": lambda d, b, n: (
        (d(b, 33, 1, 1), d(b, 1 + n // 50, 4, 3), d(33, 1 + n // 50, 4, 3)), {}),
    "conv_transpose2d_backward": lambda d, b, n: (
        (d(b, 9, 24 + n // 32 * 2, 28), _image(d, b, n), d(5, 9, 4, 4)),
        {"stride": 2, "padding": 1}),
    "conv_transpose1d": lambda d, b, n: (
        (d(b, 7, _row(n)), d(7, 17, 4), d(17)), {"stride": 3, "padding": 1, "output_padding": 2}),
    "conv_transpose1d_backward": lambda d, b, n: (
        (d(b, 9, 2 * _row(n)), d(b, 7, _row(n)), d(7, 9, 4)), {"stride": 2, "padding": 1}),
    "conv2d depthwise": lambda d, b, n: (
        (_image(d, b, n, 19), d(38, 1, 3, 3), d(38)), {"groups": 19, "padding": 1}),
    "conv2d groups": lambda d, b, n: (
        (_image(d, b, n, 6), d(10, 3, 3, 5)), {"groups": 2, **_WINDOW}),
    "conv2d slices": lambda d, b, n: ((_image(d, b, n, 18), d(20, 9, 3, 3)), {"groups": 2}),
    "conv2d_backward depthwise": lambda d, b, n: (
        (d(b, 19, 6 + n // 100, 10), d(b, 19, 12 + n // 100 * 2, 14), d(19, 1, 3, 5)),
        {"groups": 19, **_WINDOW}),
    "conv2d_backward slices": lambda d, b, n: (
        (d(b, 20, 6 + n // 100, 10), d(b, 18, 12 + n // 100 * 2, 14), d(20, 9, 3, 5)),
        {"groups": 2, **_WINDOW}),
    "crf_log_likelihood": lambda d, b, n: (_crf_tagged(d, b, n), {}),
    "crf_log_likelihood lengths": lambda d, b, n: (
        _crf_tagged(d, b, n), _crf_lengths(d, b, n)),
    "crf_log_likelihood_backward": _crf_backward,
    "crf_decode": lambda d, b, n: (_crf(d, b, n), _crf_lengths(d, b, n)),
    "im2col": lambda d, b, n: ((_image(d, b, n), (3, 5)), _WINDOW),
    "col2im": lambda d, b, n: (
        (d(b, 45, (6 + n // 100) * 14), (12 + n // 100 * 2, 14), (3, 3)), _COLUMNS),
    "max_pool2d": lambda d, b, n: ((_pool(d, b, n), 2), {}),
    "max_pool2d overlapping": lambda d, b, n: (
        (_pool(d, b, n), (3, 2)), {"stride": 1, "padding": 1, "ceil_mode": True}),
    "max_pool2d_backward": lambda d, b, n: (
        (_pooled(d, b, n), _winners(d, b, n), (12 + n // 200 * 2, 32), 2), {}),
    "avg_pool2d": lambda d, b, n: ((_pool(d, b, n), 3), {"stride": 2, "padding": 1}),
    "avg_pool2d_backward": lambda d, b, n: ((_pooled(d, b, n), (12 + n // 200 * 2, 32), 2), {}),
    "max_pool1d": lambda d, b, n: (
        (d(b, 9, n), 3), {"stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True}),
    "max_pool1d_backward": lambda d, b, n: (
        (_pooled_row(d, b, n), _row_winners(d, b, n), 16 + n // 20 * 2, 3), {"stride": 2}),
    "avg_pool1d": lambda d, b, n: ((d(b, 9, n), 4), {"padding": 2, "count_include_pad": False}),
    "avg_pool1d_backward": lambda d, b, n: (
        (_pooled_row(d, b, n), 16 + n // 20 * 2, 3), {"stride": 2}),
    "adaptive_avg_pool2d": lambda d, b, n: ((_pool(d, b, n), (7, 15)), {}),
    "adaptive_avg_pool2d_backward": lambda d, b, n: ((d(b, 6, 7, 15), (12 + n // 100, 32)), {}),
    "adaptive_max_pool2d": lambda d, b, n: ((_pool(d, b, n), (7, None)), {}),
    "adaptive_max_pool2d_backward": lambda d, b, n: (
        (d(b, 6, 7, 15), _adapted_winners(d, b, n), (12 + n // 100, 32)), {}),
    "adaptive_avg_pool1d": lambda d, b, n: ((d(b, 21, n), 5), {}),
    "adaptive_avg_pool1d_backward": lambda d, b, n: ((d(b, 21, 5), n), {}),
    "adaptive_max_pool1d": lambda d, b, n: ((d(b, 5, n), 1), {}),
    "adaptive_max_pool1d_backward": lambda d, b, n: (
        (d(b, 5, 1), d.ints(n, b, 5, 1), n), {}),
    "interpolate": lambda d, b, n: ((_image(d, b, n),), {"scale_factor": (2, 1.5)}),
    "interpolate bilinear": lambda d, b, n: (
        (_image(d, b, n), (17 + n // 200, 9)), {"mode": "bilinear"}),
    "interpolate linear": lambda d, b, n: (
        (d(b, 7, n), 77 + n // 8), {"mode": "linear", "align_corners": True}),
    "interpolate_backward": lambda d, b, n: ((_image(d, b, n), (9, 9)), {"mode": "bilinear"}),
    "pad": lambda d, b, n: ((_image(d, b, n), (2, 1, 0, 3)), {"value": 0.5}),
    "pad reflect": lambda d, b, n: ((_image(d, b, n), (2, 1, -1, 3)), {"mode": "reflect"}),
    "pad_backward": lambda d, b, n: ((_image(d, b, n), (2, 1, 1, 3)), {"mode": "reflect"}),
    "pad_backward replicate": lambda d, b, n: ((d(b, 9, n), (7, 1)), {"mode": "replicate"}),
    "batch_norm": lambda d, b, n: ((_image(d, b, n), d(5)), {"residual": _image(d, b, n)}),
    "batch_norm relu": lambda d, b, n: (
        (_image(d, b, n // 4, 67), d(67), d(67)), {"activation": "relu"}),
    "batch_norm eval": lambda d, b, n: (
        (_image(d, b, n), None, d(5)), {"mean": d(5), "var": d.positive(5), "eps": 0.1}),
    "batch_norm_backward": lambda d, b, n: (
        (_image(d, b, n), _image(d, b, n), d(5), d.positive(5), d(5)),
        {"y": _image(d, b, n), "activation": "relu"}),
    "batch_norm_backward eval": lambda d, b, n: (
        (_image(d, b, n // 4, 67), _image(d, b, n // 4, 67), d(67), d.positive(67)),
        {"training": False}),
    "batch_norm_fold": lambda d, b, n: (
        (d(n), d.positive(n), d(n), d(n)), {"conv_bias": d(n)}),
    "group_norm": lambda d, b, n: ((_image(d, b, n, 6), 2, d(6), d(6)), {}),
    "group_norm_backward": lambda d, b, n: (
        (_image(d, b, n, 6), _image(d, b, n, 6), d(b, 3), d.positive(b, 3), d(6)), {}),
    "layer_norm": lambda d, b, n: ((_rows(d, b, n), 37, d(37), d(37)), {}),
    "layer_norm_backward": lambda d, b, n: (
        (_rows(d, b, n), _rows(d, b, n), d(b * (1 + n // 25)), d.positive(b * (1 + n // 25)),
         d(37)), {}),
    "local_response_norm": lambda d, b, n: ((_image(d, b, n), 3), {"k": 2.0}),
    "local_response_norm_backward": lambda d, b, n: (
        (_image(d, b, n), _image(d, b, n), 4), {"alpha": 0.5}),
    "rnn": lambda d, b, n: (_recurrent(d, b, n, 1, 1), {"nonlinearity": "relu"}),
    "rnn_backward": lambda d, b, n: _recurrent_backward(kernels.rnn, d, b, n, 1, 1),
    "lstm": lambda d, b, n: (_recurrent(d, b, n, 4, 2), {}),
    "lstm peephole": lambda d, b, n: (
        _recurrent(d, b, n, 3, 2), {"coupled": True, "peephole": d(2, 21 + n // 2000)}),
    "lstm_backward": lambda d, b, n: _recurrent_backward(kernels.lstm, d, b, n, 4, 2),
    "lstm_backward peephole": lambda d, b, n: _recurrent_backward(
        kernels.lstm, d, b, n, 4, 2, peephole=d(3, 21 + n // 2000)),
    "gru": lambda d, b, n: (_recurrent(d, b, n, 3, 1), {}),
    "gru_backward": lambda d, b, n: _recurrent_backward(kernels.gru, d, b, n, 3, 1),
    "gru_backward before": lambda d, b, n: _recurrent_backward(
        kernels.gru, d, b, n, 3, 1, reset_after=False),
    "rnn_step": lambda d, b, n: (_recurrent_step(d, b, n, 1, 1), {}),
    "rnn_step_backward": lambda d, b, n: _recurrent_step_backward(
        kernels.rnn_step, d, b, n, 1, 1),
    "lstm_step": lambda d, b, n: (_recurrent_step(d, b, n, 4, 2), {}),
    "lstm_step_backward": lambda d, b, n: _recurrent_step_backward(
        kernels.lstm_step, d, b, n, 4, 2),
    "gru_step": lambda d, b, n: (_recurrent_step(d, b, n, 3, 1), {"reset_after": False}),
    "gru_step_backward": lambda d, b, n: _recurrent_step_backward(
        kernels.gru_step, d, b, n, 3, 1),
    "additive_attention": lambda d, b, n: (_additive(d, b, n), {}),
    "additive_attention_backward": lambda d, b, n: (_additive_backward(d, b, n), {}),
    "attention_lstm": lambda d, b, n: (_attention_lstm(d, b, n), {}),
    "attention_lstm_backward": lambda d, b, n: (_attention_lstm_backward(d, b, n), {}),
    "scaled_dot_product_attention": lambda d, b, n: (
        _attention(d, b, n), {"mask": d(b, 1, 1, 30 + n // 250) > 0, "dropout": 0.1, "seed": 7}),
    "scaled_dot_product_attention causal": lambda d, b, n: (
        _attention(d, b, n), {"causal": True, "lengths": d.ints(30, b)}),
    "scaled_dot_product_attention_backward": lambda d, b, n: _attention_backward(
        d, b, n, mask=d(5, 20 + n // 300, 30 + n // 250), scale=0.3, dropout=0.1, seed=7),
    "scaled_dot_product_attention_backward few": lambda d, b, n: _attention_backward(
        d, min(b, 1), n, heads=1, lengths=d.ints(30, min(b, 1))),
    "attend_heads": lambda d, b, n: (
        ([d(7 + n // 1000, b, 12), d(9 + n // 1000, b, 24)],), {"heads": 2}),
    "attend_heads_backward": lambda d, b, n: _attend_heads_backward(
        d(b, 13 + n // 500, 36), d(b, 13 + n // 500, 12), heads=3, batch_first=True, causal=True),
    "relu": _elementwise(1),
    "relu_backward": _elementwise(2),
    "sigmoid": _elementwise(1),
    "sigmoid_backward": _elementwise(2),
    "tanh": _elementwise(1),
    "tanh_backward": _elementwise(2),
    "exp": _elementwise(1),
    "exp_backward": _elementwise(2),
    "softplus": _elementwise(1, beta=1.5, threshold=3.0),
    "softplus_backward": _elementwise(2, beta=1.5, threshold=3.0),
    "leaky_relu": _elementwise(1, negative_slope=0.2),
    "leaky_relu_backward": _elementwise(2, negative_slope=0.2),
    "elu": _elementwise(1, alpha=0.7),
    "elu_backward": _elementwise(2, alpha=0.7),
    "gelu": _elementwise(1),
    "gelu_backward": _elementwise(2, approximate="tanh"),
    "gelu_with_slope": _elementwise(1),
    "add": _elementwise(2),
    "add row": lambda d, b, n: ((d(b, 7, n), d(n)), {}),
    "subtract column": lambda d, b, n: ((d(b, 7, n), d(7, 1)), {}),
    "multiply": _elementwise(2),
    "multiply outer": lambda d, b, n: ((d(b, 1, n), d(7, 1)), {}),
    "divide": lambda d, b, n: ((d(b, 7, n), d.positive(b, 7, n)), {}),
    "negative": _elementwise(1),
    "sum": _elementwise(1),
    "sum rows": _elementwise(1, axis=2),
    "sum columns": lambda d, b, n: ((d(b * n, 21), 0), {}),
    "sum middle": _elementwise(1, axis=(0, 1), keepdims=True),
    "mean": _elementwise(1, axis=(1, 2)),
    "max": _elementwise(1, axis=-1),
    "max columns": lambda d, b, n: ((d(7, b, n), 0), {}),
    "max_backward": lambda d, b, n: _max_backward(d(b, 7), d(b, 7, n)),
    "sum_to row": lambda d, b, n: ((d(b, 7, n), (n,)), {}),
    "sum_to column": lambda d, b, n: ((d(b, 7, n), (b, 7, 1)), {}),
    "softmax": lambda d, b, n: ((_rows(d, b, n),), {}),
    "softmax columns": lambda d, b, n: ((d(7, b, n),), {"axis": 0}),
    "softmax_backward": lambda d, b, n: ((_rows(d, b, n), _rows(d, b, n)), {}),
    "log_softmax": lambda d, b, n: ((_rows(d, b, n),), {}),
    "log_softmax_backward": lambda d, b, n: ((_rows(d, b, n), _rows(d, b, n)), {}),
    "softmax_cross_entropy": lambda d, b, n: (
        (_rows(d, b, n), d.ints(37, b * (1 + n // 25))), {"weight": d.positive(37), **_SMOOTH}),
    "softmax_cross_entropy probabilities": lambda d, b, n: (
        (_rows(d, b, n), d.positive(b * (1 + n // 25), 37)), {"reduction": "sum"}),
    "softmax_cross_entropy_backward": lambda d, b, n: (
        (d(), _rows(d, b, n), d.ints(37, b * (1 + n // 25))), _SMOOTH),
    "bernoulli": lambda d, b, n: ((d(b, 7, n),), {"seed": 12345}),
    "dropout": lambda d, b, n: ((d(b, 7, n), 0.3), {"seed": 12345}),
    "dropout_backward": lambda d, b, n: ((d(b, 7, n), 0.3), {"seed": 12345}),
    "dropout_channels": lambda d, b, n: ((_image(d, b, n), 0.3), {"seed": 12345}),
    "dropout_channels_backward": lambda d, b, n: ((d(b, 7, n), 0.3), {"seed": 12345}),
    "embedding": lambda d, b, n: ((d.ints(41, b, n), d(41, 7)), {}),
    "embedding wide": lambda d, b, n: ((d.ints(900, b, 9, n // 100), d(900, 131)), {}),
    "embedding_backward": lambda d, b, n: (
        (d(b, n, 7), d.ints(41, b, n), 41), {"padding_idx": -2}),
    "embedding_backward wide": lambda d, b, n: (
        (d(b, 9, n // 100, 331), d.ints(90, b, 9, n // 100) // 80, 900),
        {"scale_grad_by_freq": True}),
    "sgd_step": lambda d, b, n: (
        [[d(b, 7, n), d(5)] for _ in range(3)],
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True}),
    "adam_step": lambda d, b, n: (
        [*([d(b, 7, n), d(5)] for _ in range(3)), [d.positive(b, 7, n), d.positive(5)]],
        {"lr": 0.1, "steps": [3, 7], "weight_decay": 0.01, "decoupled": True, "grad_scale": 0.5}),
    "adagrad_step": lambda d, b, n: (
        [*([d(b, 7, n), d(5)] for _ in range(2)), [d.positive(b, 7, n), d.positive(5)]],
        {"lr": 0.1, "steps": [3, 7], "lr_decay": 0.1, "weight_decay": 0.01}),
    "adadelta_step": lambda d, b, n: (
        [*([d(b, 7, n), d(5)] for _ in range(2)),
         *([d.positive(b, 7, n), d.positive(5)] for _ in range(2))],
        {"weight_decay": 0.01, "maximize": True}),
    "rmsprop_step": lambda d, b, n: (
        [*([d(b, 7, n), d(5)] for _ in range(2)), [d.positive(b, 7, n), d.positive(5)]],
        {"lr": 0.1, "weight_decay": 0.01, "grad_scale": 0.5}),
    "global_norm": lambda d, b, n: (([d(b, 7, n), d(b), d(3, 11)],), {}),
}  # fmt: skip

INPLACE = {
    "sgd_step": (0, 2), "adam_step": (0, 2, 3), "adagrad_step": (0, 2),
    "adadelta_step": (0, 2, 3), "rmsprop_step": (0, 2),
}  # fmt: skip

# The kernels with no entry of their own, and why.
ELSEWHERE = {
    "PackedMatrix": "a class", "pack": "test_kernels_gemm.py",
    **dict.fromkeys(("empty", "empty_like", "full_like"), "test_kernels_arrays.py"),
    **dict.fromkeys(
        ("huffman_tree", "negative_sampling", "word2vec", "word_table"), "test_kernels_word2vec.py"
    ),
}  # fmt: skip


def arguments(name, dtype, b=3, n=SMALL):
    """(args, kwargs) of the entry, the same at every call."""
    args, kwargs = TABLE[name](Draw(dtype), b, n)
    return list(args), kwargs


def kernel(name, module=kernels):
    return getattr(module, name.split()[0])


def run(name, args, kwargs, module=kernels, copy=np.copy):
    """All arrays that the call returns or updates; it updates copies, `args` stay as they are."""
    updated = INPLACE.get(name.split()[0], ())
    args = [[copy(a) for a in arg] if i in updated else arg for i, arg in enumerate(args)]
    result = kernel(name, module)(*args, **kwargs)
    return arrays_in([args[i] for i in updated] if updated else result)


def arrays_in(value):
    """The arrays, and floats as arrays, in nested lists, tuples and dicts, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [a for v in value for a in arrays_in(v)]
    return [np.asarray(value)] if isinstance(value, (np.ndarray, float)) else []


def map_arrays(fn, value):
    """`value` with fn applied to every array in it."""
    if isinstance(value, dict):
        return {k: map_arrays(fn, v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map_arrays(fn, v) for v in value)
    return fn(value) if isinstance(value, np.ndarray) else value


def digest(arrays):
    """A hash of shapes, dtypes and every bit."""
    h = hashlib.sha256()
    for a in arrays:
        h.update(f"{a.shape}{a.dtype.str}".encode())
        h.update(a.tobytes())
    return h.hexdigest()
