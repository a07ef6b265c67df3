"""A deep auto-encoder 2000-500-250-125-2 on bags of words against principal components, after
Hinton and Salakhutdinov 2006, whose documents were news stories.

Here they are pieces of 200 words from the Brown corpus, each given as which of the 2,000 most
frequent words it holds, but for the hundred most frequent of all. Every piece becomes two numbers;
the pieces of every tenth text are held out. So few words say little about the others: even the
best code lowers the error by a few hundredths. In training 30 % of the words are left out, lest the
networks learn the pieces by heart. One network begins as a stack of restricted Boltzmann
machines, one with rectified units and random weights. The maps show the held-out pieces' codes in
the colours of four kinds of texts, which no network was told.
"""

import numpy as np
from _codes import (
    PrincipalComponents,
    draw_map,
    nearest_neighbour_accuracy,
    reconstruction_error,
    run,
    train,
)
from _example import BLUE, GREEN, GREY, ORANGE, RED, curves, figure, legend, options, save

import fastnn
from fastnn.data import BagOfWords, load_brown
from fastnn.models.autoencoder import Autoencoder, masking_noise
from fastnn.models.dbn import DBN

PIECE = 200  # words
STEP = 100  # from one training piece to the next: they overlap
SHOWN = {
    "news": ("news", "editorial", "reviews"),
    "learned": ("learned", "government"),
    "belief": ("religion", "belles_lettres"),
    "fiction": ("fiction", "mystery", "science_fiction", "adventure", "romance"),
}
COLOURS = (ORANGE, BLUE, GREEN, RED)


def pieces():
    """(pieces, labels in SHOWN or -1) of training, and of test."""
    texts, labels, classes = load_brown()
    group = {name: i for i, names in enumerate(SHOWN.values()) for name in names}
    parts = ([], []), ([], [])
    for number, (text, label) in enumerate(zip(texts, labels, strict=True)):
        words, groups = parts[number % 10 == 0]
        step = PIECE if number % 10 == 0 else STEP
        own = [text[i : i + PIECE] for i in range(0, len(text) - PIECE + 1, step)]
        words += own
        groups += [group.get(classes[label], -1)] * len(own)
    return [(words, np.array(groups)) for words, groups in parts]


def main(argv=None):
    arguments = options(__doc__, argv, words=(2_000, 500), epochs=(10, 8), pretrain=(5, 5))
    (words, _), (held_out, groups) = pieces()
    if arguments.quick:
        words = words[::2]
    names = BagOfWords(words, size=arguments.words + 100).words[100:]
    x, test = BagOfWords(words, names)[:], BagOfWords(held_out, names)[:]
    sizes = [500, 100, 50, 2] if arguments.quick else [arguments.words, 500, 250, 125, 2]
    print(f"{len(x):,} pieces, {len(test)} held out; {x.sum(1).mean():.0f} of the words in each")

    pca = PrincipalComponents(x, 2)
    codes = {"two principal components": pca.encode(test)}
    linear = reconstruction_error(pca.decode(pca.encode(test)), test)
    mean = reconstruction_error(np.broadcast_to(x.mean(0), test.shape), test)
    print(f"test error of the mean {mean:.3f}, of two principal components {linear:.3f}")

    fastnn.manual_seed(arguments.seed)
    dbn = DBN(sizes, code="gaussian")
    dbn.rbms[0].start_at(x)
    dbn.pretrain(x, epochs=arguments.pretrain, report=lambda layer, epoch, error: print(
        f"RBM {layer}, epoch {epoch}: squared error {error:.2f}", flush=True
    ))  # fmt: skip
    models = {"pre-trained": Autoencoder.from_rbms(dbn.rbms), "ReLU": Autoencoder(sizes)}
    last = models["ReLU"].decoder[-2]
    last.bias.data[...] = dbn.rbms[0].start_at(x).visible_bias.data
    last.weight.data *= 0.1
    errors = {}
    for name, model in models.items():
        errors[name] = train(
            name, model, x, test, epochs=arguments.epochs, transform=masking_noise(0.3)
        )
        codes[name] = run(model.encoder, test)

    results = {"pca": linear, "mean": mean}
    picture = figure(11, 3.6, f"Bags of words as two numbers: {'-'.join(map(str, sizes))}")
    panels = picture.subplots(1, 4, width_ratios=(1.15, 1, 1, 1))
    curves(panels[0], "squared error of a held-out piece", "epoch")
    panels[0].axhline(linear, color=GREY, linewidth=1.2, linestyle="--",
                      label=f"principal components: {linear:.2f}")  # fmt: skip
    for (name, series), color in zip(errors.items(), (GREEN, BLUE), strict=True):
        results[name] = series[-1]
        gain = (mean - series[-1]) / (mean - linear)
        print(f"{name}: test error {series[-1]:.3f}, {gain:.2f} times as far below the mean's as "
              "principal components'")  # fmt: skip
        panels[0].plot(range(1, len(series) + 1), series, color=color, linewidth=1.6,
                       label=f"{name}: {series[-1]:.2f}")  # fmt: skip
    legend(panels[0], loc="upper right")
    known = groups >= 0
    for panel, (name, code) in zip(panels[1:], codes.items(), strict=True):
        share = nearest_neighbour_accuracy(code[known], groups[known])
        results[f"neighbours, {name}"] = share
        print(f"{name}: the nearest other code is of the same kind for {share:.1%}")
        draw_map(panel, code[known], groups[known], COLOURS, name)
    for label, color in zip(SHOWN, COLOURS, strict=True):
        panels[1].plot([], [], "o", markersize=4, color=color, label=label)
    legend(panels[1], loc="best")
    save(picture, arguments.out, "deep_autoencoder_text.png")
    return results


if __name__ == "__main__":
    main()
