"""Captions for pictures: a convolutional network looks, a recurrent one writes, after Vinyals et
al. 2015 ("Show and tell"), Karpathy and Fei-Fei 2015, and Xu et al. 2015 ("Show, attend and tell").

Emoji and their names, "woman farmer: medium skin tone". The networks train on Twitter's drawings
and name Google's, which they never saw: the hand is another one, flags wave, and whoever looked to
the left may look to the right. So the training pictures are bent, turned, scaled, mirrored and
recoloured, anew each time. The convolutional network learns which words a picture's name has (the
papers' networks come from ImageNet) and then stays as it is, while three captioners learn to write
about what it sees. In the picture: Google's drawings with what was written about them, and where
the third captioner looked for each word.

The baseline answers with the name of the nearest training picture. The names are compared as they
stand (exact match) and by BLEU-4 of their words. A captioner gives every name a likelihood too:
given the true picture it should be above that given another.

The third captioner's form, its dropout and the epochs were chosen with --test twitter, which leaves
Google's drawings alone: every eighth name whose words are in other names too is kept from training
with its drawing, and what is tested is those drawings, and as many that are in training, all
changed twice as strongly as in training.
"""

import textwrap
from functools import partial

import numpy as np
from _emoji import (
    Emoji,
    Seen,
    learn_from,
    lit,
    nearest,
    plain,
    standardized,
    word_spotter,
)
from _example import GREEN, GREY, INK, RED, figure, options, save

from fastnn.models.captioner import (
    AttentionCaptioner,
    Captioner,
    caption_loss,
    describe,
    log_likelihood,
    numbered,
    sample,
)
from fastnn.models.translation_task import bleu
from fastnn.training import predict

FORMS = {
    "lstm": ("the picture is the LSTM's first word", Captioner),
    "rnn": ("the picture enters the RNN's first step", partial(Captioner, cell="rnn")),
    "attention": (
        "attention to the picture's positions",
        partial(AttentionCaptioner, dropout=0.5),
    ),
}
TITLES = {
    "google": "Names of Google's emoji by networks that saw Twitter's",
    "twitter": "Names of Twitter's emoji, changed, half of them kept from training",
}
COLUMNS, WORDS = 8, 7  # pictures in a row; words with a map


def loss(model, maps, before, lengths, after):
    """Every name counts alike, however many words it has: most of those are of people."""
    losses = caption_loss(model(maps, before, lengths), after, "none")
    return (losses * np.repeat(np.float32(1 / lengths), lengths)).sum() / len(lengths)


def measure(title, written, names):
    exact = np.mean([a == b for a, b in zip(written, names, strict=True)])
    score = bleu(map(plain, written), map(plain, names), tokenize="none")
    print(f"{title}: exact {exact:.1%}, BLEU-4 {score:.1f}", flush=True)
    return {"exact": float(exact), "bleu": score}


def captioners(spotter, vocabulary):
    """One of each form, from what a `WordSpotter` knows, for what its encoder sees."""
    words, seen = len(vocabulary), Seen(spotter.encoder)
    return {
        form: build(words, embedding=256, encoder=seen).start_from(spotter)
        for form, (_, build) in FORMS.items()
    }


def likelihoods(model, maps, numbers):
    """Means of sentences' log-likelihoods given their own pictures ("true") and given another each
    ("shuffled"), and for how many ("own") the first is larger."""
    other = np.roll(np.random.default_rng(0).permutation(len(maps)), 1)
    true, shuffled = (log_likelihood(model, x, *numbers) for x in (maps, maps[other]))
    own = (true > shuffled).mean()
    print(f"    log-likelihood given its picture {true.mean():.2f}, another {shuffled.mean():.2f}; "
          f"larger given its own for {own:.1%}", flush=True)  # fmt: skip
    return {"true": true.mean(), "shuffled": shuffled.mean(), "own": own}


def sentence(words):
    return " ".join(words).replace(" :", ":").replace(" ,", ",")


def in_lines(words):
    return textwrap.fill(sentence(words), 20)


def show(panel, pixels):
    panel.imshow(pixels)
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_color(GREY)


def draw_captions(panels, pixels, written, names):
    for panel, picture, words, name in zip(panels, pixels, written, names, strict=True):
        show(panel, picture.transpose(1, 2, 0))
        right = words == name
        panel.set_title(in_lines(words), fontsize=6.5, color=GREEN if right else RED)
        panel.set_xlabel("" if right else in_lines(name), fontsize=6.5, color=INK)


def draw_attention(panels, picture, words, maps):
    """The picture, and in orange where the network looked before it wrote each word."""
    show(panels[0], picture.transpose(1, 2, 0))
    for panel, word, weights in zip(panels[1:], words, maps, strict=False):
        show(panel, lit(picture, weights / weights.max()))
        panel.set_title(word, fontsize=7, color=INK)
    for panel in panels[1 + len(words) :]:
        panel.set_axis_off()


def main(argv=None):
    arguments = options(__doc__, argv, {"test": ("google", "twitter")},
                        spotting=(30, 20), epochs=(40, 15), beam=(3, 2))  # fmt: skip
    emoji = Emoji(24 if arguments.quick else 1, arguments.test)
    names = emoji.test_names
    print(f"{len(emoji.names):,} names to train on, {len(names):,} to test, of "
          f"{len(emoji.vocabulary):,} words")  # fmt: skip
    answers = [emoji.names[i] for i in nearest(emoji.train, emoji.test)[:, 0]]
    results = {"nearest": measure("nearest neighbour", answers, names)}
    spotter = word_spotter(emoji, arguments.spotting)
    models = captioners(spotter, emoji.vocabulary)
    learn_from(spotter.encoder, "three captioners", models, emoji, loss, epochs=arguments.epochs)
    test = predict(spotter.encoder, standardized(emoji.test))
    for form, (title, _) in FORMS.items():
        written = describe(models[form], emoji.vocabulary, test, beam=arguments.beam)
        results[form] = measure(title, written, names)
        results[form] |= likelihoods(models[form], test, emoji.test_numbers)

    draw(arguments, emoji, models[form], test, written)
    return results


def draw(arguments, emoji, model, test, written):
    """Pictures with what the model wrote about them, and where it looked."""
    names = emoji.test_names
    shown = np.random.default_rng(2).choice(len(names), 2 * COLUMNS, replace=False)
    for title, words in zip(
        shown[:4], sample(model, emoji.vocabulary, test[shown[:4]]), strict=True
    ):
        print(f"drawn for {sentence(names[title])!r}: {sentence(words)!r}")
    picture = figure(10, 8.6, TITLES[arguments.test])
    above, below = picture.subfigures(2, 1, height_ratios=(1.15, 1))
    panels = above.subplots(2, COLUMNS).ravel()
    draw_captions(panels, emoji.test[shown], [written[i] for i in shown],
                  [names[i] for i in shown])  # fmt: skip
    right = [i for i in range(len(names)) if 3 <= len(names[i]) <= WORDS]
    right.sort(key=lambda i: written[i] != names[i])
    looked = np.random.default_rng(3).permutation(right[: max(3, len(right) // 8)])[:3]
    for row, i in zip(below.subplots(3, WORDS + 1), looked, strict=True):
        words = written[i][:WORDS]
        before, lengths, _ = numbered(emoji.vocabulary, [words])
        maps = model.attention_maps(test[i : i + 1], before, lengths)[0]
        draw_attention(row, emoji.test[i], words, maps)
    save(picture, arguments.out, "captions.png")


if __name__ == "__main__":
    main()
