"""What the scripts that turn a sentence into another one share: training, and what needs none."""

import time
from collections import Counter

import numpy as np

import fastnn
from fastnn import nn, optim
from fastnn.models import seq2seq
from fastnn.training.evaluate import evaluation_mode

WARM_UP = 0.03  # of all steps


def train(name, model, loader, *, epochs, validate, lr=2e-3, smoothing=0.1):
    """Adam, its rate rising for 3 % of all steps and falling to nothing along half a cosine. Keeps
    the parameters of the epoch whose validate(model), a number, was largest; returns all of these.
    """
    optimizer = optim.Adam(model.parameters(), lr=lr, betas=(0.9, 0.98))
    steps, step, scores, best = epochs * len(loader), 0, [], None
    began = time.perf_counter()
    for epoch in range(1, epochs + 1):
        total = words = 0
        for batch in loader:
            step += 1
            share = min(step / (WARM_UP * steps), 1.0)
            optimizer.param_groups[0]["lr"] = lr * share * (1 + np.cos(np.pi * step / steps)) / 2
            optimizer.zero_grad()
            loss = seq2seq.loss(model, batch, smoothing)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            count = int(batch[3].sum())
            total, words = total + loss.item() * count, words + count
        scores.append(validate(model))
        if scores[-1] == max(scores):
            best = {key: value.copy() for key, value in model.state_dict().items()}
        print(f"{name}, epoch {epoch}: training loss {total / words:.3f}, validation "
              f"{scores[-1]:.3f}, {time.perf_counter() - began:.0f} s", flush=True)  # fmt: skip
    model.load_state_dict(best)
    return scores


def nats_a_word(model, loader):
    """Mean cross-entropy of the words of a loader's batches."""
    total = words = 0
    with evaluation_mode(model), fastnn.no_grad():
        for batch in loader:
            count = int(batch[3].sum())
            total, words = total + seq2seq.loss(model, batch).item() * count, words + count
    return total / words


def unigram_nats(targets, held_out):
    """The cross-entropy of the words of `held_out` by how often each is in `targets`, plus one."""
    counts = Counter(number for target in targets for number in target[1:].tolist())
    words = [number for target in held_out for number in target[1:].tolist()]
    total = sum(counts.values()) + len(counts) + 1
    return -np.mean([np.log((counts[number] + 1) / total) for number in words])


class Retrieval:
    """The baseline: the answer to the training sentence that has most in common with the one that
    is asked, by the cosine of their words, each weighed by log(N / sentences that have it)."""

    def __init__(self, sources, answers):
        self.answers = answers
        counts = Counter(word for source in sources for word in set(source))
        self.weights = {word: np.log(len(sources) / n) for word, n in counts.items()}
        places = {word: [] for word in counts}
        for i, source in enumerate(sources):
            for word in set(source):
                places[word].append(i)
        self.places = {word: np.array(rows) for word, rows in places.items()}
        squares = [sum(self.weights[word] ** 2 for word in set(source)) for source in sources]
        self.norms = np.sqrt(squares) + 1e-9

    def __call__(self, source):
        scores = np.zeros(len(self.norms))
        for word in set(source) & self.places.keys():
            scores[self.places[word]] += self.weights[word] ** 2
        return self.answers[int((scores / self.norms).argmax())]
