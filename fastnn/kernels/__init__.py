"""The array API: NumPy arrays in, NumPy arrays out, forward and backward of every operation.

For embedding in any training code. float32 and float64; all arrays of one call share one dtype.
Any strides, byte order and alignment are accepted; inputs are never modified; 4-D outputs are
channels-last in memory (their strides say so). Errors name the op, the argument, what was
expected and what came.
"""

from .activation import (
    elu,
    elu_backward,
    exp,
    exp_backward,
    gelu,
    gelu_backward,
    gelu_with_slope,
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softplus,
    softplus_backward,
    tanh,
    tanh_backward,
)
from .adaptive_pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool1d_backward,
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_backward,
    adaptive_max_pool1d,
    adaptive_max_pool1d_backward,
    adaptive_max_pool2d,
    adaptive_max_pool2d_backward,
)
from .additive_attention import (
    additive_attention,
    additive_attention_backward,
    attention_lstm,
    attention_lstm_backward,
)
from .arrays import empty, empty_like, full_like
from .attention import (
    attend_heads,
    attend_heads_backward,
    scaled_dot_product_attention,
    scaled_dot_product_attention_backward,
)
from .conv import conv1d, conv1d_backward, conv2d, conv2d_backward
from .conv_transpose import (
    conv_transpose1d,
    conv_transpose1d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
)
from .crf import crf_decode, crf_log_likelihood, crf_log_likelihood_backward
from .dropout import (
    bernoulli,
    dropout,
    dropout_backward,
    dropout_channels,
    dropout_channels_backward,
)
from .elementwise import add, divide, multiply, negative, subtract
from .embedding import embedding, embedding_backward
from .im2col import col2im, im2col
from .linalg import PackedMatrix, gemm, matmul, pack
from .max_over_time import conv1d_max_over_time, conv1d_max_over_time_backward
from .norm import (
    batch_norm,
    batch_norm_backward,
    batch_norm_fold,
    group_norm,
    group_norm_backward,
    layer_norm,
    layer_norm_backward,
    local_response_norm,
    local_response_norm_backward,
)
from .optim import (
    adadelta_step,
    adagrad_step,
    adam_step,
    global_norm,
    rmsprop_step,
    sgd_step,
)
from .pad import pad, pad_backward
from .pool import (
    avg_pool1d,
    avg_pool1d_backward,
    avg_pool2d,
    avg_pool2d_backward,
    max_pool1d,
    max_pool1d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from .recurrent import (
    gru,
    gru_backward,
    gru_step,
    gru_step_backward,
    lstm,
    lstm_backward,
    lstm_step,
    lstm_step_backward,
    rnn,
    rnn_backward,
    rnn_step,
    rnn_step_backward,
)
from .reduce import max, max_backward, mean, sum, sum_to
from .resize import interpolate, interpolate_backward
from .softmax import (
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
)
from .word2vec import huffman_tree, negative_sampling, word2vec, word_table

__all__ = [
    "PackedMatrix", "adadelta_step", "adagrad_step", "adam_step", "adaptive_avg_pool1d",
    "adaptive_avg_pool1d_backward", "adaptive_avg_pool2d", "adaptive_avg_pool2d_backward",
    "adaptive_max_pool1d", "adaptive_max_pool1d_backward", "adaptive_max_pool2d",
    "adaptive_max_pool2d_backward", "add", "additive_attention", "additive_attention_backward",
    "attend_heads", "attend_heads_backward", "attention_lstm", "attention_lstm_backward",
    "avg_pool1d", "avg_pool1d_backward", "avg_pool2d", "avg_pool2d_backward", "batch_norm",
    "batch_norm_backward", "batch_norm_fold", "bernoulli", "col2im", "conv1d", "conv1d_backward",
    "conv1d_max_over_time", "conv1d_max_over_time_backward", "conv2d", "conv2d_backward",
    "conv_transpose1d", "conv_transpose1d_backward", "conv_transpose2d",
    "conv_transpose2d_backward", "crf_decode", "crf_log_likelihood", "crf_log_likelihood_backward",
    "divide", "dropout", "dropout_backward", "dropout_channels", "dropout_channels_backward", "elu",
    "elu_backward", "embedding", "embedding_backward", "empty", "empty_like", "exp", "exp_backward",
    "full_like", "gelu", "gelu_backward", "gelu_with_slope", "gemm", "global_norm", "group_norm",
    "group_norm_backward", "gru", "gru_backward", "gru_step", "gru_step_backward", "huffman_tree",
    "im2col", "interpolate", "interpolate_backward", "layer_norm", "layer_norm_backward",
    "leaky_relu", "leaky_relu_backward", "local_response_norm", "local_response_norm_backward",
    "log_softmax", "log_softmax_backward", "lstm", "lstm_backward", "lstm_step",
    "lstm_step_backward", "matmul", "max", "max_backward", "max_pool1d", "max_pool1d_backward",
    "max_pool2d", "max_pool2d_backward", "mean", "multiply", "negative", "negative_sampling",
    "pack", "pad", "pad_backward", "relu", "relu_backward", "rmsprop_step", "rnn", "rnn_backward",
    "rnn_step", "rnn_step_backward", "scaled_dot_product_attention",
    "scaled_dot_product_attention_backward", "sgd_step", "sigmoid", "sigmoid_backward", "softmax",
    "softmax_backward", "softmax_cross_entropy", "softmax_cross_entropy_backward", "softplus",
    "softplus_backward", "subtract", "sum", "sum_to", "tanh", "tanh_backward", "word2vec",
    "word_table",
]  # fmt: skip
