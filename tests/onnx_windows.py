"""ONNX's convolution, pooling, padding and resizing by fastnn's, whose padding is PyTorch's: even,
and for pooling at most half a kernel. Other padding is made first."""

import functools
import math
from typing import NamedTuple

import numpy as np
from onnx_operators import OPERATORS, Skip, operator

import fastnn.functional as F
from fastnn import Tensor

# ---- convolution and pooling ---------------------------------------------------------------------


def by_rank(name, x):
    """The function for sequences (N, C, L), images (N, C, H, W) or volumes."""
    name = f"{name}{x.ndim - 2}d"
    if not hasattr(F, name):
        raise Skip(f"no {name}")
    return getattr(F, name)


class Windows(NamedTuple):
    """One entry an axis of pixels; pads are pairs, before and after."""

    kernel: tuple
    stride: tuple
    dilation: tuple
    pads: tuple

    def padded(self, x, value, most=None):
        """-> x, and the padding that is left to the operation: all of it, or none, and x has it
        already, where it is uneven or more than the operation's `most` along an axis."""
        most = most or (np.inf,) * len(self.pads)
        if all(before == after <= m for m, (before, after) in zip(most, self.pads, strict=True)):
            return x, tuple(before for before, _ in self.pads)
        return pad(x, self.pads, value), (0,) * len(self.pads)

    def half(self):
        """The most that pooling pads by: half a kernel."""
        return tuple(k // 2 for k in self.kernel)


def pad(x, pads, value=0.0, mode="constant"):
    flat = [n for pair in reversed(pads) for n in pair]  # the last axis first
    return F.pad(x, flat, mode, value if mode == "constant" else None)


def windows(image, kernel, auto_pad, pads, strides, dilations):
    axes = len(image)
    stride, dilation = tuple(strides or (1,) * axes), tuple(dilations or (1,) * axes)
    if auto_pad.startswith("SAME"):  # as many windows as strides fit into the image
        ends = zip(image, kernel, stride, dilation, strict=True)
        totals = [max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) for n, k, s, d in ends]
        pairs = tuple(halves(total, auto_pad) for total in totals)
    else:
        pads = pads or (0,) * 2 * axes
        pairs = tuple(zip(pads[:axes], pads[axes:], strict=True))
    return Windows(tuple(kernel), stride, dilation, pairs)


def volumes(pool, x, kernel_shape, pads, strides, dilations, **options):
    """A separable pool of volumes: of their planes, and then along the depth."""
    each = dict(kernel_shape=kernel_shape, strides=strides, dilations=dilations)

    def along(axes):
        picked = {name: values and values[axes] for name, values in each.items()}
        return options | picked | dict(pads=pads and [*pads[:3][axes], *pads[3:][axes]])

    n, c, depth, *image = x.shape
    planes = np.asarray(pool(x.reshape(n, c * depth, *image), **along(slice(1, 3))))
    columns = planes.reshape(n, c, depth, -1).swapaxes(2, 3)
    pooled = np.asarray(pool(columns.reshape(n, -1, depth), **along(slice(1))))
    pooled = pooled.reshape(n, c, *planes.shape[2:], -1)
    return np.moveaxis(pooled, -1, 2)


def sums(x, how, ceil_mode):
    """The sums of dilated windows, which no pool takes: each channel's convolution with ones."""
    spans = zip(x.shape[2:], *how, strict=True)
    rest = [(n + sum(ends) - (k - 1) * d - 1) % s for n, k, s, d, ends in spans]
    longer = [s - r if ceil_mode and r else 0 for s, r in zip(how.stride, rest, strict=True)]
    x = pad(x, [(a, b + more) for (a, b), more in zip(how.pads, longer, strict=True)]).data
    planes, ones = x.reshape(-1, 1, *x.shape[2:]), np.ones((1, 1, *how.kernel), x.dtype)
    y = by_rank("conv", x)(planes, ones, stride=how.stride, dilation=how.dilation)
    return y.reshape(*x.shape[:2], *y.shape[2:])


def halves(total, auto_pad):
    """Padding before and after; an odd pixel goes after with SAME_UPPER, before otherwise."""
    less = total // 2
    return (less, total - less) if auto_pad == "SAME_UPPER" else (total - less, less)


@operator
def Conv(
    x, w, b=None, *, auto_pad="NOTSET", dilations=None, group=1, kernel_shape=None, pads=None,
    strides=None,
):  # fmt: skip
    conv = by_rank("conv", x)
    how = windows(x.shape[2:], w.shape[2:], auto_pad, pads, strides, dilations)
    x, padding = how.padded(x, 0.0)
    return conv(x, w, b, how.stride, padding, how.dilation, group)


@operator
def ConvTranspose(
    x, w, b=None, *, auto_pad="NOTSET", dilations=None, group=1, kernel_shape=None,
    output_padding=None, output_shape=None, pads=None, strides=None,
):  # fmt: skip
    if x.ndim == 3:  # a sequence is an image of height 1
        ones = dict(dilations=dilations, output_padding=output_padding, strides=strides)
        ones = {name: (1, *n) for name, n in ones.items() if n is not None}
        sequences = dict(pads=(0, pads[0], 0, pads[1])) if pads else {}
        y = ConvTranspose(
            x[:, :, None], w[:, :, None], b, auto_pad=auto_pad, group=group,
            output_shape=output_shape and (1, *output_shape), **ones, **sequences,
        )  # fmt: skip
        return y[:, :, 0]
    conv = by_rank("conv_transpose", x)
    how = windows(x.shape[2:], w.shape[2:], "NOTSET", pads, strides, dilations)
    extra, padding, shape = [], [], []
    for a, (n, k, s, d, (before, after)) in enumerate(zip(x.shape[2:], *how, strict=True)):
        longer = output_padding[a] if output_padding else 0
        full = (n - 1) * s + (k - 1) * d + 1 + longer
        if output_shape or auto_pad.startswith("SAME"):
            wanted = output_shape[a] if output_shape else n * s
            longer += max(wanted - full, 0)
            before, after = halves(max(full - wanted, 0), auto_pad)
            full = max(full, wanted)
        # fastnn pads evenly: what is too much at the end is put back, what is too little cut off.
        extra.append(longer + max(before - after, 0))
        padding.append(before)
        shape.append(full - before - after)
    y = conv(x, w, b, how.stride, padding, extra, group, how.dilation)
    return y[:, :, *(slice(n) for n in shape)]


@operator
def MaxPool(
    x, *, auto_pad="NOTSET", ceil_mode=0, dilations=None, kernel_shape, pads=None,
    storage_order=0, strides=None,
):  # fmt: skip
    if x.ndim == 5:

        def largest(x, **options):
            return MaxPool(x, auto_pad=auto_pad, ceil_mode=ceil_mode, **options)[0]

        return volumes(largest, x, kernel_shape, pads, strides, dilations)
    pool = by_rank("max_pool", x)
    image = x.shape[2:]
    how = windows(image, kernel_shape, auto_pad, pads, strides, dilations)
    x, padding = how.padded(x, -np.inf, how.half())
    y, winners = pool(x, how.kernel, how.stride, padding, how.dilation, bool(ceil_mode), True)
    # ONNX counts in the whole tensor without its padding, and may count columns first.
    places = np.unravel_index(winners.data, x.shape[2:])
    if x.shape[2:] != image:
        places = [p - before for p, (before, _) in zip(places, how.pads, strict=True)]
    order = "F" if storage_order else "C"
    flat = np.ravel_multi_index(places, image, mode="clip", order=order)
    planes = np.arange(math.prod(x.shape[:2])).reshape(*x.shape[:2], *(1,) * len(image))
    return y, planes * math.prod(image) + flat


@operator
def AveragePool(
    x, *, auto_pad="NOTSET", ceil_mode=0, count_include_pad=0, dilations=None, kernel_shape,
    pads=None, strides=None,
):  # fmt: skip
    if x.ndim == 5:
        options = dict(auto_pad=auto_pad, ceil_mode=ceil_mode, count_include_pad=count_include_pad)
        return volumes(AveragePool, x, kernel_shape, pads, strides, dilations, **options)
    pool = by_rank("avg_pool", x)
    how = windows(x.shape[2:], kernel_shape, auto_pad, pads, strides, dilations)
    image = x
    if max(how.dilation) > 1:
        counted = pad(np.ones_like(x), how.pads, float(count_include_pad)).data
        placed = how._replace(pads=((0, 0),) * len(how.pads))
        return sums(x, how, ceil_mode) / sums(counted, placed, ceil_mode)
    x, padding = how.padded(x, 0.0, how.half())
    average = functools.partial(
        pool, kernel_size=how.kernel, stride=how.stride, padding=padding, ceil_mode=bool(ceil_mode)
    )
    if x is image or count_include_pad:
        return average(x, count_include_pad=bool(count_include_pad))
    return average(x) / average(pad(np.ones_like(image), how.pads))  # of the pixels that count


@operator
def LpPool(
    x, *, auto_pad="NOTSET", ceil_mode=0, dilations=None, kernel_shape, p=2, pads=None,
    strides=None,
):  # fmt: skip
    if x.ndim == 5:
        options = dict(auto_pad=auto_pad, ceil_mode=ceil_mode, p=p)
        return volumes(LpPool, x, kernel_shape, pads, strides, dilations, **options)
    pool = by_rank("lp_pool", x)
    how = windows(x.shape[2:], kernel_shape, auto_pad, pads, strides, dilations)
    if max(how.dilation) > 1:
        return sums(abs(Tensor(x)).data ** p, how, ceil_mode) ** (1 / p)
    x = pad(abs(Tensor(x)), how.pads)  # PyTorch takes no absolute value
    return pool(x, p, how.kernel, how.stride, bool(ceil_mode))


OPERATORS.update(
    GlobalAveragePool=lambda x: by_rank("adaptive_avg_pool", x)(x, 1),
    GlobalMaxPool=lambda x: by_rank("adaptive_max_pool", x)(x, 1),
)


@operator
def Col2Im(cols, image_shape, block_shape, *, dilations=None, pads=None, strides=None):
    if len(image_shape) != 2:
        raise Skip("fold is for images only")
    how = windows(image_shape, block_shape, "NOTSET", pads, strides, dilations)
    if any(before != after for before, after in how.pads):
        raise Skip("fold takes even padding only")
    padding = [before for before, _ in how.pads]
    return F.fold(cols, image_shape.tolist(), how.kernel, how.dilation, padding, how.stride)


# ---- padding and resizing ------------------------------------------------------------------------


@operator
def Pad(x, pads, value=0.0, axes=None, *, mode="constant"):
    if mode == "wrap":
        raise Skip("no circular padding")
    axes = range(x.ndim) if axes is None else axes
    pairs = dict.fromkeys(range(x.ndim), (0, 0))
    for a, before, after in zip(axes, *np.split(pads, 2), strict=True):
        pairs[a % x.ndim] = (int(before), int(after))
    if any(pairs[a] != (0, 0) for a in range(x.ndim - 2)):
        raise Skip("padding of the last two axes only")
    pairs = [pairs[a] for a in range(max(x.ndim - 2, 0), x.ndim)]
    return pad(x, pairs, float(value), {"edge": "replicate"}.get(mode, mode))


@operator
def Upsample(x, scales, *, mode="nearest"):
    return F.interpolate(x, scale_factor=scales[2:].tolist(), mode=mode)


@operator
def Resize(
    x, roi=None, scales=None, sizes=None, *, antialias=0, axes=None,
    coordinate_transformation_mode="half_pixel", cubic_coeff_a=-0.75, exclude_outside=0,
    extrapolation_value=0.0, keep_aspect_ratio_policy="stretch", mode="nearest",
    nearest_mode="round_prefer_floor",
):  # fmt: skip
    if mode == "cubic":
        raise Skip("no cubic resizing")
    if antialias:
        raise Skip("no antialiased resizing")
    axes = [a % x.ndim for a in (range(x.ndim) if axes is None else axes)]
    place = [axes.index(a) for a in range(2, x.ndim)]
    image = np.array(x.shape[2:])
    if scales is not None:
        factors, target = scales[place].astype(float), {"scale_factor": scales[place].tolist()}
    else:
        target = sizes[place]
        if keep_aspect_ratio_policy != "stretch":
            choose = min if keep_aspect_ratio_policy == "not_larger" else max
            target = np.floor(choose(target / image) * image + 0.5).astype(int)
        factors, target = target / image, {"size": target.tolist()}
    whole = all(factors % 1 == 0)
    coordinates = coordinate_transformation_mode
    if mode == "nearest":
        # Where every pixel becomes s equal ones, half a pixel makes no difference.
        if (coordinates, nearest_mode) != ("asymmetric", "floor") and not (
            whole and coordinates == "half_pixel" and nearest_mode.startswith("round")
        ):
            raise Skip("nearest pixel is that of PyTorch: floor of the asymmetric coordinate")
        return F.interpolate(x, **target)
    if coordinates == "align_corners" and any(factors * image % 1):
        raise Skip("corners aligned by the size before it is rounded to whole pixels")
    if coordinates not in ("half_pixel", "align_corners"):
        raise Skip("linear resizing by half pixels or aligned corners only")
    linear = "linear" if x.ndim == 3 else "bilinear"
    return F.interpolate(x, **target, mode=linear, align_corners=coordinates == "align_corners")
