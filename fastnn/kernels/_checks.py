"""Argument checks shared by the array API: every error names op, argument, expected and given."""

from functools import lru_cache, wraps

import numpy as np

from .._kernels import memory

_is_plain = memory.is_plain  # an aligned, native-endian float32 or float64 ndarray


def remembered(function):
    """function, whose results are kept: small layers take about as long as checking their sizes.

    For results that nobody changes, of positional arguments; those that can't be hashed (lists)
    are worked out again each time.
    """
    cached = lru_cache(maxsize=1024, typed=True)(function)

    @wraps(function)
    def call(*args):
        try:
            return cached(*args)
        except TypeError:  # no hash; or the function's own error, which it raises again
            pass
        return function(*args)

    return call


def array(op, name, x, ndim=None, like=None):
    """x as an aligned, native float32 or float64 array (copied only if it is not one yet).

    ndim: the number of dimensions it must have; like: an array whose dtype it must share.
    Raises TypeError for another dtype, ValueError for another number of dimensions.
    """
    if not _is_plain(x):
        x = _to_plain(op, name, x)
    if ndim is not None and x.ndim != ndim:
        raise ValueError(f"{op}: {name} must have {ndim} dimensions, got shape {x.shape}")
    if like is not None and x.dtype != like.dtype:
        raise TypeError(
            f"{op}: {name} must be {like.dtype.name} like the other arrays, got {x.dtype.name}"
        )
    return x


def _to_plain(op, name, x):
    x = np.asarray(x)
    if x.dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise TypeError(f"{op}: {name} must be float32 or float64, got {x.dtype}")
    return np.require(x, x.dtype.newbyteorder("="), "A")


def pair(op, name, value, least):
    """An int, or a pair of ints, each >= least, as a pair."""
    if type(value) is int:
        if value >= least:
            return value, value
        value = (value, value)
    try:
        first, second = value if isinstance(value, (tuple, list)) else (value, value)
        first, second = first.__index__(), second.__index__()
    except (TypeError, ValueError, AttributeError):
        raise TypeError(f"{op}: {name} must be an int or a pair of ints, got {value!r}") from None
    if first < least or second < least:
        raise ValueError(f"{op}: {name} must be >= {least}, got {value}")
    return first, second


def axis(op, value, ndim):
    """A valid axis of an ndim-dimensional array, counted from the front."""
    try:
        found = value.__index__()
    except AttributeError:
        raise TypeError(f"{op}: axis must be an int, got {value!r}") from None
    if not -ndim <= found < ndim:
        raise ValueError(f"{op}: axis {found} is out of range for an array of {ndim} dimensions")
    return found % ndim


def count(op, name, value, least=1):
    """An int >= least."""
    try:
        n = value.__index__()
    except AttributeError:
        raise TypeError(f"{op}: {name} must be an int, got {value!r}") from None
    if n < least:
        raise ValueError(f"{op}: {name} must be >= {least}, got {n}")
    return n


def number(op, name, value):
    """A number as a float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{op}: {name} must be a number, got {value!r}") from None


def out(op, x, shape, dtype):
    """An output array given by the caller: writeable, of this shape and dtype."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{op}: out must be a NumPy array, got {type(x).__name__}")
    if x.shape != shape or x.dtype != dtype:
        raise ValueError(
            f"{op}: out must be {np.dtype(dtype).name} of shape {shape}, "
            f"got {x.dtype.name} of shape {x.shape}"
        )
    if not x.flags.writeable:
        raise ValueError(f"{op}: out is read-only")
    return x
