"""word2vec on the Brown corpus, or on a larger text: words as vectors, after Mikolov et al. 2013.

CBOW and skip-gram, each with negative sampling and with hierarchical softmax, learn vectors from a
million words. Cosines of vectors are compared with what people say of pairs of words (WordSim-353
and SimLex-999: Spearman's correlation); analogies are asked: which word is nearest to
king - man + woman? The baseline learns nothing: a word is the row of how much more often than by
chance it stands near each of the 2,000 most frequent words (positive pointwise mutual information).
The full softmax is tried on the most frequent words alone, to see what it costs.

--text FILE reads another text, one sentence a line, words with white space in between.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from _example import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    RED,
    curves,
    figure,
    legend,
    options,
    plane,
    save,
)

import fastnn
from fastnn.data import load_analogies, load_brown, load_simlex999, load_wordsim353, read_text
from fastnn.models import Word2Vec

ASKED = ("man", "water", "france", "money", "walked", "seven", "music", "night")
GROUPS = {
    "kin": "father mother brother sister wife husband son daughter uncle boy girl",
    "numbers": "two three four five six seven eight nine ten twenty thirty hundred",
    "months": "january february march april june july august september october november december",
    "countries": "france germany england italy russia china japan india cuba laos africa europe",
    "body": "hand hands arm arms face eyes mouth head hair shoulder legs fingers",
    "science": "theory data analysis temperature equation radiation energy surface measurements",
}
COLOURS = (RED, BLUE, GREEN, ORANGE, "#7b1fa2", "#00838f")


def sentences(path):
    """Lists of words: the lines of a file, or the Brown corpus's 500 texts without marks."""
    if path is not None:
        return [line.split() for line in read_text(path).split("\n")]
    texts, _, _ = load_brown()
    return [[word for word in text if any(map(str.isalpha, word))] for text in texts]


def mutual_information(texts, like, contexts, window=5):
    """A model with `like`'s vocabulary whose vectors are the rows of positive pointwise mutual
    information with the `contexts` most frequent words, over windows of the same size."""
    rows, columns = len(like.vocabulary), min(contexts, len(like.vocabulary))
    gap = np.full(window, -1)  # between texts
    known = ([word for word in text if word in like] for text in texts)
    words = np.concatenate([x for text in known for x in (like.vocabulary.encode(text), gap)])
    counts = np.zeros(rows * columns)
    for apart in range(1, window + 1):
        for a, b in ((words[:-apart], words[apart:]), (words[apart:], words[:-apart])):
            place = (a * columns + b)[(a >= 0) & (b >= 0) & (b < columns)]
            counts += np.bincount(place, minlength=rows * columns)
    counts = counts.reshape(rows, columns)
    chance = counts.sum(1, keepdims=True) * counts.sum(0) / counts.sum()
    model = Word2Vec(columns)
    model.vocabulary, model.counts = like.vocabulary, like.counts
    model.vectors = np.log(np.maximum(counts, chance) / np.maximum(chance, 1e-30))
    model.vectors = model.vectors.astype(np.float32)
    return model


def judge(name, model):
    """Correlations and analogies, as a dict; printed."""
    (wordsim, pairs), (simlex, others) = (
        model.evaluate_pairs(load()) for load in (load_wordsim353, load_simlex999)
    )
    answers = model.evaluate_analogies(load_analogies())
    right, asked = (sum(column) for column in zip(*answers.values(), strict=True))
    print(f"{name}: WordSim-353 {wordsim:.3f} ({pairs} pairs), SimLex-999 {simlex:.3f} ({others}), "
          f"{right} of {asked:,} analogies", flush=True)  # fmt: skip
    return {"WordSim-353": wordsim, "SimLex-999": simlex, "right": right, "asked": asked}


def cost(texts, arguments):
    """Seconds an epoch over the most frequent words takes with each loss, and what it comes to."""
    taken = {}
    for loss in ("negative", "hierarchical", "softmax"):
        model = Word2Vec(arguments.size, loss=loss, max_size=arguments.frequent)
        start = time.perf_counter()
        model.fit(texts[:: 10 if arguments.quick else 1], epochs=1, seed=arguments.seed)
        taken[loss] = time.perf_counter() - start
    print(f"the {arguments.frequent} most frequent words, seconds an epoch: "
          + ", ".join(f"{loss} {seconds:.1f}" for loss, seconds in taken.items()))  # fmt: skip
    return taken


def draw_map(panel, model):
    """Groups of words in the plane of the first two principal components of their vectors."""
    known = {name: [w for w in words.split() if w in model] for name, words in GROUPS.items()}
    words = [word for group in known.values() for word in group]
    vectors = np.stack([model.unit[model.vocabulary.number(word)] for word in words])
    vectors = vectors - vectors.mean(0)
    x, y = (vectors @ np.linalg.svd(vectors, full_matrices=False)[2][:2].T).T
    colour = [c for group, c in zip(known.values(), COLOURS, strict=True) for _ in group]
    panel.scatter(x, y, s=9, c=colour)
    for word, *at, c in zip(words, x, y, colour, strict=True):
        panel.annotate(word, at, (2, 2), textcoords="offset points", fontsize=7, color=c)


def main(argv=None):
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--text", type=Path)
    own, rest = own.parse_known_args(argv)
    arguments = options(
        __doc__, rest, epochs=(20, 3), size=(100, 50), contexts=(2_000, 300), frequent=(1_000, 100)
    )
    texts = sentences(own.text)
    print(f"{sum(map(len, texts)):,} words in {len(texts):,} texts")

    results, losses = {}, []
    for cbow, loss in ((False, "negative"), (True, "negative"), (False, "hierarchical"),
                       (True, "hierarchical")):  # fmt: skip
        name = f"{'CBOW' if cbow else 'skip-gram'}, {loss}"
        fastnn.manual_seed(arguments.seed)
        new = Word2Vec(arguments.size, cbow=cbow, loss=loss)
        start = time.process_time()
        new.fit(texts, epochs=arguments.epochs,
                report=None if results else lambda _, loss: losses.append(loss))  # fmt: skip
        print(f"{time.process_time() - start:.0f} s", end=" ")
        if not results:
            model = new
            print(f"({len(model.vocabulary):,} words; loss of a window {losses[0]:.2f}, "
                  f"{losses[-1]:.2f} in the last epoch)", end=" ")  # fmt: skip
        results[name] = judge(name, new)
    counted = mutual_information(texts, model, arguments.contexts)
    results["mutual information"] = judge("mutual information", counted)
    for word in filter(model.__contains__, ASKED):
        print(f"{word}: " + ", ".join(w for w, _ in model.most_similar(word, count=6)))
    if all(word in model for word in ("king", "man", "woman")):
        near = model.analogy("man", "king", "woman", count=5)
        print("king - man + woman: " + ", ".join(f"{w} {cosine:.2f}" for w, cosine in near))
    results["losses"], results["cost"] = losses, cost(texts, arguments)

    picture = figure(11, 5.2, f"Words as {arguments.size} numbers, from {own.text or 'Brown'}")
    left, right = picture.subplots(1, 2, width_ratios=(1, 2.1))
    curves(left, "Spearman's correlation with people's scores", "")
    named = [name for name in results if name not in ("losses", "cost")]
    for place, (test, colour) in enumerate((("WordSim-353", BLUE), ("SimLex-999", ORANGE))):
        left.barh(np.arange(len(named)) - 0.2 + 0.4 * place, [results[n][test] for n in named],
                  0.36, color=colour, label=test)  # fmt: skip
    left.axvline(0, color=GREY, linewidth=0.8)
    left.grid(visible=False)
    left.invert_yaxis()
    left.set_yticks(range(len(named)), [n.replace(", ", "\n") for n in named], color=INK)
    legend(left, loc="upper center", bbox_to_anchor=(0.4, -0.04), ncols=2)
    plane(right, "groups of words in their first two principal components (skip-gram, negative)")
    draw_map(right, model)
    save(picture, arguments.out, "word2vec.png")
    return results


if __name__ == "__main__":
    main()
