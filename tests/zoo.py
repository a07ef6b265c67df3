"""The odd arrays: views and copies that hold the same numbers in every inconvenient way."""

import numpy as np


def fortran(a):
    return np.array(a, order="F")


def reversed_(a):
    """Negative strides along every axis."""
    return np.flip(np.array(np.flip(a)))


def gaps(a):
    """Every second element of an array that is NaN (integers: -77) in between."""
    fill = np.nan if a.dtype.kind == "f" else -77
    big = np.full([2 * n + 1 for n in a.shape], fill, a.dtype)
    view = big[(..., *(slice(1, None, 2) for _ in a.shape))]
    view[...] = a
    return view


def axis_1_last(a):
    """Axis 1 fastest in memory: for images, channels-last."""
    if a.ndim < 3:
        return a
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1)


def unaligned(a):
    """Data one byte past any alignment."""
    raw = np.empty(a.nbytes + 1, np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def byte_swapped(a):
    return a.astype(a.dtype.newbyteorder())


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def odd_strides(a):
    """Axes of length 1 with strides that mean nothing (NumPy allows any there)."""
    axes = enumerate(zip(a.shape, a.strides, strict=True))
    strides = [stride if n != 1 else 7 - 100_000 * i for i, (n, stride) in axes]
    return np.lib.stride_tricks.as_strided(a, strides=strides)


VARIANTS = (
    fortran, reversed_, gaps, axis_1_last, unaligned, byte_swapped, read_only, odd_strides,
)  # fmt: skip
