"""What is measured, continued (see cases.py): conditional random fields, word2vec."""

import numpy as np
import numpy_impl as plain
from cases import Case, f64, label_of, normal, plain_case, torch
from taggers import torch_crf

import fastnn
from fastnn import kernels


def crf(shape):
    """The mean log-likelihood, forward and backward. shape: (T, N, K)"""
    arrays, tags = _scores(shape), np.random.default_rng(5).integers(0, shape[2], shape[:2])

    def op(F):
        if F is fastnn.functional:
            return lambda e, *rest: F.crf_log_likelihood(e, tags, *rest, reduction="mean")
        field, given = torch_crf()(shape[2]), torch.from_numpy(tags)
        mask = torch.ones(shape[:2], dtype=torch.bool)

        def by_torch(e, *parameters):
            names = "transitions", "start_transitions", "end_transitions"
            named = dict(zip(names, parameters, strict=True))
            return torch.func.functional_call(field, named, (e, given, mask))

        return by_torch

    def by_numpy(*given):
        ll, *gradients = plain.crf_both(*given[:-1], tags)
        return ll, *(g * given[-1] for g in gradients)

    work = 6 * np.prod(shape) * shape[2]
    return plain_case(label_of(shape), op, arrays, np.ones((), np.float32), by_numpy, work)


def crf_decode(shape):
    """shape: (T, N, K)"""
    arrays = _scores(shape)
    impls = {
        "fastnn": lambda: kernels.crf_decode(*arrays),
        "numpy": lambda: plain.crf_decode(*arrays),
    }
    if torch:
        tensors = [torch.from_numpy(a) for a in arrays]
        impls["torch"] = lambda: _decode_by_torch(*tensors)
    work = 2 * np.prod(shape) * shape[2]
    return Case(label_of(shape), impls, lambda: plain.crf_decode(*map(f64, arrays)), work)


def _scores(shape):
    """emissions, transitions, start, end"""
    kinds = shape[2]
    return [normal(*s, seed=i) for i, s in enumerate((shape, (kinds, kinds), (kinds,), (kinds,)))]


def _decode_by_torch(emissions, transitions, start, end):
    best, pointers = start + emissions[0], []
    for e in emissions[1:]:
        most = (best[:, :, None] + transitions).max(1)
        pointers.append(most.indices)
        best = most.values + e
    scores, last = (best + end).max(1)
    tags = [last]
    for pointer in reversed(pointers):
        tags.append(pointer.gather(1, tags[-1][:, None])[:, 0])
    return torch.stack(tags[::-1]), scores


def word2vec(words, vocabulary, size, window=5, negatives=5, lr=0.025, block=128):
    """Skip-gram with negative sampling: a pass over `words` words. Every implementation draws its
    own windows and negatives: compared are the mean loss, and how far both tables have moved."""
    shares = 1 / np.arange(1, vocabulary + 1)
    text = np.random.default_rng(1).choice(vocabulary, words, p=shares / shares.sum())
    counts = np.bincount(text, minlength=vocabulary)
    start = [normal(vocabulary, size, seed=i) * np.float32(size**-0.5) for i in range(2)]
    tables = [kernels.word_table(vocabulary, size) for _ in range(2)]
    targets = kernels.negative_sampling(counts, negatives)
    shares = counts**0.75 / (counts**0.75).sum()

    def by_fastnn():
        for table, values in zip(tables, start, strict=True):
            table[:, :size] = values
        options = {"window": window, "lr": lr, "block": block, "losses": True}
        return tables, kernels.word2vec(*tables, text, None, targets, **options)

    def by_numpy(inputs, outputs):
        rest = text, shares, window, negatives, lr, block, np.random.default_rng(0)
        return (inputs, outputs), plain.word2vec(inputs, outputs, *rest)

    def moved(result):
        after, losses = result
        pairs = zip(after, start, strict=True)
        return losses.mean(), *(np.linalg.norm(a[:, :size] - b) for a, b in pairs)

    impls = {
        "fastnn": by_fastnn,
        "numpy": lambda: by_numpy(*(a.copy() for a in start)),
    }
    return Case(
        f"{words} words of {vocabulary}, {size} numbers", impls,
        lambda: moved(by_numpy(*map(f64, start))), 6 * words * window * (1 + negatives) * size,
        tolerance=0.03, summary=moved,
    )  # fmt: skip
