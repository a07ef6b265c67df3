"""Normalisation: batch, group (so instance too), layer, and local response normalisation.

N batch, C channels, then any number of axes of pixels. For xhat = (x - mean) / sqrt(var + eps),
where mean and var (the mean of (x - mean)^2) are those of the elements that share them,

    y = weight xhat + bias
    dx = (g - mean(g) - xhat mean(g xhat)) / sqrt(var + eps),  g = weight dy
    dweight = sum(dy xhat),  dbias = sum(dy)

Statistics are float64 whatever the dtype of the arrays, which cannot hold a mean that is much
larger than the deviation; given ones may be float32 too. weight and bias may be None, for ones and
zeros. Results are channels-last in memory, but those of `layer_norm`. Raises TypeError for mixed
or other dtypes, ValueError for shapes and numbers that do not fit.
"""

from math import prod

import numpy as np

from .._kernels import layer_norm as _layer
from .._kernels import local_response_norm as _response
from .._kernels import memory
from .._kernels import norm as _norm
from . import _checks
from .reduce import sum as _sum


def batch_norm(
    x, weight=None, bias=None, *, mean=None, var=None, eps=1e-5, residual=None, activation=None
):
    """y = act(weight (x - mean) / sqrt(var + eps) + bias + residual)

    x: (N, C, ...).  weight, bias: (C,).  mean, var: (C,), or both None: those of x over all axes
    but C.  residual: of x's shape, or None.  activation: None or "relu".
    Returns y, mean, var: with the statistics that were used.

    Ioffe and Szegedy 2015, arXiv:1502.03167.
    """
    op = "batch_norm"
    x = _channels(op, x)
    weight, bias = _affine(op, x, x.shape[1:2], weight=weight, bias=bias)
    eps, relu = _checks.number(op, "eps", eps), _is_relu(op, activation)
    if residual is not None:
        residual = _like(op, "residual", residual, x)
    fixed = mean is not None or var is not None
    if fixed:
        mean, var = _statistics(op, x.shape[1:2], mean=mean, var=var)
    else:
        mean, var = _no_statistics(x.shape[1:2])
    return _normalise(x, weight, bias, mean, var, fixed, eps, residual, relu), mean, var


def batch_norm_backward(
    dy, x, mean, var, weight=None, bias=None, *, training=True, eps=1e-5, activation=None, y=None,
    needs=(True, True, True),
):  # fmt: skip
    """Gradients of `batch_norm` for x, weight, bias and residual: (dx, dweight, dbias, dresidual).

    dy: the gradient of y; x, mean, var: as given to `batch_norm` and returned by it. training:
    whether mean and var came from x. y: what it returned; needed only where there was an activation
    after a residual. dresidual: dy where y > 0, and None without y (without an activation it is
    dy). needs: which of the first three to compute; the others are None.
    """
    op = "batch_norm_backward"
    x = _channels(op, x)
    dy = _like(op, "dy", dy, x)
    mean, var = _statistics(op, x.shape[1:2], mean=mean, var=var)
    weight, bias = _affine(op, x, x.shape[1:2], weight=weight, bias=bias)
    eps, relu = _checks.number(op, "eps", eps), _is_relu(op, activation)
    if y is not None:
        y = _like(op, "y", y, x) if relu else None
    return _normalise_backward(
        dy, x, y, weight, bias, mean, var, not training, eps, relu, needs
    )  # fmt: skip


def batch_norm_fold(mean, var, weight=None, bias=None, *, eps=1e-5, conv_bias=None):
    """scale and shift, (C,) each, with which a convolution is a batch normalisation as well:

        scale = weight / sqrt(var + eps),  shift = (conv_bias - mean) scale + bias

    mean, var: (C,), of the running statistics; weight, bias, conv_bias: (C,) or None, for ones and
    zeros. ``conv2d(x, w, shift, scale=scale)`` is batch_norm(conv2d(x, w, conv_bias), ...), given
    mean and var.
    """
    op = "batch_norm_fold"
    mean = np.ascontiguousarray(_checks.array(op, "mean", mean, 1))
    var = np.ascontiguousarray(_shaped(op, "var", var, mean.shape, mean))
    given = _affine(op, mean, mean.shape, weight=weight, bias=bias, conv_bias=conv_bias)
    return _norm.fold(mean, var, *given, _checks.number(op, "eps", eps))


def group_norm(x, num_groups, weight=None, bias=None, *, eps=1e-5):
    """y = weight (x - mean) / sqrt(var + eps) + bias

    x: (N, C, ...).  weight, bias: (C,).  Statistics are those of one of N and of C / num_groups
    neighbouring channels; with num_groups = C this is instance normalisation.
    Returns y, mean, var; the last two (N, num_groups).

    Wu and He 2018, arXiv:1803.08494; Ulyanov et al. 2016, arXiv:1607.08022.
    """
    op = "group_norm"
    x = _channels(op, x)
    num_groups = _checks.count(op, "num_groups", num_groups)
    if x.shape[1] % num_groups:
        raise ValueError(f"{op}: num_groups {num_groups} must divide x's channels, x: {x.shape}")
    weight, bias = _affine(op, x, x.shape[1:2], weight=weight, bias=bias)
    eps = _checks.number(op, "eps", eps)
    mean, var = _no_statistics((x.shape[0], num_groups))
    return _normalise(x, weight, bias, mean, var, False, eps, None, False), mean, var


def group_norm_backward(dy, x, mean, var, weight=None, *, eps=1e-5, needs=(True, True, True)):
    """Gradients of `group_norm` for x, weight and bias: (dx, dweight, dbias).

    dy: the gradient of y; x, mean, var: as given to `group_norm` and returned by it. needs: which
    of the three to compute; the others are None.
    """
    op = "group_norm_backward"
    x = _channels(op, x)
    dy = _like(op, "dy", dy, x)
    groups = np.shape(mean)[-1] if np.ndim(mean) == 2 else 0
    if groups == 0 or x.shape[1] % groups:
        raise ValueError(
            f"{op}: mean must have shape (N, groups), as many groups as divide x's channels, "
            f"got {np.shape(mean)} (x: {x.shape})"
        )
    mean, var = _statistics(op, (x.shape[0], groups), mean=mean, var=var)
    (weight,) = _affine(op, x, x.shape[1:2], weight=weight)
    eps = _checks.number(op, "eps", eps)
    return _normalise_backward(
        dy, x, None, weight, None, mean, var, False, eps, False, needs
    )[:3]  # fmt: skip


def layer_norm(x, normalized_shape, weight=None, bias=None, *, eps=1e-5):
    """y = weight (x - mean) / sqrt(var + eps) + bias

    x: (..., *normalized_shape), an int or a tuple of ints.  weight, bias: of normalized_shape.
    Returns y, mean, var; the last two have the shape of x's other axes. y is in C order; images of
    which all axes but N are normalised stay channels-last.

    Ba, Kiros and Hinton 2016, arXiv:1607.06450.
    """
    op = "layer_norm"
    x = _checks.array(op, "x", x)
    shape = _normalized_shape(op, normalized_shape)
    others = x.shape[: max(0, x.ndim - len(shape))]
    if x.shape != others + shape:
        sizes = ", ".join(map(str, shape))
        raise ValueError(f"{op}: x must have shape (..., {sizes}), got {x.shape}")
    weight, bias = _affine(op, x, shape, weight=weight, bias=bias)
    eps = _checks.number(op, "eps", eps)
    if _is_images(x, len(shape)):
        w, b = (None if a is None else a.transpose(1, 2, 0) for a in (weight, bias))
        y, mean, var = layer_norm(x.transpose(0, 2, 3, 1), (*shape[1:], shape[0]), w, b, eps=eps)
        return y.transpose(0, 3, 1, 2), mean, var
    mean, var = _no_statistics(others)
    if x.size == 0:
        return memory.empty_array(x.shape, x.dtype.num), mean, var
    n = prod(shape)
    weight = np.ones(n, x.dtype) if weight is None else weight
    bias = np.zeros(n, x.dtype) if bias is None else bias
    rows = np.ascontiguousarray(x).reshape(-1, n)
    y = _layer.layer_norm(rows, weight, bias, mean, var, eps)
    return y.reshape(x.shape), mean, var


def layer_norm_backward(dy, x, mean, var, weight=None, *, eps=1e-5, needs=(True, True, True)):
    """Gradients of `layer_norm` for x, weight and bias: (dx, dweight, dbias).

    dy: the gradient of y; x, mean, var: as given to `layer_norm` and returned by it. needs: which
    of the three to return; the others are None.
    """
    op = "layer_norm_backward"
    x = _checks.array(op, "x", x)
    dy = _like(op, "dy", dy, x)
    shape = x.shape[np.ndim(mean) :]
    if not shape:
        raise ValueError(
            f"{op}: mean must have fewer axes than x, got {np.shape(mean)} (x: {x.shape})"
        )
    mean, var = _statistics(op, x.shape[: np.ndim(mean)], mean=mean, var=var)
    (weight,) = _affine(op, x, shape, weight=weight)
    eps = _checks.number(op, "eps", eps)
    if _is_images(x, len(shape)):
        dx, dweight, dbias = layer_norm_backward(
            dy.transpose(0, 2, 3, 1), x.transpose(0, 2, 3, 1), mean, var,
            None if weight is None else weight.transpose(1, 2, 0), eps=eps, needs=needs,
        )  # fmt: skip
        turned = (None if a is None else a.transpose(2, 0, 1) for a in (dweight, dbias))
        return dx.transpose(0, 3, 1, 2), *turned
    n = prod(shape)
    if x.size:
        weight = np.ones(n, x.dtype) if weight is None else weight
        rows = (np.ascontiguousarray(a).reshape(-1, n) for a in (dy, x))
        dx, sums = _layer.layer_norm_backward(*rows, weight, mean, var, eps)
        gradients = _sum(sums, 0)[:, :n].reshape(2, *shape)
    else:
        dx, gradients = memory.empty_array(x.shape, x.dtype.num), np.zeros((2, *shape), x.dtype)
    dweight = gradients[0].copy() if needs[1] else None
    dbias = gradients[1].copy() if needs[2] else None
    return dx.reshape(x.shape) if needs[0] else None, dweight, dbias


def local_response_norm(x, size, *, alpha=1e-4, beta=0.75, k=1.0):
    """y[c] = x[c] d[c]^-beta,  d[c] = k + alpha / size sum of x[j]^2 over the channels j around c

    x: (N, C, ...) -> y. j runs over `size` channels, from c - size // 2 to c + (size - 1) // 2;
    beyond the first and the last, x is zero.

    Krizhevsky, Sutskever and Hinton 2012, NeurIPS 25.
    """
    op = "local_response_norm"
    return _respond(op, None, _channels(op, x), size, alpha, beta, k)


def local_response_norm_backward(dy, x, size, *, alpha=1e-4, beta=0.75, k=1.0):
    """dx[c] = dy[c] d[c]^-beta - 2 alpha beta / size x[c] sum of dy[j] x[j] d[j]^(-beta - 1)

    over the channels j that have c around them. x and the rest: as given to `local_response_norm`.
    """
    op = "local_response_norm_backward"
    x = _channels(op, x)
    return _respond(op, _like(op, "dy", dy, x), x, size, alpha, beta, k)


# ---- checks -------------------------------------------------------------------------------------


def _channels(op, x):
    """x, which must have a batch and a channel axis."""
    x = _checks.array(op, "x", x)
    if x.ndim < 2:
        raise ValueError(f"{op}: x must have shape (N, C, ...), got {x.shape}")
    return x


def _like(op, name, a, x):
    """An array of x's dtype and shape."""
    a = _checks.array(op, name, a, like=x)
    if a.shape != x.shape:
        raise ValueError(f"{op}: {name} must have x's shape {x.shape}, got {a.shape}")
    return a


def _affine(op, x, shape, **arrays):
    """weight and bias, as far as given, C-contiguous."""
    return [
        None if a is None else np.ascontiguousarray(_shaped(op, name, a, shape, x))
        for name, a in arrays.items()
    ]


def _statistics(op, shape, **arrays):
    """mean and var, C-contiguous, in float64."""
    if any(a is None for a in arrays.values()):
        raise ValueError(f"{op}: mean and var must be given both or neither")
    return [
        np.asarray(_shaped(op, name, a, shape), np.float64, order="C") for name, a in arrays.items()
    ]


def _shaped(op, name, a, shape, like=None):
    a = _checks.array(op, name, a, like=like)
    if a.shape != shape:
        raise ValueError(f"{op}: {name} must have shape {shape}, got {a.shape}")
    return a


def _no_statistics(shape):
    """Room for mean and var: NaN, which stays where there are no elements."""
    return np.full(shape, np.nan), np.full(shape, np.nan)


def _is_relu(op, activation):
    if activation not in (None, "relu"):
        raise ValueError(f"{op}: activation must be None or 'relu', got {activation!r}")
    return activation is not None


def _normalized_shape(op, value):
    """A tuple of at least one int."""
    shape = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if not shape or not all(hasattr(n, "__index__") for n in shape):
        raise TypeError(f"{op}: normalized_shape must be an int or ints, got {value!r}")
    return tuple(n.__index__() for n in shape)


def _is_images(x, normalised):
    """Whether x is channels-last images of which all axes but the first are normalised."""
    return (
        x.ndim == 4 and normalised == 3 and not x.flags.c_contiguous
        and x.transpose(0, 2, 3, 1).flags.c_contiguous
    )  # fmt: skip


# ---- calls of the kernels -----------------------------------------------------------------------


def _images(x):
    """(N, C, ...) as (N, C, H, W)."""
    if x.ndim == 4:
        return x
    return x.reshape(*x.shape[:2], 1, prod(x.shape[2:]))


def _shaped_as(x, images):
    """(N, C, H, W) as x; x's owner, not a view, where it can be."""
    return images if images.ndim == x.ndim else images.reshape(x.shape)


def _normalise(x, weight, bias, mean, var, fixed, eps, residual, relu):
    if x.size == 0:
        return memory.empty_array(x.shape, x.dtype.num)
    residual = None if residual is None else _images(residual)
    y = _norm.normalise(_images(x), weight, bias, mean, var, fixed, eps, residual, relu)
    return _shaped_as(x, y)


def _normalise_backward(dy, x, y, weight, bias, mean, var, fixed, eps, relu, needs):
    """-> dx, dweight, dbias, dz"""
    if x.size == 0:
        dx, dz = (memory.empty_array(x.shape, x.dtype.num) for _ in range(2))
        gradients = np.zeros((2, x.shape[1]), x.dtype)
    else:
        dx, sums, dz = _norm.normalise_backward(
            _images(dy), _images(x), None if y is None else _images(y), weight, bias, mean, var,
            fixed, eps, relu, bool(needs[0]),
        )  # fmt: skip
        gradients = _sum(sums, 0).astype(x.dtype, copy=False)
    dweight = gradients[0].copy() if needs[1] else None
    dbias = gradients[1].copy() if needs[2] else None
    return (
        _shaped_as(x, dx) if needs[0] else None, dweight, dbias,
        None if y is None else _shaped_as(x, dz),
    )  # fmt: skip


def _respond(op, dy, x, size, alpha, beta, k):
    size = _checks.count(op, "size", size)
    alpha, beta, k = (
        _checks.number(op, name, v) for name, v in (("alpha", alpha), ("beta", beta), ("k", k))
    )
    if x.size == 0:
        return memory.empty_array(x.shape, x.dtype.num)
    dy = None if dy is None else _images(dy)
    return _shaped_as(x, _response.local_response_norm(dy, _images(x), size, alpha, beta, k))
