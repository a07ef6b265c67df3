"""Convolution, and the window matrix (im2col) that it can be written with."""

from .. import kernels
from ..autograd import as_tensor, record
from ..kernels._window import ints
from .activation import backward_of


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *, activation=None):
    """y[n, k, i, j] = act(b[k] + sum_{c, r, s} x[n, c, h(i, r), h(j, s)] w[k, c, r, s]),
    h(i, r) = i stride + r dilation - padding, x zero outside the image; act None, "relu",
    "sigmoid" or "tanh".

    input (N, C, H, W) or (C, H, W), weight (K, C / groups, R, S), bias (K,) or None -> (N, K, OH,
    OW). c: the channels of k's group, of equal runs of C and K; all where groups is 1.
    stride, padding, dilation: an int or a pair; padding may be "valid" (none) or "same" (the
    output is as large as the input; stride 1 only). One float dtype; plain arrays are cast to
    the weight's. Raises ValueError where the shapes do not fit.
    """
    kernel = kernels.conv2d, kernels.conv2d_backward
    sizes = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    return _conv("conv2d", kernel, 2, input, weight, bias, sizes, activation)


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *, activation=None):
    """y[n, k, i] = act(b[k] + sum_{c, s} x[n, c, i stride + s dilation - padding] w[k, c, s]),
    x zero outside the sequence; act None, "relu", "sigmoid" or "tanh".

    input (N, C, L) or (C, L), weight (K, C, S), bias (K,) or None -> (N, K, OL). stride, padding,
    dilation: an int; padding may be "valid" or "same". All else as in `conv2d`.
    """
    kernel = kernels.conv1d, kernels.conv1d_backward
    sizes = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    return _conv("conv1d", kernel, 1, input, weight, bias, sizes, activation)


def _conv(op, kernel, axes, input, weight, bias, sizes, activation):
    """kernel: (forward, backward); axes: of an image, 2, or a sequence, 1."""
    w = as_tensor(weight)
    x = as_tensor(input, w)
    if isinstance(sizes["padding"], str):
        padding, crop = _named_padding(op, axes, w.data.shape[2:], **sizes)
        sizes = sizes | dict(padding=padding)
        if any(crop):
            y = _conv(op, kernel, axes, x, w, bias, sizes, activation)
            return y[(..., *(slice(n, None) for n in crop))]
    if x.data.ndim == 1 + axes:
        return _conv(op, kernel, axes, x.unsqueeze(0), w, bias, sizes, activation).squeeze(0)
    xd, wd = x.data, w.data
    parents = (x, w) if bias is None else (x, w, as_tensor(bias, w))
    bd = None if bias is None else parents[2].data
    forward, differentiate = kernel
    y = forward(xd, wd, bd, **sizes, activation=activation)
    needs = (x.requires_grad, w.requires_grad, bd is not None and parents[2].requires_grad)
    count = len(parents)

    def backward(dy):  # y = act(x * w + b)
        dy = backward_of(activation, dy, y)
        return differentiate(dy, xd, wd, **sizes, needs=needs)[:count]

    return record(y, parents, backward)


def _named_padding(op, axes, kernel, stride, padding, dilation, groups):
    """'valid' or 'same' as (padding, what to drop from the front of the output), an int an axis.

    'same' pads dilation * (kernel - 1) in all. Where that is odd, the extra pixel goes to the
    end, as in torch: padding both sides by the larger half makes one output row too many, the
    first.
    """
    if padding == "valid":
        return 0, ()
    if padding != "same":
        kinds = "an int, a pair" if axes == 2 else "an int"
        raise ValueError(f"{op}: padding must be {kinds}, 'same' or 'valid', got {padding!r}")
    if set(ints(op, axes, "stride", stride, 1)) != {1}:
        raise ValueError(f"{op}: padding='same' needs stride 1, got {stride}")
    dilations = ints(op, axes, "dilation", dilation, 1)
    totals = [d * (k - 1) for d, k in zip(dilations, kernel, strict=True)]
    return tuple((t + 1) // 2 for t in totals), tuple(t % 2 for t in totals)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Every window as a column (im2col): (N, C, H, W) -> (N, C*R*S, OH*OW); (C, H, W) likewise."""
    x = as_tensor(input)
    if x.data.ndim == 3:
        return unfold(x.unsqueeze(0), kernel_size, dilation, padding, stride).squeeze(0)
    xd = x.data
    windows = dict(stride=stride, padding=padding, dilation=dilation)
    y = kernels.im2col(xd, kernel_size, **windows)

    def backward(dy):  # y = every window of x
        return (kernels.col2im(dy, xd.shape[2:], kernel_size, **windows),)

    return record(y, (x,), backward)


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Sum every column into its window (col2im): (N, C*R*S, OH*OW) -> (N, C, H, W) with
    output_size (H, W); unfold's adjoint. (C*R*S, OH*OW) likewise."""
    cols = as_tensor(input)
    if cols.data.ndim == 2:
        cols = cols.unsqueeze(0)
        return fold(cols, output_size, kernel_size, dilation, padding, stride).squeeze(0)
    windows = dict(stride=stride, padding=padding, dilation=dilation)
    x = kernels.col2im(cols.data, output_size, kernel_size, **windows)

    def backward(dx):  # x = sum of the columns, each into its window
        return (kernels.im2col(dx, kernel_size, **windows),)

    return record(x, (cols,), backward)
