"""Convolution layers."""

import numpy as np

from .. import functional as F
from ..autograd import as_tensor
from ..kernels import empty
from ..kernels._window import ints
from . import init
from .module import Module, Parameter


class _Convolution(Module):
    """What all have: sizes, weight and bias. axes: of an image, 2, or a sequence, 1."""

    padding_modes = ("zeros",)

    def __init__(
        self, in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation,
        groups, bias, padding_mode, dtype,
    ):  # fmt: skip
        super().__init__()
        name, axes = type(self).__name__, self.axes
        if padding_mode not in self.padding_modes:
            raise ValueError(
                f"{name}: padding_mode must be {' or '.join(map(repr, self.padding_modes))}, "
                f"got {padding_mode!r}"
            )
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups must divide in_channels {in_channels} and out_channels "
                f"{out_channels}, got {groups}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = ints(name, axes, "kernel_size", kernel_size, 1)
        self.stride = ints(name, axes, "stride", stride, 1)
        self.padding = (
            padding if isinstance(padding, str) else ints(name, axes, "padding", padding, 0)
        )
        self.output_padding = ints(name, axes, "output_padding", output_padding, 0)
        self.dilation = ints(name, axes, "dilation", dilation, 1)
        self.groups = groups
        self.padding_mode = padding_mode
        # (R, S, C, K) in memory: what the kernels pack from, and the layout of their gradient.
        memory = empty((*self.kernel_size, *reversed(self._channels())), dtype)
        self.weight = Parameter(np.moveaxis(memory, (-1, -2), (0, 1)))
        self.register_parameter("bias", Parameter(empty(out_channels, dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        init.default_(self.weight, self.bias)

    def extra_repr(self):
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        zeros, ones = (0,) * self.axes, (1,) * self.axes
        if self.padding != zeros:
            text += f", padding={self.padding}"
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        if self.output_padding != zeros:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _Conv(_Convolution):
    padding_modes = ("zeros", "reflect", "replicate")

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,
        bias=True, padding_mode="zeros", *, dtype=np.float32,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias,
            padding_mode, dtype,
        )  # fmt: skip
        if not isinstance(padding, str):
            return
        name = type(self).__name__
        if padding not in ("valid", "same"):
            kinds = "an int, a pair" if self.axes == 2 else "an int"
            raise ValueError(f"{name}: padding must be {kinds}, 'same' or 'valid', got {padding!r}")
        if padding == "same" and max(self.stride) > 1:
            raise ValueError(f"{name}: padding='same' needs stride 1, got {self.stride}")

    def _channels(self):
        return self.out_channels, self.in_channels // self.groups

    def forward(self, input, activation=None):
        padding = self.padding
        if self.padding_mode != "zeros":
            border, padding = self._border(), 0
            if any(border):
                input = F.pad(as_tensor(input, self.weight), border, self.padding_mode)
        return self.function(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups,
            activation=activation,
        )  # fmt: skip

    def _border(self):
        """The padding as `pad` takes it: before and after, of the last axis first."""
        if self.padding == "valid":
            sides = [(0, 0)] * self.axes
        elif self.padding == "same":  # an odd pixel comes after, as in torch
            more = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
            sides = [(n // 2, n - n // 2) for n in more]
        else:
            sides = [(n, n) for n in self.padding]
        return tuple(n for pair in reversed(sides) for n in pair)


class Conv1d(_Conv):
    """Convolution over sequences: (N, in_channels, L) -> (N, out_channels, OL).

    weight (out_channels, in_channels / groups, S) and bias (out_channels,) start uniform in
    +-1/sqrt(fan in). padding: an int, "valid" or "same"; padding_mode: "zeros", or "reflect" or
    "replicate" as functional.pad's. See functional.conv1d.
    Raises TypeError or ValueError for arguments that do not fit.
    """

    axes = 1
    function = staticmethod(F.conv1d)
    fuses_activation = True  # forward takes activation=, see Sequential


class Conv1dMaxOverTime(Module):
    """Convolution over sequences with the largest output over time: (N, in_channels, L) ->
    (N, out_channels).

    weight (out_channels, in_channels, S) and bias (out_channels,) as Conv1d's. forward takes
    lengths (N,), how many steps of each sequence there are. See functional.conv1d_max_over_time.
    Raises TypeError or ValueError for arguments that do not fit.
    """

    def __init__(
        self, in_channels, out_channels, kernel_size, padding=0, bias=True, *, dtype=np.float32
    ):  # fmt: skip
        super().__init__()
        name = type(self).__name__
        self.in_channels = in_channels
        self.out_channels = out_channels
        (self.kernel_size,) = ints(name, 1, "kernel_size", kernel_size, 1)
        (self.padding,) = ints(name, 1, "padding", padding, 0)
        # (S, K, C) in memory: what the kernels multiply by, and the layout of their gradient.
        memory = empty((self.kernel_size, out_channels, in_channels), dtype)
        self.weight = Parameter(memory.transpose(1, 2, 0))
        self.register_parameter("bias", Parameter(empty(out_channels, dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        init.default_(self.weight, self.bias)

    def forward(self, input, lengths=None):
        return F.conv1d_max_over_time(input, self.weight, self.bias, self.padding, lengths)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        if self.padding:
            text += f", padding={self.padding}"
        return text if self.bias is not None else text + ", bias=False"


class Conv2d(_Conv):
    """Convolution over images: (N, in_channels, H, W) -> (N, out_channels, OH, OW).

    weight (out_channels, in_channels / groups, R, S) and bias (out_channels,) start uniform in
    +-1/sqrt(fan in). padding: an int, a pair, "valid" or "same"; padding_mode: "zeros", or
    "reflect" or "replicate" as functional.pad's. See functional.conv2d.
    Raises TypeError or ValueError for arguments that do not fit.
    """

    axes = 2
    function = staticmethod(F.conv2d)
    fuses_activation = True


class _ConvTranspose(_Convolution):
    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0,
        groups=1, bias=True, dilation=1, padding_mode="zeros", *, dtype=np.float32,
    ):  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation,
            groups, bias, padding_mode, dtype,
        )  # fmt: skip

    def _channels(self):
        return self.in_channels, self.out_channels // self.groups

    def forward(self, input, output_size=None):
        output_padding = self.output_padding
        if output_size is not None:
            output_padding = self._missing(input.shape, output_size)
        return self.function(
            input, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups,
            self.dilation,
        )  # fmt: skip

    def _missing(self, x_shape, output_size):
        """The output padding that gives this size: a stride leaves as many to choose from."""
        name, axes = type(self).__name__, self.axes
        wanted = tuple(output_size)[-axes:]
        if len(output_size) not in (axes, len(x_shape)):
            raise ValueError(
                f"{name}: output_size must have {axes} or {len(x_shape)} entries, got {output_size}"
            )
        sizes = zip(
            x_shape[-axes:], self.kernel_size, self.stride, self.padding, self.dilation, strict=True
        )
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, d in sizes]
        missing = tuple(size - shortest for size, shortest in zip(wanted, least, strict=True))
        if not all(0 <= m < s for m, s in zip(missing, self.stride, strict=True)):
            most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
            raise ValueError(
                f"{name}: output_size must be between {least} and {most}, got {list(wanted)}"
            )
        return missing


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution over sequences: (N, in_channels, L) -> (N, out_channels, OL).

    weight (in_channels, out_channels / groups, S) and bias (out_channels,) start uniform in
    +-1/sqrt(out_channels / groups S). forward takes output_size, where a stride leaves several to
    choose from. See functional.conv_transpose1d.
    Raises TypeError or ValueError for arguments that do not fit.
    """

    axes = 1
    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution over images: (N, in_channels, H, W) -> (N, out_channels, OH, OW).

    weight (in_channels, out_channels / groups, R, S) and bias (out_channels,) start uniform in
    +-1/sqrt(out_channels / groups R S). forward takes output_size, (OH, OW) or all of the shape,
    where a stride leaves several to choose from. See functional.conv_transpose2d.
    Raises TypeError or ValueError for arguments that do not fit.
    """

    axes = 2
    function = staticmethod(F.conv_transpose2d)
