"""Batch normalisation folded into the convolution before it, for inference."""

import copy

import numpy as np

from .module import Parameter


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose=False):
    """The weight and bias of a convolution that does what it and a batch normalisation did:

        w[k] bn_w[k] / sqrt(bn_rv[k] + bn_eps),  (b[k] - bn_rm[k]) bn_w[k] / sqrt(...) + bn_b[k]

    conv_w (K, C, ...), of a transposed convolution (C, K, ...); bn_rm, bn_rv (K,): the running mean
    and variance; conv_b, bn_w, bn_b (K,) or None. -> two Parameters, new, of conv_w's dtype and
    layout.
    """
    w, mean = np.asarray(conv_w), _f64(bn_rm, 0)
    scale = _f64(bn_w, 1) / np.sqrt(_f64(bn_rv, 1) + bn_eps)
    by_output = scale.reshape(*([1, -1] if transpose else [-1, 1]), *[1] * (w.ndim - 2))
    weight, bias = np.empty_like(w), np.empty(mean.shape, w.dtype)
    weight[...] = w * by_output
    bias[...] = (_f64(conv_b, 0) - mean) * scale + _f64(bn_b, 0)
    trained = getattr(conv_w, "requires_grad", False)
    return Parameter(weight, trained), Parameter(bias, trained)


def _f64(a, default):
    return np.float64(default) if a is None else np.asarray(a, np.float64)


def fuse_conv_bn_eval(conv, bn, transpose=False):
    """A copy of a convolution that also does the batch normalisation after it, as in evaluation.

    Raises ValueError if one of the modules is training or bn tracks no running statistics.
    """
    if conv.training or bn.training:
        raise ValueError("fuse_conv_bn_eval: the modules must be in evaluation mode, call eval()")
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError("fuse_conv_bn_eval: bn must have running statistics")
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        transpose,
    )  # fmt: skip
    return fused
