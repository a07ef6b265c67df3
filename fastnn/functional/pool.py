"""Pooling over windows of images (N, C, H, W) and of sequences (N, C, L), or single ones without N.

Arguments as in torch.nn.functional; stride is kernel_size unless given.
"""

from functools import partial

import numpy as np

from .. import kernels
from ..autograd import Tensor, as_tensor, record


def max_pool2d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """y[n, c, i, j] = the largest x in window (i, j); a NaN in the window wins.

    input (N, C, H, W) -> (N, C, OH, OW). Padding counts as -infinity. With return_indices also
    the winners' positions h*W + w, int64.
    """
    sizes = dict(
        kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
        ceil_mode=ceil_mode,
    )  # fmt: skip
    kernel = kernels.max_pool2d, kernels.max_pool2d_backward
    return _max_pool(*kernel, sizes, input, 4, return_indices)


def max_pool1d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """y[n, c, i] = the largest x in window i; a NaN in the window wins.

    input (N, C, L) -> (N, C, OL). Padding counts as -infinity. With return_indices also the
    winners' positions, int64.
    """
    sizes = dict(
        kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
        ceil_mode=ceil_mode,
    )  # fmt: skip
    kernel = kernels.max_pool1d, kernels.max_pool1d_backward
    return _max_pool(*kernel, sizes, input, 3, return_indices)


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """y[n, c, i, j] = the largest x in window (i, j) of OH x OW that cover the image.

    input (N, C, H, W) -> (N, C, OH, OW). output_size: an int or a pair, None for a size as it is;
    1 is global pooling. With return_indices also the winners' positions h*W + w, int64.
    """
    forward = partial(kernels.adaptive_max_pool2d, output_size=output_size)
    return _max_pool(
        forward, kernels.adaptive_max_pool2d_backward, {}, input, 4, return_indices
    )


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """y[n, c, i] = the largest x in window i of output_size that cover the sequence.

    input (N, C, L) -> (N, C, output_size); 1 is max over time. With return_indices also the
    winners' positions, int64.
    """
    forward = partial(kernels.adaptive_max_pool1d, output_size=output_size)
    return _max_pool(
        forward, kernels.adaptive_max_pool1d_backward, {}, input, 3, return_indices
    )


def avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    """y[n, c, i, j] = the sum of x over window (i, j) / its size.

    input (N, C, H, W) -> (N, C, OH, OW). Zero padding counts towards the size unless
    count_include_pad is False; divisor_override replaces the size.
    """
    sizes = dict(
        kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
        count_include_pad=count_include_pad, divisor_override=divisor_override,
    )  # fmt: skip
    return _avg_pool(kernels.avg_pool2d, kernels.avg_pool2d_backward, sizes, input, 4)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """y[n, c, i] = the sum of x over window i / its size.

    input (N, C, L) -> (N, C, OL). Zero padding counts towards the size unless count_include_pad is
    False.
    """
    sizes = dict(
        kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
    )  # fmt: skip
    return _avg_pool(kernels.avg_pool1d, kernels.avg_pool1d_backward, sizes, input, 3)


def adaptive_avg_pool2d(input, output_size):
    """y[n, c, i, j] = the mean of x in window (i, j) of OH x OW that cover the image.

    input (N, C, H, W) -> (N, C, OH, OW). output_size: an int or a pair, None for a size as it is;
    1 is global pooling.
    """
    forward = partial(kernels.adaptive_avg_pool2d, output_size=output_size)
    return _avg_pool(forward, kernels.adaptive_avg_pool2d_backward, {}, input, 4)


def adaptive_avg_pool1d(input, output_size):
    """y[n, c, i] = the mean of x in window i of output_size that cover the sequence.

    input (N, C, L) -> (N, C, output_size).
    """
    forward = partial(kernels.adaptive_avg_pool1d, output_size=output_size)
    return _avg_pool(forward, kernels.adaptive_avg_pool1d_backward, {}, input, 3)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """y[n, c, i, j] = (sum of x^p over window (i, j))^(1/p), p = norm_type.

    input (N, C, H, W) -> (N, C, OH, OW). As in torch, a window that ceil_mode lets end outside the
    image counts the mean of its pixels for those that it lacks.
    """
    mean = avg_pool2d(as_tensor(input) ** norm_type, kernel_size, stride, ceil_mode=ceil_mode)
    pixels = np.prod(kernel_size if isinstance(kernel_size, (tuple, list)) else [kernel_size] * 2)
    return (mean * float(pixels)) ** (1.0 / norm_type)


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """y[n, c, i] = (sum of x^p over window i)^(1/p), p = norm_type: see lp_pool2d.

    input (N, C, L) -> (N, C, OL).
    """
    mean = avg_pool1d(as_tensor(input) ** norm_type, kernel_size, stride, ceil_mode=ceil_mode)
    return (mean * float(np.prod(kernel_size))) ** (1.0 / norm_type)


def _max_pool(forward, backward_kernel, sizes, input, ndim, return_indices):
    """sizes: keyword arguments of both kernels"""
    x = as_tensor(input)
    if x.data.ndim == ndim - 1:
        results = _max_pool(forward, backward_kernel, sizes, x.unsqueeze(0), ndim, return_indices)
        return tuple(r.squeeze(0) for r in results) if return_indices else results.squeeze(0)
    y, indices = forward(x.data, **sizes)
    size = x.data.shape[2:]

    def backward(dy):  # y = the largest x of a window
        return (backward_kernel(dy, indices, size, **sizes),)

    out = record(y, (x,), backward)
    return (out, Tensor(indices.astype(np.int64))) if return_indices else out


def _avg_pool(forward, backward_kernel, sizes, input, ndim):
    """sizes: keyword arguments of both kernels"""
    x = as_tensor(input)
    if x.data.ndim == ndim - 1:
        return _avg_pool(forward, backward_kernel, sizes, x.unsqueeze(0), ndim).squeeze(0)
    size = x.data.shape[2:]

    def backward(dy):  # y = sum of a window / its size
        return (backward_kernel(dy, size, **sizes),)

    return record(forward(x.data, **sizes), (x,), backward)
