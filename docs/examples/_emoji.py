"""What the scripts on pictures and their sentences share: emoji and their names, drawings made
different, training."""

import re
import time
from collections import Counter

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
from fastnn.models.captioner import WordSpotter, log_likelihood, numbered, spotting_loss
from fastnn.models.translation_task import sentence_vocabulary
from fastnn.training import predict

SIDED = re.compile(r"left|right|o.clock|thirty")  # in names that a mirror would make wrong
MEAN, STD = 0.5, 0.25  # of pixels, roughly
WARP = {"rotation": 10.0, "scale": 0.15, "shift": 0.08, "waves": 0.03}
COLOUR = {"gain": 0.2, "tint": 0.1, "shade": 0.2, "bend": 0.5}


class Emoji:
    """Twitter's drawings to train on and Google's to test on; the names are the same.

    vocabulary  of the names' words and punctuation marks
    train, test  pixels (N, 3, 48, 48) in [0, 1]
    names       of `train`: N lists of words; numbers: those as before, lengths, after
                (`captioner.numbered`); test_names, test_numbers: of `test`
    mirror      bool (N,): whether the name holds for the drawing's mirror image too
    """

    def __init__(self, every=1, test="google"):
        """every: only each so manieth emoji, for a quick look.
        test: "twitter" leaves Google's drawings alone and keeps a part of Twitter's from training,
        to choose by it: `_validation`."""
        twitter, google = load_emoji_captions()
        self.train, self.test = (
            np.float32(part.images[::every]) / 255 for part in (twitter, google)
        )
        self.names = self.test_names = [tokenize(name) for (name,) in twitter.captions[::every]]
        self.vocabulary = sentence_vocabulary(self.names)
        kinds = twitter.kinds[::every]
        self.mirror = np.array([
            kind not in ("Flags", "Symbols") and not SIDED.search(" ".join(name))
            for kind, name in zip(kinds, self.names, strict=True)
        ])  # fmt: skip
        if test == "twitter":
            self._validation()
        self.numbers = numbered(self.vocabulary, self.names)
        self.test_numbers = numbered(self.vocabulary, self.test_names)

    def _validation(self):
        """Every eighth name of those whose words are in other names as well is kept from training
        with its drawing. `test` are these drawings and about as many of others' in training, all
        changed twice as strongly as in training."""
        kept = kept_away(self.names, every=8)
        rows = np.concatenate([np.flatnonzero(kept), np.flatnonzero(~kept)[::10]])
        self.test = changed(self.train[rows], np.random.default_rng(7), strength=2).clip(0, 1)
        self.test_names = [self.names[i] for i in rows]
        self.names = [name for name, away in zip(self.names, kept, strict=True) if not away]
        self.train, self.mirror = self.train[~kept], self.mirror[~kept]

    def loader(self, batch_size):
        """Batches as of `differently`."""
        return DataLoader(
            (self.train, self.mirror, *self.numbers), batch_size, shuffle=True, drop_last=True,
            seed=0, transform=differently,
        )  # fmt: skip


def standardized(pixels):
    return (pixels - MEAN) / STD


def kept_away(names, every):
    """bool (N,): every so manieth name of those that have no word of their own, as long as each of
    its words stays in a name that is not kept away."""
    counts = Counter(word for name in names for word in set(name))
    away = np.zeros(len(names), bool)
    shared = [i for i, name in enumerate(names) if all(counts[word] > 1 for word in name)]
    for i in shared[::every]:
        words = set(names[i])
        if all(counts[word] > 1 for word in words):
            away[i] = True
            counts.subtract(words)
    return away


def changed(pixels, rng, strength=1):
    """Drawings in other shapes and inks, as another hand might draw them, within so many times the
    bounds of training."""
    warp = random_warp(**{name: strength * bound for name, bound in WARP.items()})
    colour = random_colour(**{name: strength * bound for name, bound in COLOUR.items()})
    return colour(warp((pixels,), rng), rng)[0]


def differently(batch, rng):
    """The drawings of a batch (pixels, mirror, before, lengths, after) `changed`, mirrored where
    their names allow it, and standardized: (pixels, before, lengths, after), the sentences cut to
    the batch's longest."""
    pixels, mirror, before, lengths, after = batch
    pixels = standardized(mirrored(changed(pixels, rng), mirror, rng))
    longest = lengths.max()
    return pixels, before[:, :longest], lengths, after[:, :longest]


def mirrored(pixels, mirror, rng):
    """Every other picture, of those whose `mirror` is True, from the other side."""
    turned = mirror & (rng.random(len(mirror)) < 0.5)
    return np.where(turned[:, None, None, None], pixels[..., ::-1], pixels)


def nearest(train, test):
    """For each picture of `test`, the pictures of `train` from the nearest to the farthest, by the
    squares of differences of 16 x 16 mean pixels: int64 (N, M)."""
    side = train.shape[-1] // 16
    a, b = (
        x.reshape(len(x), 3, 16, side, 16, side).mean((3, 5)).reshape(len(x), -1)
        for x in (train, test)
    )
    return ((a**2).sum(1) - 2 * b @ a.T).argsort(1)


def learn(title, model, data, loss, *, epochs, batch_size=32, lr=2e-3, after_epoch=None):
    """AdamW, its rate rising for an epoch and falling along half a cosine. data.loader(batch_size)
    gives batches (pixels, before, lengths, after); loss(model, pixels, before, lengths, after);
    after_epoch() is called after every epoch."""
    loader = data.loader(batch_size)
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
        if after_epoch:
            after_epoch()
    return losses


def word_spotter(data, epochs):
    """A network that has learnt which words a picture's sentence has."""
    model = WordSpotter(len(data.vocabulary))

    def loss(model, pixels, before, lengths, after):
        return spotting_loss(model(pixels), after)

    learn("words spotted", model, data, loss, epochs=epochs)
    return model


class Seen(nn.Identity):
    """In an encoder's place: its maps are given already."""

    def __init__(self, encoder):
        super().__init__()
        self.channels = encoder.channels


def learn_from(encoder, title, models, data, loss, *, epochs, validation=None):
    """Several models, {name: model}, side by side from what one encoder, which stays as it is, sees
    in the same pictures. loss(model, maps, before, lengths, after) is that of one.

    validation: (pixels, before, lengths, after); each model ends as it was after the epoch that
    made these sentences likeliest."""
    best = {}

    def total(models, pixels, *words):
        maps = predict(encoder, pixels)
        return sum(loss(model, maps, *words) for model in models.values())

    def look():
        for name, model in models.items():
            value = log_likelihood(model, maps, *numbers).mean()
            if name not in best or value > best[name][0]:
                state = {key: array.copy() for key, array in model.state_dict().items()}
                best[name] = value, state
            print(f"    {name}: a validation sentence's log-likelihood {value:.2f}", flush=True)

    if validation is not None:
        pixels, *numbers = validation
        maps = predict(encoder, pixels)
    learn(title, nn.ModuleDict(models), data, total, epochs=epochs,
          after_epoch=None if validation is None else look)  # fmt: skip
    for name, (_, state) in best.items():
        models[name].load_state_dict(state)


def lit(picture, weights):
    """A picture (3, 48, 48) as (48, 48, 3), pale, and orange where weights (H, W) in [0, 1] are
    large."""
    share = 0.8 * np.kron(weights, np.ones((48 // len(weights),) * 2))[..., None]
    pale = 1 - 0.5 * (1 - picture.transpose(1, 2, 0))
    return pale * (1 - share) + share * np.array(to_rgb(ORANGE))


def plain(words):
    """A sentence's words without punctuation marks, as BLEU counts them."""
    return " ".join(word for word in words if re.search(r"\w", word)).lower()
