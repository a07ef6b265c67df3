"""Matrix products."""

import numpy as np

from .activation import EPILOGUES, f64


class PackedMatrix:
    """A right-hand matrix prepared for reuse; here simply kept."""

    def __init__(self, matrix):
        self.matrix = matrix
        self.shape = matrix.shape
        self.dtype = matrix.dtype


def pack(b, *, trans=False):
    b = np.array(b)
    return PackedMatrix(b.T if trans else b)


def gemm(a, b, *, trans_a=False, trans_b=False, bias=None, activation=None, out=None):
    """activation(op(a) (m, k) @ op(b) (k, n) + bias (n,)) -> (m, n)"""
    a, b = f64(a), f64(b.matrix if isinstance(b, PackedMatrix) else b)
    y = (a.T if trans_a else a) @ (b.T if trans_b else b)
    if bias is not None:
        y = y + f64(bias)
    y = EPILOGUES[activation](y)
    if out is None:
        return y
    out[...] = y
    return out


def matmul(a, b):
    return np.asarray(np.matmul(f64(a), f64(b)))
