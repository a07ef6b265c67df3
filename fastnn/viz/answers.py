"""A classifier's answers beside the right ones: confusion matrix, misclassified images."""

import numpy as np

from ..training.plot import INK, new_figure
from ._tiles import as_array, check_limit, columns_for, grid, show_picture

_RIGHT, _WRONG = "#1565c0", "#c62828"
_LARGEST_WITH_TEXT = 20  # classes


def confusion_matrix(output, target, *, classes=None, title=None, figsize=None):
    """Counts and rates: row r, column p says how many of class r were taken for p.

    output: scores (N, V) as `predict` returns them, of which the largest counts, or class numbers
    (N,). target: class numbers (N,). classes: their names; None: 0, 1, ... Each cell shows its
    count and its share of the row, so that the rows sum to 100 %; empty cells show nothing. The
    diagonal is blue; errors are red by their share, on a scale of their own, so that few errors
    can be told apart. Up to 20 classes are lettered. Raises ValueError for arrays of unequal
    length or class numbers out of range.
    """
    op = "confusion_matrix"
    output, target, names = _answers(op, output, target, classes)
    size = len(names)
    counts = np.bincount(size * target + output, minlength=size * size).reshape(size, size)
    rates = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    right, total = int(counts.trace()), len(target)

    lettered = size <= _LARGEST_WITH_TEXT
    side = max(0.62 * size, 2.5) + 1.0 if lettered else 7.0
    figure = new_figure(
        op, figsize or (side, side + 0.3),
        title=title or f"{right:,} of {total:,} right ({right / total:.2%})",
    )  # fmt: skip
    panel = figure.subplots()
    diagonal = np.eye(size, dtype=bool)
    errors = np.where(diagonal, 0.0, rates)
    worst = errors.max() or 1.0
    panel.imshow(np.where(diagonal, np.nan, errors), cmap="Reds", vmin=0.0, vmax=1.3 * worst)
    panel.imshow(np.where(diagonal, rates, np.nan), cmap="Blues", vmin=0.0, vmax=2.0)
    if lettered:
        for r, p in np.argwhere(counts):
            strong = not diagonal[r, p] and errors[r, p] > 0.7 * worst
            panel.text(p, r, f"{counts[r, p]:,}\n{_percent(rates[r, p])}", ha="center",
                       va="center", fontsize=7, color="white" if strong else INK)  # fmt: skip
        wide = max(map(len, names)) > 4
        panel.set_xticks(range(size), names, rotation=45 if wide else 0, ha="right" if wide else
                         "center", rotation_mode="anchor" if wide else "default")  # fmt: skip
        panel.set_yticks(range(size), names)
        panel.set_xticks(np.arange(size + 1) - 0.5, minor=True)
        panel.set_yticks(np.arange(size + 1) - 0.5, minor=True)
        panel.grid(which="minor", color="white", linewidth=1.5)
    panel.tick_params(which="both", length=0, colors=INK, labelsize=9)
    panel.spines[:].set_visible(False)
    panel.set_xlabel("predicted", color=INK)
    panel.set_ylabel("right answer", color=INK)
    return figure


def misclassified(images, output, target, *, classes=None, limit=25, title=None, figsize=None):
    """Images that got a wrong answer, each with the right one (blue) and the predicted one (red).

    images: (N, C, H, W) or (N, H, W), C 1 or 3; each is shown from its least to its largest
    value. output, target, classes: as in `confusion_matrix`. Given scores (N, V), the images come
    in order of how much the wrong answer's score exceeds the right one's, the worst first;
    given class numbers, in their own order. limit: the first so many are shown. Raises ValueError
    as `confusion_matrix` does, and for images of another shape.
    """
    op = "misclassified"
    check_limit(op, limit)
    predicted, target, names = _answers(op, output, target, classes)
    images = np.asarray(images)
    pictures = images[:, None] if images.ndim == 3 else images
    if pictures.ndim != 4 or pictures.shape[1] not in (1, 3) or len(pictures) != len(target):
        raise ValueError(
            f"{op}: expected {len(target)} images (N, C, H, W) with C 1 or 3, or (N, H, W), "
            f"got {images.shape}"
        )
    wrong = np.flatnonzero(predicted != target)
    scores = np.asarray(output)
    if scores.ndim == 2:
        excess = scores[wrong, predicted[wrong]] - scores[wrong, target[wrong]]
        wrong = wrong[np.argsort(-excess, kind="stable")]
    shown = wrong[:limit]

    if title is None:
        title = f"{len(wrong):,} of {len(target):,} wrong"
        if len(shown) < len(wrong):
            title += f", {len(shown)} shown"
    columns = columns_for(len(shown))
    rows = max(-(-len(shown) // columns), 1)
    longest = max(map(len, names))
    size = figsize or (max((0.9 + 0.08 * longest) * columns, 3.0), 1.22 * rows + 0.4)
    figure = new_figure(op, size, title=title)
    for panel, i in zip(grid(figure, len(shown), columns), shown, strict=True):
        show_picture(panel, as_array(op, "images", pictures[i]))
        words = ("right", target, _RIGHT), ("predicted", predicted, _WRONG)
        for height, (word, numbers, color) in zip((12, 2), words, strict=True):
            panel.annotate(
                f"{word}: {names[numbers[i]]}", (0.5, 1.0), xytext=(0, height), color=color,
                xycoords="axes fraction", textcoords="offset points", ha="center", fontsize=8,
            )  # fmt: skip
    return figure


def _percent(rate):
    """Three significant digits at most: 100%, 99.2%, 0.31%."""
    return f"{rate:.0%}" if rate == 1 else f"{rate:.1%}" if rate >= 0.0995 else f"{rate:.2%}"


def _answers(op, output, target, classes):
    """Predicted and right class numbers, both (N,) int64, and the classes' names."""
    output, target = np.asarray(output), np.asarray(target)
    if output.ndim not in (1, 2) or target.ndim != 1 or len(output) != len(target):
        raise ValueError(
            f"{op}: expected outputs (N, classes) or (N,) and targets (N,), got "
            f"{output.shape} and {target.shape}"
        )
    if not len(target):
        raise ValueError(f"{op}: there are no samples")
    size = output.shape[1] if output.ndim == 2 else 0
    if output.ndim == 2:
        output = output.argmax(axis=1)
    for name, numbers in (("output", output), ("target", target)):
        if numbers.dtype.kind not in "iu":
            raise TypeError(f"{op}: {name} must hold class numbers, got dtype {numbers.dtype}")
        if numbers.min() < 0:
            raise ValueError(f"{op}: {name} has the class number {numbers.min()}")
    largest = int(max(output.max(), target.max()))
    if classes is None:
        names = [str(v) for v in range(max(size, largest + 1))]
    else:
        names = [str(name) for name in classes]
    if len(names) <= largest or len(names) < size:
        raise ValueError(
            f"{op}: {len(names)} classes are named, but there are {max(size, largest + 1)}"
        )
    return output.astype(np.int64), target.astype(np.int64), names
