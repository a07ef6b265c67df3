"""The array API: NumPy arrays in, NumPy arrays out, forward and backward of every operation.

For embedding in any training code. float32 and float64; all arrays of one call share one dtype.
Any strides, byte order and alignment are accepted; inputs are never modified; 4-D outputs are
channels-last in memory (their strides say so). Errors name the op, the argument, what was
expected and what came.
"""

from .activation import (
    elu,
    elu_backward,
    exp,
    exp_backward,
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softplus,
    softplus_backward,
    tanh,
    tanh_backward,
)
from .elementwise import add, divide, multiply, negative, subtract
from .linalg import PackedMatrix, gemm, matmul, pack
from .reduce import max, max_backward, mean, sum, sum_to

__all__ = [
    "PackedMatrix", "add", "divide", "elu", "elu_backward", "exp", "exp_backward", "gemm",
    "leaky_relu", "leaky_relu_backward", "matmul", "max", "max_backward", "mean", "multiply",
    "negative", "pack", "relu", "relu_backward", "sigmoid", "sigmoid_backward", "softplus",
    "softplus_backward", "subtract", "sum", "sum_to", "tanh", "tanh_backward",
]  # fmt: skip
