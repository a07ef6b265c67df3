"""Normalisation: batch, group, layer, and local response normalisation."""

import numpy as np

from .activation import f64, relu, relu_backward


def _by_channel(a, x, default):
    """(C,) or None, broadcastable to x (N, C, ...)."""
    a = np.full(x.shape[1], default) if a is None else f64(a)
    return a.reshape(-1, *[1] * (x.ndim - 2))


def _mean(x, axes):
    """Over these axes, kept with length 1; of nothing it is 0 / 0."""
    total = np.sum(x, axes, keepdims=True)
    return total / np.prod(np.take(x.shape, axes))


def _moments(x, axes):
    mean = _mean(x, axes)
    return mean, _mean((x - mean) ** 2, axes)


def _normalise_backward(g, xhat, std, axes):
    """dx, where the statistics over `axes` are x's own"""  # xhat = (x - mean(x)) / std(x)
    return (g - _mean(g, axes) - xhat * _mean(g * xhat, axes)) / std


def _wanted(gradients, needs):
    return tuple(a if need else None for a, need in zip(gradients, needs, strict=True))


def batch_norm(
    x, weight=None, bias=None, *, mean=None, var=None, eps=1e-5, residual=None, activation=None
):
    x = f64(x)
    if mean is None:
        mean, var = (a.reshape(-1) for a in _moments(x, (0, *range(2, x.ndim))))
    mean, var = f64(mean), f64(var)
    xhat = (x - _by_channel(mean, x, 0)) / np.sqrt(_by_channel(var, x, 0) + eps)
    y = xhat * _by_channel(weight, x, 1) + _by_channel(bias, x, 0)
    if residual is not None:
        y = y + f64(residual)
    return relu(y) if activation == "relu" else y, mean, var


def batch_norm_fold(mean, var, weight=None, bias=None, *, eps=1e-5, conv_bias=None):
    scale = (1.0 if weight is None else f64(weight)) / np.sqrt(f64(var) + eps)
    shift = ((0.0 if conv_bias is None else f64(conv_bias)) - f64(mean)) * scale
    return scale, shift + (0.0 if bias is None else f64(bias))


def batch_norm_backward(
    dy, x, mean, var, weight=None, bias=None, *, training=True, eps=1e-5, activation=None, y=None,
    needs=(True, True, True),
):  # fmt: skip
    dy, x = f64(dy), f64(x)
    axes = (0, *range(2, x.ndim))
    dresidual = None
    if activation == "relu":
        if y is None:
            y, _, _ = batch_norm(x, weight, bias, mean=mean, var=var, eps=eps)
            dy = relu_backward(dy, y)
        else:
            dresidual = dy = relu_backward(dy, y)
    std = np.sqrt(_by_channel(var, x, 0) + eps)
    xhat = (x - _by_channel(mean, x, 0)) / std  # y = xhat weight + bias
    g = dy * _by_channel(weight, x, 1)
    dx = _normalise_backward(g, xhat, std, axes) if training else g / std
    gradients = dx, np.sum(dy * xhat, axes), np.sum(dy, axes)
    return *_wanted(gradients, needs), dresidual


def _groups(x, num_groups):
    """(N, C, ...) as (N, G, elements of a group)"""
    return x.reshape(x.shape[0], num_groups, x.size // max(1, x.shape[0] * num_groups))


def group_norm(x, num_groups, weight=None, bias=None, *, eps=1e-5):
    x = f64(x)
    groups = _groups(x, num_groups)
    mean, var = _moments(groups, 2)
    xhat = ((groups - mean) / np.sqrt(var + eps)).reshape(x.shape)
    y = xhat * _by_channel(weight, x, 1) + _by_channel(bias, x, 0)
    return y, mean[..., 0], var[..., 0]


def group_norm_backward(dy, x, mean, var, weight=None, *, eps=1e-5, needs=(True, True, True)):
    dy, x, mean, var = f64(dy), f64(x), f64(mean)[..., None], f64(var)[..., None]
    num_groups, axes = mean.shape[1], (0, *range(2, x.ndim))
    std = np.sqrt(var + eps)
    xhat = (_groups(x, num_groups) - mean) / std  # y = xhat weight + bias
    g = _groups(dy * _by_channel(weight, x, 1), num_groups)
    dx = _normalise_backward(g, xhat, std, 2).reshape(x.shape)
    return _wanted((dx, np.sum(dy * xhat.reshape(x.shape), axes), np.sum(dy, axes)), needs)


def layer_norm(x, normalized_shape, weight=None, bias=None, *, eps=1e-5):
    x = f64(x)
    axes = tuple(range(-np.size(normalized_shape), 0))
    mean, var = _moments(x, axes)
    y = (x - mean) / np.sqrt(var + eps)
    y = y * (1.0 if weight is None else f64(weight)) + (0.0 if bias is None else f64(bias))
    return y, np.squeeze(mean, axes), np.squeeze(var, axes)


def layer_norm_backward(dy, x, mean, var, weight=None, *, eps=1e-5, needs=(True, True, True)):
    dy, x = f64(dy), f64(x)
    others, axes = tuple(range(np.ndim(mean))), tuple(range(np.ndim(mean), x.ndim))
    std = np.sqrt(np.expand_dims(f64(var), axes) + eps)
    xhat = (x - np.expand_dims(f64(mean), axes)) / std  # y = xhat weight + bias
    g = dy * (1.0 if weight is None else f64(weight))
    dx = _normalise_backward(g, xhat, std, axes)
    return _wanted((dx, np.sum(dy * xhat, others), np.sum(dy, others)), needs)


def _around(a, before, after):
    """The sums of a's channels c - before, ..., c + after."""
    channels = range(a.shape[1])
    return np.stack([a[:, max(0, c - before) : c + after + 1].sum(1) for c in channels], 1)


def local_response_norm(x, size, *, alpha=1e-4, beta=0.75, k=1.0):
    x = f64(x)
    d = k + alpha / size * _around(x**2, size // 2, (size - 1) // 2)
    return x * d**-beta


def local_response_norm_backward(dy, x, size, *, alpha=1e-4, beta=0.75, k=1.0):  # y = x d^-beta
    dy, x = f64(dy), f64(x)
    d = k + alpha / size * _around(x**2, size // 2, (size - 1) // 2)
    through_d = _around(dy * x * d ** (-beta - 1), (size - 1) // 2, size // 2)
    return dy * d**-beta - 2 * alpha * beta / size * x * through_d
