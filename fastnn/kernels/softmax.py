"""Softmax, log-softmax, and softmax cross-entropy. N rows, V classes.

The maximum of a row is subtracted first. A row with a NaN or +inf, or of nothing but -inf, gives
NaN, as in PyTorch.
"""

import numpy as np

from .._kernels import cross_entropy as _cross_entropy
from .._kernels import softmax as _softmax
from . import _checks

REDUCTIONS = ("mean", "sum", "none")


def softmax(x, *, axis=-1):
    """y = exp(x) / sum(exp(x)), the sum over `axis`. Any shape and strides.

    Raises TypeError for another dtype than float32 or float64, ValueError for a wrong axis.
    """
    return _over_axis("softmax", x, axis, False)


def softmax_backward(dy, y, *, axis=-1):
    """dx = y (dy - sum(dy y)), for y = softmax(x)."""
    return _over_axis_backward("softmax_backward", dy, y, axis, False)


def log_softmax(x, *, axis=-1):
    """y = x - log(sum(exp(x))), the sum over `axis`. Arguments and errors as of `softmax`."""
    return _over_axis("log_softmax", x, axis, True)


def log_softmax_backward(dy, y, *, axis=-1):
    """dx = dy - exp(y) sum(dy), for y = log_softmax(x)."""
    return _over_axis_backward("log_softmax_backward", dy, y, axis, True)


def softmax_cross_entropy(
    logits, target, *, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0
):
    """loss[n] = -sum_v w[v] q[n,v] log_softmax(logits)[n,v],  q = (1 - e) t + e / V

    logits (N, V); target: class numbers (N,), int (t is then one-hot, and rows with ignore_index
    have loss 0), or probabilities t (N, V), float. weight: the w (V,), ones unless given; e:
    label_smoothing, in [0, 1] (Szegedy et al. 2016, arXiv:1512.00567).
    reduction: "none", loss (N,); "sum"; "mean": sum / sum of the w of the rows' classes (ignored
    rows left out), for probabilities sum / N; both 0-d.

    Returns loss and log_probs (N, V), which the backward takes. Raises TypeError for dtypes,
    ValueError for shapes that do not fit, a class that is not in 0..V-1, a bad option.
    """
    op = "softmax_cross_entropy"
    logits = _checks.array(op, "logits", logits, 2)
    target, weight = _options(op, logits, target, weight, ignore_index, reduction, label_smoothing)
    log_probs = _softmax.softmax(np.ascontiguousarray(logits), 1, True)
    loss = _cross_entropy.cross_entropy(
        log_probs, target, weight, ignore_index, label_smoothing, reduction
    )
    return loss, log_probs


def softmax_cross_entropy_backward(
    dloss,
    log_probs,
    target,
    *,
    weight=None,
    ignore_index=-100,
    reduction="mean",
    label_smoothing=0.0,
):
    """dlogits[n,v] = dloss[n] (sum_u(w[u] q[n,u]) exp(log_probs[n,v]) - w[v] q[n,v])

    dloss: (N,) for reduction "none", else a scalar, which "mean" divides by its divisor. The other
    arguments and the errors are those of the forward.
    """
    op = "softmax_cross_entropy_backward"
    log_probs = _checks.array(op, "log_probs", log_probs, 2)
    target, weight = _options(
        op, log_probs, target, weight, ignore_index, reduction, label_smoothing
    )
    shape = (log_probs.shape[0],) if reduction == "none" else ()
    scale = np.array(dloss, np.float64)
    if scale.shape != shape:
        raise ValueError(
            f"{op}: dloss must have shape {shape} for reduction {reduction!r}, got {scale.shape}"
        )
    return _cross_entropy.cross_entropy_backward(
        scale, np.ascontiguousarray(log_probs), target, weight, ignore_index, label_smoothing,
        reduction == "mean",
    )  # fmt: skip


def _over_axis(op, x, axis, as_log):
    x = _checks.array(op, "x", x)
    axis = _checks.axis(op, axis, x.ndim or 1)
    if x.flags.c_contiguous:
        return _softmax.softmax(x, axis, as_log)
    if _is_channels_last(x):
        y = _softmax.softmax(x.transpose(0, 2, 3, 1), _CHANNELS_LAST[axis], as_log)
        return y.transpose(0, 3, 1, 2)
    return _softmax.softmax(np.ascontiguousarray(x), axis, as_log)


def _over_axis_backward(op, dy, y, axis, as_log):
    y = _checks.array(op, "y", y)
    dy = _checks.array(op, "dy", dy, like=y)
    if dy.shape != y.shape:
        raise ValueError(f"{op}: dy must have y's shape {y.shape}, got {dy.shape}")
    axis = _checks.axis(op, axis, y.ndim or 1)
    if _is_channels_last(y):
        dy = np.ascontiguousarray(dy.transpose(0, 2, 3, 1))
        dx = _softmax.softmax_backward(dy, y.transpose(0, 2, 3, 1), _CHANNELS_LAST[axis], as_log)
        return dx.transpose(0, 3, 1, 2)
    return _softmax.softmax_backward(
        np.asarray(dy, order="C"), np.asarray(y, order="C"), axis, as_log
    )


_CHANNELS_LAST = (0, 3, 1, 2)  # where the axes N, C, H, W stand in memory


def _is_channels_last(x):
    return x.ndim == 4 and not x.flags.c_contiguous and x.transpose(0, 2, 3, 1).flags.c_contiguous


def _options(op, logits, target, weight, ignore_index, reduction, label_smoothing):
    """target as contiguous int64 (N,) or as probabilities, weight as contiguous float64."""
    rows, classes = logits.shape
    if reduction not in REDUCTIONS:
        raise ValueError(f"{op}: reduction must be one of {REDUCTIONS}, got {reduction!r}")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{op}: label_smoothing must be in [0, 1], got {label_smoothing}")
    if weight is not None:
        weight = _checks.array(op, "weight", weight, 1, logits)
        if weight.shape[0] != classes:
            raise ValueError(f"{op}: weight must have shape ({classes},), got {weight.shape}")
        weight = weight.astype(np.float64)
    target = np.asarray(target)
    if target.dtype.kind == "f":
        target = _checks.array(op, "target", target, like=logits)
        if target.shape != logits.shape:
            raise ValueError(
                f"{op}: target of probabilities must have shape {logits.shape}, got {target.shape}"
            )
        if ignore_index >= 0:
            raise ValueError(
                f"{op}: ignore_index is for class numbers, not for probabilities; "
                f"got {ignore_index}"
            )
        return np.ascontiguousarray(target), weight
    if target.dtype.kind not in "iu":
        raise TypeError(f"{op}: target must be integers or floats, got {target.dtype}")
    if target.shape != (rows,):
        raise ValueError(
            f"{op}: target of class numbers must have shape ({rows},), got {target.shape}"
        )
    labels = np.ascontiguousarray(target, np.int64)
    wrong = _cross_entropy.first_wrong_label(labels, classes, ignore_index)
    if wrong >= 0:
        raise ValueError(
            f"{op}: target must be in 0..{classes - 1} (or ignore_index {ignore_index}), "
            f"got {target[wrong]} at row {wrong}"
        )
    return labels, weight
