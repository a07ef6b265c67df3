"""Resizing: nearest, linear (of sequences), bilinear (of images). N batch, C channels, H W image,
OH OW output; L length of a sequence, OL of the output.

Images are (N, C, H, W), sequences (N, C, L); results are channels-last. Arrays are float32 or
float64, of any strides. All functions raise TypeError for another dtype, ValueError for sizes and
modes that do not fit.
"""

import math

from .._kernels import resample as _resample
from . import _checks
from ._window import channels_last, image_size, length


def interpolate(x, size=None, *, scale_factor=None, mode="nearest", align_corners=False):
    """y[n,c,i,j] = x[n,c] at (h(i), w(j)): the pixel there, or linearly between pixels

    x (N, C, H, W) or (N, C, L) -> y (N, C, OH, OW) or (N, C, OL). size: the output's; or
    scale_factor instead: OH = floor(H scale_factor). Each is a number, or one for every axis.

    With s = H / OH, or 1 / scale_factor, "nearest" takes h(i) = floor(i s), of float32 numbers as
    in torch; "linear" and "bilinear" h(i) = (i + 1/2) s - 1/2, or with align_corners
    i (H - 1) / (OH - 1), within the image. Likewise in w. As in torch, s = 1 whatever
    the factor where OH = H, and s = 1/2 for the nearest pixel of an image where OH = 2 H; only the
    nearest step of a sequence always goes by the factor. (In torch the nearest pixel of an image
    does too where OH + OW > 128, unless it is channels-last and has more than 3 channels; its
    gradient does not.)
    """
    op = "interpolate"
    x = _checks.array(op, "x", x)
    images = _images(op, "x", x)
    image = images.shape[2:]
    if (size is None) == (scale_factor is None):
        raise ValueError(
            f"{op}: size or scale_factor must be given, and not both, "
            f"got size {size}, scale_factor {scale_factor}"
        )
    factors = _factors(op, scale_factor, x.ndim)
    if size is None:
        output = _scaled(image, factors)
    else:
        output = (_checks.pair if x.ndim == 4 else length)(op, "size", size, 1)
    plan = _plan(op, x.ndim, image, output, factors, mode, align_corners)
    y = _resample.resample(channels_last(images), plan, 0.0)
    return y if x.ndim == 4 else y[:, :, 0]


def interpolate_backward(dy, input_size, *, scale_factor=None, mode="nearest", align_corners=False):
    """dx[n,c,h,w] = sum of dy[n,c,i,j] times the share that y[n,c,i,j] takes of pixel (h, w)

    dy (N, C, OH, OW) or (N, C, OL), input_size (H, W) or L -> dx (N, C, H, W) or (N, C, L). The
    other arguments are those of `interpolate`.
    """
    op = "interpolate_backward"
    dy = _checks.array(op, "dy", dy)
    images = _images(op, "dy", dy)
    output = images.shape[2:]
    if dy.ndim == 4:
        image = image_size(op, "input_size", input_size)
    else:
        image = (1, length(op, "input_size", input_size, 0)[1])
    factors = _factors(op, scale_factor, dy.ndim)
    if scale_factor is not None and _scaled(image, factors) != output:
        raise ValueError(
            f"{op}: dy must have the size of {image} times scale_factor {scale_factor}, "
            f"got {dy.shape}"
        )
    plan = _plan(op, dy.ndim, image, output, factors, mode, align_corners).transposed()
    dx = _resample.resample(channels_last(images), plan, 0.0)
    return dx if dy.ndim == 4 else dx[:, :, 0]


def _images(op, name, x):
    if x.ndim not in (3, 4):
        raise ValueError(f"{op}: {name} must have 3 or 4 dimensions, got shape {x.shape}")
    return x if x.ndim == 4 else x[:, :, None]


def _factors(op, scale_factor, ndim):
    """A scale factor for h and w, or None."""
    if scale_factor is None:
        return None, None
    if not isinstance(scale_factor, (tuple, list)):
        scale_factor = (scale_factor,) * (ndim - 2)
    factors = [_checks.number(op, "scale_factor", f) for f in scale_factor]
    if len(factors) != ndim - 2 or not all(0 < f < math.inf for f in factors):
        raise ValueError(
            f"{op}: scale_factor must be a positive number, or {ndim - 2} of them, "
            f"got {scale_factor}"
        )
    return tuple(factors) if ndim == 4 else (None, *factors)


def _scaled(image, factors):
    return tuple(n if f is None else math.floor(n * f) for n, f in zip(image, factors, strict=True))


def _plan(op, ndim, image, output, factors, mode, align_corners):
    modes = ("nearest", "bilinear") if ndim == 4 else ("nearest", "linear")
    if mode not in modes:
        raise ValueError(f"{op}: mode must be one of {modes} for {ndim} dimensions, got {mode!r}")
    if min(*image, *output) < 1:
        raise ValueError(
            f"{op}: images must have at least one pixel, got {image[0]} x {image[1]} and "
            f"{output[0]} x {output[1]}"
        )
    if mode != "nearest" and align_corners:
        scales = [(n - 1) / max(o - 1, 1) for n, o in zip(image, output, strict=True)]
        return _resample.resized(image, output, "corners", *scales)
    exact = (1,)  # the times as large that an image is made without regard to the factor
    if mode == "nearest":
        exact = (1, 2) if ndim == 4 else ()
    scales = [
        n / o if f is None or o in [n * times for times in exact] else 1 / f
        for n, o, f in zip(image, output, factors, strict=True)
    ]
    return _resample.resized(image, output, "nearest" if mode == "nearest" else "linear", *scales)
