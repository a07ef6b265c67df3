"""Translation without recurrence: a Transformer reads a sentence, and another one, which also looks
at what was read, writes its translation.

Batches, teacher forcing, START and END are those of `seq2seq`; so is the training. Vaswani et al.
2017, arXiv:1706.03762; layers normalise before each block, as in R. Xiong et al. 2020,
arXiv:2002.04745.
"""

import numpy as np

from .. import functional, nn
from . import seq2seq
from .translation_task import pair_batch


class TransformerTranslator(nn.Module):
    """Embeddings times sqrt(width) + sinusoidal positions -> dropout -> nn.Transformer -> linear
    layer on all words, whose weights are the target words' vectors.

    source_words, target_words   sizes of the vocabularies
    width, heads                 of a word's vector; heads divides width
    layers                       of the encoder, and of the decoder
    hidden                       of the feed-forward networks; None: 4 width
    length                       the most words of a sentence

    forward(source (S, N), source_lengths, before (T, N), lengths) -> logits (R, V), as Seq2Seq's.
    """

    def __init__(
        self, source_words, target_words, *, width=256, heads=4, layers=3, hidden=None, dropout=0.1,
        length=512,
    ):  # fmt: skip
        super().__init__()
        self.width = width
        self.source_embedding = nn.Embedding(source_words, width)
        self.target_embedding = nn.Embedding(target_words, width)
        self.positions = nn.SinusoidalPositions(length, width, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.transformer = nn.Transformer(
            width, heads, layers, layers, hidden or 4 * width, dropout, batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.output = nn.Linear(width, target_words)
        for embedding in (self.source_embedding, self.target_embedding):
            nn.init.normal_(embedding.weight, std=width**-0.5)
        self.output.weight = self.target_embedding.weight

    def encode(self, source, source_lengths):
        """-> memory (N, S, width) and which of it fills up shorter sentences, (N, S)."""
        padding = np.arange(len(source)) >= np.asarray(source_lengths)[:, None]
        x = self._embedded(self.source_embedding, source.T)
        return self.transformer.encoder(x, src_key_padding_mask=padding), padding

    def forward(self, source, source_lengths, before, lengths):
        memory, padding = self.encode(source, source_lengths)
        x = self._embedded(self.target_embedding, before.T)
        y = self.transformer.decoder(
            x, memory, memory_key_padding_mask=padding, tgt_mask=_ahead(len(before))
        )
        step, row = np.nonzero(np.arange(len(before))[:, None] < lengths)
        rows = functional.embedding(row * len(before) + step, y.reshape(-1, self.width))
        return self.output(rows)

    def _embedded(self, embedding, numbers, start=0):
        return self.dropout(self.positions(embedding(numbers) * self.width**0.5, start))


def _ahead(steps):
    """What each word must not see: those after it."""
    return ~np.tri(steps, dtype=bool)


def stepper(model, sources):
    """(step, state) as `decoding` takes them, for sentences to translate."""
    source, lengths, *_ = pair_batch([(source, source) for source in sources])
    memory, padding = model.encode(source, lengths)

    def step(numbers, state):
        written = 0 if state["layers"] is None else state["layers"][0][0].shape[1]
        x = model._embedded(model.target_embedding, numbers[:, None], written)
        y, layers = model.transformer.decoder.step(
            x, state["memory"], state["layers"], state["padding"]
        )
        return model.output(y[:, 0]), {**state, "layers": layers}

    return step, {"memory": memory.data, "padding": padding, "layers": None}


def translate(model, sources, **options):
    """The likeliest translations that beam search finds: `seq2seq.translate`, with its options."""
    return seq2seq.translate(model, sources, make_step=stepper, **options)
