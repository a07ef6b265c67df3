"""Max and average pooling. N batch, C channels, H W image, R S kernel, OH OW output; in one
dimension, L length and OL of the output.

OH = 1 + (H + 2 padding - dilation (R - 1) - 1) / stride, rounded down (ceil_mode: up, unless the
last window would start beyond the image and its left padding); OW and OL likewise.

Images are (N, C, H, W), sequences (N, C, L); results are channels-last. kernel_size, stride
(kernel_size unless given), padding and dilation are an int or a pair (h, w), for sequences an int;
padding is at most half the kernel. Arrays are float32 or float64, of any strides. All functions
raise TypeError for another dtype and ValueError for sizes that do not fit.
"""

import numpy as np

from .._kernels import pool as _pool
from . import _checks
from ._window import channels_last, image_size, length, output_size

MAX_PIXELS = 2**31 - 1  # indices are int32


def max_pool2d(x, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False):
    """y[n,c,oh,ow] = max over r, s of x[n,c, oh*stride + r*dilation - padding, ow*...]

    x (N, C, H, W) -> y, indices, both (N, C, OH, OW); indices (int32) is h * W + w of the winner:
    the first of equal ones; a NaN beats every number, and the last NaN the others. Padding never
    wins: a window wholly outside the image gives -inf, index -1.
    """
    op = "max_pool2d"
    x = _checks.array(op, "x", x, 4)
    check_pixels(op, x)
    windows, _ = _windows(
        op, _checks.pair, x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode
    )
    return _pool.max_pool2d(channels_last(x), windows)


def max_pool2d_backward(
    dy, indices, input_size, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False
):
    """dx[n,c,h,w] = sum of the dy[n,c,oh,ow] with indices[n,c,oh,ow] == h * W + w, over the
    windows that contain (h, w)

    dy, indices (N, C, OH, OW), input_size (H, W) -> dx (N, C, H, W). The other arguments are those
    of `max_pool2d`, which returned the indices.
    """
    op = "max_pool2d_backward"
    dy, indices = check_indices(op, dy, indices, 4)
    image = image_size(op, "input_size", input_size)
    windows, output = _windows(
        op, _checks.pair, image, kernel_size, stride, padding, dilation, ceil_mode
    )
    _check_output(op, dy, output, image)
    return _pool.max_pool2d_backward(channels_last(dy), channels_last(indices), windows)


def max_pool1d(x, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False):
    """y[n,c,o] = max over s of x[n,c, o*stride + s*dilation - padding]

    x (N, C, L) -> y, indices, both (N, C, OL): as `max_pool2d` of images of height 1.
    """
    op = "max_pool1d"
    x = _checks.array(op, "x", x, 3)[:, :, None]
    check_pixels(op, x)
    windows, _ = _windows(
        op, length, x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode
    )
    y, indices = _pool.max_pool2d(channels_last(x), windows)
    return y[:, :, 0], indices[:, :, 0]


def max_pool1d_backward(
    dy, indices, input_size, kernel_size, *, stride=None, padding=0, dilation=1, ceil_mode=False
):
    """dx[n,c,l] = sum of the dy[n,c,o] with indices[n,c,o] == l, over the windows that contain l

    dy, indices (N, C, OL), input_size L -> dx (N, C, L). The other arguments are those of
    `max_pool1d`, which returned the indices.
    """
    op = "max_pool1d_backward"
    dy, indices = check_indices(op, dy, indices, 3)
    image = (1, length(op, "input_size", input_size, 0)[1])
    windows, output = _windows(op, length, image, kernel_size, stride, padding, dilation, ceil_mode)
    _check_output(op, dy, output, image)
    return _pool.max_pool2d_backward(channels_last(dy), channels_last(indices), windows)[:, :, 0]


def avg_pool2d(
    x,
    kernel_size,
    *,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """y[n,c,oh,ow] = sum over r, s of x[n,c, oh*stride + r - padding, ow*stride + s - padding]
    / divisor

    x (N, C, H, W) -> y (N, C, OH, OW). The divisor is the number of places in the window, zero
    padding included unless count_include_pad is False (what ceil_mode adds beyond the padding
    never counts), or divisor_override, an int that is not 0.
    """
    op = "avg_pool2d"
    x = _checks.array(op, "x", x, 4)
    divisor = _divisor(op, divisor_override)
    windows, _ = _windows(op, _checks.pair, x.shape[2:], kernel_size, stride, padding, 1, ceil_mode)
    return _pool.avg_pool2d(channels_last(x), windows, bool(count_include_pad), divisor)


def avg_pool2d_backward(
    dy,
    input_size,
    kernel_size,
    *,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """dx[n,c,h,w] = sum of dy[n,c,oh,ow] / divisor[oh,ow] over the windows that contain (h, w)

    dy (N, C, OH, OW), input_size (H, W) -> dx (N, C, H, W). The other arguments are those of
    `avg_pool2d`.
    """
    op = "avg_pool2d_backward"
    dy = _checks.array(op, "dy", dy, 4)
    image = image_size(op, "input_size", input_size)
    divisor = _divisor(op, divisor_override)
    windows, output = _windows(op, _checks.pair, image, kernel_size, stride, padding, 1, ceil_mode)
    _check_output(op, dy, output, image)
    return _pool.avg_pool2d_backward(channels_last(dy), windows, bool(count_include_pad), divisor)


def avg_pool1d(x, kernel_size, *, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """y[n,c,o] = sum over s of x[n,c, o*stride + s - padding] / divisor

    x (N, C, L) -> y (N, C, OL): as `avg_pool2d` of images of height 1.
    """
    op = "avg_pool1d"
    x = _checks.array(op, "x", x, 3)[:, :, None]
    windows, _ = _windows(op, length, x.shape[2:], kernel_size, stride, padding, 1, ceil_mode)
    return _pool.avg_pool2d(channels_last(x), windows, bool(count_include_pad), 0)[:, :, 0]


def avg_pool1d_backward(
    dy, input_size, kernel_size, *, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    """dx[n,c,l] = sum of dy[n,c,o] / divisor[o] over the windows that contain l

    dy (N, C, OL), input_size L -> dx (N, C, L). The other arguments are those of `avg_pool1d`.
    """
    op = "avg_pool1d_backward"
    dy = _checks.array(op, "dy", dy, 3)[:, :, None]
    image = (1, length(op, "input_size", input_size, 0)[1])
    windows, output = _windows(op, length, image, kernel_size, stride, padding, 1, ceil_mode)
    _check_output(op, dy, output, image)
    return _pool.avg_pool2d_backward(channels_last(dy), windows, bool(count_include_pad), 0)[
        :, :, 0
    ]


@_checks.remembered
def _windows(op, sizes, image, kernel_size, stride, padding, dilation, ceil_mode):
    """-> the windows over an (H, W) image, checked, and (OH, OW). sizes: what makes pairs of the
    arguments, `_checks.pair` or, for sequences, `length`."""
    kernel = sizes(op, "kernel_size", kernel_size, 1)
    stride = kernel if stride is None else sizes(op, "stride", stride, 1)
    padding = sizes(op, "padding", padding, 0)
    dilation = sizes(op, "dilation", dilation, 1)
    if 2 * padding[0] > kernel[0] or 2 * padding[1] > kernel[1]:
        raise ValueError(
            f"{op}: padding must be at most half of kernel_size {kernel}, got {padding}"
        )
    output = output_size(op, image, kernel, stride, padding, dilation, ceil_mode)
    return _pool.Windows(image, output, kernel, stride, padding, dilation), output


def check_pixels(op, x):
    if x.shape[2] * x.shape[3] > MAX_PIXELS:
        raise ValueError(f"{op}: an image of x may have at most 2**31 - 1 pixels, got {x.shape}")


def check_indices(op, dy, indices, ndim):
    """dy and int32 indices, as images."""
    dy = _checks.array(op, "dy", dy, ndim)
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{op}: indices must be integers, got {indices.dtype}")
    if indices.shape != dy.shape:
        raise ValueError(f"{op}: indices must have dy's shape {dy.shape}, got {indices.shape}")
    if indices.dtype != np.int32 or not indices.flags.aligned:
        indices = np.require(indices, np.int32, "A")
    return (dy[:, :, None], indices[:, :, None]) if ndim == 3 else (dy, indices)


def _check_output(op, dy, output, image):
    if dy.shape[2:] != output:
        raise ValueError(
            f"{op}: dy must have shape (N, C, {output[0]}, {output[1]}) for input_size {image}, "
            f"got {dy.shape}"
        )


def _divisor(op, divisor_override):
    """The override as an int that is not 0; 0 for None."""
    if divisor_override is None:
        return 0
    try:
        divisor = divisor_override.__index__()
    except AttributeError:
        raise TypeError(
            f"{op}: divisor_override must be an int or None, got {divisor_override!r}"
        ) from None
    if divisor == 0:
        raise ValueError(f"{op}: divisor_override must not be 0")
    return divisor
