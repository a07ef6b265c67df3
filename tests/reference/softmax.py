"""Softmax, log-softmax, and softmax cross-entropy."""

import numpy as np

from .activation import f64


def log_softmax(x, *, axis=-1):
    x = f64(x)
    x = x - np.max(x, axis=axis, keepdims=True)
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


def log_softmax_backward(dy, y, *, axis=-1):  # y = x - log(sum(exp(x)))
    dy, y = f64(dy), f64(y)
    return dy - np.exp(y) * np.sum(dy, axis=axis, keepdims=True)


def softmax(x, *, axis=-1):
    x = f64(x)
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def softmax_backward(dy, y, *, axis=-1):  # y = exp(x) / sum(exp(x))
    dy, y = f64(dy), f64(y)
    return y * (dy - np.sum(dy * y, axis=axis, keepdims=True))


def _weighted_target(target, weight, ignore_index, label_smoothing, num_classes):
    """-> q (N, V), total: loss[i] = -sum_v q[i, v] log_probs[i, v]; the mean divides by total."""
    target = np.asarray(target)
    w = np.ones(num_classes) if weight is None else f64(weight)
    if target.ndim == 2:  # class probabilities
        q = f64(target) * (1.0 - label_smoothing) + label_smoothing / num_classes
        return q * w, float(len(target))
    kept = target != ignore_index
    rows, classes = np.flatnonzero(kept), target[kept]
    q = np.zeros((len(target), num_classes))
    q[rows] = label_smoothing / num_classes * w
    q[rows, classes] += (1.0 - label_smoothing) * w[classes]
    return q, np.sum(w[classes])


def softmax_cross_entropy(
    logits, target, *, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0
):
    log_probs = log_softmax(logits, axis=1)
    q, total = _weighted_target(target, weight, ignore_index, label_smoothing, log_probs.shape[1])
    loss = -np.sum(np.multiply(q, log_probs, where=q != 0, out=np.zeros_like(q)), axis=1)
    if reduction == "none":
        return loss, log_probs
    if reduction == "sum":
        return np.asarray(np.sum(loss)), log_probs
    with np.errstate(invalid="ignore"):  # nothing but ignored rows: 0 / 0 = NaN, as in PyTorch
        return np.asarray(np.divide(np.sum(loss), total)), log_probs


def softmax_cross_entropy_backward(
    dloss,
    log_probs,
    target,
    *,
    weight=None,
    ignore_index=-100,
    reduction="mean",
    label_smoothing=0.0,
):  # loss[i] = -sum_v q[i, v] (x[i, v] - log(sum(exp(x[i]))))
    log_probs, dloss = f64(log_probs), f64(dloss)
    q, total = _weighted_target(target, weight, ignore_index, label_smoothing, log_probs.shape[1])
    if reduction == "mean":
        dloss = dloss / total
    dloss = dloss.reshape(-1, 1)  # (N, 1) or (1, 1)
    return dloss * (np.sum(q, axis=1, keepdims=True) * np.exp(log_probs) - q)
