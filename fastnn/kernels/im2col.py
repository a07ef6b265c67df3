"""The matrix of an image's patches, and its transpose, for those who want the matrix itself.

N batch, C channels, H W image, R S kernel, OH OW places of the kernel; orders as PyTorch's unfold
and fold.
"""

import numpy as np

from .._kernels import im2col as _im2col
from . import _checks
from ._window import image_size
from ._window import output_size as window_output_size  # col2im has an argument output_size


def im2col(x, kernel_size, *, stride=1, padding=0, dilation=1):
    """cols[n, (c R + r) S + s, oh OW + ow] = x[n, c, oh*stride + r*dilation - padding, ow*...]

    x (N, C, H, W), zero outside the image -> cols (N, C R S, OH OW). Sizes: an int or a pair
    (h, w). float32 or float64, any strides. Raises TypeError for another dtype, ValueError for
    sizes that do not fit.
    """
    op = "im2col"
    x = _checks.array(op, "x", x, 4)
    sizes = _sizes(op, kernel_size, stride, padding, dilation)
    output = window_output_size(op, x.shape[2:], *sizes)
    return _im2col.im2col(x, output, *sizes)


def col2im(cols, output_size, kernel_size, *, stride=1, padding=0, dilation=1):
    """x[n,c,h,w] = the sum of the cols that `im2col` would have copied from there

    cols (N, C R S, OH OW), output_size (H, W) -> x (N, C, H, W), channels-last: the transpose, or
    backward, of im2col. Arguments and errors as there; ValueError too if cols has not C R S rows
    or OH OW columns.
    """
    op = "col2im"
    cols = _checks.array(op, "cols", cols, 3)
    image = image_size(op, "output_size", output_size)
    sizes = _sizes(op, kernel_size, stride, padding, dilation)
    kernel = sizes[0]
    output = window_output_size(op, image, *sizes)
    if cols.shape[1] % (kernel[0] * kernel[1]):
        raise ValueError(
            f"{op}: cols must have a multiple of {kernel[0]} x {kernel[1]} rows (C R S), "
            f"got shape {cols.shape}"
        )
    if cols.shape[2] != output[0] * output[1]:
        raise ValueError(
            f"{op}: cols must have {output[0]} x {output[1]} columns (OH OW) for output_size "
            f"{image}, got shape {cols.shape}"
        )
    return _im2col.col2im(np.ascontiguousarray(cols), image, output, *sizes)


def _sizes(op, kernel_size, stride, padding, dilation):
    """kernel, stride, padding, dilation as pairs."""
    return (
        _checks.pair(op, "kernel_size", kernel_size, 1),
        _checks.pair(op, "stride", stride, 1),
        _checks.pair(op, "padding", padding, 0),
        _checks.pair(op, "dilation", dilation, 1),
    )
