"""What the scripts on emoji and their names share: the data, drawings made different, training."""

import re
import time

import numpy as np
from _example import ORANGE
from matplotlib.colors import to_rgb

from fastnn import nn, optim
from fastnn.data import (
    DataLoader,
    load_emoji_captions,
    random_colour,
    random_warp,
    tokenize,
)
from fastnn.models.captioner import WordSpotter, numbered, spotting_loss
from fastnn.models.translation_task import sentence_vocabulary
from fastnn.training import predict

SIDED = re.compile(r"left|right|o.clock|thirty")  # in names that a mirror would make wrong
MEAN, STD = 0.5, 0.25  # of pixels, roughly


class Emoji:
    """Twitter's drawings to train on and Google's to test on; the names are the same.

    vocabulary  of the names' words and punctuation marks
    train, test  pixels (N, 3, 48, 48) in [0, 1]
    mirror      bool (N,): whether the name holds for the drawing's mirror image too
    names       N lists of words; numbers: those as before, lengths, after (`captioner.numbered`)
    """

    def __init__(self, every=1):
        """every: only each so manieth emoji, for a quick look."""
        train, test = load_emoji_captions()
        self.train, self.test = (np.float32(part.images[::every]) / 255 for part in (train, test))
        self.names = [tokenize(name) for (name,) in train.captions[::every]]
        self.kinds = np.array(train.kinds[::every])
        self.mirror = np.array([
            kind not in ("Flags", "Symbols") and not SIDED.search(" ".join(name))
            for kind, name in zip(self.kinds, self.names, strict=True)
        ])  # fmt: skip
        self.vocabulary = sentence_vocabulary(self.names)
        self.numbers = numbered(self.vocabulary, self.names)


def standardized(pixels):
    return (pixels - MEAN) / STD


def differently(batch, rng):
    """The drawings of a batch (pixels, mirror, before, lengths, after) in other shapes and inks, as
    another hand might draw them, standardized: (pixels, before, lengths, after), the sentences cut
    to the batch's longest."""
    for change in (random_warp(), random_colour()):
        batch = change(batch, rng)
    pixels, mirror, before, lengths, after = batch
    turned = mirror & (rng.random(len(mirror)) < 0.5)
    pixels = np.where(turned[:, None, None, None], pixels[..., ::-1], pixels)
    longest = lengths.max()
    return standardized(pixels), before[:, :longest], lengths, after[:, :longest]


def nearest(train, test):
    """For each picture of `test`, the pictures of `train` from the nearest to the farthest, by the
    squares of differences of 16 x 16 mean pixels: int64 (N, M)."""
    a, b = (
        x.reshape(len(x), 3, 16, 3, 16, 3).mean((3, 5)).reshape(len(x), -1) for x in (train, test)
    )
    return ((a**2).sum(1) - 2 * b @ a.T).argsort(1)


def learn(title, model, emoji, loss, *, epochs, batch_size=32, lr=2e-3):
    """AdamW, its rate rising for an epoch and falling along half a cosine. loss(model, pixels,
    before, lengths, after)."""
    loader = DataLoader(
        (emoji.train, emoji.mirror, *emoji.numbers), batch_size, shuffle=True, drop_last=True,
        seed=0, transform=differently,
    )  # fmt: skip
    optimizer = optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01)
    steps = len(loader) * epochs
    rate = optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda k: min(1, (k + 1) / len(loader)) * (1 + np.cos(np.pi * k / steps)) / 2,
    )
    began, losses = time.process_time(), []
    for epoch in range(1, epochs + 1):
        model.train()
        for batch in loader:
            optimizer.zero_grad()
            value = loss(model, *batch)
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            rate.step()
            losses.append(float(value))
        mean = np.mean(losses[-len(loader) :])
        print(
            f"{title}, epoch {epoch}: {mean:.3f}, {time.process_time() - began:.0f} s", flush=True
        )
    return losses


def word_spotter(emoji, epochs):
    """A network that has learnt which words a drawing's name has."""
    model = WordSpotter(len(emoji.vocabulary))

    def loss(model, pixels, before, lengths, after):
        return spotting_loss(model(pixels), after)

    learn("words spotted", model, emoji, loss, epochs=epochs)
    return model


class Seen(nn.Identity):
    """In an encoder's place: its maps are given already."""

    def __init__(self, encoder):
        super().__init__()
        self.channels = encoder.channels


def learn_from(encoder, title, models, emoji, loss, *, epochs):
    """Several models, {name: model}, side by side from what one encoder, which stays as it is, sees
    in the same pictures. loss(model, maps, before, lengths, after) is that of one."""

    def total(models, pixels, *words):
        maps = predict(encoder, pixels)
        return sum(loss(model, maps, *words) for model in models.values())

    learn(title, nn.ModuleDict(models), emoji, total, epochs=epochs)


def lit(picture, weights):
    """A picture (3, 48, 48) as (48, 48, 3), pale, and orange where weights (H, W) in [0, 1] are
    large."""
    share = 0.8 * np.kron(weights, np.ones((48 // len(weights),) * 2))[..., None]
    pale = 1 - 0.5 * (1 - picture.transpose(1, 2, 0))
    return pale * (1 - share) + share * np.array(to_rgb(ORANGE))


def plain(words):
    """A sentence's words without punctuation marks, as BLEU counts them."""
    return " ".join(word for word in words if re.search(r"\w", word)).lower()
