"""word2vec, window by window, with the kernel's random numbers."""

from itertools import pairwise

import numpy as np

from .activation import f64, sigmoid
from .philox import uniform


def word2vec(
    inputs, outputs, words, bounds=None, targets=None, *, window=5, cbow=False, lr=0.025, seed=0,
    first=0, block=128,
):  # fmt: skip
    """inputs, outputs and losses after the pass."""
    x, y, losses = f64(inputs).copy(), f64(outputs).copy(), np.zeros(len(words))
    bounds = [0, len(words)] if bounds is None else bounds
    begin, end = lr if isinstance(lr, tuple) else (lr, lr)
    windows = drawn(words, bounds, targets, window, seed, first)
    for b in range(0, len(words), block):
        rate = begin + (end - begin) * b / len(words)
        some = range(b, min(b + block, len(words)))
        x_before, y_before = x.copy(), y.copy()
        for n in some:
            word, contexts, rows, labels = windows[n]
            if not contexts:
                continue
            h = hidden(x_before, contexts, cbow)
            scores = h @ y_before[rows].T
            if targets is None:
                losses[n] = (np.log(np.exp(scores).sum(1)) - scores[:, word]).sum()
                errors = np.exp(scores) / np.exp(scores).sum(1, keepdims=True) - labels
                old_h, old_y = h, y_before[rows]  # the block is one step
            else:
                losses[n] = (np.logaddexp(0, scores) - labels * scores).sum()
                errors = sigmoid(scores) - labels
                old_h, old_y = hidden(x, contexts, cbow), y[rows]
            dh = errors @ old_y
            np.subtract.at(y, rows, rate * errors.T @ old_h)
            share = np.repeat(dh / len(contexts), len(contexts), 0) if cbow else dh
            np.subtract.at(x, contexts, rate * share)
    return x, y, losses


def hidden(x, contexts, cbow):
    """The rows that are set against the targets."""
    return x[contexts].mean(0, keepdims=True) if cbow else x[contexts]


def drawn(words, bounds, targets, window, seed, first):
    """Every word's window: the word, its contexts, its targets' rows and their labels. A row that
    is drawn twice is there twice."""
    kind = type(targets).__name__
    numbers = 1 + 2 * targets.negatives if kind == "NegativeSampling" else 1
    random = uniform((first + len(words)) * numbers, seed).reshape(-1, numbers)[first:]
    windows = []
    for begin, end in pairwise(bounds):
        for n in range(begin, end):
            word, r = int(words[n]), 1 + int(random[n, 0] * window)
            near = range(max(begin, n - r), min(end, n + r + 1))
            contexts = [int(words[i]) for i in near if i != n]
            if kind == "NegativeSampling":
                rows, labels = negatives(word, random[n, 1:], targets)
            elif kind == "HuffmanTree":
                way = slice(targets.start[word], targets.start[word + 1])
                rows, labels = targets.node[way], f64(targets.code[way])
            else:
                rows = np.arange(words.max() + 1)
                labels = f64(rows == word)
            windows.append((word, contexts, rows, labels))
    return windows


def negatives(word, random, targets):
    """The word and those that are drawn from the alias table, the word itself left out."""
    rows = []
    for u, v in random.reshape(-1, 2):
        row = int(u * len(targets.threshold))
        if v >= targets.threshold[row] * 2.0**-32:
            row = int(targets.alias[row])
        if row != word:
            rows.append(row)
    return [word, *rows], np.array([1.0] + [0.0] * len(rows))
