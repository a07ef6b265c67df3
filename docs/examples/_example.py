"""What the scripts of this folder share: their options, MNIST, and the look of their pictures."""

import argparse
import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import fastnn

INK, GREY, BLUE, RED, ORANGE, GREEN = (
    "#2b2f33", "#8a949e", "#1565c0", "#c62828", "#e07b00", "#2e7d32",
)  # fmt: skip


def options(doc, argv, choices=None, **numbers):
    """--quick, --seed, --out, --NAME for each of `numbers`: name=(full value, quick value), and for
    each of `choices`, {name: (default, others)}.

    Seeds fastnn and makes the folder. `doc` is the script's docstring.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a taste, within seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the pictures")
    for name, (full, quick) in numbers.items():
        parser.add_argument(f"--{name}", type=int, help=f"{full:,}; with --quick {quick:,}")
    for name, values in (choices or {}).items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    arguments = parser.parse_args(argv)
    for name, (full, quick) in numbers.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, quick if arguments.quick else full)
    arguments.out.mkdir(parents=True, exist_ok=True)
    fastnn.manual_seed(arguments.seed)
    return arguments


def mnist():
    """(train images, labels), (test images, labels); the images (N, 1, 28, 28) with the training
    images' mean taken off and divided by their standard deviation."""
    train, test = fastnn.data.load_mnist()
    mean, std = train.arrays[0].mean(), train.arrays[0].std()
    return tuple(((images - mean) / std, labels) for images, labels in (train[:], test[:]))


def digits_plane(*classes):
    """The embedded digits of some classes (all unless given) in two numbers each, the first two
    principal components of their training images: (x (N, 2), labels (N,)) of training, of test."""
    parts = [part.arrays for part in fastnn.data.load_digits()]
    if classes:
        chosen = [np.isin(labels, classes) for _, labels in parts]
        parts = [(x[rows], y[rows]) for (x, y), rows in zip(parts, chosen, strict=True)]
    mean = parts[0][0].mean(axis=0)
    flat = [((images - mean).reshape(-1, 64), labels) for images, labels in parts]
    axes = np.linalg.svd(flat[0][0], full_matrices=False)[2][:2]
    axes *= np.sign(axes.sum(axis=1, keepdims=True))  # else a matter of taste
    return tuple((x @ axes.T, labels) for x, labels in flat)


def nearest_mean(train, test):
    """The baseline: the accuracy of answering with the class whose training mean is nearest."""
    (x, y), (x_test, y_test) = train, test
    classes = np.unique(y)
    means = np.stack([x[y == label].mean(0) for label in classes])
    nearest = ((x_test[:, None] - means) ** 2).sum(2).argmin(1)
    return float((classes[nearest] == y_test).mean())


def batches(count, size, steps, seed):
    """Indices of `steps` batches: one shuffled pass over all `count` samples after the other."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(count)
    for _ in range(steps):
        if len(order) < size:
            order = np.concatenate([order, rng.permutation(count)])
        yield order[:size]
        order = order[size:]


def figure(width, height, title):
    """A matplotlib Figure that needs no display."""
    new = Figure(figsize=(width, height), dpi=110, layout="constrained", facecolor="white")
    new.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    return new


def curves(panel, title, xlabel, ylabel=""):
    """A panel for lines over time: grid along y, no frame."""
    panel.set_title(title, loc="left", fontsize=10, color=INK)
    panel.set_xlabel(xlabel, fontsize=9, color=INK)
    panel.set_ylabel(ylabel, fontsize=9, color=INK)
    panel.grid(axis="y", color="#e4e7ea", linewidth=0.8)
    panel.set_axisbelow(True)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.spines["bottom"].set_color(GREY)
    panel.tick_params(length=0, colors=INK, labelsize=8)
    return panel


def plane(panel, title, xlabel="", ylabel=""):
    """A panel for two coordinates: a thin frame, no grid."""
    panel.set_title(title, loc="left", fontsize=10, color=INK)
    panel.set_xlabel(xlabel, fontsize=9, color=INK)
    panel.set_ylabel(ylabel, fontsize=9, color=INK)
    panel.tick_params(length=0, colors=INK, labelsize=8)
    panel.spines[:].set_color("#e4e7ea")
    return panel


def legend(panel, **options):
    panel.legend(frameon=False, fontsize=8, labelcolor=INK, **options)


def save(picture, folder, name, colours=128):
    """A PNG with a palette of so many colours, small enough to keep beside its script."""
    file = io.BytesIO()
    picture.savefig(file, format="png")
    image = Image.open(file).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    image.save(folder / name, optimize=True)
    print(f"picture: {folder / name}")
