"""Backpropagation at work: XOR with layers and with shortcuts, and ten classes in two features.

Left: what two networks for XOR answer over the plane, two hidden sigmoid units in a layer, and a
single one with shortcuts from the inputs around it to the output (Rumelhart, Hinton and Williams
1986, figures 2 and 4); below them the squared error of twenty starts of each. Right: the regions
of ten classes that a network with one hidden layer draws in a plane of two features, as Huang and
Lippmann (1988) did for ten vowels in two formants. No set of vowels is at hand, so these are real
digits in their first two principal components. Baselines: the nearest mean, a network without
hidden layer, and both on all 64 pixels.
"""

import numpy as np
from _example import (
    BLUE,
    ORANGE,
    curves,
    digits_plane,
    figure,
    legend,
    nearest_mean,
    options,
    plane,
    save,
)
from matplotlib import colormaps

import fastnn.functional as F
from fastnn import data, evaluate, fit, manual_seed, nn, optim, predict
from fastnn.models import MLP, AcyclicNetwork

INPUTS = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], np.float32)
TARGETS = np.array([[0], [1], [1], [0]], np.float32)
LEARNT = 0.001  # squared error, mean over the four inputs
XOR = {
    "two hidden units": (BLUE, lambda: MLP((2, 2, 1), nn.Sigmoid)),
    "one, with shortcuts": (
        ORANGE,
        lambda: AcyclicNetwork(2, {"hidden": (1, ["x"]), "output": (1, ["x", "hidden"])}),
    ),
}


def learn_xor(model, steps):
    """The squared error of each step, until it is LEARNT or the steps are over."""
    optimizer = optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    errors = []
    while len(errors) < steps and (not errors or errors[-1] > LEARNT):
        loss = F.mse_loss(F.sigmoid(model(INPUTS)), TARGETS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(loss.item())
    return errors


def learn_digits(sizes, train, test, epochs, seed):
    """The network, and its accuracy on the test images."""
    manual_seed(seed)
    model = MLP(sizes, nn.Tanh)
    fit(
        model, train, epochs=epochs, batch_size=32, progress=False,
        optimizer=optim.Adam(model.parameters(), lr=0.01 if sizes[0] == 2 else 0.003),
    )  # fmt: skip
    return model, evaluate(model, test)["accuracy"]


def draw_xor(panel, title, model):
    side = np.linspace(-0.4, 1.4, 121, dtype=np.float32)
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    answers = F.sigmoid(predict(model, points)).data.reshape(121, 121)
    panel.contourf(side, side, answers, levels=np.linspace(0, 1, 11), cmap="Blues", vmax=2.5)
    for point, target in zip(INPUTS, TARGETS[:, 0], strict=True):
        panel.plot(*point, "o", markersize=9, markeredgecolor=BLUE, markeredgewidth=1.6,
                   markerfacecolor=BLUE if target else "white")  # fmt: skip
    plane(panel, title)
    panel.set(aspect="equal", xticks=[0, 1], yticks=[0, 1])


def draw_regions(panel, title, model, train):
    x, y = train
    low, high = x.min(0) - 0.2, x.max(0) + 0.2
    sides = [np.linspace(a, b, 241, dtype=np.float32) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    regions = predict(model, points).argmax(1).reshape(241, 241)
    colors = colormaps["tab10"].colors
    panel.imshow(
        regions, extent=(low[0], high[0], low[1], high[1]), origin="lower", aspect="auto",
        cmap="tab10", vmin=-0.5, vmax=9.5, alpha=0.3,
    )  # fmt: skip
    for digit in range(10):
        for place in x[y == digit][::3]:  # a third, to be read
            panel.text(*place, str(digit), fontsize=7, color=colors[digit], ha="center",
                       va="center", fontweight="bold")  # fmt: skip
    plane(panel, title, "component 1", "component 2")


def main(argv=None):
    arguments = options(__doc__, argv, starts=(20, 2), epochs=(100, 15))
    results = {}
    picture = figure(10.5, 5.4, "Backpropagation with layers and with shortcuts")
    cells = picture.add_gridspec(2, 4, width_ratios=(1, 1, 1.2, 1.2), height_ratios=(1.25, 1))
    panel = curves(picture.add_subplot(cells[1, :2]), "squared error, each start", "step")
    for column, (name, (color, build)) in enumerate(XOR.items()):
        learnt = []
        for start in range(arguments.starts):
            manual_seed(arguments.seed + start)
            model = build()
            errors = learn_xor(model, 2_500)
            panel.plot(errors, color=color, linewidth=0.8, label=None if start else name)
            if errors[-1] <= LEARNT:
                learnt.append(len(errors))
                shown = model
        results[name] = {"learnt": len(learnt), "steps": int(np.median(learnt))}
        print(f"XOR, {name}: learnt in {len(learnt)} of {arguments.starts} starts, "
              f"after {results[name]['steps']} steps (median)")  # fmt: skip
        draw_xor(picture.add_subplot(cells[0, column]), f"XOR: {name}", shown)
    panel.set_ylim(0, 0.3)
    legend(panel, loc="upper right", ncols=2)

    train, test = ((x.astype(np.float32), labels) for x, labels in digits_plane())
    pixels = data.load_digits()
    for name, sizes, (known, unknown) in (
        ("plane, 50 hidden units", (2, 50, 10), (train, test)),
        ("plane, none", (2, 10), (train, test)),
        ("pixels, 50 hidden units", (64, 50, 10), pixels),
        ("pixels, none", (64, 10), pixels),
    ):
        model, results[name] = learn_digits(sizes, known, unknown, arguments.epochs, arguments.seed)
        if name == "plane, 50 hidden units":
            title = f"ten digits in two features: {results[name]:.1%} of the test images"
            draw_regions(picture.add_subplot(cells[:, 2:]), title, model, train)
    flat = [(part.arrays[0].reshape(-1, 64), part.arrays[1]) for part in pixels]
    results["plane, nearest mean"] = nearest_mean(train, test)
    results["pixels, nearest mean"] = nearest_mean(*flat)
    for name in list(results)[2:]:
        print(f"digits, {name}: {results[name]:.1%} of the test images")
    save(picture, arguments.out, "multilayer_perceptron.png")
    return results


if __name__ == "__main__":
    main()
