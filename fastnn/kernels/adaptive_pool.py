"""Adaptive pooling: the output's size is given, and windows of nearly equal size cover the image.

Output (oh, ow) takes in the pixels floor(oh H / OH) <= h < ceil((oh + 1) H / OH), and in w
likewise; size 1 is global pooling. Letters, layouts, dtypes and errors as in `pool`; ValueError
too for an image without pixels.
"""

from .._kernels import pool as _pool
from . import _checks
from ._window import channels_last, image_size, length
from .pool import check_indices, check_pixels


def adaptive_avg_pool2d(x, output_size):
    """y[n,c,oh,ow] = mean of x[n,c] in window (oh, ow)

    x (N, C, H, W) -> y (N, C, OH, OW). output_size: an int, or a pair of ints or None (as in x).
    """
    op = "adaptive_avg_pool2d"
    x = _checks.array(op, "x", x, 4)
    windows = _windows(op, x.shape[2:], _output_size(op, output_size, x.shape[2:]))
    return _pool.avg_pool2d(channels_last(x), windows, False, 0)


def adaptive_avg_pool2d_backward(dy, input_size):
    """dx[n,c,h,w] = sum of dy[n,c,oh,ow] / pixels[oh,ow] over the windows that contain (h, w)

    dy (N, C, OH, OW), input_size (H, W) -> dx (N, C, H, W).
    """
    op = "adaptive_avg_pool2d_backward"
    dy = _checks.array(op, "dy", dy, 4)
    windows = _windows(op, image_size(op, "input_size", input_size), dy.shape[2:])
    return _pool.avg_pool2d_backward(channels_last(dy), windows, False, 0)


def adaptive_avg_pool1d(x, output_size):
    """y[n,c,o] = mean of x[n,c] in window o

    x (N, C, L) -> y (N, C, OL). output_size: an int.
    """
    op = "adaptive_avg_pool1d"
    x = _checks.array(op, "x", x, 3)[:, :, None]
    windows = _windows(op, x.shape[2:], (1, length(op, "output_size", output_size, 0)[1]))
    return _pool.avg_pool2d(channels_last(x), windows, False, 0)[:, :, 0]


def adaptive_avg_pool1d_backward(dy, input_size):
    """dx[n,c,l] = sum of dy[n,c,o] / pixels[o] over the windows that contain l

    dy (N, C, OL), input_size L -> dx (N, C, L).
    """
    op = "adaptive_avg_pool1d_backward"
    dy = _checks.array(op, "dy", dy, 3)[:, :, None]
    windows = _windows(op, (1, length(op, "input_size", input_size, 0)[1]), dy.shape[2:])
    return _pool.avg_pool2d_backward(channels_last(dy), windows, False, 0)[:, :, 0]


def adaptive_max_pool2d(x, output_size):
    """y[n,c,oh,ow] = max of x[n,c] in window (oh, ow)

    x (N, C, H, W) -> y, indices, both (N, C, OH, OW), as from `max_pool2d`. output_size: an int,
    or a pair of ints or None (as in x).
    """
    op = "adaptive_max_pool2d"
    x = _checks.array(op, "x", x, 4)
    check_pixels(op, x)
    windows = _windows(op, x.shape[2:], _output_size(op, output_size, x.shape[2:]))
    return _pool.max_pool2d(channels_last(x), windows)


def adaptive_max_pool2d_backward(dy, indices, input_size):
    """dx[n,c,h,w] = sum of the dy[n,c,oh,ow] with indices[n,c,oh,ow] == h * W + w, over the
    windows that contain (h, w)

    dy, indices (N, C, OH, OW), input_size (H, W) -> dx (N, C, H, W).
    """
    op = "adaptive_max_pool2d_backward"
    dy, indices = check_indices(op, dy, indices, 4)
    windows = _windows(op, image_size(op, "input_size", input_size), dy.shape[2:])
    return _pool.max_pool2d_backward(channels_last(dy), channels_last(indices), windows)


def adaptive_max_pool1d(x, output_size):
    """y[n,c,o] = max of x[n,c] in window o

    x (N, C, L) -> y, indices, both (N, C, OL). output_size: an int; 1 is max over time.
    """
    op = "adaptive_max_pool1d"
    x = _checks.array(op, "x", x, 3)[:, :, None]
    check_pixels(op, x)
    windows = _windows(op, x.shape[2:], (1, length(op, "output_size", output_size, 0)[1]))
    y, indices = _pool.max_pool2d(channels_last(x), windows)
    return y[:, :, 0], indices[:, :, 0]


def adaptive_max_pool1d_backward(dy, indices, input_size):
    """dx[n,c,l] = sum of the dy[n,c,o] with indices[n,c,o] == l, over the windows that contain l

    dy, indices (N, C, OL), input_size L -> dx (N, C, L).
    """
    op = "adaptive_max_pool1d_backward"
    dy, indices = check_indices(op, dy, indices, 3)
    windows = _windows(op, (1, length(op, "input_size", input_size, 0)[1]), dy.shape[2:])
    return _pool.max_pool2d_backward(channels_last(dy), channels_last(indices), windows)[:, :, 0]


def _output_size(op, output_size, image):
    if isinstance(output_size, (tuple, list)) and len(output_size) == 2:
        output_size = tuple(n if o is None else o for o, n in zip(output_size, image, strict=True))
    return _checks.pair(op, "output_size", output_size, 0)


def _windows(op, image, output):
    if 0 in image:
        raise ValueError(
            f"{op}: an image must have at least one pixel, got {image[0]} x {image[1]}"
        )
    return _pool.Windows(image, output)
