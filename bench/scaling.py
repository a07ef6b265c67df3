"""How the cost of a picture changes with the batch, and that of a time step with the sequence's
length: forward and backward of single layers.

A layer's arithmetic is proportional to both, and its cost should grow no faster than that.
One picture's arrays may lie in the caches, those of a large batch do not: layers that do little
arithmetic are therefore compared with NumPy's copying of as many elements.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from cases import images, leaf, normal, with_tape
from timing import calls, side_by_side

from fastnn import nn

# What grows, and for what the cost is.
SIZES = {
    "batch": (1, 2, 4, 8, 16, 32, 64, 128, 256),
    "T": (10, 30, 100, 300, 1000, 3000, 10_000),
}
OF = {"batch": "a picture", "T": "a step"}
RELATIVE_COSTS = (0.1, 0.2, 0.5, 1, 2, 5)  # marked on the picture's axis
FLOAT = np.float32


class Layer(NamedTuple):
    """build: a function of the dtype. shape: of one picture, (C, H, W) or (D,), or of one step,
    (N, D). memory: whether memory limits the speed, not arithmetic. axis: one of SIZES."""

    build: Callable
    shape: tuple[int, ...]
    memory: bool = False
    axis: str = "batch"


LAYERS = {
    "convolution 3 x 3, 64 to 64, 28 x 28": Layer(
        lambda dtype: nn.Conv2d(64, 64, 3, padding=1, dtype=dtype), (64, 28, 28)
    ),
    "convolution 1 x 1, 256 to 256, 14 x 14": Layer(
        lambda dtype: nn.Conv2d(256, 256, 1, dtype=dtype), (256, 14, 14)
    ),
    "depthwise convolution 3 x 3, 128, 28 x 28": Layer(
        lambda dtype: nn.Conv2d(128, 128, 3, padding=1, groups=128, dtype=dtype),
        (128, 28, 28),
        memory=True,
    ),
    "linear, 1024 to 1024": Layer(lambda dtype: nn.Linear(1024, 1024, dtype=dtype), (1024,)),
    "max pooling 2 x 2, 64, 56 x 56": Layer(lambda dtype: nn.MaxPool2d(2), (64, 56, 56), True),
    "batch normalisation, 64, 56 x 56": Layer(
        lambda dtype: nn.BatchNorm2d(64, dtype=dtype), (64, 56, 56), True
    ),
    "LSTM, 128 to 128, batch 8": Layer(
        lambda dtype: nn.LSTM(128, 128, dtype=dtype), (8, 128), True, "T"
    ),
    "GRU, 128 to 128, batch 8": Layer(
        lambda dtype: nn.GRU(128, 128, dtype=dtype), (8, 128), True, "T"
    ),
}


def costs(layer, threads, seconds):
    """[seconds a picture, or a step, at each size] of the layer, and of copying or None"""
    _check(layer)
    sizes = SIZES[layer.axis]
    steps = {n: _step(layer, n, FLOAT) for n in sizes}
    copies = {f"copy {n}": _copy(layer, n) for n in sizes} if layer.memory else {}
    times = side_by_side(calls(steps | copies), seconds, threads)
    copying = [times[f"copy {n}"] / n for n in sizes] if layer.memory else None
    return [times[n] / n for n in sizes], copying


def relative(costs):
    """Relative to those at the smallest size."""
    return [cost / costs[0] for cost in costs]


def _step(layer, batch, dtype):
    """A call that runs the layer forward and backward."""
    make = images if len(layer.shape) == 3 else normal
    module, x = layer.build(dtype), make(batch, *layer.shape).astype(dtype)
    for i, parameter in enumerate(module.parameters()):
        parameter.data[...] = normal(*parameter.shape, seed=i)
    dy = make(*_output(module, x).shape, seed=1).astype(dtype)
    return with_tape(lambda x, *_: _output(module, x), (leaf(x), *module.parameters()), dy)


def _output(module, x):
    """Of a recurrent layer without its state."""
    y = module(x)
    return y[0] if isinstance(y, tuple) else y


def _copy(layer, batch):
    """A call that copies an array of x's size and one of y's."""
    x = np.zeros((batch, *layer.shape), FLOAT)
    sizes = x.size, _output(layer.build(FLOAT), x).data.size
    pairs = [(np.zeros(n, FLOAT), np.ones(n, FLOAT)) for n in sizes]

    def run():
        for target, source in pairs:
            np.copyto(target, source)

    return run


def _check(layer):
    """float32 agrees with float64; NumPy's word on such layers is in the cases."""
    single, double = (_step(layer, 3, dtype)() for dtype in (FLOAT, np.float64))
    for actual, expected in zip(single, double, strict=True):
        expected = np.asarray(expected)
        error = np.max(np.abs(np.asarray(actual) - expected)) / np.max(np.abs(expected))
        assert error <= 1e-4, f"{layer.build(FLOAT)}: error {error:.1e}"


def draw(rows, path):
    """A row of panels for what grows, a panel for each number of threads; False where no row is of
    this section."""
    rows = [r for r in rows if r["section"] == "scaling"]
    if not rows:
        return False
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    counts = sorted({r["threads"] for r in rows})
    figure, grid = plt.subplots(
        len(SIZES), len(counts), figsize=(5 * len(counts), 4 * len(SIZES)), sharey="row",
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for (axis, sizes), panels in zip(SIZES.items(), grid, strict=True):
        for threads, panel in zip(counts, panels, strict=True):
            part = [r for r in rows if r["threads"] == threads and r["axis"] == axis]
            for row in part:
                costs = relative(row["costs"])
                (line,) = panel.loglog(sizes, costs, "o-", markersize=3, label=row["label"])
                if row["copying"]:
                    panel.loglog(sizes, relative(row["copying"]), ":", color=line.get_color())
            panel.axhline(1, color="black", linewidth=0.8)
            panel.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
            panel.minorticks_off()
            panel.set_xlabel(axis)
            panel.set_title(f"{threads} thread{'s' * (threads > 1)}")
            panel.set_yticks(RELATIVE_COSTS, [f"{cost:g}" for cost in RELATIVE_COSTS])
            panel.set_ylim(0.02, RELATIVE_COSTS[-1])  # with room for the legend
            panel.grid(axis="y", alpha=0.3)
            if any(row["copying"] for row in part):
                panel.plot([], [], ":", color="gray", label="copying as many elements")
            panel.legend(fontsize="x-small", frameon=False, loc="lower left")
        panels[0].set_ylabel(f"time for {OF[axis]}, {axis} {sizes[0]} = 1")
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return True
