"""Padding of images (N, C, H, W) and sequences (N, C, L). Results are channels-last."""

from .._kernels import resample as _resample
from . import _checks
from ._window import channels_last

MODES = ("constant", "reflect", "replicate")


def pad(x, pad, *, mode="constant", value=0.0):
    """y = x with a border; "constant": of `value`, "replicate": of the nearest pixel, "reflect": of
    the pixels mirrored in the outermost

    x (N, C, H, W) -> y (N, C, H + top + bottom, W + left + right) for pad (left, right, top,
    bottom), W alone is padded for (left, right); x (N, C, L) for (left, right). A negative number
    cuts off. float32 or float64, any strides. Raises TypeError for another dtype, ValueError for
    padding that does not fit: to reflect, less than the image, and to replicate, there must be a
    pixel.
    """
    op = "pad"
    x = _checks.array(op, "x", x)
    before, after = _borders(op, "x", x, pad)
    images = x if x.ndim == 4 else x[:, :, None]
    plan = _plan(op, pad, images.shape[2:], before, after, mode)
    y = _resample.resample(channels_last(images), plan, _checks.number(op, "value", value))
    return y if x.ndim == 4 else y[:, :, 0]


def pad_backward(dy, pad, *, mode="constant"):
    """dx[n,c,h,w] = sum of dy over the pixels that are copies of (h, w)

    dy as y of `pad`, pad and mode as there -> dx as x.
    """
    op = "pad_backward"
    dy = _checks.array(op, "dy", dy)
    before, after = _borders(op, "dy", dy, pad)
    images = dy if dy.ndim == 4 else dy[:, :, None]
    image = tuple(n - b - a for n, b, a in zip(images.shape[2:], before, after, strict=True))
    plan = _plan(op, pad, image, before, after, mode).transposed()
    dx = _resample.resample(channels_last(images), plan, 0.0)
    return dx if dy.ndim == 4 else dx[:, :, 0]


def _borders(op, name, x, pad):
    """-> (top, left), (bottom, right)"""
    try:
        numbers = [n.__index__() for n in pad]
    except (TypeError, AttributeError):
        raise TypeError(f"{op}: pad must be a sequence of ints, got {pad!r}") from None
    if x.ndim not in (3, 4) or len(numbers) not in (2, 2 * x.ndim - 4):
        raise ValueError(
            f"{op}: {name} must have 4 dimensions and pad 4 or 2 numbers, or 3 and 2, "
            f"got shape {x.shape} and pad {pad}"
        )
    left, right, top, bottom = (*numbers, 0, 0)[:4]
    return (top, left), (bottom, right)


def _plan(op, pad, image, before, after, mode):
    if mode not in MODES:
        raise ValueError(f"{op}: mode must be one of {MODES}, got {mode!r}")
    output = tuple(n + b + a for n, b, a in zip(image, before, after, strict=True))
    fits = min(*image, *output) >= 0
    if mode == "reflect":
        fits = fits and all(max(b, a) < n for n, b, a in zip(image, before, after, strict=True))
    elif mode == "replicate":
        fits = fits and min(image) > 0
    if not fits:
        raise ValueError(
            f"{op}: pad {tuple(pad)} does not fit an image of {image[0]} x {image[1]} "
            f"with mode {mode!r}"
        )
    return _resample.padded(image, output, mode, before)
