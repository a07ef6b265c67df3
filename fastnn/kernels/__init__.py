"""The array API: NumPy arrays in, NumPy arrays out, forward and backward of every operation.

For embedding in any training code. float32 and float64; all arrays of one call share one dtype.
Any strides, byte order and alignment are accepted; inputs are never modified; 4-D outputs are
channels-last in memory (their strides say so). Errors name the op, the argument, what was
expected and what came.
"""

from .dropout import dropout, dropout_backward
from .im2col import col2im, im2col
from .linalg import PackedMatrix, gemm, matmul, pack
from .optim import adam_step, global_norm, sgd_step
from .pool import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward
from .softmax import (
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
)

__all__ = [
    "PackedMatrix", "adam_step", "avg_pool2d", "avg_pool2d_backward", "col2im", "dropout",
    "dropout_backward", "gemm", "global_norm", "im2col", "log_softmax", "log_softmax_backward",
    "matmul", "max_pool2d", "max_pool2d_backward", "pack", "sgd_step", "softmax",
    "softmax_backward", "softmax_cross_entropy", "softmax_cross_entropy_backward",
]  # fmt: skip
