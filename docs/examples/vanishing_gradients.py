"""Vanishing gradients: gradient norm by layer in networks of 2 to 20 layers, on MNIST.

Above: the norm of the loss's gradient with respect to each layer's weights, before anything is
learnt. Through sigmoids it shrinks by about a factor of four from layer to layer; tanh and ReLU
with weights of the right size (Glorot and Bengio 2010, He et al. 2015) pass it on. Below: 20
layers, plain, with batch normalisation, and with residual connections, and the test accuracy after
some hundred steps of SGD. Twenty plain layers of sigmoids learn nothing.
"""

from _example import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    batches,
    curves,
    figure,
    legend,
    mnist,
    options,
    save,
)

import fastnn.functional as F
from fastnn import evaluate, manual_seed, nn, optim
from fastnn.models.vanishing import deep_mlp, gradient_norms

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}
DEPTHS = {2: GREEN, 5: ORANGE, 10: BLUE, 20: RED}
KINDS = {
    "plain": ({}, RED),
    "batch norm": ({"batch_norm": True}, BLUE),
    "residual": ({"residual": True}, GREEN),
}
BATCH, MEASURED = 100, 500  # images a step, and for the gradient norms


def train(model, images, labels, steps, seed):
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for rows in batches(len(labels), BATCH, steps, seed):
        loss = F.cross_entropy(model(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main(argv=None):
    arguments = options(__doc__, argv, steps=(600, 60))
    (images, labels), test = mnist()
    shown = images[:MEASURED], labels[:MEASURED]
    if arguments.quick:
        test = tuple(part[::10] for part in test)
    results = {}
    picture = figure(10, 6, "Gradient norm by layer: does the gradient reach the first one?")
    panels = picture.subplots(2, 3, sharex=True, sharey="row")
    for (name, activation), (above, below) in zip(ACTIVATIONS.items(), panels.T, strict=True):
        curves(above, f"{name}, plain", "", "gradient norm" if name == "sigmoid" else "")
        for depth, color in DEPTHS.items():
            manual_seed(arguments.seed)
            norms = gradient_norms(deep_mlp(depth, activation), *shown)
            results[name, depth] = float(norms[1] / norms[-1])
            above.plot(range(1, depth + 1), norms, "o-", color=color, markersize=3,
                       linewidth=1.4, label=f"{depth} layers")  # fmt: skip
        for kind, (choices, color) in KINDS.items():
            manual_seed(arguments.seed)
            model = deep_mlp(20, activation, **choices)
            norms = gradient_norms(model, *shown)
            train(model, images, labels, arguments.steps, arguments.seed)
            accuracy = evaluate(model, test)["accuracy"]
            ratio = float(norms[1] / norms[-1])  # the first layer, of another size, left out
            results[name, kind] = {"ratio": ratio, "accuracy": accuracy}
            print(f"{name}, 20 layers, {kind}: second layer's gradient {ratio:.1e} of the last "
                  f"one's, test accuracy {accuracy:.1%}")  # fmt: skip
            below.plot(range(1, 21), norms, "o-", color=color, markersize=3, linewidth=1.4,
                       label=f"{kind}: {accuracy:.1%}")  # fmt: skip
        curves(below, f"{name}, 20 layers: test accuracy", "layer",
               "gradient norm" if name == "sigmoid" else "")  # fmt: skip
    for panel in panels.ravel():
        panel.set_yscale("log")
        panel.set_xticks([1, 5, 10, 15, 20])
        legend(panel, loc="lower right")
    save(picture, arguments.out, "vanishing_gradients.png")
    return results


if __name__ == "__main__":
    main()
