"""The fully connected layer."""

from .. import kernels
from ..autograd import as_tensor, record
from .activation import backward_of


def linear(input, weight, bias=None, *, activation=None):
    """y = act(x W^T + b), act None, "relu", "sigmoid" or "tanh".

    input (..., D), weight (K, D), bias (K,) or None -> (..., K); one float dtype (plain arrays
    are cast to the weight's). Raises ValueError where the shapes do not fit.
    """
    w = as_tensor(weight)
    x = as_tensor(input, w)
    xd, wd = x.data, w.data
    if wd.ndim != 2:
        raise ValueError(f"linear: weight must be 2-d (out, in), got shape {wd.shape}")
    shape = xd.shape
    k, d = wd.shape
    if not shape or shape[-1] != d:
        got = shape[-1] if shape else "no"
        raise ValueError(
            f"linear: weight has {d} input features, input has {got} "
            f"(input: {shape}, weight: {wd.shape})"
        )
    two_d = len(shape) == 2
    if not two_d:
        rows = 1
        for size in shape[:-1]:
            rows *= size
        xd = xd.reshape(rows, d)
    biased = bias is not None
    bd, b_wanted, parents = None, False, (x, w)
    if biased:
        b = as_tensor(bias, w)
        bd, b_wanted, parents = b.data, b.requires_grad, (x, w, b)
        if bd.shape != (k,):
            raise ValueError(f"linear: bias must have shape ({k},), got {bd.shape}")
    y = kernels.gemm(xd, wd, trans_b=True, bias=bd, activation=activation)
    x_wanted, w_wanted = x.requires_grad, w.requires_grad

    def backward(dy):  # y = act(x W^T + b)
        dx = dw = db = None
        if not two_d:
            dy = dy.reshape(rows, k)
        dy = backward_of(activation, dy, y)
        if x_wanted:
            dx = kernels.gemm(dy, wd)
            if not two_d:
                dx = dx.reshape(shape)
        if w_wanted:
            dw = kernels.gemm(dy, xd, trans_a=True)
        if b_wanted:
            db = kernels.sum(dy, axis=0)
        return (dx, dw, db) if biased else (dx, dw)

    return record(y if two_d else y.reshape(*shape[:-1], k), parents, backward)
