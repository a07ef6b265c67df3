"""Threshold units after McCulloch and Pitts 1943, XOR from them in two ways, and Hebb's rule.

Above: what AND, OR and two networks for XOR answer over the plane, and the line of each unit that
sees the inputs. A single unit divides the plane by one line; trying many shows that it computes 14
of the 16 functions of two truth values, all but XOR and its opposite. Below: the weights that
Hebb's rule gives ten units, each of which shall fire for one digit: where the digit's images are
brighter than others, a pixel counts for it (blue), where darker, against it (red). One pass over
the images, and no look at the errors; the baseline answers with the digit whose mean image is
nearest.
"""

from itertools import product

import numpy as np
from _example import BLUE, GREY, INK, figure, nearest_mean, options, plane, save

from fastnn import data
from fastnn.models import hebb
from fastnn.models.mcculloch_pitts import (
    AND,
    AND_NOT,
    NOT,
    OR,
    XOR_AND_NOT,
    XOR_OR_AND,
    ThresholdUnit,
)

INPUTS = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
SHOWN = {
    "AND": (AND, (AND,)),
    "OR": (OR, (OR,)),
    "XOR: OR, not AND": (XOR_OR_AND, XOR_OR_AND.hidden),
    "XOR: one without the other": (XOR_AND_NOT, XOR_AND_NOT.hidden),
}


def functions_of_one_unit():
    """The truth tables that some unit with weights and threshold among -2, -1.5, ..., 2 has."""
    grid = np.arange(-2, 2.1, 0.5)
    return {tuple(ThresholdUnit((a, b), t)(*INPUTS.T)) for a, b, t in product(grid, grid, grid)}


def digits():
    """((images (N, 64) less the training images' mean, labels) of training, and of test)."""
    train, test = data.load_digits()
    mean = train.arrays[0].mean(0)
    parts = (train.arrays, test.arrays)
    return tuple(((images - mean).reshape(-1, 64), labels) for images, labels in parts)


def learn_digits():
    """Weights (10, 64) by Hebb's rule, test accuracy, that of the nearest mean."""
    (x, y), (x_test, y_test) = digits()
    targets = np.where(y[:, None] == np.arange(10), 1.0, -1.0)
    model = hebb.HebbianAssociator(lr=1 / len(x), bias=True).fit(x, targets)
    answers = model.decision_function(x_test).argmax(1)
    baseline = nearest_mean((x, y), (x_test, y_test))
    return model.weight[:, 1:], (answers == y_test).mean(), baseline


def draw_plane(panel, title, function, units):
    """Where `function` is 1, its four inputs, and the line of each of `units`."""
    side = np.linspace(-0.4, 1.4, 181)
    region = function(*np.meshgrid(side, side))
    panel.contourf(side, side, region, levels=[0.5, 1.5], colors=[BLUE], alpha=0.16)
    for unit in units:
        (a, b), t = unit.weights, unit.threshold
        panel.plot(side, (t - a * side) / b, color=INK, linewidth=1)
    for point in INPUTS:
        fires = function(*point)
        panel.plot(*point, "o", markersize=9, markeredgecolor=BLUE, markeredgewidth=1.6,
                   markerfacecolor=BLUE if fires else "white", clip_on=False)  # fmt: skip
    panel.set(xlim=(-0.4, 1.4), ylim=(-0.4, 1.4), aspect="equal", xticks=[0, 1], yticks=[0, 1])
    plane(panel, title).title.set_fontsize(9)


def main(argv=None):
    arguments = options(__doc__, argv)
    print("x1 x2   AND  OR  AND NOT   XOR  XOR\n" + "\n".join(
        f" {a}  {b}   {AND(a, b)}    {OR(a, b)}   {AND_NOT(a, b)}         "
        f"{XOR_OR_AND(a, b)}    {XOR_AND_NOT(a, b)}"
        for a, b in INPUTS
    ) + f"\nNOT 0 = {NOT(0)}, NOT 1 = {NOT(1)}")  # fmt: skip
    computed = len(functions_of_one_unit())
    print(f"one unit computes {computed} of the 16 functions of two inputs")
    weights, accuracy, baseline = learn_digits()
    print(f"digits by Hebb's rule: {accuracy:.1%} of the test images; nearest mean {baseline:.1%}")

    picture = figure(8.4, 4.1, "Threshold units, and what Hebb's rule learns")
    top, bottom = picture.subfigures(2, 1, height_ratios=(2.1, 1))
    for panel, (title, shown) in zip(top.subplots(1, 4), SHOWN.items(), strict=True):
        draw_plane(panel, title, *shown)
    top.supxlabel("blue: the unit fires; lines: where a unit that sees the inputs is undecided",
                  fontsize=8, color=GREY)  # fmt: skip
    bottom.suptitle("Hebb's rule: the weights of ten units after one pass over the digits",
                    x=0.01, ha="left", fontsize=9, color=INK)  # fmt: skip
    largest = np.abs(weights).max()
    for digit, panel in enumerate(bottom.subplots(1, 10)):
        panel.imshow(weights[digit].reshape(8, 8), cmap="RdBu", vmin=-largest, vmax=largest)
        panel.set_xlabel(str(digit), fontsize=8, color=INK)
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    save(picture, arguments.out, "mcculloch_pitts.png")
    return {"functions of one unit": computed, "accuracy": accuracy, "baseline": baseline}


if __name__ == "__main__":
    main()
