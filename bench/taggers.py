"""Named entity taggers as a whole: embedding, bidirectional LSTM, linear layer, conditional random
field. A training step with Adam on sentences of unequal length.

torch has no such field: its forward algorithm is a loop in Python over positions, each step a
logsumexp for all sentences at once, as PyTorch's tutorial and the package pytorch-crf have it; the
score of the given tags takes no loop. Both libraries build the same model and start with the same
weights."""

from typing import NamedTuple

import numpy as np
from cases import Case, torch
from steps import LR, training_step

import fastnn

VOCABULARY, EMBEDDING = 2000, 100


class Tagger(NamedTuple):
    units: int  # in each direction
    tags: int
    batch: int
    steps: int
    shortest: int

    def __str__(self):
        return (
            f"BiLSTM-CRF {EMBEDDING}-{self.units}, {self.tags} tags, batch {self.batch}, "
            f"lengths {self.shortest} to {self.steps}"
        )


# Words with the tags of four kinds in BIOES; characters with those of resume-ner-zh.
TAGGERS = Tagger(100, 17, 32, 40, 5), Tagger(128, 28, 16, 60, 10)


def training(tagger):
    """-> loss and the gradient of the embedding, to which all layers contribute."""
    words, tags, lengths = _batch(tagger)
    made = _made(tagger)
    impls = {"fastnn": _step(made, words, tags, lengths)}
    for fused in (False, True) if torch else ():
        name = f"torch{', fused Adam' * fused}"
        impls[name] = _torch_step(_torch(tagger), words, tags, lengths, fused)
    expected = _step(_made(tagger).double(), words, tags, lengths)
    return Case(str(tagger), impls, expected, int(lengths.sum()), "words/s", tolerance=1e-3)


def _batch(tagger):
    """words, tags (T, N) and lengths (N,), the first sentence as long as any."""
    rng = np.random.default_rng(0)
    shape = tagger.steps, tagger.batch
    lengths = rng.integers(tagger.shortest, tagger.steps + 1, tagger.batch)
    lengths[0] = tagger.steps
    return rng.integers(0, VOCABULARY, shape), rng.integers(0, tagger.tags, shape), lengths


def _class(library, field):
    """library: fastnn.nn or torch.nn; field: its CRF"""

    class Model(library.Module):
        def __init__(self, tagger):
            super().__init__()
            self.embedding = library.Embedding(VOCABULARY, EMBEDDING)
            self.lstm = library.LSTM(EMBEDDING, tagger.units, bidirectional=True)
            self.linear = library.Linear(2 * tagger.units, tagger.tags)
            self.crf = field(tagger.tags)

        def forward(self, inputs):
            """words (T, N) and lengths -> emissions (T, N, K)"""
            words, lengths = inputs
            x = self.embedding(words)
            if library is fastnn.nn:
                return self.linear(self.lstm(x, lengths=lengths)[0])
            rnn = torch.nn.utils.rnn
            packed = rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
            return self.linear(rnn.pad_packed_sequence(self.lstm(packed)[0])[0])

    return Model


def _made(tagger):
    fastnn.manual_seed(0)
    return _class(fastnn.nn, fastnn.nn.CRF)(tagger)


def _torch(tagger):
    made = _class(torch.nn, torch_crf())(tagger)
    state = _made(tagger).state_dict()
    made.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in state.items()})
    return made


def torch_crf():
    class CRF(torch.nn.Module):
        """-> the log-likelihoods' mean; tags (T, N), mask (T, N)"""

        def __init__(self, tags):
            super().__init__()
            self.start_transitions = torch.nn.Parameter(torch.empty(tags))
            self.end_transitions = torch.nn.Parameter(torch.empty(tags))
            self.transitions = torch.nn.Parameter(torch.empty(tags, tags))

        def forward(self, emissions, tags, mask):
            return (self.score(emissions, tags, mask) - self.log_z(emissions, mask)).mean()

        def score(self, emissions, tags, mask):
            own = emissions.gather(2, tags[:, :, None])[:, :, 0]
            steps = self.transitions[tags[:-1], tags[1:]]
            last = tags.gather(0, mask.sum(0)[None] - 1)[0]
            ends = self.start_transitions[tags[0]] + self.end_transitions[last]
            return (own * mask).sum(0) + (steps * mask[1:]).sum(0) + ends

        def log_z(self, emissions, mask):
            score = self.start_transitions + emissions[0]
            for t in range(1, len(emissions)):
                through = score[:, :, None] + self.transitions + emissions[t][:, None]
                score = torch.where(mask[t][:, None], through.logsumexp(1), score)
            return (score + self.end_transitions).logsumexp(1)

    return CRF


def _step(made, words, tags, lengths):
    optimizer = fastnn.optim.Adam(made.parameters(), LR)

    def loss(emissions, tags):
        return -made.crf(emissions, tags, reduction="mean", lengths=lengths)

    return training_step(made, optimizer, loss, (words, lengths), tags)


def _torch_step(made, words, tags, lengths, fused):
    optimizer = torch.optim.Adam(made.parameters(), LR, fused=fused)
    mask = torch.from_numpy(np.arange(len(words))[:, None] < lengths)
    words, tags, lengths = map(torch.from_numpy, (words, tags, lengths))

    def loss(emissions, tags):
        return -made.crf(emissions, tags, mask)

    return training_step(made, optimizer, loss, (words, lengths), tags)
