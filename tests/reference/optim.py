"""Optimiser steps: parameters and state are updated in place (computed in float64, stored in
the arrays' own dtype)."""

import numpy as np

from .activation import f64


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
    """first[i]: parameter i has no momentum yet, its buffer starts as the gradient itself."""
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = f64(g) * (-grad_scale if maximize else grad_scale)
        g = g + weight_decay * f64(p)
        if momentum:
            buf = momentum_buffers[i]
            if first is not None and first[i]:
                v = g
            else:
                v = momentum * f64(buf) + (1.0 - dampening) * g
            buf[...] = v
            g = g + momentum * v if nesterov else v
        p[...] = f64(p) - lr * g


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
    """Adam (Kingma & Ba 2015); AdamW (Loshchilov & Hutter 2019) with decoupled; AMSGrad (Reddi
    et al. 2018) with max_exp_avg_sqs. steps[i]: how many steps parameter i has had, this one
    included."""
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = f64(g) * (-grad_scale if maximize else grad_scale)
        value = f64(p)
        if decoupled:
            value = value * (1.0 - lr * weight_decay)
        else:
            g = g + weight_decay * value
        m = beta1 * f64(exp_avgs[i]) + (1.0 - beta1) * g
        v = beta2 * f64(exp_avg_sqs[i]) + (1.0 - beta2) * g * g
        exp_avgs[i][...], exp_avg_sqs[i][...] = m, v
        if max_exp_avg_sqs is not None:
            v = np.maximum(f64(max_exp_avg_sqs[i]), v)
            max_exp_avg_sqs[i][...] = v
        m_hat = m / (1.0 - beta1 ** steps[i])
        v_hat = v / (1.0 - beta2 ** steps[i])
        p[...] = value - lr * m_hat / (np.sqrt(v_hat) + eps)


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
    """Adagrad (Duchi et al. 2011). steps[i]: how many steps parameter i has had, this included."""
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = f64(g) * (-grad_scale if maximize else grad_scale) + weight_decay * f64(p)
        s = f64(sums[i]) + g * g
        sums[i][...] = s
        p[...] = f64(p) - lr / (1.0 + (steps[i] - 1) * lr_decay) * g / (np.sqrt(s) + eps)


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
    """Adadelta (Zeiler 2012)."""
    for p, g, v, u in zip(params, grads, square_avgs, acc_deltas, strict=True):
        g = f64(g) * (-grad_scale if maximize else grad_scale) + weight_decay * f64(p)
        mean_square = rho * f64(v) + (1.0 - rho) * g * g
        delta = np.sqrt(f64(u) + eps) / np.sqrt(mean_square + eps) * g
        v[...] = mean_square
        u[...] = rho * f64(u) + (1.0 - rho) * delta * delta
        p[...] = f64(p) - lr * delta


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
    """RMSprop (Tieleman & Hinton 2012); with grad_avgs centered (Graves 2013)."""
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        g = f64(g) * (-grad_scale if maximize else grad_scale) + weight_decay * f64(p)
        v = alpha * f64(square_avgs[i]) + (1.0 - alpha) * g * g
        square_avgs[i][...] = v
        if grad_avgs is not None:
            m = alpha * f64(grad_avgs[i]) + (1.0 - alpha) * g
            grad_avgs[i][...] = m
            v = np.maximum(v - m * m, 0.0)
        delta = g / (np.sqrt(v) + eps)
        if momentum:
            delta = momentum * f64(momentum_buffers[i]) + delta
            momentum_buffers[i][...] = delta
        p[...] = f64(p) - lr * delta


def global_norm(arrays):
    return float(np.sqrt(np.sum([np.sum(f64(a) ** 2) for a in arrays])))
