"""The delta rule (LMS, Widrow-Hoff): Adaline and the sigmoid unit, batch and stochastic.

Above: the squared error of a linear unit over its two weights, a bowl, and how the batch rule and
the stochastic rule go down; the same for a sigmoid unit, whose error has plateaus. (Digits 1 and 9
in their first two principal components, whose mean is 0, so that a bias is not needed.) Below: the
error by epoch, and the lines that the perceptron and both units draw between digits that a line
separates (2 and 5) and between digits that none does (1 and 9): there the perceptron stops
somewhere, the delta rule where the squared error is least.
"""

import warnings

import numpy as np
from _example import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    RED,
    curves,
    digits_plane,
    figure,
    legend,
    nearest_mean,
    options,
    plane,
    save,
)

from fastnn import manual_seed
from fastnn.models import Adaline, Perceptron
from fastnn.models.adaline import delta_rule, error, largest_rate

SEPARABLE, OVERLAPPING = (2, 5), (1, 9)
UNITS = {
    "perceptron": (GREY, lambda epochs: Perceptron(max_epochs=epochs)),
    "Adaline, batch": (BLUE, lambda epochs: Adaline(0.3, epochs)),
    "Adaline, stochastic": (ORANGE, lambda epochs: Adaline(0.01, epochs, batch_size=1)),
    "sigmoid unit, batch": (GREEN, lambda epochs: Adaline(5.0, epochs, activation="sigmoid")),
}


def learn(pair, epochs, seed):
    """Each unit of UNITS after its epochs on two digits, and its test accuracy."""
    train, test = digits_plane(*pair)
    fitted, accuracies = {}, {"nearest mean": nearest_mean(train, test)}
    for name, (_, build) in UNITS.items():
        manual_seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the perceptron's, that no line separates
            fitted[name] = build(epochs).fit(*train)
        accuracies[name] = fitted[name].score(*test)
    print(f"digits {pair}: " + ", ".join(f"{name} {a:.1%}" for name, a in accuracies.items()))
    return train, fitted, accuracies


def descent(samples, t, start, lr, steps, activation, seed=None):
    """w after each step of the batch rule, or with a seed of the stochastic one."""
    way, rng = [np.array(start)], seed and np.random.default_rng(seed)
    for _ in range(steps):
        rows = [rng.integers(len(t))] if seed else slice(None)
        way.append(delta_rule(way[-1], samples[rows], t[rows], lr, activation))
    return np.array(way)


def grid(reach, samples, t, activation):
    """The two weights from -reach to reach, and the error there."""
    side = np.linspace(-reach, reach, 81)
    w = np.stack(np.meshgrid(side, side), axis=-1)
    return *np.moveaxis(w, -1, 0), error(w, samples, t, activation)


def draw_bowl(picture, place, surface):
    bowl = picture.add_subplot(place, projection="3d")
    bowl.plot_surface(*surface, cmap="Blues", rcount=27, ccount=27, linewidth=0.2, edgecolor=GREY)
    bowl.set_title("linear unit: the error", loc="left", fontsize=10, color=INK)
    bowl.tick_params(labelsize=7, colors=INK, pad=-2)
    bowl.set_xlabel("$w_1$", labelpad=-8, color=INK)
    bowl.set_ylabel("$w_2$", labelpad=-8, color=INK)
    bowl.view_init(28, -55)


def draw_surface(panel, title, surface, ways):
    plane(panel, title, "$w_1$", "$w_2$")
    heights = surface[2]
    panel.contourf(*surface, levels=18, cmap="Blues", alpha=0.75)
    panel.contour(*surface, levels=18, colors="white", linewidths=0.5)
    least = np.unravel_index(heights.argmin(), heights.shape)
    panel.plot(surface[0][least], surface[1][least], "+", color=INK, markersize=9, zorder=4)
    for (name, color), way in ways.items():
        panel.plot(*way.T, "-o", color=color, markersize=2, linewidth=1.1, label=name)
    panel.legend(fontsize=8, labelcolor=INK, facecolor="white", framealpha=0.85,
                 edgecolor="none", loc="lower left")  # fmt: skip


def draw_digits(panel, pair, train, fitted, accuracies):
    x, y = train
    for digit, color in zip(pair, (RED, INK), strict=True):
        panel.plot(*x[y == digit].T, "o", color=color, alpha=0.35, markersize=3, markeredgewidth=0)
    (left, right), (low, high) = panel.get_xlim(), panel.get_ylim()
    for name, unit in fitted.items():
        if name != "Adaline, stochastic":  # too near to the batch's line
            y = np.array([low, high])
            label = f"{name.split(',')[0]}: {accuracies[name]:.1%}"
            panel.plot(-(unit.w[0] + unit.w[2] * y) / unit.w[1], y, color=UNITS[name][0],
                       linewidth=1.6, label=label)  # fmt: skip
    panel.set(xlim=(left, right), ylim=(low, high + 0.35 * (high - low)))
    plane(panel, f"digits {pair[0]} and {pair[1]}, test accuracy", "component 1", "component 2")
    legend(panel, loc="upper right")


def main(argv=None):
    arguments = options(__doc__, argv, epochs=(100, 40))
    learnt = {
        pair: learn(pair, arguments.epochs, arguments.seed) for pair in (SEPARABLE, OVERLAPPING)
    }
    (samples, labels), fitted, _ = learnt[OVERLAPPING]
    t = np.where(labels == OVERLAPPING[1], 1.0, -1.0)
    print(f"the batch rule of the linear unit converges below lr = {largest_rate(samples):.2f}")

    picture = figure(11, 6.6, "The delta rule: Adaline and the sigmoid unit")
    cells = picture.add_gridspec(2, 3)
    linear, sigmoid = grid(2, samples, t, "linear"), grid(9, samples, (t + 1) / 2, "sigmoid")
    draw_bowl(picture, cells[0, 0], linear)
    draw_surface(
        picture.add_subplot(cells[0, 1]), "linear unit, two ways down", linear,
        {
            ("stochastic, one sample a step", ORANGE):
                descent(samples, t, (-1.4, 1.2), 0.03, 400, "linear", seed=arguments.seed + 1),
            ("batch", BLUE): descent(samples, t, (-1.4, 1.2), 0.3, 25, "linear"),
        },
    )  # fmt: skip
    draw_surface(
        picture.add_subplot(cells[0, 2]), "sigmoid unit: plateaus", sigmoid,
        {
            ("60 steps from a plateau", ORANGE):
                descent(samples, (t + 1) / 2, (-7, 5), 5.0, 60, "sigmoid"),
            ("60 steps from a slope", GREEN):
                descent(samples, (t + 1) / 2, (-2, 6), 5.0, 60, "sigmoid"),
        },
    )  # fmt: skip
    panel = curves(picture.add_subplot(cells[1, 0]), "squared error, digits 1 and 9", "epoch")
    for name, unit in fitted.items():
        if isinstance(unit, Adaline):
            scale = 4 if unit.activation == "sigmoid" else 1  # targets 1 apart, not 2
            errors = scale * np.array(unit.errors)
            label = f"{name}{' (times 4)' if scale == 4 else ''}"
            panel.plot(errors, color=UNITS[name][0], linewidth=1.6, label=label)
    panel.set(xlim=(-1, 40), ylim=(0, None))
    legend(panel, loc="upper right")
    for column, (pair, parts) in enumerate(learnt.items(), start=1):
        draw_digits(picture.add_subplot(cells[1, column]), pair, *parts)
    save(picture, arguments.out, "adaline.png")
    return {pair: accuracies for pair, (_, _, accuracies) in learnt.items()} | {
        "errors": {name: unit.errors for name, unit in fitted.items() if isinstance(unit, Adaline)}
    }


if __name__ == "__main__":
    main()
