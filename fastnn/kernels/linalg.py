"""Matrix products: `gemm` with its epilogues, weights packed once, NumPy's `matmul`."""

import math

import numpy as np

from .._kernels import gemm as _gemm
from .._kernels import memory
from . import _checks

PackedMatrix = _gemm.PackedMatrix


def gemm(a, b, *, trans_a=False, trans_b=False, bias=None, activation=None, out=None):
    """activation(op(a) op(b) + bias), op(x) = x or its transpose.

    a: (M, K), or (K, M) with trans_a.  b: (K, N), or (N, K) with trans_b, or a `PackedMatrix`
    of shape (K, N).  bias: (N,), added to every row.  activation: None, "relu", "sigmoid" or
    "tanh".  out: (M, N) to write to; may not overlap a, b or bias.  Returns (M, N).

    float32 or float64, any strides. Raises TypeError for mixed or other dtypes, ValueError for
    shapes that do not fit.
    """
    a = _checks.array("gemm", "a", a, 2)
    if trans_a:
        a = a.T
    if type(b) is PackedMatrix:
        if trans_b:
            raise ValueError("gemm: b is packed already: give trans to pack(), not trans_b")
        if b.dtype != a.dtype:
            raise TypeError(f"gemm: b must be {a.dtype.name} like a, got {b.dtype.name}")
    else:
        b = _checks.array("gemm", "b", b, 2, a)
        if trans_b:
            b = b.T
    m, k = a.shape
    rows, n = b.shape
    if k != rows:
        raise ValueError(f"gemm: a has {k} columns, b has {rows} rows (a: {a.shape}, b: {b.shape})")
    if bias is not None:
        bias = _checks.array("gemm", "bias", bias, 1, a)
        if bias.shape[0] != n:
            raise ValueError(f"gemm: bias must have shape ({n},), got {bias.shape}")
        if n > 1 and bias.strides[0] != bias.itemsize:
            bias = bias.copy()
    if activation is not None and activation not in _gemm.ACTIVATIONS:
        names = sorted(_gemm.ACTIVATIONS)
        raise ValueError(f"gemm: activation must be None or one of {names}, got {activation!r}")
    if out is None:
        return _gemm.gemm(a, b, bias, activation, None)
    _checks.out("gemm", out, (m, n), a.dtype)
    if _gemm.writes_rows(out):
        return _gemm.gemm(a, b, bias, activation, out)
    out[...] = _gemm.gemm(a, b, bias, activation, None)
    return out


def pack(b, *, trans=False):
    """b (K, N), or (N, K) with trans, in the kernels' own layout: pack weights once, use often.

    The `PackedMatrix` is a copy: later changes of b do not reach it.
    """
    b = _checks.array("pack", "b", b, 2)
    return _gemm.pack(b.T if trans else b)


def matmul(a, b):
    """NumPy's matmul: matrices, vectors and broadcast stacks, (..., M, K) x (..., K, N).

    Raises TypeError for mixed or other dtypes, ValueError for shapes that do not fit.
    """
    a = _checks.array("matmul", "a", a)
    b = _checks.array("matmul", "b", b, like=a)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(f"matmul: a and b need at least 1 dimension (a: {a.shape}, b: {b.shape})")
    inner = a.shape[-1]
    if inner != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(f"matmul: inner sizes differ (a: {a.shape}, b: {b.shape})")
    if a.ndim == 2 and b.ndim == 2:
        return _gemm.gemm(a, b, None, None, None)
    if b.ndim == 1:
        return matmul(a, b[:, None])[..., 0]
    if a.ndim == 1:
        return matmul(a[None], b)[..., 0, :]
    if b.ndim == 2:  # one matrix for a whole stack: one tall product
        rows = math.prod(a.shape[:-1])
        tall = _gemm.gemm(a.reshape(rows, inner), b, None, None, None)
        return tall.reshape(*a.shape[:-1], b.shape[1])
    try:
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(f"matmul: stacks do not broadcast (a: {a.shape}, b: {b.shape})") from None
    a = np.broadcast_to(a, stack + a.shape[-2:])
    b = np.broadcast_to(b, stack + b.shape[-2:])
    y = memory.empty_array((*stack, a.shape[-2], b.shape[-1]), a.dtype.num)
    for i in np.ndindex(stack):
        _gemm.gemm(a[i], b[i], None, None, y[i])
    return y
