"""Pooling over windows of an image."""

import numpy as np

from .. import kernels
from ..autograd import Tensor, as_tensor, record


def max_pool2d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """y[n, c, i, j] = the largest x in window (i, j); a NaN in the window wins.

    input (N, C, H, W) or (C, H, W) -> the same with (OH, OW). stride is kernel_size unless
    given; padding counts as -infinity. With return_indices also the winners' positions h*W + w,
    int64.
    """
    x = as_tensor(input)
    single = x.data.ndim == 3
    if single:
        x = x.unsqueeze(0)
    xd = x.data
    windows = dict(stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    y, indices = kernels.max_pool2d(xd, kernel_size, **windows)
    size = xd.shape[2:]

    def backward(dy):  # y = the largest x of a window
        return (kernels.max_pool2d_backward(dy, indices, size, kernel_size, **windows),)

    out = record(y, (x,), backward)
    if single:
        out = out.squeeze(0)
    if return_indices:
        return out, Tensor((indices[0] if single else indices).astype(np.int64))
    return out


def avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    """y[n, c, i, j] = the sum of x over window (i, j) / its size.

    input (N, C, H, W) or (C, H, W) -> the same with (OH, OW). stride is kernel_size unless
    given. Zero padding counts towards the size unless count_include_pad is False;
    divisor_override replaces the size.
    """
    x = as_tensor(input)
    if x.data.ndim == 3:
        return avg_pool2d(
            x.unsqueeze(0), kernel_size, stride, padding, ceil_mode, count_include_pad,
            divisor_override,
        ).squeeze(0)  # fmt: skip
    windows = dict(
        stride=stride, padding=padding, ceil_mode=ceil_mode,
        count_include_pad=count_include_pad, divisor_override=divisor_override,
    )  # fmt: skip
    y = kernels.avg_pool2d(x.data, kernel_size, **windows)
    size = x.data.shape[2:]

    def backward(dy):  # y = sum of a window / its size
        return (kernels.avg_pool2d_backward(dy, size, kernel_size, **windows),)

    return record(y, (x,), backward)
