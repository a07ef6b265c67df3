"""Universal approximation: one hidden layer, by hand, by construction, and learnt.

Above left: the lecture's sum of six ReLUs, their weights chosen by eye, beside x^3 + x^2 - x - 1.
Above right: how far networks with 1 to 64 hidden units are from a curve with many bends (root of
the mean squared difference, the best of some starts), and the ReLU network that is constructed, not
learnt, to go through as many points of it plus one: learning does not find weights as good as there
are. Below: what was learnt with 2, 8 and 64 units.
"""

import numpy as np
from _example import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    RED,
    curves,
    figure,
    legend,
    options,
    save,
)
from matplotlib.ticker import FuncFormatter, NullLocator

from fastnn import manual_seed, nn, predict
from fastnn.models.universal import (
    LECTURE_UNITS,
    fit_curve,
    lecture_sum,
    lecture_target,
    relu_interpolant,
)

ACTIVATIONS = {"tanh": (nn.Tanh, BLUE), "sigmoid": (nn.Sigmoid, GREEN), "ReLU": (nn.ReLU, RED)}
SHOWN = {2: ":", 8: "--", 64: "-"}
X = np.linspace(-2, 2, 201)
Y = np.sin(3 * X) + 0.5 * X * np.cos(7 * X)


def learn(width, activation, starts, steps, seed):
    """The best of some starts: its curve and its error."""
    fits = []
    for start in range(starts):
        manual_seed(seed + start)
        fits.append(fit_curve(X, Y, width, activation, steps=steps))
    model, error = min(fits, key=lambda fit: fit[1])
    return predict(model, X[:, None].astype(np.float32))[:, 0], error


def constructed(width):
    points = np.linspace(X[0], X[-1], width + 1)
    model = relu_interpolant(points, np.interp(points, X, Y))
    return float(np.sqrt(np.mean((predict(model, X[:, None])[:, 0] - Y) ** 2)))


def draw_lecture(panel):
    x = np.linspace(-2.2, 2, 400)
    curves(panel, "six ReLUs by eye", "x")
    for i, (w, b, sign) in enumerate(LECTURE_UNITS):
        panel.plot(x, sign * np.maximum(w * x + b, 0), color=GREY, linewidth=0.8,
                   label=None if i else "each unit, with its sign")  # fmt: skip
    panel.plot(x, lecture_target(x), color=INK, linewidth=1.6, label="$x^3 + x^2 - x - 1$")
    panel.plot(x, lecture_sum(x), color=ORANGE, linewidth=1.6, label="their sum")
    panel.set_ylim(-5, 6)
    legend(panel, loc="upper left")


def main(argv=None):
    arguments = options(__doc__, argv, steps=(2_000, 500), starts=(3, 1))
    widths = (2, 8, 64) if arguments.quick else (1, 2, 4, 8, 16, 32, 64)
    x = np.linspace(-2, 1.7, 371)
    results = {"lecture": float(np.abs(lecture_sum(x) - lecture_target(x)).max())}
    print(f"six ReLUs: within {results['lecture']:.2f} from -2 to 1.7")

    picture = figure(10, 6.2, "One hidden layer approximates any continuous function")
    cells = picture.add_gridspec(2, 3)
    draw_lecture(picture.add_subplot(cells[0, 0]))
    errors = curves(picture.add_subplot(cells[0, 1:]), "error by width", "hidden units")
    for column, (name, (activation, color)) in enumerate(ACTIVATIONS.items()):
        panel = curves(picture.add_subplot(cells[1, column]), f"learnt with {name}", "x")
        panel.plot(X, Y, color=INK, linewidth=3.5, alpha=0.25)
        results[name] = {}
        for width in widths:
            curve, error = learn(
                width, activation, arguments.starts, arguments.steps, arguments.seed
            )
            results[name][width] = error
            if width in SHOWN:
                label = f"{width} units: {error:.3f}"
                panel.plot(X, curve, SHOWN[width], color=color, linewidth=1.4, label=label)
        print(f"{name}:", ", ".join(f"{w} units {e:.4f}" for w, e in results[name].items()))
        errors.plot(*zip(*results[name].items(), strict=True), "o-", color=color, markersize=4,
                    label=f"learnt with {name}")  # fmt: skip
        panel.set_ylim(-1.9, 3.2)
        legend(panel, loc="upper left")
    results["constructed"] = {width: constructed(width) for width in widths}
    print(
        "constructed:", ", ".join(f"{w} ReLUs {e:.4f}" for w, e in results["constructed"].items())
    )
    errors.plot(*zip(*results["constructed"].items(), strict=True), "o--", color=GREY,
                markersize=4, label="constructed of ReLUs")  # fmt: skip
    errors.set_xscale("log", base=2)
    errors.set_yscale("log")
    errors.set_xticks(widths, [str(width) for width in widths])
    errors.set_yticks([0.01, 0.03, 0.1, 0.3, 1])
    errors.yaxis.set_minor_locator(NullLocator())
    errors.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    legend(errors, loc="lower left")
    save(picture, arguments.out, "universal_approximation.png")
    return results


if __name__ == "__main__":
    main()
