"""Inside a convolutional network: its kernels, and the maps that they make of an image."""

import numpy as np

from ..nn import Module
from ..training.evaluate import inference
from ..training.plot import INK, TITLE, new_figure
from ._tiles import as_array, check_limit, columns_for, grid, mosaic, show_picture, span


def filters(weight, *, limit=64, title=None, figsize=None):
    """The kernels of a convolution, a panel each with its number: kernel k is ``weight[k]``.

    weight: a convolution layer, or its weight (K, C, R, S), a Tensor or array. limit: the first
    so many kernels are shown. All panels have one scale. Kernels over C = 3 channels are colours,
    with grey for 0; others go from red (negative) over white (0) to blue, their C channels side
    by side where there are several. Raises ValueError for weights of another shape.
    """
    check_limit("filters", limit)
    if isinstance(weight, Module):
        if getattr(weight, "weight", None) is None:
            raise ValueError(f"filters: {type(weight).__name__} has no weight of its own")
        weight = weight.weight
    w = as_array("filters", "weight", weight)
    if w.ndim != 4 or 0 in w.shape:
        raise ValueError(f"filters: expected a weight (K, C, R, S), got {w.shape}")
    total, channels, height, width = w.shape
    w = w[:limit]
    columns, inside = columns_for(len(w)), columns_for(channels)
    rows = -(-len(w) // columns)
    if channels == 3:
        panel_height = 0.85 * height / width
    else:
        panel_height = 0.85 * -(-channels // inside) * height / (inside * width)
    if title is None:
        count = f"{len(w)} of {total}" if len(w) < total else f"{total}"
        plural = "" if total == 1 else "s"
        title = f"{count} kernel{plural}, {channels} x {height} x {width}"
    size = figsize or (max(0.95 * columns + 1.0, 3.0), max((panel_height + 0.25) * rows, 1) + 0.4)
    figure = new_figure("filters", size, title=title)
    panels = grid(figure, len(w), columns)
    peak = span(np.abs(w))[1] or 1.0
    for k, (panel, kernel) in enumerate(zip(panels, w, strict=True)):
        panel.set_title(f"{k}", fontsize=8, pad=2, color=INK)
        if channels == 3:
            panel.imshow(0.5 + kernel.transpose(1, 2, 0) / (2 * peak), interpolation="nearest")
        else:
            # A weight is 4 x 4 pixels, so that the gaps between channels are narrower than it.
            tiles = mosaic(kernel.repeat(4, axis=1).repeat(4, axis=2), inside)
            drawn = panel.imshow(
                tiles, cmap=_signed(), vmin=-peak, vmax=peak, interpolation="nearest"
            )
    if channels != 3:
        bar = figure.colorbar(drawn, ax=panels, shrink=0.8, aspect=25, pad=0.02)
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0, labelsize=8, colors=INK)
    return figure


def _signed():
    """Red, white, blue; grey for the gaps."""
    from matplotlib import colormaps

    return colormaps["RdBu"].with_extremes(bad="#9aa3ab")


def feature_maps(model, image, *, layers=None, limit=16, title=None, figsize=None):
    """The maps (C, H, W) that each layer makes of one image, a row of panels a layer.

    model: a Module. image: (C, H, W) or (1, C, H, W), prepared as the model expects it; it is the
    first row. layers: names as in ``model.named_modules()``; None: every layer without layers
    inside whose output is a map, in order of execution, once for each time that it is called.
    limit: of each layer, the first so many maps. Each row is scaled from its least (dark) to its
    largest value (bright), which its label gives. The model runs in evaluation mode and returns
    to its own. Raises ValueError for unknown names and where no layer gives a map.
    """
    check_limit("feature_maps", limit)
    if not isinstance(model, Module):
        raise TypeError(f"feature_maps: model must be a Module, got {type(model).__name__}")
    x = as_array("feature_maps", "image", image)
    x = x[None] if x.ndim == 3 else x
    if x.ndim != 4 or len(x) != 1 or 0 in x.shape:
        raise ValueError(
            f"feature_maps: image must be (C, H, W) or (1, C, H, W), got {np.shape(image)}"
        )
    rows = [("image", "", x[0]), *_run(model, x, layers)]
    title = title or f"What {type(model).__name__} makes of one image"
    return _draw(rows, limit, title, figsize)


def _run(model, x, layers):
    """[(name, kind, maps (C, H, W)), ...] of the wanted layers, in order of execution."""
    named = dict(model.named_modules())
    if layers is None:
        wanted = {n: m for n, m in named.items() if not any(True for _ in m.children())}
    else:
        layers = [layers] if isinstance(layers, str) else list(layers)
        unknown = [name for name in layers if name not in named]
        if unknown:
            raise ValueError(
                f"feature_maps: no layers {unknown}; the model has "
                f"{', '.join(name for name in named if name)}"
            )
        wanted = {name: named[name] for name in layers}
    rows = []

    def keeper(name):
        def keep(module, args, output):
            # Max pooling may give its maps with their indices.
            y = np.asarray(output[0] if isinstance(output, tuple) else output)
            if y.ndim == 4 and y.size:
                rows.append((name, type(module).__name__, y[0].copy()))

        return keep

    handles = [m.register_forward_hook(keeper(name)) for name, m in wanted.items()]
    try:
        with inference(model):
            dtype = next((p.data.dtype for p in model.parameters()), np.dtype(np.float32))
            model(x.astype(dtype, copy=False))
    finally:
        for handle in handles:
            handle.remove()
    if not rows:
        raise ValueError("feature_maps: no layer gave maps (N, C, H, W)")
    return rows


def _draw(rows, limit, title, figsize):
    """The rows (name, kind, maps (C, H, W)) one below the other; the first is the image."""
    labels = [_label(name, kind, maps, limit) for name, kind, maps in rows]
    columns = max(min(len(maps), limit) for _, _, maps in rows)
    heights = [maps.shape[1] / maps.shape[2] for _, _, maps in rows]  # of a map one unit wide

    # Inches: labels and maps have their places, whatever the number of rows.
    cell = min(max(10.0 / columns, 0.55), 1.2)
    margin = 0.25 + 0.068 * max(len(line) for label in labels for line in label.split("\n"))
    steps = [max(cell * height, 0.45) + 0.08 for height in heights]
    width, total = margin + cell * columns + 0.15, sum(steps) + 0.45
    figure = new_figure("feature_maps", figsize or (width, total))
    figure.set_layout_engine("none")
    figure.text(y=1 - 0.08 / total, s=title, va="top", **TITLE)
    bottom = total - 0.4
    for (name, _, maps), label, height, step in zip(rows, labels, heights, steps, strict=True):
        bottom -= step
        panel = figure.add_axes(
            (margin / width, bottom / total, cell * columns / width, cell * height / total)
        )
        if name == "image" and len(maps) in (1, 3):
            show_picture(panel, maps, extent=(0, 0.94, 0, height))
        else:
            low, high = span(maps)
            for k, one in enumerate(maps[:limit]):
                panel.imshow(one, cmap="viridis", vmin=low, vmax=high, interpolation="nearest",
                             extent=(k, k + 0.94, 0, height))  # fmt: skip
        panel.set(xlim=(0, columns), ylim=(0, height), aspect="auto")
        panel.text(-0.1 / cell, height / 2, label, ha="right", va="center", fontsize=8, color=INK)
        panel.set_axis_off()
    return figure


def _label(name, kind, maps, limit):
    """Three lines: who made the maps, how many of which size, their least and largest value."""
    shape = " x ".join(map(str, maps.shape))
    shown = f", first {limit}" if limit < len(maps) else ""
    low, high = span(maps)
    return f"{name}{f' ({kind})' if kind else ''}\n{shape}{shown}\n{low:.3g} to {high:.3g}"
