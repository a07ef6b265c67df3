"""Helpers over a model's parameters: gradient clipping, all parameters as one vector, and batch
normalisation folded into convolutions; and a recurrent model's state, cut off from the tape."""

import math

import numpy as np

from .. import kernels
from ..autograd import Tensor, as_tensor, cat
from .fusion import fuse_conv_bn_eval, fuse_conv_bn_weights

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "detach_state", "fuse_conv_bn_eval",
    "fuse_conv_bn_weights", "parameters_to_vector", "vector_to_parameters",
]  # fmt: skip


def _with_grad(parameters):
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    return [p for p in parameters if p.grad is not None]


def _norm(grads, norm_type):
    if not grads:
        return 0.0
    if norm_type == 2:
        return kernels.global_norm(grads)
    if math.isinf(norm_type):
        return max(float(np.max(np.abs(g), initial=0.0)) for g in grads)
    return sum(float(np.sum(np.abs(g) ** norm_type)) for g in grads) ** (1.0 / norm_type)


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False):
    """Scale all gradients by min(1, max_norm / (norm + 1e-6)); returns the norm before, 0-d.

    The norm is that of all gradients as one vector: 2, inf or any positive p. Each p.grad is
    replaced, not written to. Raises ValueError for a norm of NaN or infinity if
    error_if_nonfinite (and changes nothing). Pascanu et al. 2013, arXiv:1211.5063.
    """
    if not norm_type > 0:
        raise ValueError(f"clip_grad_norm_: norm_type must be positive, got {norm_type}")
    params = _with_grad(parameters)
    norm = _norm([p.grad for p in params], norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise ValueError(
            f"clip_grad_norm_: the norm of order {norm_type} of the gradients is {norm}"
        )
    scale = max_norm / (norm + 1e-6)
    if not scale >= 1.0:  # written so that NaN, too, reaches the gradients
        for p in params:
            p.grad = kernels.multiply(p.grad, scale)
    return Tensor(np.asarray(norm))


def clip_grad_value_(parameters, clip_value):
    """Clamp every gradient element to [-clip_value, clip_value]. Each p.grad is replaced."""
    if not clip_value >= 0:
        raise ValueError(f"clip_grad_value_: clip_value must be >= 0, got {clip_value}")
    for p in _with_grad(parameters):
        p.grad = np.clip(p.grad, -clip_value, clip_value)


def detach_state(state):
    """The same state, cut off from the tape: a Tensor, None, or a tuple or list of such.

    Between two pieces of a sequence this is truncated backpropagation through time: the state goes
    on, the gradient ends here, and the tape of the piece before is freed::

        for x, y in data.StreamLoader(numbers, streams, steps):
            output, state = model(x, nn.utils.detach_state(state))

    Williams and Peng 1990, "An efficient gradient-based algorithm for on-line training of recurrent
    network trajectories".
    """
    if isinstance(state, tuple | list):
        return type(state)(map(detach_state, state))
    return None if state is None else as_tensor(state).detach()


def parameters_to_vector(parameters):
    """All parameters, each flattened in C order, as one 1-d Tensor."""
    return cat([p.reshape(-1) for p in parameters], 0)


def vector_to_parameters(vec, parameters):
    """Copy consecutive pieces of a 1-d vector into the parameters. Raises ValueError unless the
    sizes agree."""
    values = as_tensor(vec).data
    params = list(parameters)
    total = sum(p.data.size for p in params)
    if values.shape != (total,):
        raise ValueError(
            f"vector_to_parameters: vec must have shape ({total},), one element a parameter "
            f"element, got {values.shape}"
        )
    start = 0
    for p in params:
        p.data[...] = values[start : start + p.data.size].reshape(p.data.shape)
        start += p.data.size
