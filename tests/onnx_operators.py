"""ONNX's operators by fastnn's operations, but those with windows (`onnx_windows`) and recurrent
ones (`onnx_recurrent`).

Each is a function of its inputs and, as keywords with ONNX's defaults, its attributes
(https://onnx.ai/onnx/operators). It raises Skip where fastnn has no such thing.
"""

import functools
import math

import numpy as np

import fastnn.functional as F
from fastnn import Tensor, kernels


class Skip(Exception):
    """fastnn has no such thing; the reason."""


OPERATORS = {}
STEPWISE = {"Attention"}  # those whose every step onnx rounds where bfloat16 is computed


def operator(function):
    OPERATORS[function.__name__] = function
    return function


# ---- elementwise ---------------------------------------------------------------------------------

OPERATORS.update(
    Abs=lambda x: abs(Tensor(x)),
    Add=kernels.add,
    Div=kernels.divide,
    Exp=kernels.exp,
    Log=lambda x: Tensor(x).log(),
    Mul=kernels.multiply,
    Neg=kernels.negative,
    Pow=lambda x, y: Tensor(x) ** y.astype(x.dtype),
    Reciprocal=lambda x: 1.0 / Tensor(x),
    Sqrt=lambda x: Tensor(x).sqrt(),
    Sub=kernels.subtract,
    Sum=lambda *xs: functools.reduce(kernels.add, xs),
)

OPERATORS.update(
    Celu=lambda x, *, alpha=1.0: alpha * F.elu(Tensor(x) / alpha),
    Elu=lambda x, *, alpha=1.0: F.elu(x, alpha),
    Gelu=lambda x, *, approximate="none": F.gelu(x, approximate),
    HardSigmoid=lambda x, *, alpha=0.2, beta=0.5: hard_sigmoid(Tensor(x), alpha, beta),
    HardSwish=lambda x: Tensor(x) * hard_sigmoid(Tensor(x), 1 / 6, 0.5),
    LeakyRelu=lambda x, *, alpha=0.01: F.leaky_relu(x, alpha),
    Mish=lambda x: Tensor(x) * F.tanh(F.softplus(x)),
    PRelu=lambda x, slope: F.relu(x) - slope * F.relu(-x),
    Relu=F.relu,
    Selu=lambda x, *, alpha=1.67326319, gamma=1.05070102: gamma * F.elu(x, alpha),
    Sigmoid=F.sigmoid,
    Softplus=F.softplus,
    Softsign=lambda x: Tensor(x) / (1.0 + abs(Tensor(x))),
    Swish=lambda x, *, alpha=1.0: Tensor(x) * F.sigmoid(alpha * Tensor(x)),
    Tanh=F.tanh,
)


def hard_sigmoid(x, alpha, beta):
    """alpha x + beta, cut off at 0 and 1"""
    return F.relu(alpha * x + beta) - F.relu(alpha * x + beta - 1.0)


@operator
def Dropout(x, ratio=0.5, training_mode=False, *, seed=None):
    if training_mode and ratio > 0:
        raise Skip("random masks: another generator")
    return F.dropout(x, float(ratio), bool(training_mode)), np.ones(x.shape, bool)


# ---- attention, rows of a table ------------------------------------------------------------------


@operator
def Attention(
    q, k, v, mask=None, past_key=None, past_value=None, lengths=None, *, is_causal=0,
    q_num_heads=None, kv_num_heads=None, scale=None, softcap=0.0, qk_matmul_output_mode=0,
    softmax_precision=None, left_window_size=-1, right_window_size=-1,
):  # fmt: skip
    if past_key is not None:
        raise Skip("keys of the past are not an input")
    if softcap:
        raise Skip("no cap of scores")
    if max(left_window_size, right_window_size) >= 0:
        raise Skip("no windows of keys")
    if is_causal and lengths is not None:
        raise Skip("causal from the sequences' ends")
    joined = q.ndim == 3
    if joined:
        q, k, v = (
            a.reshape(*a.shape[:2], heads, -1).swapaxes(1, 2)
            for a, heads in zip((q, k, v), (q_num_heads, kv_num_heads, kv_num_heads), strict=True)
        )
    rows, keys = q.shape[2], k.shape[2]
    if mask is not None:
        hidden = False if mask.dtype == bool else -np.inf
        short = keys - mask.shape[-1]  # what a mask says nothing of is hidden
        mask = np.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, short)], constant_values=hidden)
        if is_causal:
            mask, is_causal = np.where(np.tri(rows, keys, dtype=bool), mask, hidden), False
    y = F.scaled_dot_product_attention(
        q, k, v, mask, is_causal=bool(is_causal), scale=scale, enable_gqa=True, lengths=lengths
    )
    return y.transpose(1, 2).reshape(len(q), rows, -1) if joined else y


@operator
def Gather(x, indices, *, axis=0):
    if axis:
        raise Skip("rows alone are gathered")
    y = F.embedding(indices % len(x), x.reshape(len(x), -1))
    return y.reshape(*indices.shape, *x.shape[1:])


# ---- matrix products and reductions --------------------------------------------------------------


@operator
def Gemm(a, b, c=None, *, alpha=1.0, beta=1.0, transA=0, transB=0):
    rows = c is not None and (c.ndim < 2 or c.shape[0] == 1)  # c is one row, for all
    columns = b.shape[0 if transB else 1]
    bias = np.broadcast_to(beta * c, (1, columns))[0] if rows else None
    y = kernels.gemm(
        kernels.multiply(a, alpha), b, trans_a=bool(transA), trans_b=bool(transB), bias=bias
    )
    return y if c is None or rows else kernels.add(y, kernels.multiply(c, beta))


OPERATORS["MatMul"] = kernels.matmul


def reduction(reduce, x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
    if axes is None or len(axes) == 0:
        if noop_with_empty_axes:
            return x
        axes = range(x.ndim)
    if reduce in ("max", "min") and x.size == 0:
        raise Skip("the largest of no elements is an error, as in NumPy and PyTorch")
    return getattr(Tensor(x), reduce)(axis=tuple(map(int, axes)), keepdims=bool(keepdims))


for _name in ("Max", "Mean", "Min", "Sum"):
    OPERATORS["Reduce" + _name] = functools.partial(reduction, _name.lower())


# ---- softmax and losses --------------------------------------------------------------------------

OPERATORS.update(
    LogSoftmax=lambda x, *, axis=-1: F.log_softmax(x, axis),
    Softmax=lambda x, *, axis=-1: F.softmax(x, axis),
)


@operator
def NegativeLogLikelihoodLoss(x, target, weight=None, *, ignore_index=-100, reduction="mean"):
    return F.nll_loss(x, target, weight, ignore_index=ignore_index, reduction=reduction)


@operator
def SoftmaxCrossEntropyLoss(x, target, weight=None, *, ignore_index=-100, reduction="mean"):
    loss = F.cross_entropy(x, target, weight, ignore_index=ignore_index, reduction=reduction)
    return loss, F.log_softmax(x, 1)


# ---- normalisation -------------------------------------------------------------------------------


@operator
def BatchNormalization(
    x, scale, bias, mean, var, *, epsilon=1e-5, momentum=0.9, training_mode=0
):  # fmt: skip
    if not training_mode:
        return F.batch_norm(x, mean, var, scale, bias, eps=epsilon)
    y, *statistics = kernels.batch_norm(x, scale, bias, eps=epsilon)
    running = zip((mean, var), statistics, strict=True)
    return y, *(old * momentum + new.astype(old.dtype) * (1 - momentum) for old, new in running)


@operator
def GroupNormalization(x, scale, bias, *, num_groups, epsilon=1e-5):
    return F.group_norm(x, num_groups, scale, bias, epsilon)


@operator
def InstanceNormalization(x, scale, bias, *, epsilon=1e-5):
    return F.instance_norm(x, weight=scale, bias=bias, eps=epsilon)


@operator
def LayerNormalization(x, scale, bias=None, *, axis=-1, epsilon=1e-5):
    axis %= x.ndim
    y, mean, var = kernels.layer_norm(x, x.shape[axis:], scale, bias, eps=epsilon)
    kept = x.shape[:axis] + (1,) * (x.ndim - axis)
    deviation = np.sqrt(var + epsilon)
    return y, *(s.reshape(kept).astype(x.dtype) for s in (mean, 1 / deviation))


@operator
def LRN(x, *, size, alpha=1e-4, beta=0.75, bias=1.0):
    return F.local_response_norm(x, size, alpha, beta, bias)


# ---- optimisers ----------------------------------------------------------------------------------

MANY = 10**6  # steps after which nothing is left to correct; ONNX does not correct step 0


def groups(count, tensors):
    """x1, x2, g1, g2, ... -> [copies of x1, x2], [of g1, g2], ..."""
    n = len(tensors) // count
    return [[np.array(t) for t in tensors[i * n : (i + 1) * n]] for i in range(count)]


@operator
def Adam(
    lr, t, *tensors, alpha=0.9, beta=0.999, epsilon=1e-6, norm_coefficient=0.0,
    norm_coefficient_post=0.0,
):  # fmt: skip
    params, grads, means, squares = groups(4, tensors)
    t = int(t) or MANY
    kernels.adam_step(
        params, grads, means, squares, steps=[t] * len(params), lr=float(lr), beta1=alpha,
        beta2=beta, weight_decay=norm_coefficient,
        eps=epsilon / math.sqrt(1 - beta**t),  # ONNX adds it before the correction
    )  # fmt: skip
    return *(p * (1 - norm_coefficient_post) for p in params), *means, *squares


@operator
def Adagrad(lr, t, *tensors, decay_factor=0.0, epsilon=1e-6, norm_coefficient=0.0):
    params, grads, sums = groups(3, tensors)
    kernels.adagrad_step(
        params, grads, sums, steps=[int(t) + 1] * len(params), lr=float(lr),
        lr_decay=decay_factor, eps=epsilon, weight_decay=norm_coefficient,
    )  # fmt: skip
    return *params, *sums


@operator
def Momentum(lr, t, *tensors, alpha, beta, mode, norm_coefficient):
    params, grads, buffers = groups(3, tensors)
    kernels.sgd_step(
        params, grads, buffers, lr=float(lr), momentum=alpha, weight_decay=norm_coefficient,
        dampening=1 - beta if t > 0 else 0.0, nesterov=mode == "nesterov",
    )  # fmt: skip
    return *params, *buffers
