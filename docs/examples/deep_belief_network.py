"""A deep belief network on MNIST, after Hinton, Osindero and Teh 2006: three restricted Boltzmann
machines learn the images one upon the other, without labels; their weights then start a network of
sigmoids 784-500-500-1000-10, which backpropagation fine-tunes.

Beside it the same network from random weights, fine-tuned alike. Published for 784-500-500-2000-10:
1.25 % test error (fine-tuned as a generative model; 1.2 % by backpropagation, Hinton and
Salakhutdinov 2006), and 1.5 to 1.6 % from random weights.

The picture: test error by epoch, and the first layer's weights before and after fine-tuning.
"""

import numpy as np
from _example import BLUE, GREY, INK, ORANGE, curves, figure, legend, options, save

import fastnn
from fastnn import fit, nn, optim
from fastnn.models.dbn import DBN
from fastnn.training.callbacks import Callback

SIZES = [784, 500, 500, 1000]


class Report(Callback):
    def __init__(self, name):
        self.name = name

    def on_epoch_end(self, run):
        error = 100 * (1 - run.logs["val_accuracy"])
        print(f"{self.name}, epoch {run.epoch}: test error {error:.2f} %", flush=True)


def fine_tune(name, model, data, test, epochs):
    """Test errors in % by epoch."""
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    history = fit(
        model, data, validation=test, optimizer=optimizer, epochs=epochs, batch_size=100,
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs), progress=False,
        callbacks=[Report(name)],
    )  # fmt: skip
    return 100 * (1 - np.array(history["val_accuracy"]))


def first_layer(model):
    return next(layer for layer in model if isinstance(layer, nn.Linear)).weight.data


def draw_weights(panel, weight, title):
    """40 units' weights as pictures, blue for positive."""
    framed = np.pad(weight[:40].reshape(5, 8, 28, 28), ((0, 0), (0, 0), (0, 1), (0, 1)))
    tiles = framed.transpose(0, 2, 1, 3).reshape(5 * 29, 8 * 29)
    largest = np.quantile(np.abs(tiles), 0.995)
    panel.imshow(tiles, cmap="RdBu", vmin=-largest, vmax=largest)
    panel.set_title(title, loc="left", fontsize=9, color=INK)
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_color(GREY)


def main(argv=None):
    arguments = options(__doc__, argv, images=(60_000, 3_000), pretrain=(6, 8), epochs=(14, 6))
    train, test = fastnn.data.load_mnist()
    x, labels = train.arrays[0].reshape(-1, 784), train.arrays[1]
    data = x[: arguments.images], labels[: arguments.images]
    test = test.arrays[0].reshape(-1, 784), test.arrays[1]
    sizes = [784, 200, 200] if arguments.quick else SIZES
    if arguments.quick:
        test = tuple(part[::4] for part in test)

    dbn = DBN(sizes)
    dbn.pretrain(
        data[0], epochs=arguments.pretrain, lr=0.05,
        report=lambda layer, epoch, error: print(
            f"RBM {layer}, epoch {epoch}: squared error {error:.2f}", flush=True
        ),
    )  # fmt: skip
    started = dbn.classifier(10, dropout=0.2)
    before = first_layer(started).copy()
    fastnn.manual_seed(arguments.seed + 1)
    random = DBN(sizes).classifier(10, dropout=0.2)
    for layer in random:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
    errors = {}
    for name, model in (("pre-trained", started), ("from random weights", random)):
        fastnn.manual_seed(arguments.seed)
        errors[name] = fine_tune(name, model, data, test, arguments.epochs)

    picture = figure(11, 3.9, f"Deep belief network {'-'.join(map(str, sizes))}-10 on MNIST")
    left, middle, right = picture.subplots(1, 3, width_ratios=(1.1, 1.3, 1.3))
    curves(left, "test error while fine-tuning", "epoch", "%")
    for (name, series), color in zip(errors.items(), (BLUE, ORANGE), strict=True):
        print(f"{name}: test error {series[-1]:.2f} %")
        left.plot(range(1, len(series) + 1), series, color=color, linewidth=1.6,
                  label=f"{name}: {series[-1]:.2f} %")  # fmt: skip
    left.set_ylim(bottom=0, top=2.5 * errors["pre-trained"][0])
    legend(left, loc="upper right")
    draw_weights(middle, before, "first layer's weights, pre-trained")
    draw_weights(right, first_layer(started), "the same, fine-tuned")
    save(picture, arguments.out, "deep_belief_network.png", colours=64)
    return {name: series[-1] for name, series in errors.items()} | {
        "first": {name: series[0] for name, series in errors.items()}
    }


if __name__ == "__main__":
    main()
