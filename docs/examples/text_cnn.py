"""Sentences of film reviews, for or against, by a convolutional network over their words: Kim 2014,
in ten folds.

Filters of three, four and five words slide over a sentence; of each, the largest output counts.
The word vectors begin at random (CNN-rand), or as word2vec's, learnt here from the Brown corpus
and the training sentences: fixed (static), trained on (non-static), or both (multichannel). A tenth
of each fold's training sentences says which epoch to keep; Adam is quicker here than Kim's
Adadelta. Beside it, on the same folds: naive Bayes and logistic regression on bags of words. The
picture shows the folds, and what the filters look for: the windows of held-out sentences that speak
most strongly for either side. --word2vec 0 leaves out the vectors, and all but CNN-rand.
"""

import time

import numpy as np
from _example import BLUE, GREEN, GREY, INK, RED, curves, figure, options, plane, save

import fastnn
from fastnn import evaluate, fit, optim
from fastnn.data import DataLoader, Vocabulary, load_brown, load_rt_polarity, pad_sequences
from fastnn.models.text_cnn import VARIANTS, MaxNorm, TextCNN, shortened
from fastnn.models.word2vec import Word2Vec

FOLDS = 10
BATCH = 50
PATIENCE = 2


def sentences(every):
    """(lists of words, labels, fold of each): every so many-th sentence, a tenth of each kind in
    every fold."""
    parts = load_rt_polarity()
    texts = [text.split() for part, _ in parts for text in part][::every]
    labels = np.concatenate([part for _, part in parts])[::every]
    folds = np.empty(len(labels), int)
    for label in (0, 1):
        places = np.flatnonzero(labels == label)
        folds[places] = np.random.default_rng(label).permutation(len(places)) % FOLDS
    return texts, labels, folds


def baselines(texts, labels, train, test):
    """Accuracies of scikit-learn's classifiers on a sentence's words, or words and pairs."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB

    results = {}
    for name, model, most in (
        ("naive Bayes", MultinomialNB(), 1),
        ("naive Bayes, pairs", MultinomialNB(), 2),
        ("logistic regression", LogisticRegression(max_iter=1_000), 1),
    ):
        bag = CountVectorizer(analyzer="word", tokenizer=str.split, token_pattern=None,
                              lowercase=False, binary=True, ngram_range=(1, most))  # fmt: skip
        x = bag.fit_transform([" ".join(texts[i]) for i in train])
        model.fit(x, labels[train])
        x = bag.transform([" ".join(texts[i]) for i in test])
        results[name] = float((model.predict(x) == labels[test]).mean())
    return results


def word_vectors(words, texts, size, epochs, seed):
    """(len(words), size): word2vec's of these texts; words that are not there get random ones that
    vary as much."""
    known = Word2Vec(size, min_count=1).fit(texts, epochs=epochs, seed=seed)
    spread = known.vectors.std() * 3**0.5
    vectors = np.random.default_rng(seed).uniform(-spread, spread, (len(words), size))
    for row, word in zip(vectors, words.symbols, strict=True):
        if word in known:
            row[:] = known[word]
    return vectors


def train_cnn(model, data, parts, epochs, seed):
    """(accuracy on the test part, of the epoch that is best on validation; seconds a step)."""
    numbers, lengths, labels = data
    loaders = [
        DataLoader((numbers[part], lengths[part], labels[part]), batch, shuffle, seed=seed,
                   lengths=lengths[part] if shuffle else None, transform=shortened)
        for part, batch, shuffle in zip(parts, (BATCH, 256, 256), (True, False, False), strict=True)
    ]  # fmt: skip
    rule = optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    best, since, seconds, steps = (0, 0), 0, 0.0, 0
    for _ in range(epochs):
        started = time.perf_counter()
        fit(model, loaders[0], epochs=1, optimizer=rule, progress=False,
            callbacks=MaxNorm(model.linear.weight))  # fmt: skip
        seconds, steps = seconds + time.perf_counter() - started, steps + len(loaders[0])
        right = tuple(evaluate(model, loader)["accuracy"] for loader in loaders[1:])
        best, since = (right, 0) if right[0] > best[0] else (best, since + 1)
        if since == PATIENCE:
            break
    return best[1], seconds / steps


def spoken(model, data, words, part, count=8):
    """{label: windows}: of the sentences of `part`, the windows whose output, times the difference
    that it makes between the two answers, is largest; no two of one filter."""
    numbers, lengths, _ = data
    x, steps = shortened((numbers[part], lengths[part]))
    difference = np.diff(model.linear.weight.data, axis=0)[0]
    rows = model.embeddings[0].weight.data[x].transpose(0, 2, 1)
    found = []
    for number, layer in enumerate(model.convolutions):
        y, at = fastnn.kernels.conv1d_max_over_time(
            rows, layer.weight.data, layer.bias.data, padding=layer.padding, lengths=steps
        )
        filters = layer.out_channels
        effect = np.maximum(y, 0) * difference[number * filters : (number + 1) * filters]
        for k in range(filters):
            n = int(np.abs(effect[:, k]).argmax())
            begin = at[n, k] - layer.padding
            window = x[n, max(begin, 0) : begin + layer.kernel_size]
            found.append((float(effect[n, k]), words.decode(window[window > 0], " ")))
    found.sort()
    return {0: found[:count], 1: found[: -count - 1 : -1]}


def draw(accuracies, windows, folder):
    picture = figure(9.5, 3.8, "Film reviews, for or against: a convolutional network's words")
    panels = picture.subplots(1, 2, width_ratios=(1, 1.15))
    curves(panels[0], "held-out sentences right, a dot a fold", "%")
    panels[0].grid(axis="x", color="#e4e7ea", linewidth=0.8)
    for row, (name, values) in enumerate(reversed(accuracies.items())):
        color = BLUE if "CNN" in name else GREY
        rows = np.full(len(values), row)
        panels[0].plot(values, rows, "o", color=color, alpha=0.35, markersize=4)
        panels[0].plot(np.mean(values), row, "|", color=color, markersize=16, markeredgewidth=2.5)
    panels[0].set_yticks(
        range(len(accuracies)),
        [f"{name}: {np.mean(values):.1f}" for name, values in reversed(accuracies.items())],
    )
    plane(panels[1], "what single filters of CNN-rand found, in one fold")
    panels[1].set(xticks=[], yticks=[], xlim=(0, 2), ylim=(-9, 1))
    for column, (label, color) in enumerate(((0, RED), (1, GREEN))):
        panels[1].text(column + 0.04, 0.2, ("against", "for")[label], color=color, fontsize=9,
                       fontweight="bold")  # fmt: skip
        for row, (_, window) in enumerate(windows[label]):
            panels[1].text(column + 0.04, -row - 0.9, window, color=INK, fontsize=8)
    save(picture, folder, "text_cnn.png", 256)


def main(argv=None):
    arguments = options(
        __doc__, argv, epochs=(8, 3), folds=(FOLDS, 1), size=(300, 100), word2vec=(5, 20)
    )  # fmt: skip
    texts, labels, folds = sentences(every=2 if arguments.quick else 1)
    words = Vocabulary.of((word for text in texts for word in text), special=("",))
    numbers, lengths = pad_sequences([words.encode(text) for text in texts], batch_first=True)
    data = numbers, lengths, labels
    print(f"{len(texts):,} sentences, {len(words) - 1:,} words, {lengths.mean():.0f} a sentence")

    brown = load_brown()[0][:: 10 if arguments.quick else 1]

    accuracies, windows = {}, None
    for fold in range(arguments.folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        right = baselines(texts, labels, train, test)
        order = np.random.default_rng(fold).permutation(train)
        tenth = len(train) // 10
        parts = order[tenth:], order[:tenth], test
        size, epochs = arguments.size, arguments.epochs
        variants = VARIANTS
        if arguments.word2vec:
            read = [*brown, *(texts[i] for i in train)]
            vectors = word_vectors(words, read, size, arguments.word2vec, fold)
        else:
            variants = ["rand"]
        for variant in variants:
            fastnn.manual_seed(arguments.seed + fold)
            start = {"size": size} if variant == "rand" else {"vectors": vectors}
            model = TextCNN(len(words), variant=variant, filters=size // 3, **start)
            name = f"CNN-{variant}"
            right[name], seconds = train_cnn(model, data, parts, epochs, fold)
            windows = windows or spoken(model, data, words, test)
        for name, accuracy in right.items():
            accuracies.setdefault(name, []).append(100 * accuracy)
        line = ", ".join(f"{name} {100 * accuracy:.1f}" for name, accuracy in right.items())
        print(f"fold {fold}: {line}; {1e3 * seconds:.0f} ms a step", flush=True)
    for name, values in accuracies.items():
        print(f"{name}: {np.mean(values):.1f} %")
    draw(accuracies, windows, arguments.out)
    return {name: float(np.mean(values)) for name, values in accuracies.items()}


if __name__ == "__main__":
    main()
