"""A multilayer perceptron on MNIST, with dropout: 784-800-800-10, by backpropagation.

The inputs are the pixels, of which a fifth is left out at random in training, and of the hidden
rectified units a half. Adam along half a cosine; no image is shifted or distorted. Published for
networks of this kind: 1.6 % test error without dropout (Simard et al. 2003), 1.25 % with it
(Srivastava et al. 2014, three layers of 1,024).
"""

import numpy as np
from _example import BLUE, ORANGE, curves, figure, legend, options, save

import fastnn
from fastnn import fit, nn, optim
from fastnn.training.callbacks import Callback


class Report(Callback):
    def on_epoch_end(self, run):
        error = 100 * (1 - run.logs["val_accuracy"])
        print(f"epoch {run.epoch}: test error {error:.2f} %", flush=True)


def main(argv=None):
    arguments = options(__doc__, argv, images=(60_000, 6_000), epochs=(40, 8), units=(800, 256))
    train, test = fastnn.data.load_mnist()
    x, pixels = (part.arrays[0].reshape(-1, 784) for part in (train, test))
    labels, answers = train.arrays[1], test.arrays[1]
    units = arguments.units
    model = nn.Sequential(
        nn.Dropout(0.2),
        nn.Linear(784, units), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(units, units), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(units, 10),
    )  # fmt: skip
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    history = fit(
        model, (x[: arguments.images], labels[: arguments.images]), validation=(pixels, answers),
        optimizer=optimizer, epochs=arguments.epochs, batch_size=128, progress=False,
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=arguments.epochs),
        callbacks=[Report()],
    )  # fmt: skip
    errors = 100 * (1 - np.array(history["val_accuracy"]))
    print(f"test error {errors[-1]:.2f} %")

    picture = figure(4.5, 3.8, f"784-{units}-{units}-10 with dropout on MNIST")
    panel = curves(picture.subplots(), "error by epoch", "epoch", "%")
    epochs = range(1, len(errors) + 1)
    training = 100 * (1 - np.array(history["accuracy"]))
    panel.plot(epochs, training, color=ORANGE, linewidth=1.6, label="training, with units left out")
    panel.plot(epochs, errors, color=BLUE, linewidth=1.6, label=f"test: {errors[-1]:.2f} %")
    panel.set_ylim(0, 4 * errors[0])
    legend(panel, loc="upper right")
    save(picture, arguments.out, "mlp_mnist.png")
    return {"error": errors[-1], "training": training[-1]}


if __name__ == "__main__":
    main()
