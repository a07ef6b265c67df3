"""Convolution of images and sequences, forward and backward. A sequence is an image of height 1."""

from .._kernels import conv as _conv
from .._kernels import memory
from . import _checks, _whole
from ._window import as_images, bias_of, channels_last, dy_of, length
from .reduce import sum as _sum


def conv2d(
    x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1, activation=None, scale=None,
    residual=None,
):  # fmt: skip
    """y[n, k, i, j] = act(b[k] + sum_{c,r,s} x[n,c, i sh + r dh - ph, j sw + s dw - pw] w[k,c,r,s])

    x: (N, C, H, W).  w: (K, C / groups, R, S).  b: (K,) or None.  stride, padding, dilation: an int
    or a pair (height, width).  groups: C and K are cut into so many equal runs of channels, and c
    counts the channels of k's group only; groups=C is a depthwise convolution.  activation: None,
    "relu", "sigmoid" or "tanh".  scale: (K,), times which w[k] is taken.  residual: of y's shape,
    added before the activation.  (For inference: with both, a batch normalisation is part of the
    convolution before it. conv2d_backward knows neither.)
    Returns (N, K, OH, OW), channels-last, with OH = (H + 2 ph - dh (R - 1) - 1) // sh + 1.

    Cross-correlation, as torch.nn.functional.conv2d. float32 or float64, any strides (quickest:
    x channels-last, w with K fastest, as `conv2d_backward` returns dw). Raises TypeError for mixed
    or other dtypes, ValueError for shapes and numbers that do not fit.
    """
    sizes = stride, padding, dilation, groups
    return _forward("conv2d", 2, x, w, b, *sizes, activation, scale, residual)


def conv2d_backward(
    dy, x, w, *, stride=1, padding=0, dilation=1, groups=1, needs=(True, True, True)
):
    """Gradients of `conv2d` (without activation) for x, w and b: (dx, dw, db).

    dy: (N, K, OH, OW), the gradient of y; x, w and keywords as given to `conv2d`.  needs: which of
    the three to compute; the others are None.  dx: (N, C, H, W), channels-last.  dw: (K, C /
    groups, R, S), with K fastest in memory.  db: (K,).
    """
    op = "conv2d_backward"
    return _backward(op, 2, dy, x, w, stride, padding, dilation, groups, needs)


def conv1d(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1, activation=None):
    """y[n, k, i] = act(b[k] + sum_{c,s} x[n, c, i stride + s dilation - padding] w[k, c, s])

    x: (N, C, L).  w: (K, C, S).  b: (K,) or None.  stride, padding, dilation: an int.
    Returns (N, K, OL), channels-last, with OL = (L + 2 padding - dilation (S - 1) - 1) // stride
    + 1. All else as in `conv2d`.
    """
    y = _forward("conv1d", 1, x, w, b, stride, padding, dilation, groups, activation)
    return y[:, :, 0]


def conv1d_backward(
    dy, x, w, *, stride=1, padding=0, dilation=1, groups=1, needs=(True, True, True)
):
    """Gradients of `conv1d` (without activation) for x, w and b: (dx, dw, db).

    dy: (N, K, OL).  dx: (N, C, L), channels-last.  dw: (K, C, S), with K fastest in memory.
    db: (K,).  All else as in `conv2d_backward`.
    """
    op = "conv1d_backward"
    dx, dw, db = _backward(op, 1, dy, x, w, stride, padding, dilation, groups, needs)
    return dx if dx is None else dx[:, :, 0], dw if dw is None else dw[:, :, 0], db


def _forward(
    op, axes, x, w, b, stride, padding, dilation, groups, activation, scale=None, residual=None
):
    x, w, y_size, stride, padding, dilation, groups, whole = _geometry(
        op, axes, x, w, stride, padding, dilation, groups
    )
    b = bias_of(op, b, w.shape[0], x)
    if activation not in _conv.ACTIVATIONS:
        names = sorted(filter(None, _conv.ACTIVATIONS))
        raise ValueError(f"{op}: activation must be None or one of {names}, got {activation!r}")
    if scale is not None:
        scale = bias_of(op, scale, w.shape[0], x, "scale")
    if residual is not None:
        residual = _checks.array(op, "residual", residual, 4, x)
        y_shape = (x.shape[0], w.shape[0], *y_size)
        if residual.shape != y_shape:
            raise ValueError(f"{op}: residual must have y's shape {y_shape}, got {residual.shape}")
        residual = channels_last(residual).transpose(0, 3, 1, 2)
    if whole and scale is None and residual is None:
        return _whole.forward(x, w, b, activation)
    sizes = y_size, stride, padding, dilation, groups
    return _conv.forward(x, w, b, activation, *sizes, scale, residual)


def _backward(op, axes, dy, x, w, stride, padding, dilation, groups, needs):
    x, w, y_size, stride, padding, dilation, groups, whole = _geometry(
        op, axes, x, w, stride, padding, dilation, groups
    )
    dy = dy_of(op, axes, dy, (x.shape[0], w.shape[0], *y_size), x)
    dx = dw = db = None
    if needs[0] and whole:
        dx = _whole.backward_data(dy, w)
    elif needs[0]:
        dx = _conv.backward_data(dy, w, x.shape[2:], stride, padding, dilation, groups)
    if needs[1] and whole:
        dw = _whole.backward_weight(dy, x)
    elif needs[1]:
        k, c, r, s = w.shape
        dw = memory.empty_array((r, s, c, k), x.dtype.num)
        _conv.backward_weight(dy, x, dw, stride, padding, dilation, groups)
        dw = dw.transpose(3, 2, 0, 1)
    if needs[2]:
        db = _sum(dy, (0, 2, 3))
    return dx, dw, db


def _geometry(op, axes, x, w, stride, padding, dilation, groups):
    """The checked arguments, a sequence's as an image's, with `_sizes`."""
    x = _checks.array(op, "x", x, 2 + axes)
    w = _checks.array(op, "weight", w, 2 + axes, x)
    sizes = _sizes(op, axes, x.shape, w.shape, stride, padding, dilation, groups)
    return as_images(x), as_images(w), *sizes


@_checks.remembered
def _sizes(op, axes, x_shape, w_shape, stride, padding, dilation, groups):
    """(OH, OW), the checked numbers, and whether the kernel is as large as the image."""
    groups = _checks.count(op, "groups", groups)
    channels, outputs = x_shape[1], w_shape[0]
    if channels % groups or outputs % groups:
        raise ValueError(
            f"{op}: groups must divide the {channels} channels of x and the {outputs} outputs of "
            f"weight, got {groups} (x: {x_shape}, weight: {w_shape})"
        )
    if w_shape[1] != channels // groups:
        expected = f", in {groups} groups of {channels // groups}" if groups > 1 else ""
        raise ValueError(
            f"{op}: weight has {w_shape[1]} input channels, x has {channels}{expected} "
            f"(x: {x_shape})"
        )
    pair = _checks.pair if axes == 2 else length
    stride = pair(op, "stride", stride, 1)
    padding = pair(op, "padding", padding, 0)
    dilation = pair(op, "dilation", dilation, 1)
    one = (1,) * (2 - axes)  # a sequence's height
    image, window = one + x_shape[2:], one + w_shape[2:]
    y_size = []
    for size, kernel, s, p, d in zip(image, window, stride, padding, dilation, strict=True):
        if kernel == 0:
            raise ValueError(f"{op}: weight must have a kernel of at least 1 x 1, got {w_shape}")
        reach = d * (kernel - 1) + 1
        if reach > size + 2 * p:
            raise ValueError(
                f"{op}: the kernel reaches over {reach} (size {kernel}, dilation {d}), "
                f"x with its padding only over {size + 2 * p} (x: {x_shape}, padding {p})"
            )
        y_size.append((size + 2 * p - reach) // s + 1)
    whole = _whole.fits(image, window, tuple(y_size), padding, groups)
    return tuple(y_size), stride, padding, dilation, groups, whole
