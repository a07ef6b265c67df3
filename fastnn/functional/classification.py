"""Losses against classes. The class axis of the input is 1, or 0 where it has one axis only."""

import math

import numpy as np

from .. import kernels
from ..autograd import as_tensor, record
from .loss import check_reduction


class _ClassRows:
    """Input (N, V), (V,) or (N, V, d1, ...) as rows (M, V), and the gradient of the rows back.

    The axes of the rows, N, d1, ..., are those of a target of class numbers. With channels-last
    storage nothing is copied.
    """

    def __init__(self, op, x):
        if x.ndim == 0:
            raise ValueError(f"{op}: input must have a class axis, got a scalar")
        self.op, self.shape = op, x.shape
        self.axis = min(1, x.ndim - 1)
        self.classes = x.shape[self.axis]
        self.target_shape = x.shape[: self.axis] + x.shape[self.axis + 1 :]

    def flatten(self, a):
        """(N, V, d1, ...) -> (M, V)."""
        if a.ndim == 2:
            return a
        rows = math.prod(self.target_shape)
        return np.moveaxis(a, self.axis, -1).reshape(rows, self.classes)

    def restore(self, rows):
        """(M, V) -> (N, V, d1, ...)."""
        if len(self.shape) == 2:
            return rows
        return np.moveaxis(rows.reshape(*self.target_shape, self.classes), -1, self.axis)

    def class_numbers(self, target):
        """Target (N, d1, ...) -> (M,)."""
        if target.shape != self.target_shape:
            raise ValueError(
                f"{self.op}: target of class numbers must have shape {self.target_shape} "
                f"for input of shape {self.shape}, got {target.shape}"
            )
        return target.reshape(-1)

    def weight(self, weight, dtype):
        """One weight a class, or None."""
        if weight is None:
            return None
        w = np.asarray(as_tensor(weight).data, dtype=dtype)
        if w.shape != (self.classes,):
            raise ValueError(
                f"{self.op}: weight must have shape ({self.classes},), one a class, got {w.shape}"
            )
        return w


def cross_entropy(
    input, target, weight=None, *, ignore_index=-100, reduction="mean", label_smoothing=0.0
):
    """l = -sum_v w_v q_v log softmax(x)_v, with q = (1 - e) onehot(t) + e / V (e: smoothing).

    input: logits (N, V), (V,) or (N, V, d1, ...), float. target: either class numbers, int, the
    input's shape without the class axis; or probabilities, float, the input's shape. Rows whose
    class is ignore_index give 0. reduction: "mean" (over class numbers: weighted by w_t; over
    probabilities: by rows), "sum" or "none" (the target's shape).
    Raises ValueError for shapes or classes that do not fit, TypeError for dtypes.
    Label smoothing: Szegedy et al. 2016, arXiv:1512.00567.
    """
    op = "cross_entropy"
    check_reduction(op, reduction)
    x = as_tensor(input)
    xd = x.data
    rows = _ClassRows(op, xd)
    t = as_tensor(target)
    if t.requires_grad:
        raise ValueError(f"{op}: target gets no gradient; pass target.detach()")
    td = t.data
    if td.dtype.kind != "f":
        td = rows.class_numbers(td)
    elif td.shape != rows.shape:
        raise ValueError(
            f"{op}: target of probabilities (float) must have the input's shape {rows.shape}, "
            f"got {td.shape}; class numbers must be integers"
        )
    else:
        td = rows.flatten(td).astype(xd.dtype, copy=False)
    options = dict(
        weight=rows.weight(weight, xd.dtype), ignore_index=ignore_index, reduction=reduction,
        label_smoothing=label_smoothing,
    )  # fmt: skip
    loss, log_probs = kernels.softmax_cross_entropy(rows.flatten(xd), td, **options)
    if reduction == "none":
        loss = loss.reshape(rows.target_shape)

    def backward(dy):  # l = -sum_v w_v q_v log softmax(x)_v
        if reduction == "none":
            dy = dy.reshape(-1)
        dx = kernels.softmax_cross_entropy_backward(dy, log_probs, td, **options)
        return (rows.restore(dx),)

    return record(loss, (x,), backward)


def nll_loss(input, target, weight=None, *, ignore_index=-100, reduction="mean"):
    """l = -w_t x_t, for log-probabilities x (of log_softmax) and the class t.

    input: (N, V), (V,) or (N, V, d1, ...), float; target: int, the input's shape without the
    class axis. Rows whose class is ignore_index give 0; "mean" divides by the sum of w_t.
    Raises ValueError for shapes or classes that do not fit, TypeError for dtypes.
    """
    op = "nll_loss"
    check_reduction(op, reduction)
    x = as_tensor(input)
    rows = _ClassRows(op, x.data)
    td = as_tensor(target).data
    if td.dtype.kind not in "iu":
        raise TypeError(f"{op}: target must be integers, got dtype {td.dtype}")
    xd, td = rows.flatten(x.data), rows.class_numbers(td)
    w = rows.weight(weight, xd.dtype)
    kept = np.flatnonzero(td != ignore_index)
    classes = td[kept]
    if classes.size and (classes.min() < 0 or classes.max() >= rows.classes):
        raise ValueError(
            f"{op}: target must lie in [0, {rows.classes}) or be ignore_index {ignore_index}, "
            f"got {classes.min()} to {classes.max()}"
        )
    w_t = np.ones(len(kept), xd.dtype) if w is None else w[classes]
    loss = np.zeros(len(td), xd.dtype)
    loss[kept] = -w_t * xd[kept, classes]
    total = w_t.sum() if reduction == "mean" else 1.0
    if reduction == "none":
        y = loss.reshape(rows.target_shape)
    else:
        with np.errstate(invalid="ignore"):  # every row ignored: 0 / 0 = NaN, as in torch
            y = np.asarray(kernels.sum(loss) / total)

    def backward(dy):  # l = -w_t x_t
        dx = np.zeros_like(xd)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = dy.reshape(-1)[kept] if reduction == "none" else dy / total
            dx[kept, classes] = -w_t * scale
        return (rows.restore(dx),)

    return record(y, (x,), backward)
