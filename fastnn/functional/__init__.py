"""Differentiable operations: torch.nn.functional's names, arguments and defaults.

Every function takes Tensors or anything ``np.asarray`` takes, computes with ``fastnn.kernels``
and records its backward on the tape (``autograd.record``). A backward computes the gradients of
those parents that require one, and no others. Backwards stand below the line they differentiate.
"""

from .activation import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    maxout,
    noisy_relu,
    relu,
    scaled_tanh,
    sigmoid,
    softmax,
    softplus,
    tanh,
)
from .additive_attention import additive_attention, attention_lstm, dot_attention
from .attention import scaled_dot_product_attention
from .classification import cross_entropy, nll_loss
from .conv import conv1d, conv2d, fold, unfold
from .conv_transpose import conv_transpose1d, conv_transpose2d
from .crf import crf_log_likelihood
from .dropout import dropout, dropout1d, dropout2d
from .embedding import embedding, one_hot
from .linear import linear
from .loss import binary_cross_entropy, binary_cross_entropy_with_logits, l1_loss, mse_loss
from .max_over_time import conv1d_max_over_time
from .norm import batch_norm, group_norm, instance_norm, layer_norm, local_response_norm
from .pad import pad
from .pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    lp_pool1d,
    lp_pool2d,
    max_pool1d,
    max_pool2d,
)
from .recurrent import gru, gru_cell, lstm, lstm_cell, rnn, rnn_cell
from .resize import interpolate
from .shape import flatten

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "additive_attention", "attention_lstm", "avg_pool1d", "avg_pool2d", "batch_norm",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "conv1d", "conv1d_max_over_time",
    "conv2d", "conv_transpose1d", "conv_transpose2d", "crf_log_likelihood", "cross_entropy",
    "dot_attention", "dropout", "dropout1d", "dropout2d", "elu", "embedding", "flatten", "fold",
    "gelu", "group_norm", "gru", "gru_cell", "instance_norm", "interpolate", "l1_loss",
    "layer_norm", "leaky_relu", "linear", "local_response_norm", "log_softmax", "lp_pool1d",
    "lp_pool2d", "lstm", "lstm_cell", "max_pool1d", "max_pool2d", "maxout", "mse_loss", "nll_loss",
    "noisy_relu", "one_hot", "pad", "relu", "rnn", "rnn_cell", "scaled_dot_product_attention",
    "scaled_tanh", "sigmoid", "softmax", "softplus", "tanh", "unfold",
]  # fmt: skip
