"""The shapes that are measured: one table for the benchmarks and the scoreboard.

N batch, C channels in, K channels out, H W image, R kernel (R x R), V classes.
"""

from math import prod
from typing import NamedTuple


class Gemm(NamedTuple):
    """C (m, n) = A (m, k) B (k, n); with trans_a, A lies in memory as (k, m), and so on."""

    m: int
    n: int
    k: int
    trans_a: bool = False
    trans_b: bool = False

    @property
    def multiply_adds(self):
        return self.m * self.n * self.k

    def __str__(self):
        sides = ", A transposed" * self.trans_a + ", B transposed" * self.trans_b
        return f"{self.m} x {self.n} x {self.k}{sides}"


class Conv(NamedTuple):
    N: int
    C: int
    H: int
    W: int
    K: int
    R: int
    stride: int
    padding: int
    groups: int = 1

    @property
    def output(self):
        """(OH, OW)"""
        reach = 2 * self.padding - self.R
        return (self.H + reach) // self.stride + 1, (self.W + reach) // self.stride + 1

    @property
    def multiply_adds(self):
        """As usually counted: taps in the padding included."""
        return self.N * self.K * self.C // self.groups * self.R**2 * prod(self.output)

    @property
    def multiply_adds_inside(self):
        """Taps that fall on the image alone: the arithmetic that has to be done."""

        def taps(size, outputs):
            starts = range(-self.padding, -self.padding + outputs * self.stride, self.stride)
            return sum(min(start + self.R, size) - max(start, 0) for start in starts)

        oh, ow = self.output
        pairs = self.K * self.C // self.groups
        return self.N * pairs * taps(self.H, oh) * taps(self.W, ow)

    def __str__(self):
        text = f"{self.N} x {self.C} x {self.H} x {self.W}, {self.K} of {self.R} x {self.R}"
        if self.stride > 1:
            text += f", stride {self.stride}"
        if self.padding:
            text += f", pad {self.padding}"
        if self.groups > 1:
            text += f", {self.groups} groups"
        return text


class Conv1d(NamedTuple):
    """N sequences of C channels and length L, K kernels of S."""

    N: int
    C: int
    L: int
    K: int
    S: int
    stride: int
    padding: int

    @property
    def output(self):
        """OL"""
        return (self.L + 2 * self.padding - self.S) // self.stride + 1

    @property
    def multiply_adds(self):
        """As usually counted: taps in the padding included."""
        return self.N * self.K * self.C * self.S * self.output

    def __str__(self):
        return f"{self.N} x {self.C} x {self.L}, {self.K} of {self.S} / {self.stride}"


class ConvTranspose(NamedTuple):
    N: int
    C: int
    H: int
    W: int
    K: int
    R: int
    stride: int
    padding: int

    @property
    def output(self):
        """(OH, OW)"""
        more = self.R - 2 * self.padding
        return (self.H - 1) * self.stride + more, (self.W - 1) * self.stride + more

    @property
    def multiply_adds(self):
        """As usually counted: what the padding cuts off included."""
        return self.N * self.C * self.H * self.W * self.K * self.R**2

    def __str__(self):
        text = f"{self.N} x {self.C} x {self.H} x {self.W}, {self.K} of {self.R} x {self.R}"
        return f"{text} / {self.stride}"


class Recurrent(NamedTuple):
    """T steps of N rows, D inputs, U units."""

    T: int
    N: int
    D: int
    U: int

    def __str__(self):
        return f"{self.T} steps of {self.N}, {self.D} to {self.U}"


class Pool(NamedTuple):
    N: int
    C: int
    H: int
    W: int
    R: int
    stride: int
    padding: int = 0

    @property
    def output(self):
        """(OH, OW)"""
        reach = 2 * self.padding - self.R
        return (self.H + reach) // self.stride + 1, (self.W + reach) // self.stride + 1

    def __str__(self):
        return f"{self.N} x {self.C} x {self.H} x {self.W}, {self.R} x {self.R} / {self.stride}"


GEMM = (
    Gemm(32, 32, 32),
    Gemm(64, 64, 64),
    Gemm(128, 128, 128),
    Gemm(256, 256, 256),
    Gemm(512, 512, 512),
    Gemm(1024, 1024, 1024),
    Gemm(2048, 2048, 2048),
    Gemm(64, 1024, 784),
    Gemm(128, 512, 512),
    Gemm(20, 2048, 512),
    Gemm(256, 10, 512),
    Gemm(32, 3136, 288),
    Gemm(64, 12544, 576),
    Gemm(1, 1024, 1024),
    Gemm(784, 1024, 128, trans_a=True),
    Gemm(128, 784, 1024, trans_b=True),
)

CONV = (
    Conv(64, 1, 28, 28, 6, 5, 1, 2),
    Conv(64, 6, 14, 14, 16, 5, 1, 0),
    Conv(128, 3, 32, 32, 16, 3, 1, 1),
    Conv(128, 16, 32, 32, 16, 3, 1, 1),
    Conv(128, 32, 16, 16, 32, 3, 1, 1),
    Conv(128, 64, 8, 8, 64, 3, 1, 1),
    Conv(16, 64, 56, 56, 64, 3, 1, 1),
    Conv(16, 128, 28, 28, 128, 3, 1, 1),
    Conv(16, 256, 14, 14, 256, 3, 1, 1),
    Conv(4, 3, 224, 224, 64, 7, 2, 3),
    Conv(16, 64, 56, 56, 256, 1, 1, 0),
    Conv(16, 128, 56, 56, 128, 3, 2, 1),
)

GROUPED = (
    Conv(16, 128, 56, 56, 128, 3, 1, 1, groups=128),
    Conv(16, 128, 56, 56, 128, 3, 1, 1, groups=32),
)

CONV1D = (
    Conv1d(64, 50, 100, 100, 3, 1, 1),  # words of a sentence
    Conv1d(32, 64, 1024, 64, 9, 2, 4),  # a signal
    Conv1d(16, 1, 8192, 32, 16, 4, 0),
)

# A generator of 32 x 32 images, and an autoencoder's way back up.
CONV_TRANSPOSE = (
    ConvTranspose(64, 100, 1, 1, 256, 4, 1, 0),
    ConvTranspose(64, 256, 4, 4, 128, 4, 2, 1),
    ConvTranspose(64, 128, 8, 8, 64, 4, 2, 1),
    ConvTranspose(64, 64, 16, 16, 3, 4, 2, 1),
    ConvTranspose(32, 64, 28, 28, 32, 2, 2, 0),
    ConvTranspose(32, 64, 28, 28, 64, 3, 1, 1),
)

# Words of a sentence, under filters whose largest output alone counts, and a signal's way back up.
MAX_OVER_TIME = (Conv1d(50, 300, 60, 100, 3, 1, 2),)
CONV_TRANSPOSE1D = (Conv1d(32, 64, 256, 32, 4, 2, 1),)

# Where the arithmetic units should be the only limit.
LARGE_GEMM = tuple(s for s in GEMM if min(s[:3]) >= 1024)
LARGE_CONV = tuple(s for s in CONV if s.R == 3 and s.C >= 64)

IM2COL = (CONV[1], CONV[4])
POOL = (
    Pool(64, 6, 28, 28, 2, 2),
    Pool(128, 32, 32, 32, 2, 2),
    Pool(128, 64, 32, 32, 2, 2),
    Pool(16, 64, 112, 112, 3, 2, 1),
)
NORM = ((128, 64, 32, 32), (128, 16, 32, 32), (4, 64, 112, 112))
SEQUENCES = ((64, 100, 50), (50, 300, 60))  # N, C, L: max over time
RESIZED = ((16, 64, 28, 28), (8, 3, 112, 112))  # and padded
CHANNELS = ((512, 16, 14, 14), (128, 64, 32, 32))  # dropped as a whole
EMBEDDING = ((65, 256, 2500), (10_000, 256, 2500))  # V, D, N: characters, words
RECURRENT = (Recurrent(50, 32, 128, 128),)
ATTENTION = ((8, 4, 128, 32), (2, 8, 256, 64))  # N, H, L, E
CRF = ((40, 32, 17), (60, 16, 28))  # T, N, K: as in taggers.py
ELEMENTWISE = ((64, 400), (1024, 1024), (64, 16, 64, 64))  # activations, arithmetic, dropout
ROWS = ((64, 10), (128, 1000), (2048, 512))  # N, V: softmax, its loss, layer norm, reductions

# Parameters that one optimiser step updates.
LENET5 = (
    (6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,), (120, 400), (120,), (84, 120), (84,), (10, 84), (10,),
)  # fmt: skip
MLP = ((1024, 784), (1024,), (1024, 1024), (1024,), (10, 1024), (10,))
PARAMETERS = {"LeNet-5": LENET5, "MLP 784-1024-1024-10": MLP}
