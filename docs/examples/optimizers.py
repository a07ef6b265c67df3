"""Eight optimisers side by side, as `fastnn.optim` has them.

Above: their paths over a saddle, from near its ridge, and along a ravine whose walls are a hundred
times as steep as its floor; a dot every tenth step. A second picture has them frame by frame.
Below: logistic regression on MNIST, and on bags of words (10,000 words, half of the inputs dropped)
of review sentences, after Kingma and Ba 2015 ("Adam: a method for stochastic optimization", figure
1). There each optimiser has the rate, of those tried, that ends with the lowest training loss.

Adagrad gives rare words large steps and is at its best with them; Adam keeps up with it, and SGD
with Nesterov's momentum falls behind, as in the paper.
"""

import numpy as np
from _example import GREY, INK, batches, curves, figure, legend, options, save

import fastnn
import fastnn.functional as F
from fastnn import Tensor, nn, optim
from fastnn.data import BagOfWords, load_mnist, load_rt_polarity

# name: (class, options, colour, rates on saddle and ravine, rates tried on the data)
RULES = {
    "SGD": ("SGD", {}, "#8a949e", (0.05, 1.9), (0.1, 0.3, 1.0, 3.0)),
    "momentum": ("SGD", {"momentum": 0.9}, "#e07b00", (0.05, 0.3), (0.01, 0.03, 0.1, 0.3)),
    "Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}, "#c62828", (0.05, 0.3),
                 (0.01, 0.03, 0.1, 0.3)),
    "Adagrad": ("Adagrad", {}, "#2e7d32", (0.3, 1.0), (0.01, 0.03, 0.1, 0.3)),
    "Adadelta": ("Adadelta", {}, "#7b5cd6", (3.0, 10.0), (1.0, 3.0, 10.0)),
    "RMSprop": ("RMSprop", {}, "#00838f", (0.02, 0.1), (3e-4, 1e-3, 3e-3, 1e-2)),
    "Adam": ("Adam", {}, "#1565c0", (0.05, 0.3), (1e-3, 3e-3, 1e-2, 3e-2)),
    "AdamW": ("AdamW", {}, "#ad1457", (0.05, 0.3), (1e-3, 3e-3, 1e-2, 3e-2)),
}  # fmt: skip


def saddle(x, y):
    return x * x - y * y + 0.25 * y * y * y * y


def ravine(x, y):
    return 0.5 * (0.01 * x * x + y * y)


# name: (title, surface, which of the rates, start, (x range, y range), contours)
SURFACES = {
    "saddle": ("a saddle, x² - y² + y⁴/4", saddle, 0, (1.0, 0.001), ((-1.2, 1.2), (-0.5, 1.9)),
               np.linspace(-1.1, 1.5, 16)),
    "ravine": ("a ravine, (x²/100 + y²) / 2", ravine, 1, (-9.0, 1.5), ((-10, 3), (-2, 2)),
               np.geomspace(0.005, 2, 12)),
}  # fmt: skip
FRAMES = (5, 15, 40, 120)  # steps


def path(rule, surface, which, start, steps):
    """The points (steps + 1, 2) that an optimiser goes through from `start`."""
    kind, settings, _, rates, _ = RULES[rule]
    point = [Tensor(np.array(value, np.float64), requires_grad=True) for value in start]
    optimizer = getattr(optim, kind)(point, lr=rates[which], **settings)
    points = [start]
    for _ in range(steps):
        optimizer.zero_grad()
        surface(*point).backward()
        optimizer.step()
        points.append([float(p.item()) for p in point])
    return np.array(points)


def draw_paths(panel, name, steps):
    """The paths of all optimisers so far; {rule: heights by step}."""
    title, surface, which, start, box, levels = SURFACES[name]
    (left, right), (low, high) = box
    x, y = np.meshgrid(np.linspace(left, right, 200), np.linspace(low, high, 200))
    panel.contour(x, y, surface(x, y), levels=levels, colors="#d5dade", linewidths=0.8)
    heights = {}
    for rule, (_, _, color, _, _) in RULES.items():
        points = path(rule, surface, which, start, steps)
        panel.plot(*points.T, color=color, linewidth=1.2, label=rule)
        panel.plot(*points[::10].T, ".", color=color, markersize=4)
        heights[rule] = surface(*points.T)
    panel.plot(*start, "o", color=INK, markersize=5)
    panel.set(xlim=(left, right), ylim=(low, high))
    panel.set_title(f"{title}, {steps} steps", loc="left", fontsize=10, color=INK)
    panel.tick_params(length=0, colors=GREY, labelsize=8)
    panel.spines[:].set_color("#d5dade")
    return heights


def draw_frames():
    picture = figure(13, 6.4, "Optimisers step by step")
    for name, panels in zip(SURFACES, picture.subplots(2, len(FRAMES)), strict=True):
        for steps, panel in zip(FRAMES, panels, strict=True):
            draw_paths(panel, name, steps)
    picture.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=8,
                   frameon=False, fontsize=9)  # fmt: skip
    return picture


def regress(rule, rate, rows, labels, features, classes, steps, drop, seed):
    """Training losses by step of logistic regression; rows(indices) makes a batch of inputs."""
    fastnn.manual_seed(seed)
    kind, settings, *_ = RULES[rule]
    model = nn.Sequential(nn.Dropout(drop), nn.Linear(features, classes))
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    optimizer = getattr(optim, kind)(model.parameters(), lr=rate, **settings)
    losses = []
    for index in batches(len(labels), 128, steps, seed):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(rows(index)), labels[index])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)


def smooth(losses, width):
    """Means of `width` steps after one another."""
    count = len(losses) // width
    return losses[: count * width].reshape(count, width).mean(1)


def compare(panel, title, corner, steps, width, **task):
    """All optimisers, each with the best of its rates; {rule: (rate, the last eighth's loss)}."""
    curves(panel, title, "step", "training loss")
    results = {}
    for rule, (_, _, color, _, rates) in RULES.items():
        tried = {rate: regress(rule, rate, steps=steps, **task) for rate in rates}
        last = {rate: losses[-steps // 8 :].mean() for rate, losses in tried.items()}
        best = min(last, key=last.get)
        results[rule] = best, last[best]
        print(f"{title}: {rule} with rate {best:g}: {last[best]:.4f}", flush=True)
        means = smooth(tried[best], width)
        panel.plot(width * (0.5 + np.arange(len(means))), means, color=color, linewidth=1.3,
                   label=f"{rule}, {best:g}: {last[best]:.3f}")  # fmt: skip
    legend(panel, loc=corner, ncols=2)
    return results


def main(argv=None):
    arguments = options(__doc__, argv, steps=(800, 120))
    picture = figure(11, 8, "Optimisers side by side")
    (first, second), (third, fourth) = picture.subplots(2, 2)
    results = {}
    for name, panel in zip(SURFACES, (first, second), strict=True):
        heights = draw_paths(panel, name, FRAMES[-1])
        results[name] = {rule: height[-1] for rule, height in heights.items()}
    legend(first, loc="lower left", ncols=4)
    for surface, ends in results.items():
        print(surface, ", ".join(f"{rule} {height:.3g}" for rule, height in ends.items()))

    train, _ = load_mnist()
    x, y = train.arrays[0].reshape(-1, 784), train.arrays[1]
    results["MNIST"] = compare(
        third, "logistic regression on MNIST", "upper right", arguments.steps,
        max(1, arguments.steps // 40),
        rows=lambda index: x[index], labels=y, features=784, classes=10, drop=0.0,
        seed=arguments.seed,
    )  # fmt: skip
    third.set_ylim(0.24, 0.5) if not arguments.quick else None
    (sentences, labels), _ = load_rt_polarity()
    bag = BagOfWords(sentences, size=2_000 if arguments.quick else 10_000)
    results["reviews"] = compare(
        fourth, "bags of words, half dropped", "upper right", arguments.steps // 2,
        max(1, arguments.steps // 40), rows=bag.__getitem__, labels=labels,
        features=len(bag.words), classes=2, drop=0.5, seed=arguments.seed,
    )  # fmt: skip
    fourth.set_ylim(0.35, 0.9) if not arguments.quick else None
    save(picture, arguments.out, "optimizers.png")
    save(draw_frames(), arguments.out, "optimizers_frames.png")
    return results


if __name__ == "__main__":
    main()
