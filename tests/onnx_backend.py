"""ONNX's backend node tests on fastnn's operations: the operators, and a runner for their cases.

Each operator below is a function of its inputs and, as keywords with ONNX's defaults, its
attributes (https://onnx.ai/onnx/operators). It raises Skip where fastnn has no such thing. The
cases come from the package onnx, which computes them in process. ``_expanded`` cases are left out:
they test ONNX's definitions of its operators by means of others.

    python tests/onnx_backend.py        prints what passes, and why the rest is skipped
"""

import functools
import math
import warnings
from collections import Counter
from typing import NamedTuple

import numpy as np

import fastnn.functional as F
from fastnn import Tensor, kernels, no_grad


class Skip(Exception):
    """fastnn has no such thing; the reason."""


OPERATORS = {}


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
def Gelu(x, *, approximate="none"):
    if approximate == "none":
        raise Skip("no error function")
    x = Tensor(x)
    return 0.5 * x * (1.0 + F.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


@operator
def Dropout(x, ratio=0.5, training_mode=False, *, seed=None):
    if training_mode and ratio > 0:
        raise Skip("random masks: another generator")
    return F.dropout(x, float(ratio), bool(training_mode)), np.ones(x.shape, bool)


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


# ---- windows: convolution and pooling ------------------------------------------------------------


def by_rank(name, x):
    """The function for sequences (N, C, L), images (N, C, H, W) or volumes."""
    name = f"{name}{x.ndim - 2}d"
    if not hasattr(F, name):
        raise Skip(f"no {name}")
    return getattr(F, name)


class Windows(NamedTuple):
    """One entry an axis of pixels; pads are pairs, before and after."""

    kernel: tuple
    stride: tuple
    dilation: tuple
    pads: tuple

    def padded(self, x, value, most=None):
        """-> x, and the padding that is left to the operation: all of it, or none, and x has it
        already, where it is uneven or more than the operation's `most` along an axis."""
        most = most or (np.inf,) * len(self.pads)
        if all(before == after <= m for m, (before, after) in zip(most, self.pads, strict=True)):
            return x, tuple(before for before, _ in self.pads)
        return pad(x, self.pads, value), (0,) * len(self.pads)

    def half(self):
        """The most that pooling pads by: half a kernel."""
        return tuple(k // 2 for k in self.kernel)


def pad(x, pads, value=0.0, mode="constant"):
    flat = [n for pair in reversed(pads) for n in pair]  # the last axis first
    return F.pad(x, flat, mode, value if mode == "constant" else None)


def windows(image, kernel, auto_pad, pads, strides, dilations):
    axes = len(image)
    stride, dilation = tuple(strides or (1,) * axes), tuple(dilations or (1,) * axes)
    if auto_pad.startswith("SAME"):  # as many windows as strides fit into the image
        ends = zip(image, kernel, stride, dilation, strict=True)
        totals = [max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) for n, k, s, d in ends]
        pairs = tuple(halves(total, auto_pad) for total in totals)
    else:
        pads = pads or (0,) * 2 * axes
        pairs = tuple(zip(pads[:axes], pads[axes:], strict=True))
    return Windows(tuple(kernel), stride, dilation, pairs)


def halves(total, auto_pad):
    """Padding before and after; an odd pixel goes after with SAME_UPPER, before otherwise."""
    less = total // 2
    return (less, total - less) if auto_pad == "SAME_UPPER" else (total - less, less)


@operator
def Conv(
    x, w, b=None, *, auto_pad="NOTSET", dilations=None, group=1, kernel_shape=None, pads=None,
    strides=None,
):  # fmt: skip
    conv = by_rank("conv", x)
    how = windows(x.shape[2:], w.shape[2:], auto_pad, pads, strides, dilations)
    x, padding = how.padded(x, 0.0)
    return conv(x, w, b, how.stride, padding, how.dilation, group)


@operator
def ConvTranspose(
    x, w, b=None, *, auto_pad="NOTSET", dilations=None, group=1, kernel_shape=None,
    output_padding=None, output_shape=None, pads=None, strides=None,
):  # fmt: skip
    if x.ndim == 3:  # a sequence is an image of height 1
        ones = dict(dilations=dilations, output_padding=output_padding, strides=strides)
        ones = {name: (1, *n) for name, n in ones.items() if n is not None}
        sequences = dict(pads=(0, pads[0], 0, pads[1])) if pads else {}
        y = ConvTranspose(
            x[:, :, None], w[:, :, None], b, auto_pad=auto_pad, group=group,
            output_shape=output_shape and (1, *output_shape), **ones, **sequences,
        )  # fmt: skip
        return y[:, :, 0]
    conv = by_rank("conv_transpose", x)
    how = windows(x.shape[2:], w.shape[2:], "NOTSET", pads, strides, dilations)
    extra, padding, shape = [], [], []
    for a, (n, k, s, d, (before, after)) in enumerate(zip(x.shape[2:], *how, strict=True)):
        longer = output_padding[a] if output_padding else 0
        full = (n - 1) * s + (k - 1) * d + 1 + longer
        if output_shape or auto_pad.startswith("SAME"):
            wanted = output_shape[a] if output_shape else n * s
            longer += max(wanted - full, 0)
            before, after = halves(max(full - wanted, 0), auto_pad)
            full = max(full, wanted)
        # fastnn pads evenly: what is too much at the end is put back, what is too little cut off.
        extra.append(longer + max(before - after, 0))
        padding.append(before)
        shape.append(full - before - after)
    y = conv(x, w, b, how.stride, padding, extra, group, how.dilation)
    return y[:, :, *(slice(n) for n in shape)]


@operator
def MaxPool(
    x, *, auto_pad="NOTSET", ceil_mode=0, dilations=None, kernel_shape, pads=None,
    storage_order=0, strides=None,
):  # fmt: skip
    pool = by_rank("max_pool", x)
    image = x.shape[2:]
    how = windows(image, kernel_shape, auto_pad, pads, strides, dilations)
    x, padding = how.padded(x, -np.inf, how.half())
    y, winners = pool(x, how.kernel, how.stride, padding, how.dilation, bool(ceil_mode), True)
    # ONNX counts in the whole tensor without its padding, and may count columns first.
    places = np.unravel_index(winners.data, x.shape[2:])
    if x.shape[2:] != image:
        places = [p - before for p, (before, _) in zip(places, how.pads, strict=True)]
    order = "F" if storage_order else "C"
    flat = np.ravel_multi_index(places, image, mode="clip", order=order)
    planes = np.arange(math.prod(x.shape[:2])).reshape(*x.shape[:2], *(1,) * len(image))
    return y, planes * math.prod(image) + flat


@operator
def AveragePool(
    x, *, auto_pad="NOTSET", ceil_mode=0, count_include_pad=0, dilations=None, kernel_shape,
    pads=None, strides=None,
):  # fmt: skip
    pool = by_rank("avg_pool", x)
    how = windows(x.shape[2:], kernel_shape, auto_pad, pads, strides, dilations)
    if max(how.dilation) > 1:
        raise Skip("no dilation in average pooling, as in PyTorch")
    image = x
    x, padding = how.padded(x, 0.0, how.half())
    average = functools.partial(
        pool, kernel_size=how.kernel, stride=how.stride, padding=padding, ceil_mode=bool(ceil_mode)
    )
    if x is image or count_include_pad:
        return average(x, count_include_pad=bool(count_include_pad))
    return average(x) / average(pad(np.ones_like(image), how.pads))  # of the pixels that count


@operator
def LpPool(
    x, *, auto_pad="NOTSET", ceil_mode=0, dilations=None, kernel_shape, p=2, pads=None,
    strides=None,
):  # fmt: skip
    pool = by_rank("lp_pool", x)
    how = windows(x.shape[2:], kernel_shape, auto_pad, pads, strides, dilations)
    if max(how.dilation) > 1:
        raise Skip("no dilation in Lp pooling, as in PyTorch")
    x = pad(abs(Tensor(x)), how.pads)  # PyTorch takes no absolute value
    return pool(x, p, how.kernel, how.stride, bool(ceil_mode))


OPERATORS.update(
    GlobalAveragePool=lambda x: by_rank("adaptive_avg_pool", x)(x, 1),
    GlobalMaxPool=lambda x: by_rank("adaptive_max_pool", x)(x, 1),
)


@operator
def Col2Im(cols, image_shape, block_shape, *, dilations=None, pads=None, strides=None):
    if len(image_shape) != 2:
        raise Skip("fold is for images only")
    how = windows(image_shape, block_shape, "NOTSET", pads, strides, dilations)
    if any(before != after for before, after in how.pads):
        raise Skip("fold takes even padding only")
    padding = [before for before, _ in how.pads]
    return F.fold(cols, image_shape.tolist(), how.kernel, how.dilation, padding, how.stride)


# ---- padding and resizing ------------------------------------------------------------------------


@operator
def Pad(x, pads, value=0.0, axes=None, *, mode="constant"):
    if mode == "wrap":
        raise Skip("no circular padding")
    axes = range(x.ndim) if axes is None else axes
    pairs = dict.fromkeys(range(x.ndim), (0, 0))
    for a, before, after in zip(axes, *np.split(pads, 2), strict=True):
        pairs[a % x.ndim] = (int(before), int(after))
    if any(pairs[a] != (0, 0) for a in range(x.ndim - 2)):
        raise Skip("padding of the last two axes only")
    pairs = [pairs[a] for a in range(max(x.ndim - 2, 0), x.ndim)]
    return pad(x, pairs, float(value), {"edge": "replicate"}.get(mode, mode))


@operator
def Upsample(x, scales, *, mode="nearest"):
    return F.interpolate(x, scale_factor=scales[2:].tolist(), mode=mode)


@operator
def Resize(
    x, roi=None, scales=None, sizes=None, *, antialias=0, axes=None,
    coordinate_transformation_mode="half_pixel", cubic_coeff_a=-0.75, exclude_outside=0,
    extrapolation_value=0.0, keep_aspect_ratio_policy="stretch", mode="nearest",
    nearest_mode="round_prefer_floor",
):  # fmt: skip
    if mode == "cubic" or antialias:
        raise Skip("no cubic or antialiased resizing")
    axes = [a % x.ndim for a in (range(x.ndim) if axes is None else axes)]
    place = [axes.index(a) for a in range(2, x.ndim)]
    image = np.array(x.shape[2:])
    if scales is not None:
        factors, target = scales[place].astype(float), {"scale_factor": scales[place].tolist()}
    else:
        target = sizes[place]
        if keep_aspect_ratio_policy != "stretch":
            choose = min if keep_aspect_ratio_policy == "not_larger" else max
            target = np.floor(choose(target / image) * image + 0.5).astype(int)
        factors, target = target / image, {"size": target.tolist()}
    whole = all(factors % 1 == 0)
    coordinates = coordinate_transformation_mode
    if mode == "nearest":
        # Where every pixel becomes s equal ones, half a pixel makes no difference.
        if (coordinates, nearest_mode) != ("asymmetric", "floor") and not (
            whole and coordinates == "half_pixel" and nearest_mode.startswith("round")
        ):
            raise Skip("nearest pixel is that of PyTorch: floor of the asymmetric coordinate")
        return F.interpolate(x, **target)
    if coordinates == "align_corners" and any(factors * image % 1):
        raise Skip("corners aligned by the size before it is rounded to whole pixels")
    if coordinates not in ("half_pixel", "align_corners"):
        raise Skip("linear resizing by half pixels or aligned corners only")
    linear = "linear" if x.ndim == 3 else "bilinear"
    return F.interpolate(
        x, **target, mode=linear, align_corners=coordinates == "align_corners"
    )  # fmt: skip


# ---- optimisers and recurrent layers -------------------------------------------------------------

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
def Momentum(lr, t, *tensors, alpha, beta, mode, norm_coefficient):
    params, grads, buffers = groups(3, tensors)
    kernels.sgd_step(
        params, grads, buffers, lr=float(lr), momentum=alpha, weight_decay=norm_coefficient,
        dampening=1 - beta if t > 0 else 0.0, nesterov=mode == "nesterov",
    )  # fmt: skip
    return *params, *buffers


def missing(reason):
    def skip(*inputs, **attributes):
        raise Skip(reason)

    return skip


OPERATORS["Adagrad"] = missing("no Adagrad")
for _name in ("GRU", "LSTM", "RNN"):
    OPERATORS[_name] = missing("comes with recurrent layers")


# ---- running -------------------------------------------------------------------------------------


def load():
    """The cases of our operators, by operator. Takes seconds: onnx computes all that it has."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    found = {name: [] for name in sorted(OPERATORS)}
    for case in cases:
        nodes = case.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in found and "_expanded" not in case.name:
            found[nodes[0].op_type].append(case)
    return found


def compute(node, inputs):
    """The node's outputs, as far as it names them."""
    from onnx.helper import get_attribute_value

    given = iter(inputs)
    inputs = [np.asarray(next(given)) if name else None for name in node.input]
    if inputs[0].dtype not in (np.float32, np.float64):
        raise Skip("neither float32 nor float64")
    attributes = {a.name: get_attribute_value(a) for a in node.attribute}
    attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in attributes.items()}
    with no_grad():
        outputs = OPERATORS[node.op_type](*inputs, **attributes)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return [np.asarray(y) for name, y in zip(node.output, outputs, strict=False) if name]


def run(case):
    """Raises Skip, or AssertionError where an output is not what ONNX expects."""
    for inputs, expected in case.data_sets:
        outputs = compute(case.model.graph.node[0], inputs)
        assert len(outputs) == len(expected)
        for y, wanted in zip(outputs, map(np.asarray, expected), strict=True):
            assert (y.dtype, y.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_allclose(y, wanted, rtol=case.rtol, atol=case.atol)


class Result(NamedTuple):
    passed: list  # names of cases
    skipped: dict  # name: reason
    failed: dict  # name: what was wrong


def run_all():
    """A Result for each operator."""
    return {name: run_operator(cases) for name, cases in load().items()}


def run_operator(cases):
    result = Result([], {}, {})
    for case in cases:
        try:
            run(case)
            result.passed.append(case.name)
        except Skip as reason:
            result.skipped[case.name] = str(reason)
        except Exception as error:
            result.failed[case.name] = f"{type(error).__name__}: {error}"
    return result


def table(results):
    """A line an operator, and the sums."""
    lines = [f"{'operator':26} cases  passed  skipped"]
    for name, (passed, skipped, failed) in results.items():
        cases = len(passed) + len(skipped) + len(failed)
        reasons = [f"{n}: {reason}" for reason, n in Counter(skipped.values()).items()]
        reasons += [f"FAILED {case}" for case in failed]
        lines.append(f"{name:26} {cases:5} {len(passed):7}  {'; '.join(reasons)}".rstrip())
    passed, skipped, failed = (sum(len(r[i]) for r in results.values()) for i in range(3))
    lines.append(f"{'all':26} {passed + skipped + failed:5} {passed:7}  {skipped}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(run_all()))
