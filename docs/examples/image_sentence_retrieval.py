"""Which sentence belongs to which picture, after Karpathy and Fei-Fei 2015 ("Deep visual-semantic
alignments"): regions of pictures and words of sentences as vectors in one space.

Emoji and their names; the networks train on Twitter's drawings, and for each of Google's rank all
names. A pair's score is the sum over the name's words of the best region's, and a ranking loss
wants every true pair a margin above the pairs that the batch could also make. Nobody tells the
network which word names which region; the pictures below show what it found: where in Google's
drawings each word's product with the region is largest. The convolutional network has first learnt
which words a picture's name has, and stays as it is.

Beside it: the same network with the whole picture as its only region, the names in the order in
which the training pictures resemble the drawing, and chance.
"""

import numpy as np
from _emoji import Emoji, Seen, learn, lit, nearest, standardized, word_spotter
from _example import BLUE, GREY, INK, ORANGE, RED, curves, figure, legend, options, save

from fastnn import nn, no_grad
from fastnn.models.alignment import Alignment, ranking_loss, ranks, recall, score_all, similarity
from fastnn.training import predict

GRIDS = {"36 regions and the whole": 6, "the whole picture": 1}
COLOURS = dict(zip((*GRIDS, "nearest picture", "chance"), (BLUE, ORANGE, RED, GREY), strict=True))
WORDS = 6  # with a map


def loss(model, maps, before, lengths, after):
    """The sentences are `after` without END."""
    return ranking_loss(model(maps, after, lengths - 1))


def report(title, ranks):
    found = recall(ranks)
    shares = ", ".join(f"{name} {found[name]:.1%}" for name in ("R@1", "R@5", "R@10"))
    print(f"{title}: {shares}, median rank {found['median rank']:.0f}", flush=True)
    return found


def draw_words(panels, picture, name, maps):
    """The picture, and where each word's product with the regions is large."""
    panels[0].imshow(picture.transpose(1, 2, 0))
    for panel, word, products in zip(panels[1:], name, maps, strict=False):
        low, high = products.min(), products.max()
        panel.imshow(lit(picture, (products - low) / max(high - low, 1e-9)))
        panel.set_title(word, fontsize=7, color=INK)
    for panel in panels:
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_color(GREY)
    for panel in panels[1 + len(name) :]:
        panel.set_axis_off()


def main(argv=None):
    arguments = options(__doc__, argv, spotting=(30, 5), epochs=(60, 10), batch=(128, 32))
    emoji = Emoji(every=24 if arguments.quick else 1)
    count = len(emoji.names)
    _, lengths, after = emoji.numbers
    lengths = lengths - 1  # without END
    order = nearest(emoji.train, emoji.test)
    found = {
        "chance": np.random.default_rng(0).permutation(count) + 1,
        "nearest picture": (order == np.arange(count)[:, None]).argmax(1) + 1,
    }
    results = {title: report(title, of) for title, of in found.items()}
    encoder = word_spotter(emoji, arguments.spotting).encoder
    models = {
        title: Alignment(len(emoji.vocabulary), grid=grid, dropout=0.1, encoder=Seen(encoder))
        for title, grid in GRIDS.items()
    }

    def total(models, pixels, *words):
        maps = predict(encoder, pixels)
        return sum(loss(model, maps, *words) for model in models.values())

    learn(
        "both", nn.ModuleDict(models), emoji, total, epochs=arguments.epochs,
        batch_size=arguments.batch, lr=2e-3 if arguments.quick else 4e-3,
    )  # fmt: skip
    test = predict(encoder, standardized(emoji.test))
    for title, model in models.items():
        found[title] = ranks(score_all(model, test, after, lengths))
        results[title] = report(title, found[title])

    title, model = next(iter(models.items()))
    picture = figure(10, 6.6, "Names found for Google's emoji, and what their words point at")
    left, right = picture.subfigures(1, 2, width_ratios=(1, 1.9))
    panel = curves(left.subplots(), "names among the first K", "K")
    places = np.arange(1, 51)
    for label in COLOURS:
        share = [(found[label] <= k).mean() for k in places]
        panel.plot(places, share, color=COLOURS[label], linewidth=1.6, label=label)
    legend(panel, loc="best")
    good = [i for i in np.argsort(found[title], kind="stable")
            if 3 <= lengths[i] <= WORDS][: max(6, count // 12)]  # fmt: skip
    shown = np.random.default_rng(1).choice(good, 6, replace=False)
    for row, i in zip(right.subplots(6, WORDS + 1), shown, strict=True):
        with no_grad():
            regions = model.regions(test[i : i + 1])[:, :36]
            words = model.words(after[i : i + 1, : lengths[i]], lengths[i : i + 1])
            maps = similarity(regions, words).data[0].T.reshape(-1, 6, 6)
        draw_words(row, emoji.test[i], emoji.names[i], maps)
    save(picture, arguments.out, "image_sentence_retrieval.png")
    return results


if __name__ == "__main__":
    main()
