"""What the scripts that classify sequences share: training a network, and the baselines,
and what was measured as bars."""

import numpy as np
from _example import BLUE, GREY, curves, legend
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from fastnn import evaluate, fit, optim
from fastnn.data import ArrayDataset, DataLoader, pad_sequences


def loader(vocabulary, texts, labels, *, shuffle=False, seed=0, batch_size=64):
    """Batches (numbers (N, T), lengths (N,), labels (N,)) of texts of about equal length."""
    padded, lengths = pad_sequences([vocabulary.encode(text) for text in texts], batch_first=True)
    return DataLoader(
        ArrayDataset(padded, lengths, labels), batch_size, shuffle, seed=seed, lengths=lengths
    )


def train(model, batches, test, *, epochs, lr=2e-3, weight_decay=0.0):
    """AdamW along half a cosine; the accuracy on `test`."""
    optimizer = optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    fit(
        model, batches, epochs=epochs, optimizer=optimizer, metrics=(), grad_clip=1.0,
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs), progress=False,
    )  # fmt: skip
    return evaluate(model, test)["accuracy"]


def majority(labels, answers):
    """Always the class most frequent in `labels`: its share of `answers`."""
    return float((answers == np.bincount(labels).argmax()).mean())


def ngram_regression(train, test, *, strength=1.0, **options):
    """Logistic regression on which n-grams (`CountVectorizer`'s options) a text has: its
    accuracy."""
    model = make_pipeline(
        CountVectorizer(binary=True, lowercase=False, **options),
        LogisticRegression(C=strength, max_iter=2000),
    )
    return float(model.fit(*train).score(*test))


def bars(panel, title, results):
    """Accuracies in per cent: {task: {model: share}}, a colour a task, a bar a model."""
    curves(panel, title, "")
    models = list(next(iter(results.values())))
    height = 0.8 / len(results)
    for i, (task, accuracy) in enumerate(results.items()):
        widths = [100 * accuracy[model] for model in models]
        places = np.arange(len(models)) + (i - (len(results) - 1) / 2) * height
        panel.barh(places, widths, 0.95 * height, color=(BLUE, GREY)[i], label=task)
        for place, width in zip(places, widths, strict=True):
            panel.text(width - 1, place, f"{width:.1f}", ha="right", va="center", fontsize=7,
                       color="white")  # fmt: skip
    panel.set(xlim=(40, 100), yticks=range(len(models)))
    panel.set_yticklabels(models, fontsize=8)
    panel.invert_yaxis()
    panel.grid(visible=False)
    if len(results) > 1:
        legend(panel, loc="upper right")
