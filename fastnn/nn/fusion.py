"""Batch normalisation folded into the convolution before it, for inference."""

import copy

import numpy as np

from .. import kernels
from ..autograd import Tensor, as_tensor, is_grad_enabled
from .conv import Conv2d
from .module import Parameter
from .norm import BatchNorm2d


def conv_bn(conv, bn, input, residual=None, activation=None):
    """act(bn(conv(input)) + residual), without a pass of its own for bn where `folds(conv, bn)`.

    conv: a Conv2d; bn: a BatchNorm2d; input (N, C, H, W); residual: of the output's shape, or None;
    activation: None or "relu". The weights are not changed: the convolution takes them times
    weight / sqrt(var + eps) of bn, as it packs them anyway.
    """
    if not folds(conv, bn) or np.ndim(input) != 4:
        return bn(conv(input), residual=residual, activation=activation)
    w = conv.weight
    scale, shift = kernels.batch_norm_fold(
        bn.running_mean.data, bn.running_var.data, _data(bn.weight), _data(bn.bias), eps=bn.eps,
        conv_bias=_data(conv.bias),
    )  # fmt: skip
    y = kernels.conv2d(
        as_tensor(input, w).data, w.data, shift, stride=conv.stride, padding=conv.padding,
        dilation=conv.dilation, groups=conv.groups, activation=activation, scale=scale,
        residual=None if residual is None else as_tensor(residual, w).data,
    )  # fmt: skip
    return Tensor(y)


def _data(parameter):
    return None if parameter is None else parameter.data


def folds(conv, bn):
    """Whether `conv_bn` computes both at once: a convolution and a batch normalisation in
    evaluation, as many channels, no hooks, and no gradients to record."""
    return (
        type(conv) is Conv2d
        and type(bn) is BatchNorm2d
        and not bn.training
        and not is_grad_enabled()
        and bn.running_mean is not None
        and bn.num_features == conv.out_channels
        and bn.running_mean.data.dtype == conv.weight.data.dtype
        and not isinstance(conv.padding, str)
        and conv.padding_mode == "zeros"
        and not conv._forward_hooks
        and not bn._forward_hooks
    )


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
