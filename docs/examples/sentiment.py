"""A sentence's mood, word by word: an LSTM reads a sentence from a film review and answers for or
against (many to one). Its word vectors begin at random: 9,595 sentences are all that it knows of
English.

Beside it stand the majority and logistic regression on what a sentence holds, which sees no order
beyond that: its words, its words and pairs of words, or pieces of its words of one to four
characters. Three summaries of the LSTM's states are compared: the last one, their mean, and each
unit's maximum, with one LSTM or with one in each direction. The picture shows the belief after each
word of test sentences: what the first LSTM would answer if the sentence ended there.
"""

from _example import BLUE, GREY, INK, RED, curves, figure, options, save
from _sequences import bars, loader, majority, ngram_regression, train

import fastnn
from fastnn import nn
from fastnn.data import Vocabulary, load_rt_polarity
from fastnn.models.sequence_classifier import SequenceClassifier

NETWORKS = {
    "LSTM, max": {"summary": "max"},
    "LSTM, mean": {"summary": "mean"},
    "LSTM, last": {"summary": "last"},
    "both ways, max": {"summary": "max", "bidirectional": True},
}


def draw_beliefs(panel, sentences, beliefs):
    """A line a sentence: P(favourable) after each word, the words below it."""
    curves(panel, "P(favourable), if the sentence ended there (LSTM, max)", "")
    for row, (words, belief) in enumerate(zip(sentences, beliefs, strict=True)):
        base = -1.5 * row
        panel.axhline(base + 0.5, color="#e4e7ea", linewidth=0.8)
        panel.plot(range(len(words)), base + belief, color=GREY, linewidth=1)
        for place, (word, p) in enumerate(zip(words, belief, strict=True)):
            color = BLUE if p > 0.5 else RED
            panel.plot(place, base + p, "o", color=color, markersize=3)
            panel.text(place, base - 0.08, word, rotation=30, ha="right", va="top", fontsize=7,
                       rotation_mode="anchor", color=INK)  # fmt: skip
    panel.set(yticks=[], xticks=[], ylim=(-1.5 * len(sentences) + 0.7, 1.1))
    panel.grid(visible=False)


def main(argv=None):
    arguments = options(__doc__, argv, epochs=(6, 4), sentences=(9_595, 2_400),
                        networks=(len(NETWORKS), 1))  # fmt: skip
    (sentences, labels), (held_out, answers) = load_rt_polarity()
    every = -(-len(sentences) // arguments.sentences)
    sentences, labels = sentences[::every], labels[::every]
    results = {
        "majority": majority(labels, answers),
        "words": ngram_regression(
            (sentences, labels), (held_out, answers), strength=0.3, token_pattern=r"\S+"
        ),
        "words and pairs": ngram_regression(
            (sentences, labels), (held_out, answers), strength=0.3, token_pattern=r"\S+",
            ngram_range=(1, 2),
        ),
        "characters": ngram_regression(
            (sentences, labels), (held_out, answers), strength=0.3, analyzer="char_wb",
            ngram_range=(1, 4),
        ),
    }  # fmt: skip
    texts, tests = ([text.split() for text in part] for part in (sentences, held_out))
    words = Vocabulary.of(
        (word for text in texts for word in text), min_count=2, unknown="<unknown>"
    )
    batches = loader(words, texts, labels, shuffle=True, seed=arguments.seed)
    test = loader(words, tests, answers, batch_size=256)
    for name in list(NETWORKS)[: arguments.networks]:
        fastnn.manual_seed(arguments.seed)
        model = SequenceClassifier(
            len(words), 2, units=96, embedding=96, dropout=0.5, **NETWORKS[name]
        )
        nn.init.normal_(model.embedding.weight, 0.0, 0.1)  # rare words say little until learnt
        results[name] = train(
            model, batches, test, epochs=arguments.epochs, lr=1.5e-3, weight_decay=0.1
        )
        if name == "LSTM, max":
            shown = [text for text in tests if 8 <= len(text) <= 13 and "but" in text[2:]][:4]
            beliefs = [model.beliefs(words.encode(text))[:, 1] for text in shown]
    for name, accuracy in results.items():
        print(f"{name}: {accuracy:.1%}")

    picture = figure(11, 5.4, "A sentence's mood, word by word")
    left, right = picture.subplots(1, 2, width_ratios=(3, 2))
    draw_beliefs(left, shown, beliefs)
    bars(right, f"{len(answers):,} test sentences right, in per cent", {"reviews": results})
    save(picture, arguments.out, "sentiment.png")
    return results


if __name__ == "__main__":
    main()
