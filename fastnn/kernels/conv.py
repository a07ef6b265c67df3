"""2-D convolution, forward and backward."""

from .._kernels import conv as _conv
from .._kernels import memory
from . import _checks
from .reduce import sum as _sum


def conv2d(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1, activation=None):
    """y[n, k, i, j] = act(b[k] + sum_{c,r,s} x[n,c, i sh + r dh - ph, j sw + s dw - pw] w[k,c,r,s])

    x: (N, C, H, W).  w: (K, C / groups, R, S).  b: (K,) or None.  stride, padding, dilation: an int
    or a pair (height, width).  groups: C and K are cut into so many equal runs of channels, and c
    counts the channels of k's group only; groups=C is a depthwise convolution.  activation: None,
    "relu", "sigmoid" or "tanh".
    Returns (N, K, OH, OW), channels-last, with OH = (H + 2 ph - dh (R - 1) - 1) // sh + 1.

    Cross-correlation, as torch.nn.functional.conv2d. float32 or float64, any strides (quickest:
    x channels-last, w with K fastest, as `conv2d_backward` returns dw). Raises TypeError for mixed
    or other dtypes, ValueError for shapes and numbers that do not fit.
    """
    x, w, y_size, stride, padding, dilation, groups = _geometry(
        "conv2d", x, w, stride, padding, dilation, groups
    )
    if b is not None:
        b = _checks.array("conv2d", "bias", b, 1, x)
        if b.shape[0] != w.shape[0]:
            raise ValueError(f"conv2d: bias must have shape ({w.shape[0]},), got {b.shape}")
        b = b if b.flags.c_contiguous else b.copy()
    if activation not in _conv.ACTIVATIONS:
        names = sorted(filter(None, _conv.ACTIVATIONS))
        raise ValueError(f"conv2d: activation must be None or one of {names}, got {activation!r}")
    return _conv.forward(x, w, b, activation, y_size, stride, padding, dilation, groups)


def conv2d_backward(
    dy, x, w, *, stride=1, padding=0, dilation=1, groups=1, needs=(True, True, True)
):
    """Gradients of `conv2d` (without activation) for x, w and b: (dx, dw, db).

    dy: (N, K, OH, OW), the gradient of y; x, w and keywords as given to `conv2d`.  needs: which of
    the three to compute; the others are None.  dx: (N, C, H, W), channels-last.  dw: (K, C /
    groups, R, S), with K fastest in memory.  db: (K,).
    """
    op = "conv2d_backward"
    x, w, y_size, stride, padding, dilation, groups = _geometry(
        op, x, w, stride, padding, dilation, groups
    )
    dy = _checks.array(op, "dy", dy, 4, x)
    y_shape = (x.shape[0], w.shape[0], *y_size)
    if dy.shape != y_shape:
        raise ValueError(f"{op}: dy must have y's shape {y_shape}, got {dy.shape}")
    dx = dw = db = None
    if needs[0]:
        dx = _conv.backward_data(dy, w, x.shape[2:], stride, padding, dilation, groups)
    if needs[1]:
        k, c, r, s = w.shape
        dw = memory.empty_array((r, s, c, k), x.dtype.num)
        _conv.backward_weight(dy, x, dw, stride, padding, dilation, groups)
        dw = dw.transpose(3, 2, 0, 1)
    if needs[2]:
        db = _sum(dy, (0, 2, 3))
    return dx, dw, db


def _geometry(op, x, w, stride, padding, dilation, groups):
    """The checked arguments, and (OH, OW)."""
    x = _checks.array(op, "x", x, 4)
    w = _checks.array(op, "weight", w, 4, x)
    groups = _checks.count(op, "groups", groups)
    channels, outputs = x.shape[1], w.shape[0]
    if channels % groups or outputs % groups:
        raise ValueError(
            f"{op}: groups must divide the {channels} channels of x and the {outputs} outputs of "
            f"weight, got {groups} (x: {x.shape}, weight: {w.shape})"
        )
    if w.shape[1] != channels // groups:
        expected = f", in {groups} groups of {channels // groups}" if groups > 1 else ""
        raise ValueError(
            f"{op}: weight has {w.shape[1]} input channels, x has {channels}{expected} "
            f"(x: {x.shape})"
        )
    stride = _checks.pair(op, "stride", stride, 1)
    padding = _checks.pair(op, "padding", padding, 0)
    dilation = _checks.pair(op, "dilation", dilation, 1)
    sizes = []
    axes = zip(x.shape[2:], w.shape[2:], stride, padding, dilation, strict=True)
    for size, kernel, s, p, d in axes:
        if kernel == 0:
            raise ValueError(f"{op}: weight must have a kernel of at least 1 x 1, got {w.shape}")
        reach = d * (kernel - 1) + 1
        if reach > size + 2 * p:
            raise ValueError(
                f"{op}: the kernel reaches over {reach} (size {kernel}, dilation {d}), "
                f"x with its padding only over {size + 2 * p} (x: {x.shape}, padding {padding})"
            )
        sizes.append((size + 2 * p - reach) // s + 1)
    return x, w, tuple(sizes), stride, padding, dilation, groups
