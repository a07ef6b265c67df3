"""Transposed convolution of images and sequences."""

from .. import kernels
from ..autograd import as_tensor, record


def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """y[n, k, h(i, r), h(j, s)] = b[k] + sum_{c, i, j, r, s} x[n, c, i, j] w[c, k, r, s],
    h(i, r) = i stride + r dilation - padding: the gradient of a convolution for its input.

    input (N, C, H, W) or (C, H, W), weight (C, K / groups, R, S), bias (K,) or None ->
    (N, K, OH, OW), OH = (H - 1) stride - 2 padding + dilation (R - 1) + output_padding + 1. stride,
    padding, output_padding, dilation: an int or a pair. One float dtype; plain arrays are cast to
    the weight's. Raises ValueError where the shapes do not fit.
    """
    kernel = kernels.conv_transpose2d, kernels.conv_transpose2d_backward
    sizes = dict(
        stride=stride, padding=padding, output_padding=output_padding, groups=groups,
        dilation=dilation,
    )  # fmt: skip
    return _conv_transpose(kernel, 2, input, weight, bias, sizes)


def conv_transpose1d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """y[n, k, i stride + s dilation - padding] = b[k] + sum_{c, i, s} x[n, c, i] w[c, k, s]

    input (N, C, L) or (C, L), weight (C, K / groups, S), bias (K,) or None ->
    (N, K, OL). stride, padding, output_padding, dilation: an int. All else as in
    `conv_transpose2d`.
    """
    kernel = kernels.conv_transpose1d, kernels.conv_transpose1d_backward
    sizes = dict(
        stride=stride, padding=padding, output_padding=output_padding, groups=groups,
        dilation=dilation,
    )  # fmt: skip
    return _conv_transpose(kernel, 1, input, weight, bias, sizes)


def _conv_transpose(kernel, axes, input, weight, bias, sizes):
    """kernel: (forward, backward); axes: of an image, 2, or a sequence, 1."""
    w = as_tensor(weight)
    x = as_tensor(input, w)
    if x.data.ndim == 1 + axes:
        return _conv_transpose(kernel, axes, x.unsqueeze(0), w, bias, sizes).squeeze(0)
    xd, wd = x.data, w.data
    parents = (x, w) if bias is None else (x, w, as_tensor(bias, w))
    bd = None if bias is None else parents[2].data
    forward, differentiate = kernel
    y = forward(xd, wd, bd, **sizes)
    needs = (x.requires_grad, w.requires_grad, bd is not None and parents[2].requires_grad)
    count = len(parents)

    def backward(dy):  # y = b + the windows of w that x's pixels spread
        return differentiate(dy, xd, wd, **sizes, needs=needs)[:count]

    return record(y, parents, backward)
