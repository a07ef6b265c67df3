"""Resizing of images and sequences."""

import math

from .. import kernels
from ..autograd import as_tensor, record


def interpolate(
    input, size=None, scale_factor=None, mode="nearest", align_corners=None,
    recompute_scale_factor=None, antialias=False,
):  # fmt: skip
    """y = x resized to `size`, or by `scale_factor`: to the pixels nearest, or linearly between.

    input (N, C, H, W): mode "nearest" or "bilinear"; (N, C, L): "nearest" or "linear". Linear modes
    map areas on areas, or with align_corners the middles of corner pixels on one another. With
    recompute_scale_factor the scale is that of the sizes, rounded as they are. antialias is not
    supported: ValueError.
    """
    if antialias:
        raise ValueError("interpolate: antialias is not supported")
    if mode == "nearest" and align_corners is not None:
        raise ValueError(
            f"interpolate: align_corners is for linear modes, got {align_corners} with 'nearest'"
        )
    x = as_tensor(input)
    image = x.data.shape[2:]
    if recompute_scale_factor and scale_factor is not None:
        factors = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,) * 2
        size = tuple(math.floor(n * f) for n, f in zip(image, factors, strict=False))
        scale_factor = None
    how = dict(scale_factor=scale_factor, mode=mode, align_corners=bool(align_corners))
    y = kernels.interpolate(x.data, size, **how)

    def backward(dy):  # y = weighted pixels of x
        return (kernels.interpolate_backward(dy, image, **how),)

    return record(y, (x,), backward)
