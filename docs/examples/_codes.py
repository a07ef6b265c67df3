"""What the scripts on auto-encoders share: principal components, training, maps of 2-D codes."""

import time

import numpy as np
from _example import GREY, INK

from fastnn import fit, no_grad, optim
from fastnn.models.autoencoder import squared_error
from fastnn.training.callbacks import Callback


class PrincipalComponents:
    """The linear code that loses least: x ~ mean + code @ axes, fitted to x (N, D)."""

    def __init__(self, x, count):
        self.mean = x.mean(0)
        centred = x - self.mean
        self.axes = np.linalg.eigh(centred.T @ centred)[1][:, : -count - 1 : -1].T

    def encode(self, x):
        return (x - self.mean) @ self.axes.T

    def decode(self, code):
        return self.mean + code @ self.axes


def reconstruction_error(y, x):
    """Mean over samples of |y - x|^2."""
    return float(np.sum((y - x) ** 2, axis=1, dtype=np.float64).mean())


def run(module, x):
    """module(x) as an array, some rows at a time, without a tape."""
    module.eval()
    with no_grad():
        parts = [np.asarray(module(x[i : i + 2000])) for i in range(0, len(x), 2000)]
    return np.concatenate(parts)


class Report(Callback):
    """Prints the test error after every epoch, and keeps it in `errors`."""

    def __init__(self, name, test):
        self.name, self.test, self.errors = name, test, []

    def on_fit_begin(self, run):
        self.began = time.process_time()

    def on_epoch_end(self, epoch):
        self.errors.append(reconstruction_error(run(epoch.model, self.test), self.test))
        seconds = time.process_time() - self.began
        print(f"{self.name}, epoch {epoch.epoch}: test error {self.errors[-1]:.2f}, "
              f"{seconds:.0f} s", flush=True)  # fmt: skip


def train(name, model, x, test, *, epochs, lr=1e-3, batch_size=128, transform=None):
    """Adam along half a cosine; the test errors by epoch."""
    report = Report(name, test)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    fit(
        model, (x, x), loss=squared_error, optimizer=optimizer, epochs=epochs, metrics=(),
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs),
        batch_size=batch_size, transform=transform, callbacks=[report], progress=False,
    )  # fmt: skip
    return report.errors


def draw_map(panel, codes, labels, colours, title):
    """Codes (N, 2) as dots coloured by label; the limits leave out the farthest hundredth."""
    for label, colour in enumerate(colours):
        own = codes[labels == label]
        panel.scatter(*own.T, s=2, color=colour, linewidths=0, alpha=0.7)
    low, high = np.quantile(codes, (0.005, 0.995), axis=0)
    margin = 0.05 * (high - low)
    panel.set_xlim(low[0] - margin[0], high[0] + margin[0])
    panel.set_ylim(low[1] - margin[1], high[1] + margin[1])
    panel.set_title(title, loc="left", fontsize=9, color=INK)
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_color(GREY)


def nearest_neighbour_accuracy(codes, labels):
    """The share of codes whose nearest other code has the same label."""
    right = 0
    squares = (codes**2).sum(1)
    for first in range(0, len(codes), 1000):
        block = slice(first, first + 1000)
        distance = squares[block, None] - 2 * codes[block] @ codes.T + squares
        distance[np.arange(len(distance)), np.arange(first, first + len(distance))] = np.inf
        right += (labels[distance.argmin(1)] == labels[block]).sum()
    return right / len(codes)
