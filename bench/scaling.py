"""How the cost of a picture changes with the batch: forward and backward of single layers.

A layer's arithmetic is proportional to the batch, so its cost should grow no faster than that.
"""

import numpy as np
from cases import images, leaf, normal, with_tape
from timing import calls, side_by_side

from fastnn import nn

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

# Layer and picture: {label: (function of the dtype, (C, H, W) or (D,))}
KERNELS = {
    "convolution 3 x 3, 64 to 64": (
        lambda dtype: nn.Conv2d(64, 64, 3, padding=1, dtype=dtype), (64, 28, 28)
    ),
    "convolution 1 x 1, 64 to 256": (
        lambda dtype: nn.Conv2d(64, 256, 1, dtype=dtype), (64, 28, 28)
    ),
    "depthwise convolution 3 x 3, 64": (
        lambda dtype: nn.Conv2d(64, 64, 3, padding=1, groups=64, dtype=dtype), (64, 56, 56)
    ),
    "max pooling 2 x 2, 64": (lambda dtype: nn.MaxPool2d(2), (64, 56, 56)),
    "batch normalisation, 64": (lambda dtype: nn.BatchNorm2d(64, dtype=dtype), (64, 56, 56)),
    "linear, 1024 to 1024": (lambda dtype: nn.Linear(1024, 1024, dtype=dtype), (1024,)),
}  # fmt: skip


def costs(kernel, threads, seconds):
    """[seconds a picture at each of BATCHES]"""
    _check(kernel)
    functions = {n: _both(kernel, n, np.float32) for n in BATCHES}
    times = side_by_side(calls(functions), seconds, threads)
    return [times[n] / n for n in BATCHES]


def growth(costs):
    """The most that a picture of any batch costs, relative to one alone."""
    return max(costs) / costs[0]


def _both(kernel, batch, dtype):
    """A call that runs the layer forward and backward."""
    build, picture = KERNELS[kernel]
    make = images if len(picture) == 3 else normal
    layer, x = build(dtype), make(batch, *picture).astype(dtype)
    for i, parameter in enumerate(layer.parameters()):
        parameter.data[...] = normal(*parameter.shape, seed=i)
    dy = make(*layer(x).shape, seed=1).astype(dtype)
    return with_tape(lambda x, *_: layer(x), (leaf(x), *layer.parameters()), dy)


def _check(kernel):
    """float32 agrees with float64; NumPy's word on each layer is in cases.py and cases_norm.py."""
    single, double = (_both(kernel, 3, dtype)() for dtype in (np.float32, np.float64))
    for actual, expected in zip(single, double, strict=True):
        expected = np.asarray(expected)
        error = np.max(np.abs(np.asarray(actual) - expected)) / np.max(np.abs(expected))
        assert error <= 1e-4, f"{kernel}: error {error:.1e}"


def draw(rows, path):
    """A panel for each number of threads; False where no row is of this section."""
    rows = [r for r in rows if r["section"] == "scaling"]
    if not rows:
        return False
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    counts = sorted({r["threads"] for r in rows})
    figure, panels = plt.subplots(
        1, len(counts), figsize=(5 * len(counts), 4), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for threads, panel in zip(counts, panels[0], strict=True):
        for row in rows:
            if row["threads"] == threads:
                relative = [cost / row["costs"][0] for cost in row["costs"]]
                panel.loglog(BATCHES, relative, "o-", markersize=3, label=row["label"])
        panel.axhline(1, color="black", linewidth=0.8)
        panel.set_xticks(BATCHES, BATCHES, minor=False)
        panel.minorticks_off()
        panel.set_xlabel("batch")
        panel.set_title(f"{threads} thread{'s' * (threads > 1)}")
    panels[0, 0].set_ylabel("cost / arithmetic, relative to batch 1")
    panels[0, -1].legend(fontsize="small")
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return True
