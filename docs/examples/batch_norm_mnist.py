"""Batch normalisation on MNIST, after Ioffe and Szegedy 2015, figure 1 (arXiv:1502.03167).

Three hidden layers of 100 sigmoids, trained with and without batch normalisation on the same
batches of 60. Left: test accuracy by step. Right: the 15th, 50th and 85th percentile of what one
sigmoid of the last hidden layer gets for 1,000 test images. With batch normalisation the network
learns in fewer steps and ends with fewer errors, and the distribution is where it will stay from
the first steps on; without it the median travels first, and little is learnt meanwhile.
"""

import numpy as np
from _example import BLUE, RED, batches, curves, figure, legend, mnist, options, save

import fastnn.functional as F
from fastnn import evaluate, manual_seed, nn, optim, predict

WIDTH, BATCH, UNIT = 100, 60, 0
PERCENTILES = (15, 50, 85)


def network(normalised):
    layers = [nn.Flatten()]
    for inputs in (784, WIDTH, WIDTH):
        layers.append(nn.Linear(inputs, WIDTH, bias=not normalised))  # the norm has its own
        layers += [nn.BatchNorm1d(WIDTH)] if normalised else []
        layers.append(nn.Sigmoid())
    model = nn.Sequential(*layers, nn.Linear(WIDTH, 10))
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.1)
    return model


def train(model, data, test, steps, seed):
    """Steps, test accuracies, and percentiles (len(steps), 3, WIDTH) of the last sigmoids' input.

    Measured at some fifty steps, as many from 100 to 200 as from 10,000 to 20,000; from the 30th
    on, when the running statistics no longer show where they started.
    """
    images, labels = data
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    before_last_sigmoid = model[:-2]
    at = np.unique(np.geomspace(30, steps, 50).astype(int))
    accuracies, percentiles = [], []
    for step, rows in enumerate(batches(len(labels), BATCH, steps, seed), start=1):
        loss = F.cross_entropy(model(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in at:
            accuracies.append(evaluate(model, test)["accuracy"])
            inputs = predict(before_last_sigmoid, test[0][:1000])
            percentiles.append(np.percentile(inputs, PERCENTILES, axis=0))
    return at, accuracies, np.array(percentiles)


def travel(percentiles):
    """How far a sigmoid's median input moves in all, over the width between the 15th and the 85th
    percentile in the end: the median of all units."""
    widths = percentiles[-1, 2] - percentiles[-1, 0]
    return float(np.median(np.ptp(percentiles[:, 1], axis=0) / widths))


def first_above(at, accuracies, level):
    return next((int(step) for step, a in zip(at, accuracies, strict=True) if a >= level), None)


def main(argv=None):
    arguments = options(__doc__, argv, steps=(30_000, 600))
    data, test = mnist()
    test = tuple(part[:: 5 if arguments.quick else 1] for part in test)
    results = {}
    picture = figure(10, 3.4, "Batch normalisation: three layers of 100 sigmoids on MNIST")
    accuracy, *inputs = picture.subplots(1, 3)
    curves(accuracy, "test accuracy", "step")
    for panel, name, color in zip(inputs, ("without", "with"), (RED, BLUE), strict=True):
        manual_seed(arguments.seed)
        model = network(name == "with")
        at, accuracies, percentiles = train(model, data, test, arguments.steps, arguments.seed)
        results[name] = {
            "accuracy": accuracies[-1],
            "steps to 90%": first_above(at, accuracies, 0.9),
            "steps to 97%": first_above(at, accuracies, 0.97),
            "travel": travel(percentiles),
        }
        print(f"{name} batch normalisation:", results[name])
        accuracy.plot(at, accuracies, color=color, linewidth=1.8, label=name)
        curves(panel, f"input of a sigmoid, {name}", "step")
        low, median, high = percentiles[:, :, UNIT].T
        panel.fill_between(at, low, high, color=color, alpha=0.15, linewidth=0)
        panel.plot(at, median, color=color, linewidth=1.8, label="median")
        panel.plot(at, low, color=color, linewidth=0.9, label="15th and 85th percentile")
        panel.plot(at, high, color=color, linewidth=0.9)
    accuracy.set_ylim(0.7, 1.0)
    legend(accuracy, loc="lower right")
    low, high = np.array([panel.get_ylim() for panel in inputs]).T
    for panel in (accuracy, *inputs):
        panel.set_xscale("log")
    for panel in inputs:
        panel.set_ylim(low.min(), 1.3 * high.max())  # one scale for both, and room for the legend
        legend(panel, loc="upper left")
    save(picture, arguments.out, "batch_norm_mnist.png")
    return results


if __name__ == "__main__":
    main()
