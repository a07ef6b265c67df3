"""The array API: NumPy arrays in, NumPy arrays out, forward and backward of every operation.

For embedding in any training code. float32 and float64; all arrays of one call share one dtype.
Any strides, byte order and alignment are accepted; inputs are never modified; 4-D outputs are
channels-last in memory (their strides say so). Errors name the op, the argument, what was
expected and what came.
"""

from .linalg import PackedMatrix, gemm, matmul, pack

__all__ = [
    "PackedMatrix", "gemm", "matmul", "pack",
]  # fmt: skip
