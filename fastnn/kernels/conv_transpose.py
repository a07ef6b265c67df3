"""Transposed convolution of images and sequences, forward and backward.

It is a convolution's backward with respect to its data, and so its own backward is that
convolution: the same kernels, in other roles. A sequence is an image of height 1.
"""

from .._kernels import conv as _conv
from .._kernels import memory
from . import _checks, _whole
from ._window import as_images, bias_of, dy_of, length
from .elementwise import add as _add
from .reduce import sum as _sum


def conv_transpose2d(
    x, w, b=None, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):  # fmt: skip
    """y[n, k, i sh + r dh - ph, j sw + s dw - pw] = b[k] + sum_{c,i,j,r,s} x[n,c,i,j] w[c,k,r,s]

    x: (N, C, H, W).  w: (C, K / groups, R, S).  b: (K,) or None.  stride, padding, output_padding,
    dilation: an int or a pair (height, width).  groups: C and K are cut into so many equal runs of
    channels, and c counts the channels of k's group only.
    Returns (N, K, OH, OW), channels-last, OH = (H - 1) sh - 2 ph + dh (R - 1) + 1 + output_padding:
    padding cuts off both ends, and output_padding, less than stride or dilation, lengthens the
    last.

    As torch.nn.functional.conv_transpose2d. float32 or float64, any strides (quickest: x
    channels-last, w with C fastest, as `conv_transpose2d_backward` returns dw). Raises TypeError
    for mixed or other dtypes, ValueError for shapes and numbers that do not fit.
    """
    op = "conv_transpose2d"
    return _forward(op, 2, x, w, b, stride, padding, output_padding, groups, dilation)


def conv_transpose2d_backward(
    dy, x, w, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1,
    needs=(True, True, True),
):  # fmt: skip
    """Gradients of `conv_transpose2d` for x, w and b: (dx, dw, db).

    dx[n, c, i, j] = sum_{k,r,s} dy[n, k, i sh + r dh - ph, j sw + s dw - pw] w[c, k, r, s]

    dy: (N, K, OH, OW), the gradient of y; x, w and keywords as given to `conv_transpose2d`.
    needs: which of the three to compute; the others are None.  dx: (N, C, H, W), channels-last.
    dw: (C, K / groups, R, S), with C fastest in memory.  db: (K,).
    """
    op = "conv_transpose2d_backward"
    return _backward(op, 2, dy, x, w, stride, padding, output_padding, groups, dilation, needs)


def conv_transpose1d(
    x, w, b=None, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):  # fmt: skip
    """y[n, k, i stride + s dilation - padding] = b[k] + sum_{c,i,s} x[n, c, i] w[c, k, s]

    x: (N, C, L).  w: (C, K / groups, S).  b: (K,) or None.  stride, padding, output_padding,
    dilation: an int. Returns (N, K, OL), channels-last. All else as in `conv_transpose2d`.
    """
    op = "conv_transpose1d"
    return _forward(op, 1, x, w, b, stride, padding, output_padding, groups, dilation)[:, :, 0]


def conv_transpose1d_backward(
    dy, x, w, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1,
    needs=(True, True, True),
):  # fmt: skip
    """Gradients of `conv_transpose1d` for x, w and b: (dx, dw, db).

    dy: (N, K, OL).  dx: (N, C, L), channels-last.  dw: (C, K / groups, S), with C fastest in
    memory.  db: (K,).  All else as in `conv_transpose2d_backward`.
    """
    op = "conv_transpose1d_backward"
    dx, dw, db = _backward(
        op, 1, dy, x, w, stride, padding, output_padding, groups, dilation, needs
    )
    return dx if dx is None else dx[:, :, 0], dw if dw is None else dw[:, :, 0], db


def _forward(op, axes, x, w, b, stride, padding, output_padding, groups, dilation):
    x, w, y_size, stride, padding, groups, dilation = _geometry(
        op, axes, x, w, stride, padding, output_padding, groups, dilation
    )
    b = bias_of(op, b, w.shape[1] * groups, x)
    if _whole.fits(y_size, w.shape[2:], x.shape[2:], padding, groups):
        return _whole.backward_data(x, w, b)
    y = _conv.backward_data(x, w, y_size, stride, padding, dilation, groups)
    return y if b is None else _add(y, b[:, None, None])


def _backward(op, axes, dy, x, w, stride, padding, output_padding, groups, dilation, needs):
    x, w, y_size, stride, padding, groups, dilation = _geometry(
        op, axes, x, w, stride, padding, output_padding, groups, dilation
    )
    dy = dy_of(op, axes, dy, (x.shape[0], w.shape[1] * groups, *y_size), x)
    whole = _whole.fits(y_size, w.shape[2:], x.shape[2:], padding, groups)
    dx = dw = db = None
    if needs[0] and whole:
        dx = _whole.forward(dy, w)
    elif needs[0]:
        dx = _conv.forward(dy, w, None, None, x.shape[2:], stride, padding, dilation, groups)
    if needs[1] and whole:
        dw = _whole.backward_weight(x, dy)
    elif needs[1]:
        c, k, r, s = w.shape
        dw = memory.empty_array((r, s, k, c), x.dtype.num)
        _conv.backward_weight(x, dy, dw, stride, padding, dilation, groups)
        dw = dw.transpose(3, 2, 0, 1)
    if needs[2]:
        db = _sum(dy, (0, 2, 3))
    return dx, dw, db


def _geometry(op, axes, x, w, stride, padding, output_padding, groups, dilation):
    """The checked arguments, a sequence's as an image's, and (OH, OW)."""
    x = _checks.array(op, "x", x, 2 + axes)
    w = _checks.array(op, "weight", w, 2 + axes, x)
    groups = _checks.count(op, "groups", groups)
    if x.shape[1] % groups:
        raise ValueError(
            f"{op}: groups must divide the {x.shape[1]} channels of x, got {groups} (x: {x.shape})"
        )
    if w.shape[0] != x.shape[1]:
        raise ValueError(
            f"{op}: weight has {w.shape[0]} input channels, x has {x.shape[1]} (x: {x.shape})"
        )
    pair = _checks.pair if axes == 2 else length
    stride = pair(op, "stride", stride, 1)
    padding = pair(op, "padding", padding, 0)
    longer = pair(op, "output_padding", output_padding, 0)
    dilation = pair(op, "dilation", dilation, 1)
    x_shape, w_shape = x.shape, w.shape
    x, w = as_images(x), as_images(w)
    sizes = []
    spans = zip(x.shape[2:], w.shape[2:], stride, padding, longer, dilation, strict=True)
    for size, kernel, s, p, more, d in spans:
        if size == 0 or kernel == 0:
            raise ValueError(
                f"{op}: x and weight must have a pixel and a kernel of at least 1 x 1 "
                f"(x: {x_shape}, weight: {w_shape})"
            )
        if more >= max(s, d):
            raise ValueError(
                f"{op}: output_padding must be less than stride {s} or dilation {d}, got {more}"
            )
        full = (size - 1) * s + d * (kernel - 1) + 1 + more
        if full <= 2 * p:
            raise ValueError(
                f"{op}: padding {p} takes {2 * p} pixels of an output of {full} (x: {x_shape}, "
                f"weight: {w_shape})"
            )
        sizes.append(full - 2 * p)
    return x, w, tuple(sizes), stride, padding, groups, dilation
