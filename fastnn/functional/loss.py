"""Losses between an input and a target of the same shape.

l(x, t) is taken element by element, then reduced: "mean" over all elements, "sum", or "none".
``weight`` and ``pos_weight`` are constants: they get no gradient.
"""

import numpy as np

from .. import kernels
from ..autograd import as_tensor, record


def check_reduction(op, reduction):
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{op}: reduction must be 'mean', 'sum' or 'none', got {reduction!r}")


def _operands(op, input, target, reduction):
    """Both as Tensors of one shape; torch only warns where the shapes broadcast, and a column of
    outputs against a row of targets then trains on the wrong N x N differences."""
    check_reduction(op, reduction)
    x = as_tensor(input)
    t = as_tensor(target, x)
    if x.data.shape != t.data.shape:
        raise ValueError(
            f"{op}: input and target must have the same shape, "
            f"got {x.data.shape} and {t.data.shape}"
        )
    return x, t


def _record(loss, x, t, reduction, dloss_dx, dloss_dt, total=None):
    """Reduce the element-wise `loss`; dloss_dx() and dloss_dt() give its derivatives. "mean"
    divides by `total`, or the number of elements."""
    if total is None:
        total = float(loss.size)
    y = np.asarray(loss) if reduction == "none" else kernels.sum(loss)
    if reduction == "mean":
        y = kernels.divide(y, total)
    x_wanted, t_wanted = x.requires_grad, t.requires_grad

    def backward(dy):  # y = sum of l(x, t) / total
        if reduction == "mean":
            dy = kernels.divide(dy, total)
        return (
            kernels.multiply(dloss_dx(), dy) if x_wanted else None,
            kernels.multiply(dloss_dt(), dy) if t_wanted else None,
        )

    return record(y, (x, t), backward)


def _difference(op, input, target, weight, reduction, loss, slope):
    """loss(x - t) w, whose "mean" divides by the sum of w; slope: the derivative of `loss`."""
    x, t = _operands(op, input, target, reduction)
    d = kernels.subtract(x.data, t.data)
    w = _constant(op, "weight", weight, x)
    if w is not None and w.shape != d.shape:
        raise ValueError(f"{op}: weight must have the input's shape {d.shape}, got {w.shape}")
    return _record(
        _times(w, loss(d)), x, t, reduction,
        lambda: _times(w, slope(d)), lambda: kernels.negative(_times(w, slope(d))),
        None if w is None else float(kernels.sum(w)),
    )  # fmt: skip


def mse_loss(input, target, *, reduction="mean", weight=None):
    """l = w (x - t)^2; "mean" divides by the sum of w (1 unless given).

    input, target, weight: any one shape and float dtype. Raises ValueError for unequal shapes or
    an unknown reduction.
    """
    return _difference(
        "mse_loss", input, target, weight, reduction,
        lambda d: kernels.multiply(d, d), lambda d: kernels.multiply(d, 2.0),
    )  # fmt: skip


def l1_loss(input, target, *, reduction="mean", weight=None):
    """l = w |x - t|, with slope 0 where x = t; "mean" divides by the sum of w (1 unless given).

    input, target, weight: any one shape and float dtype. Raises ValueError for unequal shapes or
    an unknown reduction.
    """
    return _difference("l1_loss", input, target, weight, reduction, np.abs, np.sign)


def _constant(op, name, value, x):
    """A weight as an array of x's dtype that broadcasts to x's shape, or None."""
    if value is None:
        return None
    w = np.asarray(as_tensor(value).data, dtype=x.data.dtype)
    if w.ndim > x.data.ndim or any(
        a not in (1, b) for a, b in zip(w.shape[::-1], x.data.shape[::-1], strict=False)
    ):
        raise ValueError(f"{op}: {name} must broadcast to {x.data.shape}, got shape {w.shape}")
    return w


def _times(w, a):
    return a if w is None else w * a


def binary_cross_entropy(input, target, weight=None, *, reduction="mean"):
    """l = -w (t log x + (1 - t) log(1 - x)), the logarithms no lower than -100 (as in torch).

    input: probabilities, any shape; target: probabilities (usually 0 or 1), the same shape;
    weight w: broadcasts to it. Raises ValueError for shapes that do not fit or input outside
    [0, 1].
    """
    op = "binary_cross_entropy"
    x, t = _operands(op, input, target, reduction)
    xd, td = x.data, t.data
    w = _constant(op, "weight", weight, x)
    if xd.size and (xd.min() < 0 or xd.max() > 1):
        raise ValueError(
            f"{op}: input must be probabilities in [0, 1], got {xd.min():g} to {xd.max():g}; "
            "binary_cross_entropy_with_logits takes logits"
        )
    with np.errstate(divide="ignore"):
        log_x = np.maximum(np.log(xd), -100.0)
        log_1mx = np.maximum(np.log1p(-xd), -100.0)
    loss = _times(w, (td - 1.0) * log_1mx - td * log_x)

    def dloss_dx():
        return _times(w, (xd - td) / np.maximum((1.0 - xd) * xd, 1e-12))

    return _record(loss, x, t, reduction, dloss_dx, lambda: _times(w, log_1mx - log_x))


def binary_cross_entropy_with_logits(
    input, target, weight=None, *, reduction="mean", pos_weight=None
):
    """l = -w (p t log s(x) + (1 - t) log(1 - s(x))), s the sigmoid.

    Computed as w ((1 - t) x + (1 + (p - 1) t) softplus(-x)), which overflows for no x.
    input: logits, any shape; target: the same shape; weight w and pos_weight p (of positive
    targets) broadcast to it. Raises ValueError for shapes that do not fit.
    """
    op = "binary_cross_entropy_with_logits"
    x, t = _operands(op, input, target, reduction)
    xd, td = x.data, t.data
    w = _constant(op, "weight", weight, x)
    p = _constant(op, "pos_weight", pos_weight, x)
    # softplus(-x) = max(-x, 0) + log(1 + exp(-|x|)): never above the kernel's linear threshold,
    # and a tiny second term outlives x and max(-x, 0), which cancel where t = 0.
    linear, tail = np.maximum(-xd, 0.0), kernels.softplus(-np.abs(xd))
    q = 1.0 if p is None else 1.0 + (p - 1.0) * td
    loss = _times(w, ((1.0 - td) * xd + q * linear) + q * tail)

    def dloss_dx():
        return _times(w, (1.0 - td) - q * kernels.sigmoid(-xd))

    def dloss_dt():
        return _times(w, -xd if p is None else (p - 1.0) * (linear + tail) - xd)

    return _record(loss, x, t, reduction, dloss_dx, dloss_dt)
