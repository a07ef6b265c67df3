"""Encoder and decoder: a recurrent network that reads a sentence, and one that writes its
translation, with and without attention to what was read.

1. The source's words become vectors, and an LSTM reads them; END is the last.
2. Its last state is the decoder's first: all that the decoder knows of the source, unless it has
   attention.
3. The decoder's first input is START.
4. At every step its state, and what it attends to, say which word comes next.
5. In training, the next input is the word that should have come (teacher forcing), so that all
   steps are one call; in use it is the word that was chosen.
6. It ends with END, or at a limit.

I. Sutskever, O. Vinyals, Q. Le 2014, arXiv:1409.3215 (no attention); D. Bahdanau, K. Cho, Y. Bengio
2015, arXiv:1409.0473 ("additive"); T. Luong, H. Pham, C. Manning 2015, arXiv:1508.04025 ("dot",
"general").
"""

import numpy as np

from .. import functional, nn
from ..autograd import cat, no_grad
from ..training.evaluate import evaluation_mode, inference
from . import decoding
from .translation_task import END_NUMBER, START_NUMBER, UNKNOWN_NUMBER, pair_batch

ATTENTION = "additive", "dot", "general"


class Seq2Seq(nn.Module):
    """Embedding -> LSTM, in both directions if `bidirectional`; embedding -> LSTM with attention ->
    tanh layer on state and context -> linear layer on all words.

    source_words, target_words   sizes of the vocabularies
    embedding                    width of a word's vector, and of the tanh layer's
    units                        of each LSTM
    attention                    "additive": the context that h[t-1] asks for is an input of step t;
                                 "dot", "general": that of h[t], beside it; None: none
    dropout                      of the vectors of words and of the inputs of the last layers
    tied                         the last layer's weights are the target words' vectors

    forward(source (S, N), source_lengths, before (T, N), lengths) -> logits (R, V) of the R words
    that there are: those of step 0 in the order of the batch, those of step 1, and so on, rows that
    have ended left out. A batch is what `translation_task.PairLoader` gives.
    """

    def __init__(
        self, source_words, target_words, *, embedding=256, units=256, bidirectional=False,
        attention="additive", dropout=0.0, tied=False,
    ):  # fmt: skip
        super().__init__()
        if attention is not None and attention not in ATTENTION:
            raise ValueError(
                f"Seq2Seq: attention must be None or one of {', '.join(ATTENTION)}, got "
                f"{attention!r}"
            )
        width = units * (1 + bidirectional)
        if attention == "dot" and bidirectional:
            raise ValueError(
                "Seq2Seq: attention 'dot' needs an encoder as wide as the decoder: give 'general', "
                "or bidirectional=False"
            )
        self.attention = attention
        self.source_embedding = nn.Embedding(source_words, embedding)
        self.target_embedding = nn.Embedding(target_words, embedding)
        self.encoder = nn.LSTM(embedding, units, bidirectional=bidirectional)
        self.bridge = nn.Linear(width, 2 * units) if bidirectional else None
        if attention == "additive":
            self.decoder = nn.AttentionLSTM(embedding, units, width)
        else:
            self.decoder = nn.LSTM(embedding, units)
        if attention == "general":
            self.score = nn.GeneralAttention(units, width)
        self.readout = nn.Linear(units + (width if attention else 0), embedding)
        self.output = nn.Linear(embedding, target_words)
        self.dropout = nn.Dropout(dropout)
        if tied:
            nn.init.normal_(self.target_embedding.weight, std=embedding**-0.5)
            self.output.weight = self.target_embedding.weight

    def encode(self, source, source_lengths):
        """-> memory (S, N, width), the decoder's first state (h, c), each (N, units)."""
        x = self.dropout(self.source_embedding(source))
        memory, (h, c) = self.encoder(x, lengths=source_lengths)
        if self.bridge is None:
            return memory, (h[0], c[0])
        first = self.bridge(cat([h[0], h[1]], 1), activation="tanh")
        units = first.shape[1] // 2
        return memory, (first[:, :units], first[:, units:])

    def decode(self, before, state, memory, source_lengths, lengths=None, keys=None):
        """T steps: before (T, N) -> features (T, N, ...) for `words`, weights (T, N, S) or None,
        and the state after them."""
        x = self.dropout(self.target_embedding(before))
        if self.attention == "additive":
            y, context, weights, state = self.decoder(
                x, state, memory, source_lengths, lengths, keys=keys
            )
            return cat([y, context], 2), weights, state
        h, c = state
        y, (h, c) = self.decoder(x, (h.unsqueeze(0), c.unsqueeze(0)), lengths=lengths)
        state = h[0], c[0]
        if self.attention is None:
            return y, None, state
        keys = memory if keys is None else keys
        context, weights = functional.dot_attention(y, keys, memory, source_lengths=source_lengths)
        return cat([y, context], 2), weights, state

    def keys(self, memory):
        """What of the attention depends on the source alone, or None."""
        if self.attention == "additive":
            return self.decoder.attention.key(memory)
        return self.score.key(memory) if self.attention == "general" else None

    def words(self, features):
        """Logits of rows of features."""
        readout = self.readout(self.dropout(features), activation="tanh")
        return self.output(self.dropout(readout))

    def forward(self, source, source_lengths, before, lengths):
        memory, state = self.encode(source, source_lengths)
        features, _, _ = self.decode(
            before, state, memory, source_lengths, lengths, self.keys(memory)
        )
        rows = np.flatnonzero(np.arange(len(before))[:, None] < lengths)
        return self.words(functional.embedding(rows, features.reshape(-1, features.shape[-1])))


def words_that_come(after, lengths):
    """The target (R,) that belongs to forward's logits: after (T, N) without what fills it up."""
    return after[np.arange(len(after))[:, None] < lengths]


def loss(model, batch, label_smoothing=0.0):
    """The mean cross-entropy, in nats a word, of a `PairLoader`'s batch."""
    *inputs, after = batch
    logits = model(*inputs)
    return functional.cross_entropy(
        logits, words_that_come(after, inputs[-1]), label_smoothing=label_smoothing
    )


def translate(
    model, sources, *, beam=5, limit=None, alpha=0.6, batch_size=64, make_step=None
):  # fmt: skip
    """The likeliest translations that `decoding.beam_search` finds: a list of int64 arrays, START
    and END left out. sources: a list of int64 arrays. limit: the most words; None: one and a half
    times the source's, and ten. beam=1: the likeliest word at every step. UNKNOWN is never
    written. make_step: `stepper`'s like, for another kind of model. The model is in evaluation mode
    meanwhile."""
    order = np.argsort([len(source) for source in sources], kind="stable")
    translations = [None] * len(sources)
    with inference(model):
        for begin in range(0, len(order), batch_size):
            rows = order[begin : begin + batch_size]
            most = limit or 10 + 3 * len(sources[rows[-1]]) // 2
            step, state = (make_step or stepper)(model, [sources[row] for row in rows])
            found = decoding.beam_search(
                step, state, len(rows), start=START_NUMBER, end=END_NUMBER, beam=beam, limit=most,
                alpha=alpha, never=(UNKNOWN_NUMBER, START_NUMBER),
            )  # fmt: skip
            for row, hypotheses in zip(rows, found, strict=True):
                translations[row] = hypotheses[0].numbers
    return translations


def stepper(model, sources):
    """(step, state) as `decoding` takes them, for sentences to translate."""
    source, lengths, *_ = pair_batch([(source, source) for source in sources])
    memory, (h, c) = model.encode(source, lengths)
    state = {"h": h, "c": c}
    if model.attention is not None:  # rows first, as those of h and c
        keys = model.keys(memory)
        state |= {"memory": memory.data.swapaxes(0, 1), "lengths": lengths}
        if keys is not None:
            state["keys"] = keys.data.swapaxes(0, 1)

    def step(numbers, state):
        given = {name: state[name].swapaxes(0, 1) for name in ("memory", "keys") if name in state}
        features, _, (h, c) = model.decode(
            numbers[None], (state["h"], state["c"]), given.get("memory"), state.get("lengths"),
            keys=given.get("keys"),
        )  # fmt: skip
        return model.words(features[0]), {**state, "h": h, "c": c}

    return step, state


def attention_map(model, source, target):
    """The weights (T, S) with which each word of `target` and END were written, START and END of
    the source among its S words. Both: int64 arrays with START and END."""
    with evaluation_mode(model), no_grad():
        numbers, ends, before, lengths, _ = pair_batch([(source, target)])
        memory, state = model.encode(numbers, ends)
        _, weights, _ = model.decode(before, state, memory, ends, lengths, model.keys(memory))
    return weights.data[:, 0]
