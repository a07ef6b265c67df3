"""Encoder and decoder with additive attention as a whole: a training step with Adam and
cross-entropy over all words. Both libraries build the same model and start with the same weights.

torch's encoder has packed sequences; its decoder is a loop over LSTMCell with attention by batched
operations; the last two layers and the loss are over all steps at once, of the words that there
are. Words are as frequent as Zipf's law has them, the n-th in proportion to 1/n; fastnn multiplies
the vector of each word of a batch by the LSTMs' weights once.
"""

from typing import NamedTuple

import numpy as np
from cases import Case, torch
from steps import LR

import fastnn
from fastnn.models import seq2seq


class Model(NamedTuple):
    words: int = 8000
    units: int = 256
    batch: int = 64
    least: int = 10
    most: int = 20

    def __str__(self):
        size = f"{self.units} units, batch {self.batch}, lengths {self.least} to {self.most}"
        return f"seq2seq with attention, {size}, {self.words} words"


LARGE, SMALL = Model(), Model(words=500, units=32, batch=8)


def training(model):
    """-> loss and the gradient of the source's words, to which all layers contribute."""
    batch = _batch(model)
    impls = {"fastnn": _step(_made(model), batch)}
    for fused in (False, True) if torch else ():
        impls[f"torch{', fused Adam' * fused}"] = _torch_step(model, batch, fused)
    expected = _step(_made(model).double(), batch)
    words = int(batch[1].sum() + batch[3].sum())
    return Case(str(model), impls, expected, words, "words/s", tolerance=1e-3)


def _batch(model):
    """source, its lengths, before, lengths, after: as PairLoader's."""
    rng = np.random.default_rng(0)
    ends, lengths = rng.integers(model.least, model.most + 1, (2, model.batch))
    frequencies = 1 / np.arange(1, model.words + 1)
    source, before, after = (
        rng.choice(model.words, (most, model.batch), p=frequencies / frequencies.sum())
        for most in (ends.max(), lengths.max(), lengths.max())
    )
    return source, ends, before, lengths, after


def _made(model):
    fastnn.manual_seed(0)
    return seq2seq.Seq2Seq(model.words, model.words, embedding=model.units, units=model.units)


def _step(made, batch):
    optimizer = fastnn.optim.Adam(made.parameters(), LR)
    first = made.source_embedding.weight

    def step():
        optimizer.zero_grad()
        loss = seq2seq.loss(made, batch)
        loss.backward()
        optimizer.step()
        return loss, first.grad

    return step


def _torch_step(model, batch, fused):
    made = _torch_model(model)
    state = _made(model).state_dict()
    made.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in state.items()})
    optimizer = torch.optim.Adam(made.parameters(), LR, fused=fused)
    source, ends, before, lengths, after = map(torch.from_numpy, batch)
    outside = torch.arange(len(source)) >= ends[:, None]
    inside = (torch.arange(len(before))[:, None] < lengths).reshape(-1).nonzero()[:, 0]
    target = after.reshape(-1)[inside]
    first = made.source_embedding.weight

    def step():
        optimizer.zero_grad()
        logits = made(source, ends, outside, before, inside)
        loss = torch.nn.functional.cross_entropy(logits, target)
        loss.backward()
        optimizer.step()
        return loss, first.grad

    return step


def _torch_model(model):
    nn, units = torch.nn, model.units

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.key = nn.Linear(units, units, bias=False)
            self.query = nn.Linear(units, units, bias=False)
            self.v = nn.Parameter(torch.empty(units))

        def forward(self, h, keys, memory, outside):
            energies = torch.tanh(keys + self.query(h)[:, None]) @ self.v
            weights = energies.masked_fill(outside, -torch.inf).softmax(1)
            return torch.bmm(weights[:, None], memory)[:, 0]

    class Seq2Seq(nn.Module):
        def __init__(self):
            super().__init__()
            self.source_embedding = nn.Embedding(model.words, units)
            self.target_embedding = nn.Embedding(model.words, units)
            self.encoder = nn.LSTM(units, units)
            self.decoder = nn.LSTMCell(2 * units, units)
            self.decoder.attention = Attention()
            self.readout = nn.Linear(2 * units, units)
            self.output = nn.Linear(units, model.words)

        def forward(self, source, ends, outside, before, inside):
            rnn = nn.utils.rnn
            x = rnn.pack_padded_sequence(self.source_embedding(source), ends, enforce_sorted=False)
            memory, (h, c) = self.encoder(x)
            memory = rnn.pad_packed_sequence(memory, batch_first=True)[0].contiguous()
            keys, h, c = self.decoder.attention.key(memory), h[0], c[0]
            features = []
            for x in self.target_embedding(before):
                context = self.decoder.attention(h, keys, memory, outside)
                h, c = self.decoder(torch.cat([x, context], 1), (h, c))
                features.append(torch.cat([h, context], 1))
            features = torch.stack(features).reshape(-1, 2 * units)[inside]
            return self.output(torch.tanh(self.readout(features)))

    return Seq2Seq()
