"""Matrix products."""

import math

from .. import kernels
from .arithmetic import _operands, _sum_to
from .tensor import method, record


@method("__matmul__", "matmul")
def matmul(x, y):
    """x @ y as NumPy has it: 1-d operands are a row on the left and a column on the right, more
    than two axes are stacks of matrices with broadcasting. Raises ValueError for shapes that
    do not fit."""
    x, y = _operands(x, y)
    a, b = x.data, y.data
    x_wanted, y_wanted = x.requires_grad, y.requires_grad
    out = kernels.matmul(a, b)
    if a.ndim == 2 and b.ndim == 2:

        def backward(dy):  # out = x y
            return (
                kernels.gemm(dy, b, trans_b=True) if x_wanted else None,
                kernels.gemm(a, dy, trans_a=True) if y_wanted else None,
            )

        return record(out, (x, y), backward)

    def stacked_backward(dy):  # out = x y
        row, column = a.ndim == 1, b.ndim == 1
        rows = a[None, :] if row else a
        columns = b[:, None] if column else b
        if row:
            dy = dy[..., None, :] if not column else dy[..., None]
        if column:
            dy = dy[..., None]
        dx = dcolumns = None
        if x_wanted:
            dx = _sum_to(kernels.matmul(dy, columns.swapaxes(-1, -2)), rows.shape).reshape(a.shape)
        if y_wanted and columns.ndim == 2:  # one matrix for the whole stack: one product
            dcolumns = kernels.gemm(_tall(rows), _tall(dy), trans_a=True).reshape(b.shape)
        elif y_wanted:
            dcolumns = _sum_to(kernels.matmul(rows.swapaxes(-1, -2), dy), b.shape)
        return dx, dcolumns

    return record(out, (x, y), stacked_backward)


def _tall(stack):
    """(..., M, N) -> (prod(...) M, N)"""
    *lead, n = stack.shape
    return stack.reshape(math.prod(lead), n)


@method("__rmatmul__")
def _reflected_matmul(x, y):
    return matmul(y, x)
