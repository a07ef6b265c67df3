"""Normalisation layers. What they compute is described with the functions of the same names."""

import warnings

import numpy as np

from .. import functional as F
from ..autograd import as_tensor
from .module import Module, Parameter


def _register_affine(module, shape, weight, bias, dtype):
    """weight of ones and bias of zeros, or None."""
    module.register_parameter("weight", Parameter(np.ones(shape, dtype)) if weight else None)
    module.register_parameter("bias", Parameter(np.zeros(shape, dtype)) if bias else None)


def _reset_affine(module):
    for parameter, value in ((module.weight, 1), (module.bias, 0)):
        if parameter is not None:
            parameter.data[...] = value


class _ChannelNorm(Module):
    """What batch and instance normalisation share: num_features channels, running statistics."""

    dimensions = ()  # how many an input may have

    def __init__(self, num_features, eps, momentum, affine, track_running_stats, bias, dtype):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        _register_affine(self, num_features, affine, affine and bias, dtype)
        tracked = track_running_stats
        self.register_buffer("running_mean", np.zeros(num_features, dtype) if tracked else None)
        self.register_buffer("running_var", np.ones(num_features, dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", np.array(0) if tracked else None)

    def reset_running_stats(self):
        if self.track_running_stats:
            self.running_mean.data[...] = 0
            self.running_var.data[...] = 1
            self.num_batches_tracked.data[...] = 0

    def reset_parameters(self):
        self.reset_running_stats()
        _reset_affine(self)

    def _check_dimensions(self, input):
        ndim = np.ndim(input)
        if ndim not in self.dimensions:
            expected = " or ".join(f"{n}-D" for n in self.dimensions)
            raise ValueError(f"{type(self).__name__}: expected {expected} input, got {ndim}-D")

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_ChannelNorm):
    """y = act(weight xhat + bias + residual), xhat normalised by channel.

    weight (num_features,) starts as ones, bias as zeros. In training the batch's statistics count,
    and the running ones follow them: exponentially by `momentum`, or as their plain average if it
    is None. In evaluation the running ones count, or the batch's, if none are tracked. Arguments
    and errors as those of functional.batch_norm.
    """

    fuses_activation = True  # forward takes one, and it costs nothing

    def __init__(
        self, num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True, *,
        bias=True, dtype=np.float32,
    ):  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, dtype)

    def forward(self, input, residual=None, activation=None):
        self._check_dimensions(input)
        mean, var, momentum = self.running_mean, self.running_var, self.momentum
        if self.training and not self.track_running_stats:
            mean = var = None
        elif self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.data[...] += 1
            if momentum is None:
                momentum = 1 / self.num_batches_tracked.item()
        return F.batch_norm(
            input, mean, var, self.weight, self.bias, self.training or mean is None, momentum,
            self.eps, residual=residual, activation=activation,
        )  # fmt: skip


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L)."""

    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (N, C, H, W)."""

    dimensions = (4,)


class _InstanceNorm(_ChannelNorm):
    """y = weight xhat + bias, xhat normalised by image and channel.

    Affine only if asked for. Without running statistics, the default, evaluation is as training;
    with them as in batch normalisation. Arguments and errors as those of functional.instance_norm.
    """

    def __init__(
        self, num_features, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False, *,
        bias=True, dtype=np.float32,
    ):  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, dtype)

    def forward(self, input):
        self._check_dimensions(input)
        x = as_tensor(input, self.weight)
        if x.ndim == self.dimensions[0]:
            return self.forward(x.unsqueeze(0)).squeeze(0)
        if not self.affine and x.shape[1] != self.num_features:
            warnings.warn(
                f"{type(self).__name__}: input has {x.shape[1]} channels, not num_features "
                f"{self.num_features}; without affine that makes no difference",
                stacklevel=3,
            )
        return F.instance_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, self.momentum or 0.0, self.eps,
        )  # fmt: skip


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of (N, C, L) or (C, L)."""

    dimensions = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of (N, C, H, W) or (C, H, W)."""

    dimensions = (3, 4)


class LayerNorm(Module):
    """y = weight xhat + bias, xhat normalised over the last axes, normalized_shape.

    weight and bias of normalized_shape (an int or ints) start as ones and zeros. See
    functional.layer_norm.
    """

    def __init__(
        self, normalized_shape, eps=1e-05, elementwise_affine=True, bias=True, *, dtype=np.float32
    ):
        super().__init__()
        if hasattr(normalized_shape, "__index__"):
            normalized_shape = (normalized_shape,)
        self.normalized_shape = tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        _register_affine(
            self, self.normalized_shape, elementwise_affine, elementwise_affine and bias, dtype
        )

    def reset_parameters(self):
        _reset_affine(self)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """y = weight xhat + bias, xhat normalised by image and group of num_channels / num_groups.

    weight and bias (num_channels,) start as ones and zeros. See functional.group_norm. Raises
    ValueError unless num_groups divides num_channels.
    """

    def __init__(
        self, num_groups, num_channels, eps=1e-05, affine=True, *, bias=True, dtype=np.float32
    ):
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_groups must divide num_channels {num_channels}, got {num_groups}"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        _register_affine(self, num_channels, affine, affine and bias, dtype)

    def reset_parameters(self):
        _reset_affine(self)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """y[c] = x[c] / (k + alpha / size sum of x[j]^2)^beta, over the `size` channels j around c.
    See functional.local_response_norm."""

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
