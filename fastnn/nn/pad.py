"""Padding layers. padding: an int for every side, or (left, right), (left, right, top, bottom)."""

from .. import functional as F
from .module import Module


class _Pad(Module):
    mode = "constant"
    value = None

    def __init__(self, padding):
        super().__init__()
        sides = (padding,) * self.sides if isinstance(padding, int) else tuple(padding)
        if len(sides) != self.sides:
            raise ValueError(
                f"{type(self).__name__}: padding must be an int or {self.sides} ints, got {padding}"
            )
        self.padding = sides

    def forward(self, input):
        return F.pad(input, self.padding, self.mode, self.value)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """Sequences (N, C, L) or (C, L) with a border of `value`."""

    sides = 2


class ConstantPad2d(_ConstantPad):
    """Images (N, C, H, W) or (C, H, W) with a border of `value`."""

    sides = 4


class ZeroPad1d(_Pad):
    """Sequences (N, C, L) or (C, L) with a border of zeros."""

    sides = 2


class ZeroPad2d(_Pad):
    """Images (N, C, H, W) or (C, H, W) with a border of zeros."""

    sides = 4


class ReflectionPad1d(_Pad):
    """Sequences (N, C, L) or (C, L) mirrored in their first and last numbers."""

    mode = "reflect"
    sides = 2


class ReflectionPad2d(_Pad):
    """Images (N, C, H, W) or (C, H, W) mirrored in their outermost pixels."""

    mode = "reflect"
    sides = 4


class ReplicationPad1d(_Pad):
    """Sequences (N, C, L) or (C, L) continued by their first and last numbers."""

    mode = "replicate"
    sides = 2


class ReplicationPad2d(_Pad):
    """Images (N, C, H, W) or (C, H, W) continued by their outermost pixels."""

    mode = "replicate"
    sides = 4
