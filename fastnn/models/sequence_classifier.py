"""Many to one: a recurrent network that reads a sequence of symbols and names its class, a name's
gender or a sentence's mood."""

import numpy as np

from .. import functional as F
from .. import nn
from ..training.evaluate import inference
from .char_rnn import CELLS

SUMMARIES = "last", "mean", "max"


class SequenceClassifier(nn.Module):
    """Embedding -> recurrent layers -> one vector a sequence -> Linear. The forget gates of an LSTM
    begin with a bias of 1.

    symbols        V, how many different ones there are
    classes        K
    cell           "lstm", "gru" or "rnn"
    bidirectional  a second network reads from the end; their vectors are joined
    summary        what becomes of a sequence's outputs: "last", the state after its last step (of
                   the second network: after its first); "mean" or "max" of all steps, unit by unit
    dropout        of the embedded symbols, between recurrent layers and of the summary, in training
    embedding      width of a symbol's vector

    forward(numbers (N, T), lengths (N,)) -> logits (N, K). Row n has lengths[n] >= 1 symbols; what
    stands behind them is not looked at, and columns that no row needs cost nothing.
    """

    def __init__(
        self, symbols, classes, *, cell="lstm", units=64, layers=1, bidirectional=False,
        summary="last", dropout=0.0, embedding=32,
    ):  # fmt: skip
        super().__init__()
        if cell not in CELLS:
            raise ValueError(
                f"SequenceClassifier: cell must be one of {', '.join(CELLS)}, got {cell!r}"
            )
        if summary not in SUMMARIES:
            raise ValueError(
                f"SequenceClassifier: summary must be one of {', '.join(SUMMARIES)}, "
                f"got {summary!r}"
            )
        self.summary = summary
        self.embedding = nn.Embedding(symbols, embedding)
        self.rnn = CELLS[cell](
            embedding, units, layers, dropout=dropout if layers > 1 else 0.0,
            bidirectional=bidirectional,
        )  # fmt: skip
        if cell == "lstm":
            nn.init.forget_gate_bias_(self.rnn)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(units * (2 if bidirectional else 1), classes)

    def forward(self, numbers, lengths):
        numbers, lengths = np.asarray(numbers), np.asarray(lengths)
        if numbers.ndim != 2 or lengths.shape != numbers.shape[:1] or np.any(lengths < 1):
            raise ValueError(
                "SequenceClassifier: numbers (N, T) and N lengths >= 1 expected, got shapes "
                f"{numbers.shape} and {lengths.shape}, lengths from {lengths.min(initial=0)}"
            )
        steps = numbers[:, : lengths.max(initial=0)].T
        embedded = self.dropout(self.embedding(steps))
        outputs, state = self.rnn(embedded, lengths=lengths)
        return self.linear(self.dropout(self._summary(outputs, state, lengths)))

    def _summary(self, outputs, state, lengths):
        if self.summary == "last":
            h = state[0] if isinstance(state, tuple) else state  # (layers * directions, N, U)
            h = h[-2:] if self.rnn.bidirectional else h[-1:]
            return h.transpose(0, 1).reshape(len(lengths), -1)
        if self.summary == "mean":  # outputs are 0 behind the end
            return outputs.sum(0) / lengths[:, None].astype(outputs.dtype)
        behind = np.arange(len(outputs))[:, None] >= lengths
        return (outputs - 2 * behind[:, :, None].astype(outputs.dtype)).max(0)  # |h| < 1

    def beliefs(self, numbers):
        """The classes' probabilities (T, K) after each of the symbols `numbers` (T,): what would be
        answered if the sequence ended there."""
        numbers = np.asarray(numbers)
        prefixes = np.repeat(numbers[None], len(numbers), 0)
        with inference(self):
            logits = self(prefixes, np.arange(1, len(numbers) + 1))
            return F.softmax(logits, 1).data
