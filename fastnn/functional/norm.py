"""Normalisation: batch, instance, group, layer, and local response normalisation.

xhat = (x - mean) / sqrt(var + eps) throughout, with the mean and the (biased) variance of the
elements that each function names. weight and bias belong to channels, in layer_norm to elements;
both may be None. Plain numbers and arrays are cast to the parameters' dtype.
"""

from itertools import compress
from math import prod

from .. import kernels
from ..autograd import as_tensor, record


def batch_norm(
    input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1,
    eps=1e-05, *, residual=None, activation=None,
):  # fmt: skip
    """y = act(weight xhat + bias + residual), mean and var those of each channel.

    input (N, C, ...); running_mean, running_var, weight, bias (C,), residual as input, each None
    where there is none; activation None or "relu". In training the statistics are the batch's, and
    the running ones become (1 - momentum) running + momentum new, with the unbiased variance;
    otherwise the running ones are used. The addition and the activation cost no pass over memory
    of their own. Raises ValueError where shapes do not fit, for a single value a channel in
    training, for no running statistics otherwise. Ioffe and Szegedy 2015, arXiv:1502.03167.
    """
    rm, rv, w, b = map(_optional, (running_mean, running_var, weight, bias))
    x = _input(input, w, b, rm)
    r = None if residual is None else as_tensor(residual, x)
    xd, wd, bd, rd = map(_data, (x, w, b, r))
    options = dict(eps=eps, activation=activation)
    if training:
        _check_count("batch_norm", "value per channel", xd.shape, xd.shape[:1] + xd.shape[2:])
        y, mean, var = kernels.batch_norm(xd, wd, bd, residual=rd, **options)
        _update(rm, rv, mean, var, prod(xd.shape[:1] + xd.shape[2:]), momentum)
    elif rm is None or rv is None:
        raise ValueError(
            "batch_norm: running_mean and running_var must be given in evaluation mode"
        )
    else:
        y, mean, var = kernels.batch_norm(
            xd, wd, bd, mean=rm.data, var=rv.data, residual=rd, **options
        )
    parents, given, needs = _parents(x, w, b, r)
    options.update(training=training, needs=needs[:3])
    if r is not None and activation is not None:
        options["y"] = y  # where it is positive, the gradient passes

    def backward(dy):  # y = act(weight xhat + bias + residual)
        dx, dw, db, dr = kernels.batch_norm_backward(dy, xd, mean, var, wd, bd, **options)
        return tuple(compress((dx, dw, db, dy if activation is None else dr), given))

    return record(y, parents, backward)


def instance_norm(
    input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True,
    momentum=0.1, eps=1e-05,
):  # fmt: skip
    """y = weight xhat + bias, mean and var those of each channel of each image.

    Arguments and errors as of `batch_norm`, use_input_stats for training; the running statistics
    take the mean over the images. Ulyanov et al. 2016, arXiv:1607.08022.
    """
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    rm, rv, w, b = map(_optional, (running_mean, running_var, weight, bias))
    x = _input(input, w, b, rm)
    shape = x.data.shape
    _check_count("instance_norm", "spatial element", shape, shape[2:])
    y, mean, var = _group_norm(x, shape[1], w, b, eps)
    if len(mean):
        _update(rm, rv, mean.mean(0), var.mean(0), prod(shape[2:]), momentum)
    return y


def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05):
    """y = weight xhat + bias, mean and var those of C / num_groups channels of one image.

    input (N, C, ...); weight, bias (C,). Raises ValueError where shapes do not fit, and for groups
    of a single element in a batch of one. Wu and He 2018, arXiv:1803.08494.
    """
    w, b = _optional(weight), _optional(bias)
    x = _input(input, w, b)
    y, _, _ = _group_norm(x, num_groups, w, b, eps)
    shape = x.data.shape
    groups = (shape[0] * shape[1] // num_groups, *shape[2:])
    _check_count("group_norm", "value per channel", shape, groups)
    return y


def _group_norm(x, num_groups, w, b, eps):
    """-> y on the tape, mean and var (N, num_groups)"""
    xd, wd = x.data, _data(w)
    y, mean, var = kernels.group_norm(xd, num_groups, wd, _data(b), eps=eps)
    parents, given, needs = _parents(x, w, b)

    def backward(dy):  # y = weight xhat + bias
        gradients = kernels.group_norm_backward(dy, xd, mean, var, wd, eps=eps, needs=needs)
        return tuple(compress(gradients, given))

    return record(y, parents, backward), mean, var


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05):
    """y = weight xhat + bias, mean and var those of the last axes.

    input (..., *normalized_shape); weight, bias of normalized_shape, an int or ints. Raises
    ValueError where shapes do not fit. Ba, Kiros and Hinton 2016, arXiv:1607.06450.
    """
    w, b = _optional(weight), _optional(bias)
    x = _input(input, w, b)
    xd, wd = x.data, _data(w)
    y, mean, var = kernels.layer_norm(xd, normalized_shape, wd, _data(b), eps=eps)
    parents, given, needs = _parents(x, w, b)

    def backward(dy):  # y = weight xhat + bias
        gradients = kernels.layer_norm_backward(dy, xd, mean, var, wd, eps=eps, needs=needs)
        return tuple(compress(gradients, given))

    return record(y, parents, backward)


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """y[c] = x[c] / (k + alpha / size sum of x[j]^2)^beta, over the `size` channels j around c.

    input (N, C, ...) with at least one axis of pixels. Raises ValueError for fewer axes and a size
    below 1. Krizhevsky, Sutskever and Hinton 2012, NeurIPS 25.
    """
    x = as_tensor(input)
    xd = x.data
    if xd.ndim < 3:
        raise ValueError(
            f"local_response_norm: input must have at least 3 dimensions, got shape {xd.shape}"
        )
    options = dict(alpha=alpha, beta=beta, k=k)
    y = kernels.local_response_norm(xd, size, **options)

    def backward(dy):  # y[c] = x[c] / d[c]^beta
        return (kernels.local_response_norm_backward(dy, xd, size, **options),)

    return record(y, (x,), backward)


# ---- shared -------------------------------------------------------------------------------------


def _optional(value):
    return None if value is None else as_tensor(value)


def _data(tensor):
    return None if tensor is None else tensor.data


def _input(input, *parameters):
    """The input; an array takes the dtype of the first parameter there is."""
    return as_tensor(input, next((t for t in parameters if t is not None), None))


def _parents(*tensors):
    """Those that are not None; which these are; and which of all require a gradient."""
    given = [t is not None for t in tensors]
    needs = [t is not None and t.requires_grad for t in tensors]
    return tuple(compress(tensors, given)), given, needs


def _check_count(op, what, shape, sizes):
    if prod(sizes) == 1:
        raise ValueError(f"{op}: more than 1 {what} is needed in training, got input {shape}")


def _update(running_mean, running_var, mean, var, count, momentum):
    """running = (1 - momentum) running + momentum new, in place; var made unbiased."""
    if count == 0:
        return
    for running, new in ((running_mean, mean), (running_var, var * (count / (count - 1)))):
        if running is not None:
            running.data[...] = (1 - momentum) * running.data + momentum * new
