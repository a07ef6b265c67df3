"""A convolutional network for sentences: filters over a few words each, and of each filter the
largest output over the sentence.

Y. Kim, "Convolutional neural networks for sentence classification", EMNLP 2014, arXiv:1408.5882.
"""

import numpy as np

from .. import nn
from ..autograd import cat
from ..training import Callback

VARIANTS = ("rand", "static", "non-static", "multichannel")


class TextCNN(nn.Module):
    """Word vectors -> for each width `filters` convolutions, ReLU and the maximum over time ->
    dropout -> Linear.

    words    V: how many different ones there are; number 0 is none, but what pads a sentence
    variant  "rand": vectors start at random, and are learnt; the others start from `vectors`
             (V, D), which "static" leaves as they are and "non-static" trains; "multichannel" has
             both, side by side as a picture's channels
    widths   how many words a filter sees; a word short of that, sentences are padded at both ends
    size     D, where there are no vectors

    forward(numbers (N, L), lengths (N,) or None) -> logits (N, classes). A sentence's result does
    not depend on what it is padded with, nor on the rest of its batch. Raises ValueError for an
    unknown variant, and for vectors that are missing, not asked for, or not (V, D).
    """

    def __init__(
        self, words, classes=2, *, variant="rand", vectors=None, widths=(3, 4, 5), filters=100,
        dropout=0.5, size=300,
    ):  # fmt: skip
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(
                f"TextCNN: variant must be one of {', '.join(VARIANTS)}, got {variant!r}"
            )
        if (vectors is None) != (variant == "rand"):
            verb = "takes no" if vectors is not None else "needs"
            raise ValueError(f"TextCNN: variant {variant!r} {verb} vectors")
        if vectors is None:
            vectors = nn.init.uniform_(np.empty((words, size), np.float32), -0.25, 0.25)
        vectors = np.array(vectors, np.float32)
        if vectors.ndim != 2 or len(vectors) != words:
            raise ValueError(f"TextCNN: vectors must have shape ({words}, D), got {vectors.shape}")
        vectors[0] = 0
        trained = {"static": (False,), "multichannel": (False, True)}.get(variant, (True,))
        self.embeddings = nn.ModuleList([
            nn.Embedding.from_pretrained(vectors.copy(), freeze=not each, padding_idx=0)
            for each in trained
        ])  # fmt: skip
        channels = vectors.shape[1] * len(trained)
        self.convolutions = nn.ModuleList([
            nn.Conv1dMaxOverTime(channels, filters, width, padding=width - 1) for width in widths
        ])  # fmt: skip
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(filters * len(widths), classes)

    def forward(self, numbers, lengths=None):
        x = cat([embedding(numbers) for embedding in self.embeddings], 2).transpose(1, 2)
        most = cat([convolution(x, lengths) for convolution in self.convolutions], 1)
        return self.linear(self.dropout(most.relu()))


class MaxNorm(Callback):
    """After every step, rows of a weight whose 2-norm is larger than `limit` are scaled down to it:
    Kim's constraint of the last layer, after Hinton et al. 2012, arXiv:1207.0580."""

    def __init__(self, weight, limit=3.0):
        self.weight, self.limit = weight, limit

    def on_batch_end(self, run):
        norms = np.linalg.norm(self.weight.data, axis=1, keepdims=True)
        self.weight.data *= np.minimum(1, self.limit / np.maximum(norms, self.limit))


def shortened(batch, rng=None):
    """A batch (numbers (N, L), lengths, ...) with no more steps than its longest sentence has: a
    `DataLoader`'s transform."""
    numbers, lengths, *rest = batch
    return numbers[:, : lengths.max()], lengths, *rest
