"""Optimiser steps over all parameters in one call, and the norm of all gradients.

params, grads and the states are lists of arrays, one of each a parameter, of one shape and dtype
(float32 or float64) a parameter. Parameters and states are updated in place; everything is
checked before anything is changed. grad_scale multiplies every gradient first (clipping).
"""

import numpy as np

from .._kernels import optim as _optim
from . import _checks


def sgd_step(
    params,
    grads,
    momentum_buffers,
    *,
    lr,
    momentum=0.0,
    dampening=0.0,
    weight_decay=0.0,
    nesterov=False,
    maximize=False,
    grad_scale=1.0,
    first=None,
):
    """g = grad_scale grad (negated to maximize) + weight_decay p
    b = momentum b + (1 - dampening) g         (b = g for the first step of a parameter)
    p = p - lr d,  d = g without momentum, g + momentum b with nesterov, else b

    momentum_buffers: the b, or None when momentum is 0; first: one bool a parameter, or None
    where no step is a first one. Sutskever et al. 2013 (ICML), in PyTorch's form.
    Raises TypeError for dtypes and ValueError for shapes that do not fit, and for read-only
    arrays.
    """
    op = "sgd_step"
    arrays = (tuple(params), tuple(grads))
    if momentum != 0:
        if momentum_buffers is None:
            raise ValueError(f"{op}: momentum_buffers must be given when momentum is not 0")
        arrays += (tuple(momentum_buffers),)
    first = () if first is None else tuple(first)
    if first and len(first) != len(arrays[0]):
        raise ValueError(f"{op}: first must have {len(arrays[0])} flags, got {len(first)}")
    names = ("params", "grads", "momentum_buffers")
    settings = dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay)
    _step(op, names, arrays, settings, grad_scale, (nesterov, maximize), first)


def adam_step(
    params,
    grads,
    exp_avgs,
    exp_avg_sqs,
    *,
    steps,
    lr,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    weight_decay=0.0,
    decoupled=False,
    maximize=False,
    max_exp_avg_sqs=None,
    grad_scale=1.0,
):
    """g = grad_scale grad (negated to maximize) + weight_decay p     (decoupled: p = p (1 - lr
    weight_decay) instead)
    m = m + (1 - beta1) (g - m),  v = beta2 v + (1 - beta2) g^2
    p = p - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)

    exp_avgs: the m; exp_avg_sqs: the v; steps: the t, one int a parameter, this step included
    (1 on the first). max_exp_avg_sqs: the largest v so far, used instead of v (AMSGrad).
    Adam: Kingma and Ba 2015, arXiv:1412.6980. decoupled is AdamW: Loshchilov and Hutter 2019,
    arXiv:1711.05101. AMSGrad: Reddi et al. 2018, arXiv:1904.09237.
    Raises TypeError for dtypes, ValueError for shapes or numbers that do not fit, and for
    read-only arrays.
    """
    op = "adam_step"
    arrays = (tuple(params), tuple(grads), tuple(exp_avgs), tuple(exp_avg_sqs))
    if max_exp_avg_sqs is not None:
        arrays += (tuple(max_exp_avg_sqs),)
    names = ("params", "grads", "exp_avgs", "exp_avg_sqs", "max_exp_avg_sqs")
    steps = _steps(op, steps, arrays[0])
    _check_share(op, "beta1", beta1, below_one=True)
    _check_share(op, "beta2", beta2, below_one=True)
    settings = dict(lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
    _step(op, names, arrays, settings, grad_scale, (decoupled, maximize), steps)


def adagrad_step(
    params,
    grads,
    sums,
    *,
    steps,
    lr,
    lr_decay=0.0,
    weight_decay=0.0,
    eps=1e-10,
    maximize=False,
    grad_scale=1.0,
):
    """g = grad_scale grad (negated to maximize) + weight_decay p
    s = s + g^2
    p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    sums: the s; steps: the t, one int a parameter, this step included (1 on the first).
    Duchi, Hazan and Singer 2011 (JMLR 12), in PyTorch's form. Errors as `adam_step`'s.
    """
    op = "adagrad_step"
    arrays = (tuple(params), tuple(grads), tuple(sums))
    names = ("params", "grads", "sums")
    steps = _steps(op, steps, arrays[0])
    settings = dict(lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay)
    _step(op, names, arrays, settings, grad_scale, (maximize,), steps)


def adadelta_step(
    params,
    grads,
    square_avgs,
    acc_deltas,
    *,
    lr=1.0,
    rho=0.9,
    eps=1e-6,
    weight_decay=0.0,
    maximize=False,
    grad_scale=1.0,
):
    """g = grad_scale grad (negated to maximize) + weight_decay p
    v = rho v + (1 - rho) g^2
    d = sqrt(u + eps) / sqrt(v + eps) g,  u = rho u + (1 - rho) d^2
    p = p - lr d

    square_avgs: the v; acc_deltas: the u. Zeiler 2012, arXiv:1212.5701.
    Errors as `adam_step`'s.
    """
    op = "adadelta_step"
    arrays = (tuple(params), tuple(grads), tuple(square_avgs), tuple(acc_deltas))
    names = ("params", "grads", "square_avgs", "acc_deltas")
    _check_share(op, "rho", rho)
    settings = dict(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay)
    _step(op, names, arrays, settings, grad_scale, (maximize,))


def rmsprop_step(
    params,
    grads,
    square_avgs,
    *,
    lr,
    alpha=0.99,
    eps=1e-8,
    weight_decay=0.0,
    momentum=0.0,
    grad_avgs=None,
    momentum_buffers=None,
    maximize=False,
    grad_scale=1.0,
):
    """g = grad_scale grad (negated to maximize) + weight_decay p
    v = alpha v + (1 - alpha) g^2,  m = m + (1 - alpha) (g - m)
    d = g / (sqrt(v) + eps), centered: g / (sqrt(max(v - m^2, 0)) + eps)
    p = p - lr d, with momentum: b = momentum b + d, p = p - lr b

    square_avgs: the v; grad_avgs: the m, which make it centered; momentum_buffers: the b, needed
    when momentum is not 0. Tieleman and Hinton 2012 (Coursera, lecture 6.5); centered: Graves
    2013, arXiv:1308.0850. Unlike PyTorch's, v - m^2 < 0, which only rounding gives, counts as 0
    and makes no NaN. Errors as `adam_step`'s.
    """
    op = "rmsprop_step"
    arrays = [tuple(params), tuple(grads), tuple(square_avgs)]
    names = ["params", "grads", "square_avgs"]
    if momentum != 0 and momentum_buffers is None:
        raise ValueError(f"{op}: momentum_buffers must be given when momentum is not 0")
    centered = grad_avgs is not None
    if centered:
        names.append("grad_avgs")
        arrays.append(tuple(grad_avgs))
    if momentum != 0:
        names.append("momentum_buffers")
        arrays.append(tuple(momentum_buffers))
    _check_share(op, "alpha", alpha)
    settings = dict(lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
    _step(op, names, tuple(arrays), settings, grad_scale, (centered, maximize))


def global_norm(arrays):
    """sqrt(sum of the squares of all elements of all arrays), as a float, summed in float64.

    arrays: a list of float32 or float64 arrays. Raises TypeError for another dtype.
    """
    op = "global_norm"
    arrays = tuple(arrays)
    norm = _optim.global_norm(arrays)
    if norm is None:
        plain = [_checks.array(op, f"arrays[{i}]", a) for i, a in enumerate(arrays)]
        norm = _optim.global_norm(tuple(np.ascontiguousarray(a) for a in plain))
    return norm


def _step(op, names, arrays, settings, grad_scale, flags, *one_each):
    """The kernel named `op`, first with everything as it came; where it refuses, with plain
    gradients, or else an error that says what does not fit.

    arrays: a tuple of arrays for each of `names`; settings: {name: number}, as the kernel takes
    them; one_each: what there is one of a parameter (steps, flags)
    """
    _check_lengths(op, names, arrays)
    kernel, numbers = getattr(_optim, op), (*settings.values(), grad_scale)
    try:
        done = kernel(arrays, *one_each, *numbers, *flags)
    except TypeError:
        for name, value in settings.items():
            _check_number(op, name, value)
        _check_number(op, "grad_scale", grad_scale)
        raise
    if not done:
        kernel(_plain(op, names, arrays), *one_each, *numbers, *flags)


def _steps(op, steps, params):
    steps = tuple(steps)
    _check_lengths(op, ("params", "steps"), (params, steps))
    try:
        least = min(steps, default=1)
        fits = least >= 1
    except TypeError:
        for i, step in enumerate(steps):
            _check_number(op, f"steps[{i}]", step)
        raise
    if not fits:
        raise ValueError(f"{op}: steps must be >= 1, got {least}")
    return steps


def _check_share(op, name, value, below_one=False):
    try:
        fits = 0 <= value < 1 or (value == 1 and not below_one)
    except TypeError:
        _check_number(op, name, value)
        raise
    if not fits:
        raise ValueError(f"{op}: {name} must be in [0, 1{')' if below_one else ']'}, got {value}")


def _check_lengths(op, names, lists):
    count = len(lists[0])
    for name, found in zip(names, lists, strict=False):
        if len(found) != count:
            raise ValueError(
                f"{op}: {name} must have {count} entries like params, got {len(found)}"
            )


def _check_number(op, name, value):
    try:
        float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{op}: {name} must be a number, got {value!r}") from None


def _plain(op, names, arrays):
    """The arrays with plain gradients; raises for whatever else the kernel did not take."""
    params, grads = arrays[:2]
    for i, p in enumerate(params):
        for name, group in zip(names, arrays, strict=False):
            if group is not grads:
                _check_writeable(op, f"{name}[{i}]", group[i], p)
    plain = tuple(
        _checks.array(op, f"grads[{i}]", g, like=p)
        for i, (g, p) in enumerate(zip(grads, params, strict=True))
    )
    for i, (g, p) in enumerate(zip(plain, params, strict=True)):
        if g.shape != p.shape:
            raise ValueError(
                f"{op}: grads[{i}] must have the shape of params[{i}] {p.shape}, got {g.shape}"
            )
    return (params, plain, *arrays[2:])


def _check_writeable(op, name, a, p):
    """A parameter or state: updated in place, so it must be plain as it is."""
    if not isinstance(a, np.ndarray):
        raise TypeError(f"{op}: {name} must be a NumPy array, got {type(a).__name__}")
    if a.dtype not in (np.float32, np.float64):
        raise TypeError(f"{op}: {name} must be float32 or float64, got {a.dtype}")
    if a.dtype != p.dtype:
        raise TypeError(f"{op}: {name} must be {p.dtype} like its parameter, got {a.dtype}")
    if a.shape != p.shape:
        raise ValueError(f"{op}: {name} must have its parameter's shape {p.shape}, got {a.shape}")
    if not a.flags.writeable:
        raise ValueError(f"{op}: {name} is read-only")
    if not a.flags.aligned:
        raise ValueError(f"{op}: {name} is not aligned in memory")
