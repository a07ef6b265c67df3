"""Named entity recognition: a bidirectional LSTM reads a sentence and scores every word's tags; a
conditional random field, or a softmax at each word by itself, chooses among them.

Z. Huang, W. Xu, K. Yu, "Bidirectional LSTM-CRF models for sequence tagging", 2015,
arXiv:1508.01991; with words spelt by a second LSTM: G. Lample et al. 2016, arXiv:1603.01360.
"""

import re
from itertools import chain

import numpy as np

from .. import functional as F
from .. import nn, optim
from ..autograd import cat
from ..data import DataLoader, Vocabulary, pad_sequences
from ..training import Callback, entity_scores, fit
from ..training.evaluate import inference

UNKNOWN = "<unk>"
NO_TAG = -100  # beyond a sentence's end
_DIGIT = re.compile(r"\d")


class TaggedText:
    """Sentences and their tags as numbers, and batches of them.

        text = TaggedText(sentences, tags, letters=True)

    makes the vocabularies `words`, in lower case and with 0 for every digit, `tags`, and `letters`
    (None unless wanted), of words as they are written. Words and letters that are not among them
    are UNKNOWN. min_count: how often a word must be there to be in `words`.

    A batch is (words (N, T), lengths (N,), tags (N, T)), with NO_TAG beyond the lengths. With
    letters, before the tags: spellings (U, L) and their lengths (U,), of the U different words of
    the batch, and which of them stands where, (N, T).
    """

    def __init__(self, sentences, tags, *, letters=False, min_count=1):
        words = [word for sentence in sentences for word in sentence]
        common = [_plain(word) for word in words]
        self.words = Vocabulary.of(common, min_count=min_count, unknown=UNKNOWN)
        self.tags = Vocabulary.of(tag for own in tags for tag in own)
        self.letters = Vocabulary.of("".join(words), unknown=UNKNOWN) if letters else None
        counts = np.bincount(self.words.encode(common), minlength=len(self.words))
        self._rare = counts == 1

    def loader(self, sentences, tags, batch_size, *, forget=0.5):
        """Shuffled batches for training, of sentences of about equal length. A word that the text
        has once is UNKNOWN with probability `forget`, anew each time: so that this, too, is
        learnt."""
        samples = list(zip(sentences, tags, strict=True))

        def transform(batch, rng):
            words, *others = batch
            forgotten = self._rare[words] & (rng.random(words.shape) < forget)
            return (np.where(forgotten, self.words.number(UNKNOWN), words), *others)

        return DataLoader(
            samples, batch_size, shuffle=True, lengths=list(map(len, sentences)),
            collate_fn=lambda pairs: self.batch(*zip(*pairs, strict=True)), transform=transform,
        )  # fmt: skip

    def batch(self, sentences, tags=None):
        """A batch; without tags, its inputs only."""
        numbers = [self.words.encode([_plain(word) for word in words]) for words in sentences]
        inputs = pad_sequences(numbers, batch_first=True)
        if self.letters is not None:
            distinct = dict.fromkeys(chain.from_iterable(sentences))
            places = {word: i for i, word in enumerate(distinct)}
            spellings = [self.letters.encode(word) for word in distinct]
            which = [np.array([places[word] for word in words]) for words in sentences]
            inputs += *pad_sequences(spellings, batch_first=True), pad_sequences(which)[0].T
        if tags is None:
            return inputs
        return *inputs, pad_sequences(map(self.tags.encode, tags), NO_TAG, batch_first=True)[0]


def _plain(word):
    return _DIGIT.sub("0", word.lower())


class Tagger(nn.Module):
    """Word vectors -> bidirectional LSTM -> Linear: a score for every tag at every word.

    words, tags   how many there are
    letters       how many; 0: words are not spelt. Otherwise the last states of a bidirectional
                  LSTM of `letter_units` over a word's letters stand beside its vector
    embedding     width of that vector
    units         of the LSTM over words, in each direction
    dropout       of what goes into that LSTM, and of what comes out of it, in training
    crf           whether a CRF weighs whole sequences of tags; else each is chosen by itself

    forward(words (N, T), lengths (N,), and where there are letters, spellings, their lengths and
    which stands where: see TaggedText) -> emissions (N, T, tags).
    """

    def __init__(
        self, words, tags, *, letters=0, embedding=100, units=100, letter_embedding=25,
        letter_units=25, dropout=0.5, crf=True,
    ):  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(words, embedding)
        width = embedding
        if letters:
            self.letters = nn.Embedding(letters, letter_embedding)
            self.spell = nn.LSTM(letter_embedding, letter_units, bidirectional=True)
            width += 2 * letter_units
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(width, units, bidirectional=True)
        self.linear = nn.Linear(2 * units, tags)
        self.crf = nn.CRF(tags, batch_first=True) if crf else None

    def forward(self, words, lengths, spellings=None, letter_lengths=None, which=None):
        x = self.embedding(words.T)  # steps first, as the LSTM wants them
        if spellings is not None:
            _, (h, _) = self.spell(self.letters(spellings.T), lengths=letter_lengths)
            spelt = h.transpose(0, 1).reshape(len(spellings), -1)
            x = cat([x, F.embedding(which.T, spelt)], 2)
        y, _ = self.lstm(self.dropout(x), lengths=lengths)
        return self.linear(self.dropout(y)).transpose(0, 1)

    def loss(self, emissions, tags):
        """Of tags (N, T), NO_TAG beyond the sentences' ends: with a CRF, the mean over sentences of
        the negative log-likelihood; without, the mean over words of the cross-entropy."""
        if self.crf is None:
            return F.cross_entropy(emissions.reshape(-1, emissions.shape[2]), tags.reshape(-1))
        return -self.crf(emissions, tags, tags != NO_TAG, reduction="mean")

    def decode(self, emissions, lengths):
        """The tags chosen, as N lists of numbers."""
        if self.crf is not None:
            return self.crf.decode(emissions, lengths=lengths)
        best = emissions.data.argmax(2)
        return [row[:length].tolist() for row, length in zip(best, lengths, strict=True)]


def tag(model, text, sentences, batch_size=64):
    """The model's tags, as strings, of each of the sentences; text: the TaggedText that it was
    trained on."""
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    found = [None] * len(sentences)
    with inference(model):
        for first in range(0, len(order), batch_size):
            rows = order[first : first + batch_size]
            inputs = text.batch([sentences[i] for i in rows])
            for i, numbers in zip(rows, model.decode(model(*inputs), inputs[1]), strict=True):
                found[i] = [text.tags.symbols[number] for number in numbers]
    return found


class _KeepBest(Callback):
    """After each epoch, the F1 of held-out sentences; in the end, the weights that had the best."""

    def __init__(self, text, sentences, tags, report):
        self.text, self.sentences, self.tags, self.report = text, sentences, tags, report
        self.scores, self.state = [], None

    def on_epoch_end(self, run):
        found = tag(run.model, self.text, self.sentences)
        self.scores.append(entity_scores(found, self.tags)["f1"])
        if self.scores[-1] == max(self.scores):
            self.state = {key: value.copy() for key, value in run.model.state_dict().items()}
        if self.report:
            self.report(run.epoch, run.logs["loss"], self.scores[-1])


def train_tagger(
    model, text, train, held_out, *, epochs, batch_size=16, lr=2e-3, clip=5.0, report=None
):  # fmt: skip
    """Train by Adam, its rate falling along a cosine, and keep the weights after the epoch with the
    best F1 of the held-out sentences. -> these F1.

    train, held_out: (sentences, tags); report(epoch, loss, f1) is called after each epoch.
    """
    best = _KeepBest(text, *held_out, report)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    fit(
        model, text.loader(*train, batch_size), loss=model.loss, optimizer=optimizer,
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs), epochs=epochs,
        grad_clip=clip, metrics=(), callbacks=[best], progress=False,
    )  # fmt: skip
    model.load_state_dict(best.state)
    return best.scores
