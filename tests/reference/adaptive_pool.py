"""Adaptive pooling: windows of nearly equal size cover the image."""

import numpy as np

from ._window import pair
from .activation import f64


def _windows(image, output_size):
    """(oh, ow, slices of the image) of every output"""
    (h, w), (oh, ow) = image, output_size
    for i in range(oh):
        for j in range(ow):
            rows = slice(i * h // oh, -(-(i + 1) * h // oh))
            yield i, j, (rows, slice(j * w // ow, -(-(j + 1) * w // ow)))


def _output_size(output_size, image):
    return tuple(n if o is None else o for o, n in zip(pair(output_size), image, strict=True))


def adaptive_avg_pool2d(x, output_size):
    """x (N, C, H, W) -> y (N, C, OH, OW): the mean of each window"""
    x = f64(x)
    output_size = _output_size(output_size, x.shape[2:])
    y = np.zeros((*x.shape[:2], *output_size))
    for i, j, (rows, cols) in _windows(x.shape[2:], output_size):
        y[:, :, i, j] = x[:, :, rows, cols].mean((2, 3))
    return y


def adaptive_avg_pool2d_backward(dy, input_size):  # y = mean of x[window]
    dy = f64(dy)
    dx = np.zeros((*dy.shape[:2], *input_size))
    for i, j, (rows, cols) in _windows(input_size, dy.shape[2:]):
        window = dx[:, :, rows, cols]
        window += dy[:, :, i, j, None, None] / (window.shape[2] * window.shape[3])
    return dx


def adaptive_max_pool2d(x, output_size):
    """x (N, C, H, W) -> y (N, C, OH, OW), indices (int32, h * W + w of the winner)

    The first of equal maxima wins; NaN beats every number, and the last NaN wins.
    """
    x = f64(x)
    h, w = x.shape[2:]
    output_size = _output_size(output_size, (h, w))
    y = np.zeros((*x.shape[:2], *output_size))
    indices = np.zeros(y.shape, np.int32)
    position = np.arange(h * w, dtype=np.int32).reshape(h, w)
    for i, j, (rows, cols) in _windows((h, w), output_size):
        pixels = position[rows, cols].ravel()
        values = x[:, :, rows, cols].reshape(*x.shape[:2], pixels.size)
        nan = np.isnan(values)
        last_nan = nan.shape[2] - 1 - np.argmax(nan[:, :, ::-1], 2)
        at = np.where(nan.any(2), last_nan, np.argmax(values, 2))
        y[:, :, i, j] = np.take_along_axis(values, at[..., None], 2)[..., 0]
        indices[:, :, i, j] = pixels[at]
    return y, indices


def adaptive_max_pool2d_backward(dy, indices, input_size):  # y[n,c,o] = x[n,c].flat[indices[...]]
    dy = f64(dy)
    dx = np.zeros((*dy.shape[:2], input_size[0] * input_size[1]))
    for at in np.ndindex(dy.shape):
        dx[(*at[:2], indices[at])] += dy[at]
    return dx.reshape(*dy.shape[:2], *input_size)


def adaptive_avg_pool1d(x, output_size):
    """x (N, C, L) -> y (N, C, OL)"""
    return adaptive_avg_pool2d(x[:, :, None], (1, output_size))[:, :, 0]


def adaptive_avg_pool1d_backward(dy, input_size):  # y = mean of x[window]
    return adaptive_avg_pool2d_backward(dy[:, :, None], (1, input_size))[:, :, 0]


def adaptive_max_pool1d(x, output_size):
    """x (N, C, L) -> y (N, C, OL), indices (int32)"""
    y, indices = adaptive_max_pool2d(x[:, :, None], (1, output_size))
    return y[:, :, 0], indices[:, :, 0]


def adaptive_max_pool1d_backward(dy, indices, input_size):  # y[n,c,o] = x[n,c,indices[n,c,o]]
    return adaptive_max_pool2d_backward(dy[:, :, None], indices[:, :, None], (1, input_size))[
        :, :, 0
    ]
