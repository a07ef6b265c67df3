"""Sentences for photos: the captioners of captions.py on Flickr8k (Hodosh, Young and Hockenmaier
2013), for whoever has its files; its authors send them on request.

$FASTNN_DATA/flickr8k holds Flickr8k.token.txt, Flickr_8k.trainImages.txt, .devImages.txt and
.testImages.txt, and the photos in Flicker8k_Dataset. Photos are squeezed to 64 x 64 pixels. The
convolutional network begins with nothing and learns which words are said of a photo, where the
papers' networks come from ImageNet; then it stays as it is and three captioners learn to write.
Words that are said less than five times are left out, a step takes one of a photo's five sentences
at random, and a captioner is kept as it was after the epoch that makes the validation photos'
sentences likeliest.

BLEU-1 to BLEU-4 of the test photos compare what is written, without punctuation, with all five
sentences. The baseline says the first sentence of the nearest training photo. A sentence's
likelihood given its own photo should be above that given another. In the picture: test photos with
what the captioner with attention writes, and below them the first of the five sentences.
"""

import numpy as np
from _emoji import SIDED, learn_from, mirrored, nearest, plain, standardized, word_spotter
from _example import INK, figure, options, save
from captions import COLUMNS, FORMS, captioners, in_lines, likelihoods, sentence, show

from fastnn.data import DataLoader, load_flickr8k, random_warp, read_image, resize_images, tokenize
from fastnn.models.captioner import caption_loss, describe, numbered, sample
from fastnn.models.translation_task import sentence_vocabulary
from fastnn.training import predict

FILES = """\
Flickr8k is not here. {}

Its authors send it to whoever asks at https://forms.illinois.edu/sec/1713398: two archives,
Flickr8k_text.zip and Flickr8k_Dataset.zip. Unpack both into $FASTNN_DATA/flickr8k."""
SIDE, FIVE = 64, 5  # a photo's pixels, sentences
TASTE = 200  # photos of each part with --quick


class Part:
    """Photos, pixels (N, 3, 64, 64) in [0, 1], and for each five sentences, lists of words."""

    def __init__(self, photos, most):
        small = [resize_images(read_image(path, 3)[None], SIDE) for path in photos.images[:most]]
        self.pixels = np.float32(np.concatenate(small)) / 255
        self.sentences = [[tokenize(s.lower()) for s in five] for five in photos.captions[:most]]


class Photos:
    """Flickr8k to train, validate and test on, and its words."""

    def __init__(self, quick):
        self.train, self.validation, self.test = (
            Part(part, TASTE if quick else None) for part in load_flickr8k()
        )
        self.sentences = [words for five in self.train.sentences for words in five]
        self.vocabulary = sentence_vocabulary(self.sentences, min_count=1 if quick else 5)

    def first(self, part):
        """The first of each photo's sentences, as before, lengths, after."""
        return numbered(self.vocabulary, [five[0] for five in part.sentences])

    def loader(self, batch_size):
        """Batches of photos a little turned, scaled, moved and mirrored, and one sentence each."""
        before, lengths, after = numbered(self.vocabulary, self.sentences)
        mirror = np.array([not SIDED.search(" ".join(words)) for words in self.sentences])
        warp = random_warp(rotation=3, waves=0, fill=0.5)

        def change(batch, rng):
            pixels, photo = warp(batch, rng)
            rows = FIVE * photo + rng.integers(FIVE, size=len(photo))
            pixels = standardized(mirrored(pixels, mirror[rows], rng))
            longest = lengths[rows].max()
            return pixels, before[rows, :longest], lengths[rows], after[rows, :longest]

        pixels = self.train.pixels
        return DataLoader(
            (pixels, np.arange(len(pixels))), batch_size, shuffle=True, drop_last=True, seed=0,
            transform=change,
        )  # fmt: skip


def loss(model, maps, before, lengths, after):
    return caption_loss(model(maps, before, lengths), after)


def measure(title, written, references):
    """BLEU-1 to BLEU-4 of N sentences against five references each."""
    from sacrebleu import BLEU

    written = list(map(plain, written))
    streams = [list(map(plain, one)) for one in zip(*references, strict=True)]
    scores = [
        BLEU(max_ngram_order=n, tokenize="none").corpus_score(written, streams).score
        for n in (1, 2, 3, 4)
    ]
    print(f"{title}: BLEU-1 to BLEU-4 {', '.join(f'{s:.1f}' for s in scores)}", flush=True)
    return {"bleu": scores}


def main(argv=None):
    arguments = options(__doc__, argv, spotting=(20, 15), epochs=(30, 15), beam=(3, 2))
    try:
        photos = Photos(arguments.quick)
    except FileNotFoundError as error:
        raise SystemExit(FILES.format(error)) from None
    train, test = photos.train, photos.test
    print(f"{len(train.pixels):,} photos, sentences of {len(photos.vocabulary):,} words")
    answers = [train.sentences[i][0] for i in nearest(train.pixels, test.pixels)[:, 0]]
    results = {"nearest": measure("nearest neighbour", answers, test.sentences)}
    spotter = word_spotter(photos, arguments.spotting)
    models = captioners(spotter, photos.vocabulary)
    validation = standardized(photos.validation.pixels), *photos.first(photos.validation)
    learn_from(spotter.encoder, "three captioners", models, photos, loss,
               epochs=arguments.epochs, validation=validation)  # fmt: skip
    maps = predict(spotter.encoder, standardized(test.pixels))
    for form, (title, _) in FORMS.items():
        written = describe(models[form], photos.vocabulary, maps, beam=arguments.beam)
        results[form] = measure(title, written, test.sentences)
        results[form] |= likelihoods(models[form], maps, photos.first(test))

    shown = np.random.default_rng(2).choice(len(maps), 2 * COLUMNS, replace=False)
    for words in sample(models[form], photos.vocabulary, maps[shown[:4]]):
        print(f"drawn: {sentence(words)!r}")
    draw(arguments, test, shown, written)
    return results


def draw(arguments, test, shown, written):
    picture = figure(10, 4.4, "Sentences for photos by a network with attention")
    for panel, i in zip(picture.subplots(2, COLUMNS).ravel(), shown, strict=True):
        show(panel, test.pixels[i].transpose(1, 2, 0))
        panel.set_title(in_lines(written[i]), fontsize=6.5, color=INK)
        panel.set_xlabel(in_lines(test.sentences[i][0]), fontsize=6.5, color=INK)
    save(picture, arguments.out, "flickr8k.png")


if __name__ == "__main__":
    main()
