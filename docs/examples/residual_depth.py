"""Plain against residual networks of 18 and 34 layers, after He et al. 2015, figure 4
(arXiv:1512.03385): training error by step.

A plain network of 34 layers learns much worse than one of 18, although it could represent
whatever that one can. Shortcuts around every two layers, without any parameters of their own
(option A), take nearly all of that away: the residual network of 34 layers ends with a fraction of
the plain one's training error. (It stays above the residual one of 18 layers here; in the paper,
with a hundred times as many steps on ImageNet, it ends below it.) The networks are the paper's, a
quarter as wide, on MNIST in a frame of 32 x 32, with the paper's optimiser, SGD with momentum 0.9
and weight decay 1e-4, its rate falling along a cosine.
"""

import time

import numpy as np
from _example import BLUE, RED, batches, curves, figure, legend, mnist, options, save
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

import fastnn.functional as F
from fastnn import manual_seed, models, optim

BATCH, SMOOTHED = 64, 0.1
NETWORKS = {
    "plain-18": (models.plain18, {}),
    "plain-34": (models.plain34, {}),
    "residual-18": (models.resnet18, {"shortcut": "padding"}),
    "residual-34": (models.resnet34, {"shortcut": "padding"}),
}


def train(model, images, labels, steps, seed):
    """The training error of each batch, just before it is learnt from."""
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    errors = []
    for rows in batches(len(labels), BATCH, steps, seed):
        output = model(images[rows])
        errors.append(float((np.asarray(output).argmax(1) != labels[rows]).mean()))
        loss = F.cross_entropy(output, labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return np.array(errors)


def running_mean(values, count):
    """Mean of the last `count` values, or of those there are."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(sums))
    starts = np.maximum(ends - count, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def main(argv=None):
    arguments = options(__doc__, argv, steps=(3_000, 30), width=(16, 8))
    (images, labels), _ = mnist()
    images = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)), constant_values=images.min())

    last = max(int(SMOOTHED * arguments.steps), 1)
    results = {}
    picture = figure(8, 3.6, "Depth with and without shortcuts: training error on MNIST")
    panels = dict(zip(("plain", "residual"), picture.subplots(1, 2, sharey=True), strict=True))
    panels["plain"].set_yscale("log")
    for name, (build, choices) in NETWORKS.items():
        manual_seed(arguments.seed)
        model = build(10, 1, width=arguments.width, **choices)
        started = time.perf_counter()
        errors = train(model, images, labels, arguments.steps, arguments.seed)
        results[name] = float(errors[-last:].mean())
        print(
            f"{name}: training error of the last {last} steps {results[name]:.2%}, "
            f"{sum(p.data.size for p in model.parameters()):,} parameters, "
            f"{time.perf_counter() - started:.0f} s"
        )
        kind, depth = name.split("-")
        panels[kind].plot(
            range(1, arguments.steps + 1), 100 * running_mean(errors, last // 2 + 1),
            color=RED if depth == "34" else BLUE, linewidth=1.8,
            label=f"{depth} layers: {results[name]:.1%} in the end",
        )  # fmt: skip
    low, high = panels["plain"].get_ylim()
    for kind, panel in panels.items():
        panel.set_ylim(low / 4, high)  # room for the legend
        curves(panel, f"{kind} networks", "step", "training error, %" if kind == "plain" else "")
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        legend(panel, loc="lower left")
    save(picture, arguments.out, "residual_depth.png")
    return results


if __name__ == "__main__":
    main()
