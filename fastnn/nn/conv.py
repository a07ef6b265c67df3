"""Convolution layers."""

import numpy as np

from .. import functional as F
from ..functional.conv import pair
from . import init
from .module import Module, Parameter


class Conv2d(Module):
    """Convolution over images: (N, in_channels, H, W) -> (N, out_channels, OH, OW).

    weight (out_channels, in_channels / groups, R, S) and bias (out_channels,) start uniform in
    +-1/sqrt(fan in). padding: an int, a pair, "valid" or "same". See functional.conv2d.
    Raises ValueError for arguments that do not fit.
    """

    fuses_activation = True  # forward takes activation=, see Sequential

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,
        bias=True, padding_mode="zeros", *, dtype=np.float32,
    ):  # fmt: skip
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError(f"Conv2d: padding_mode must be 'zeros', got {padding_mode!r}")
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: groups must divide in_channels {in_channels} and out_channels "
                f"{out_channels}, got {groups}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = pair("Conv2d", "kernel_size", kernel_size)
        self.stride = pair("Conv2d", "stride", stride)
        if not isinstance(padding, str):
            padding = pair("Conv2d", "padding", padding)
        elif padding not in ("valid", "same"):
            raise ValueError(
                f"Conv2d: padding must be an int, a pair, 'same' or 'valid', got {padding!r}"
            )
        elif padding == "same" and self.stride != (1, 1):
            raise ValueError(f"Conv2d: padding='same' needs stride 1, got {self.stride}")
        self.padding = padding
        self.dilation = pair("Conv2d", "dilation", dilation)
        self.groups = groups
        self.padding_mode = padding_mode
        # (R, S, C, K) in memory: what the kernels pack from, and the layout of their gradient.
        memory = (*self.kernel_size, in_channels // groups, out_channels)
        self.weight = Parameter(np.empty(memory, dtype).transpose(3, 2, 0, 1))
        self.register_parameter("bias", Parameter(np.empty(out_channels, dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        init.default_(self.weight, self.bias)

    def forward(self, input, activation=None):
        return F.conv2d(
            input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups,
            activation=activation,
        )  # fmt: skip

    def extra_repr(self):
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0, 0):
            text += f", padding={self.padding}"
        if self.dilation != (1, 1):
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text
