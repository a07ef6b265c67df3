"""Language models of words on the Brown corpus: interpolated Kneser-Ney n-grams, Bengio's network
of 2003, Elman's recurrent network and an LSTM; and mixtures of each network with the n-grams.

Of every kind of text a tenth is for testing and a ninth of the rest validates, whole texts at a
time. The vocabulary is the words that the training texts have eight times or more; all others are
one word, <unk>. Texts are read as one stream of words and marks, and perplexity is per word, <unk>
included: all models predict the same words. On validation is chosen which epoch of a network to
keep, how long the n-grams are, and a mixture's shares. Networks and n-grams err on different
words, so every mixture is better than both of its parts. Each model then writes sentences.
"""

import time

import numpy as np
from _example import BLUE, GREEN, GREY, INK, ORANGE, curves, figure, legend, options, save

import fastnn
from fastnn import fit, no_grad, optim
from fastnn.data import StreamLoader, Vocabulary, detokenize, load_brown, stratified_split
from fastnn.functional import cross_entropy
from fastnn.models.bengio import Bengio, windows
from fastnn.models.char_rnn import CharRNN, next_character_loss
from fastnn.models.decoding import sample
from fastnn.models.elman import Elman
from fastnn.models.ngram import KneserNey, perplexity
from fastnn.training import EarlyStopping

CONTEXT = 4  # words that Bengio's network and the n-grams see; the first ones are not predicted
UNKNOWN = "<unk>"


def corpus(quick):
    """(Vocabulary, training, validation and test texts as numbers, one text after the other)."""
    texts, labels, _ = load_brown()
    if quick:
        texts, labels = texts[::8], labels[::8]
    rest, test = stratified_split(labels, 10)
    train, validation = (rest[part] for part in stratified_split(labels[rest], 9))
    marks = {"``": '"', "''": '"'}
    streams = [
        [marks.get(word, word) for i in part for word in texts[i]]
        for part in (train, validation, test)
    ]
    words = Vocabulary.of(streams[0], min_count=15 if quick else 8, unknown=UNKNOWN)
    return words, *map(words.encode, streams)


def train(model, loader, validation, epochs, lr, **how):
    """Adam, the rate falling along half a cosine, the best epoch kept: perplexity of validation by
    epoch."""
    rule = optim.Adam(model.parameters(), lr=lr)
    history = fit(
        model, loader, validation=validation, epochs=epochs, optimizer=rule, metrics=(),
        scheduler=optim.lr_scheduler.CosineAnnealingLR(rule, epochs), grad_clip=1.0,
        early_stopping=EarlyStopping(epochs, restore_best=True), progress=False, **how,
    )  # fmt: skip
    model.eval()
    return np.exp(history["val_loss"])


def read_windows(model, numbers, size=500):
    """Bengio's network: P of every word but the first CONTEXT."""
    contexts, words = windows(numbers, CONTEXT)
    with no_grad():
        losses = [
            cross_entropy(model(contexts[i : i + size]), words[i : i + size], reduction="none").data
            for i in range(0, len(words), size)
        ]
    return np.exp(-np.concatenate(losses, dtype=np.float64))


def read_on(model, numbers, size=500):
    """A recurrent network: P of every word but the first CONTEXT, each after all words before."""
    losses, state = [], None
    with no_grad():
        for x, y in StreamLoader(numbers, 1, size):
            logits, state = model(x, state)
            losses.append(next_character_loss(logits, y, reduction="none").data)
    return np.exp(-np.concatenate(losses, dtype=np.float64))[CONTEXT - 1 :]


def mixed(first, second):
    """(share of the first, with which the mixture's perplexity is least, and that perplexity)."""
    shares = np.linspace(0, 1, 41)
    values = [perplexity(share * first + (1 - share) * second) for share in shares]
    return shares[np.argmin(values)], min(values)


def written(model, words, count=2):
    """Sentences that the model draws after a full stop."""
    stop = words.number(".")
    recurrent = not hasattr(model, "step")

    def step(numbers, state):
        logits, state = model(numbers[None], state)
        return logits.data[0], state

    found = sample(
        step if recurrent else model.step,
        None if recurrent else np.full((count, CONTEXT), stop), count,
        start=stop, end=stop, limit=30, axis=int(recurrent), never=[words.number(UNKNOWN)],
        rng=np.random.default_rng(0),
    )  # fmt: skip
    return [detokenize([words.symbols[i] for i in row] + ["."]) for row in found]


def draw(results, learnt, folder):
    picture = figure(9.5, 3.6, "Words of the Brown corpus, one after the other")
    panels = picture.subplots(1, 2)
    curves(panels[0], "perplexity of validation texts", "epoch")
    baseline = results["Kneser-Ney"]["validation"]
    panels[0].axhline(baseline, color=GREY, linewidth=1.2, linestyle="--",
                      label=f"Kneser-Ney: {baseline:.0f}")  # fmt: skip
    for (name, values), color in zip(learnt.items(), (ORANGE, GREEN, BLUE), strict=True):
        panels[0].plot(range(1, len(values) + 1), values, color=color, linewidth=1.6, marker="o",
                       markersize=3, label=f"{name}: {values.min():.0f}")  # fmt: skip
    panels[0].set_ylim(0.75 * baseline, 2.2 * baseline)
    legend(panels[0], loc="upper right")
    curves(panels[1], "perplexity of test texts; pale: mixed with Kneser-Ney", "")
    names = list(results)
    for i, name in enumerate(names):
        values = [(results[name]["test"], 1.0)]
        if "mixture" in results[name]:
            values.append((results[name]["mixture"], 0.45))
        for j, (value, alpha) in enumerate(values):
            at = i + 0.4 * j - 0.2 * (len(values) - 1)
            color = BLUE if "mixture" in results[name] else GREY
            panels[1].bar(at, value, 0.38, color=color, alpha=alpha)
            panels[1].text(at, value, f"{value:.0f}", ha="center", va="bottom", fontsize=8,
                           color=INK)  # fmt: skip
    panels[1].set_xticks(range(len(names)), names)
    save(picture, folder, "word_language_models.png")


def main(argv=None):
    arguments = options(__doc__, argv, epochs=(4, 2), units=(200, 48))
    words, *streams = corpus(arguments.quick)
    training, validation, test = streams
    unknown = (test == words.number(UNKNOWN)).mean()
    print(f"{len(training):,} words train, {len(validation):,} validate, {len(test):,} test; "
          f"vocabulary {len(words):,}, {unknown:.1%} of the test words are {UNKNOWN}")  # fmt: skip

    results, learnt, best = {}, {}, None
    for order in (1, 2, 3, 4, 5):
        model = KneserNey(len(words), order).fit(training)
        found = [model.probabilities(stream)[CONTEXT:] for stream in (validation, test)]
        result = dict(zip(("validation", "test"), map(perplexity, found), strict=True))
        print(f"Kneser-Ney, {order}-grams: test perplexity {result['test']:.1f}", flush=True)
        if best is None or result["validation"] < best["validation"]:
            ngrams, kept, best = model, found, result
        if order == 1:
            results["1-grams"] = result
    results["Kneser-Ney"] = best

    units = arguments.units
    models = {
        "Bengio": lambda: Bengio(len(words), context=CONTEXT, size=units // 2, units=units // 2),
        "Elman": lambda: Elman(len(words), units, dropout=0.2),
        "LSTM": lambda: CharRNN(
            len(words), units=units, layers=1, dropout=0.4, embedding=units // 2
        ),
    }
    for name, make in models.items():
        fastnn.manual_seed(arguments.seed)
        started, model = time.perf_counter(), make()
        if name == "Bengio":
            data, checked = windows(training, CONTEXT), windows(validation, CONTEXT)
            how, read = dict(batch_size=128, lr=1e-3), read_windows
        else:
            data, checked = StreamLoader(training, 32, 24), StreamLoader(validation, 32, 24)
            how = dict(stateful=True, loss=next_character_loss, lr=3e-3)
            read = read_on
        learnt[name] = train(model, data, checked, arguments.epochs, **how)
        found = [read(model, stream) for stream in (validation, test)]
        share, _ = mixed(found[0], kept[0])
        mixture = perplexity(share * found[1] + (1 - share) * kept[1])
        results[name] = {"validation": perplexity(found[0]), "test": perplexity(found[1]),
                         "mixture": mixture}  # fmt: skip
        print(f"{name}: test perplexity {results[name]['test']:.1f}, {share:.0%} of it with "
              f"Kneser-Ney {mixture:.1f}; {time.perf_counter() - started:.0f} s")  # fmt: skip
        for sentence in written(model, words):
            print(f"    {sentence}", flush=True)
    print(f"Kneser-Ney, {ngrams.order}-grams")
    for sentence in written(ngrams, words):
        print(f"    {sentence}")
    draw(results, learnt, arguments.out)
    return results


if __name__ == "__main__":
    main()
