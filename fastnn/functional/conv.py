"""Convolution, and the window matrix (im2col) that it can be written with."""

from .. import kernels
from ..autograd import as_tensor, record
from .activation import backward_of


def pair(op, name, value):
    """An int or a pair of ints as a pair."""
    values = (value, value) if hasattr(value, "__index__") else tuple(value)
    if len(values) != 2:
        raise ValueError(f"{op}: {name} must be an int or a pair, got {value!r}")
    return values


def conv2d(
    input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *, activation=None
):
    """y[n, k, i, j] = act(b[k] + sum_{c, r, s} x[n, c, h(i, r), h(j, s)] w[k, c, r, s]),
    h(i, r) = i stride + r dilation - padding, x zero outside the image; act None, "relu",
    "sigmoid" or "tanh".

    input (N, C, H, W) or (C, H, W), weight (K, C / groups, R, S), bias (K,) or None -> (N, K, OH,
    OW). c: the channels of k's group, of equal runs of C and K; all where groups is 1.
    stride, padding, dilation: an int or a pair; padding may be "valid" (none) or "same" (the
    output is as large as the input; stride 1 only). One float dtype; plain arrays are cast to
    the weight's. Raises ValueError where the shapes do not fit.
    """
    w = as_tensor(weight)
    x = as_tensor(input, w)
    if isinstance(padding, str):
        padding, crop = _named_padding(padding, w.data.shape, stride, dilation)
        if crop != (0, 0):
            y = conv2d(x, w, bias, stride, padding, dilation, groups, activation=activation)
            return y[..., crop[0] :, crop[1] :]
    if x.data.ndim == 3:
        y = conv2d(
            x.unsqueeze(0), w, bias, stride, padding, dilation, groups, activation=activation
        )
        return y.squeeze(0)
    xd, wd = x.data, w.data
    parents = (x, w) if bias is None else (x, w, as_tensor(bias, w))
    bd = None if bias is None else parents[2].data
    windows = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    y = kernels.conv2d(xd, wd, bd, **windows, activation=activation)
    needs = (x.requires_grad, w.requires_grad, bd is not None and parents[2].requires_grad)
    count = len(parents)

    def backward(dy):  # y = act(x * w + b)
        dy = backward_of(activation, dy, y)
        return kernels.conv2d_backward(dy, xd, wd, **windows, needs=needs)[:count]

    return record(y, parents, backward)


def _named_padding(padding, weight_shape, stride, dilation):
    """'valid' or 'same' as ((ph, pw), (rows, columns) to drop from the front of the output).

    'same' pads dilation * (kernel - 1) in all. Where that is odd, the extra pixel goes to the
    end, as in torch: padding both sides by the larger half makes one output row too many, the
    first.
    """
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding != "same":
        raise ValueError(
            f"conv2d: padding must be an int, a pair, 'same' or 'valid', got {padding!r}"
        )
    if pair("conv2d", "stride", stride) != (1, 1):
        raise ValueError(f"conv2d: padding='same' needs stride 1, got {stride}")
    dilations = pair("conv2d", "dilation", dilation)
    totals = [d * (k - 1) for d, k in zip(dilations, weight_shape[2:], strict=True)]
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
