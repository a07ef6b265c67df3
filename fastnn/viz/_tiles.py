"""Small images side by side, and the panels that show them."""

from math import ceil, isqrt, sqrt

import numpy as np


def as_array(op, name, value):
    """A Tensor or array of numbers as an ndarray; booleans and integers become floats."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{op}: {name} must be an array of numbers, got dtype {array.dtype}")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def columns_for(n):
    """Columns of a grid of n: somewhat wider than high, with few empty places in its last row."""
    candidates = range(max(isqrt(n), 1), ceil(sqrt(2.2 * n)) + 1) if n else [1]
    return min(candidates, key=lambda columns: (-n % columns, abs(columns - sqrt(1.6 * n))))


def mosaic(tiles, columns):
    """Tiles (n, h, w) in rows of `columns`, one NaN pixel between them: one array."""
    n, h, w = tiles.shape
    rows = ceil(n / columns)
    out = np.full((rows, columns, h + 1, w + 1), np.nan)
    out.reshape(-1, h + 1, w + 1)[:n, :h, :w] = tiles
    return out.transpose(0, 2, 1, 3).reshape(rows * (h + 1), columns * (w + 1))[:-1, :-1]


def grid(figure, n, columns):
    """n panels without frames in rows of `columns`, as a flat list."""
    rows = ceil(n / columns)
    cells = figure.add_gridspec(rows, columns) if n else ()
    panels = [figure.add_subplot(cells[divmod(i, columns)]) for i in range(n)]
    for panel in panels:
        panel.set_axis_off()
    return panels


def span(array):
    """The least and the largest of an array's finite values; (0, 0) where it has none."""
    finite = array[np.isfinite(array)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def show_picture(panel, image, **options):
    """An image (C, H, W) from its least (black) to its largest value; C is 1 or 3."""
    low, high = span(image)
    pixels = (image - low) / ((high - low) or 1.0)
    pixels = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    panel.imshow(pixels, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest", **options)


def check_limit(op, limit):
    if isinstance(limit, bool) or not hasattr(limit, "__index__") or limit < 1:
        raise ValueError(f"{op}: limit must be an int >= 1, got {limit!r}")
