"""Dropout on MNIST over several layer widths, after Srivastava et al. 2014, figure 4, in small
(Journal of Machine Learning Research 15, "Dropout: a simple way to prevent neural networks from
overfitting").

Networks of two hidden layers of 128, 512 or 1,024 ReLUs learn from 3,000 images, with and without
dropout: a fifth of the inputs and half of the hidden units are left out. So few images are soon
known by heart: without dropout the test error then stands still, with it it goes on falling, and
ends lower at every width.
"""

import numpy as np
from _example import BLUE, GREEN, ORANGE, curves, figure, legend, mnist, options, save

from fastnn import fit, manual_seed, nn, optim

BATCH = 100


def network(width, dropout):
    def leave_out(p):
        return [nn.Dropout(p)] if dropout else []

    return nn.Sequential(
        nn.Flatten(),
        *leave_out(0.2),
        nn.Linear(784, width), nn.ReLU(), *leave_out(0.5),
        nn.Linear(width, width), nn.ReLU(), *leave_out(0.5),
        nn.Linear(width, 10),
    )  # fmt: skip


def main(argv=None):
    arguments = options(__doc__, argv, images=(3_000, 1_000), epochs=(80, 25))
    (images, labels), test = mnist()
    data = images[: arguments.images], labels[: arguments.images]
    if arguments.quick:
        test = tuple(part[::10] for part in test)
    widths = (64, 512) if arguments.quick else (128, 512, 1024)

    results = {}
    picture = figure(8, 3.8, f"Dropout on {arguments.images:,} images of MNIST, two hidden layers")
    panels = picture.subplots(1, 2, sharey=True)
    curves(panels[0], "test error without dropout", "epoch", "%")
    curves(panels[1], "test error with dropout", "epoch")
    for width, color in zip(widths, (ORANGE, GREEN, BLUE), strict=False):
        for panel, dropout in zip(panels, (False, True), strict=True):
            manual_seed(arguments.seed)
            model = network(width, dropout)
            history = fit(
                model, data, validation=test, epochs=arguments.epochs, batch_size=BATCH,
                optimizer=optim.Adam(model.parameters(), lr=1e-3), progress=False,
            )  # fmt: skip
            errors = 100 * (1 - np.array(history["val_accuracy"]))
            last = float(errors[-max(arguments.epochs // 8, 1) :].mean())  # of the last eighth
            results[width, dropout] = {"test": last, "train": 100 * (1 - history["accuracy"][-1])}
            print(f"width {width}, {'with' if dropout else 'without'}: test error {last:.2f} %")
            label = f"{width:,} units a layer: {last:.2f} %"
            panel.plot(range(1, len(errors) + 1), errors, color=color, linewidth=1.6, label=label)
    lasts = [result["test"] for result in results.values()]
    panels[0].set_ylim(0.8 * min(lasts), 2.2 * max(lasts))
    for panel in panels:
        legend(panel, loc="upper right")
    save(picture, arguments.out, "dropout_mnist.png")
    return results


if __name__ == "__main__":
    main()
