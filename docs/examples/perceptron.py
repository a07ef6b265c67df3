"""Rosenblatt's perceptron: the lecture's corrections, the criterion, and the digits 2 and 5.

Above left: the lecture's three samples, and the line of the weights after each of the seven
corrections; the last separates. Above right: the criterion J_p(a) = sum over the misclassified of
-a'y over the plane of a = (w_0, w_1) for their first coordinate alone, and the way of its steepest
descent down to the region where J_p = 0 and every a separates. Below left: real digits, 8 x 8
pixels in the plane of their first two principal components, and the line found; the baseline
answers with the nearer of the two means. Below right: how many samples each pass over the data
corrects: none in the end where a line separates, some for ever for XOR.
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

from fastnn.models.perceptron import Perceptron, criterion, normalised

SAMPLES, TARGETS = np.array([(3, 3), (4, 3), (1, 1)]), np.array([1, 1, -1])
XOR = np.array([(0, 0), (0, 1), (1, 0), (1, 1)]), np.array([0, 1, 1, 0])
DIGITS = (2, 5)


def draw_line(panel, w, **style):
    """w_0 + w_1 x_1 + w_2 x_2 = 0, within the panel's limits."""
    (left, right), (low, high) = panel.get_xlim(), panel.get_ylim()
    if abs(w[2]) > abs(w[1]):
        x = np.array([left, right])
        panel.plot(x, -(w[0] + w[1] * x) / w[2], **style)
    else:
        y = np.array([low, high])
        panel.plot(-(w[0] + w[2] * y) / w[1], y, **style)
    panel.set(xlim=(left, right), ylim=(low, high))


def draw_lecture(panel, model):
    panel.set(xlim=(-0.5, 5), ylim=(-0.5, 5))
    plane(panel, "the lecture's samples", "first coordinate", "second coordinate")
    *before, (_, last) = model.corrections
    draw_line(panel, last, color=INK, linewidth=1.8,
              label=f"after the last correction, w = {last.astype(int).tolist()}")  # fmt: skip
    for _, w in before:
        if np.any(w[1:]):  # else there is no line
            draw_line(panel, w, color=GREY, linewidth=0.7, zorder=1)
    panel.plot([], color=GREY, linewidth=0.7, label="after the corrections before it")
    for target, color in ((1, BLUE), (-1, RED)):
        panel.plot(*SAMPLES[TARGETS == target].T, "o", color=color, markersize=8)
    for i, (x, y) in enumerate(SAMPLES, 1):
        panel.annotate(f"$x_{i}$", (x, y), (6, -12), textcoords="offset points", color=INK)
    legend(panel, loc="upper left")


def draw_criterion(panel):
    """Over (w_0, w_1), for the first coordinate of the samples."""
    x, start = SAMPLES[:, :1], np.array([-7.0, -1.5])
    y = normalised(x, TARGETS)
    w0, w1 = np.meshgrid(np.linspace(-9, 3, 361), np.linspace(-3, 5, 241))
    height = np.array([criterion(a, y)[0] for a in np.stack([w0.ravel(), w1.ravel()], 1)])
    height = height.reshape(w0.shape)
    panel.contourf(w0, w1, height, levels=[-1, 1e-9], colors=["#dcebdd"])
    panel.contour(w0, w1, height, levels=np.arange(2.5, 60, 5), colors=[GREY], linewidths=0.7)
    model = Perceptron(lr=0.1, batch=True).fit(x, TARGETS, w=start)
    way = np.array([start, *(w for _, w in model.corrections)])
    panel.plot(*way.T, "o-", color=ORANGE, markersize=3, linewidth=1.4)
    panel.plot(*way[-1], "o", color=INK, markersize=6)
    plane(panel, "the criterion $J_p$ and its descent", "$w_0$", "$w_1$")
    panel.text(-8.8, 4.3, "$J_p = 0$: separated", fontsize=9, color=GREEN)


def draw_digits(panel, train, model, accuracy):
    x, y = train
    for digit, color in zip(DIGITS, (RED, BLUE), strict=True):
        panel.plot(*x[y == digit].T, "o", color=color, alpha=0.5, markersize=3.5, label=str(digit),
                   markeredgewidth=0)  # fmt: skip
    draw_line(panel, model.w, color=INK, linewidth=1.8)
    plane(panel, f"digits: {accuracy:.1%} of the test images", "component 1", "component 2")
    legend(panel, loc="upper right")


def main(argv=None):
    arguments = options(__doc__, argv, limit=(60, 20))
    lecture = Perceptron().fit(SAMPLES, TARGETS)
    for sample, w in lecture.corrections:
        print(f"corrected by x{sample + 1}: w = {w.astype(int).tolist()}")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        xor = Perceptron(max_epochs=arguments.limit).fit(*XOR)
    print("XOR:", warned[0].message)

    train, test = digits_plane(*DIGITS)
    digits = Perceptron().fit(*train)
    results = {
        "corrections": [w.tolist() for _, w in lecture.corrections],
        "xor converged": xor.converged,
        "passes": len(digits.errors),
        "train": digits.score(*train),
        "test": digits.score(*test),
        "baseline": nearest_mean(train, test),
    }
    print(
        f"digits {DIGITS[0]} and {DIGITS[1]}: no error after {results['passes']} passes and "
        f"{len(digits.corrections)} corrections; test accuracy {results['test']:.1%}, "
        f"nearest mean {results['baseline']:.1%}"
    )

    picture = figure(8.4, 6.6, "Rosenblatt's perceptron")
    (first, second), (third, fourth) = picture.subplots(2, 2)
    draw_lecture(first, lecture)
    draw_criterion(second)
    draw_digits(third, train, digits, results["test"])
    curves(fourth, "corrections in each pass", "pass")
    for name, color, model in (
        ("the lecture's samples", INK, lecture),
        (f"digits {DIGITS[0]} and {DIGITS[1]}", BLUE, digits),
        ("XOR", RED, xor),
    ):
        fourth.plot(range(1, len(model.errors) + 1), model.errors, "o-", color=color,
                    markersize=3, linewidth=1.4, label=name)  # fmt: skip
    fourth.set_xlim(0, 1.6 * results["passes"])
    legend(fourth, loc="upper right")
    save(picture, arguments.out, "perceptron.png")
    return results


if __name__ == "__main__":
    main()
