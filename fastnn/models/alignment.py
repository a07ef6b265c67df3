"""Visual-semantic alignment: regions of a picture and words of a sentence as vectors in one space,
where a word lies near what it names.

A. Karpathy, L. Fei-Fei, "Deep visual-semantic alignments for generating image descriptions", 2015,
arXiv:1412.2306, section 3.1.
"""

import numpy as np

from .. import functional as F
from .. import nn
from ..autograd import cat
from ..training.evaluate import inference
from .captioner import PictureEncoder


class Alignment(nn.Module):
    """Regions are the means of grid x grid parts of a convolutional network's map, and of all of
    it: v_i = W_m a_i + b_m. Words pass through a bidirectional recurrent network, which lets the
    others say what they mean: s_t = relu(W_d (h_f[t] + h_b[t]) + b_d), h_f and h_b being of ReLUs.

    words      V, the size of the vocabulary
    size       of v_i and s_t, and of the recurrent network's states
    embedding  width of a word's vector
    grid       1: the whole picture is the only region
    dropout    of regions and of words before the last layers, in training
    encoder    as of `captioner.Captioner`

    forward(images (N, C, H, W), sentences (M, T), lengths (M,)) -> the scores (N, M) of all pairs

        S[k, l] = sum over words t of sentence l of max over regions i of picture k of v_i . s_t
    """

    def __init__(self, words, *, size=128, embedding=128, grid=6, dropout=0.3, encoder=None):
        super().__init__()
        self.grid = grid
        self.encoder = PictureEncoder() if encoder is None else encoder
        self.look = nn.Linear(self.encoder.channels, size)
        self.embedding = nn.Embedding(words, embedding)
        self.rnn = nn.RNN(embedding, size, nonlinearity="relu", bidirectional=True)
        self.linear = nn.Linear(size, size)
        self.dropout = nn.Dropout(dropout)

    def regions(self, images):
        """(N, C, H, W) -> v (N, R, size): the parts row by row, then, where they are not all there
        is, the whole."""
        parts = F.adaptive_avg_pool2d(self.encoder(images), self.grid).flatten(2).transpose(1, 2)
        if self.grid > 1:
            parts = cat([parts, parts.mean(1, keepdim=True)], 1)
        return self.look(self.dropout(parts))

    def words(self, sentences, lengths):
        """Numbers (M, T) -> s (P, size) of the P words that there are, sentence by sentence."""
        states, _ = self.rnn(self.embedding(sentences.T), lengths=lengths)
        states = states.transpose(0, 1)[places(sentences, lengths)]
        size = self.linear.in_features
        return self.linear(self.dropout(states[:, :size] + states[:, size:])).relu()

    def forward(self, images, sentences, lengths):
        return scores(self.regions(images), self.words(sentences, lengths), lengths)


def places(sentences, lengths):
    """Where words are: bool (M, T)."""
    return np.arange(sentences.shape[1]) < lengths[:, None]


def similarity(regions, words):
    """v_i . s_t of regions (N, R, D) and words (P, D): (N, R, P)."""
    n, r, d = regions.shape
    return (regions.reshape(n * r, d) @ words.transpose(0, 1)).reshape(n, r, -1)


def scores(regions, words, lengths):
    """S (N, M) of regions (N, R, D) and the words (P, D) of M sentences of these lengths."""
    best = similarity(regions, words).max(1)
    belongs = np.repeat(np.eye(len(lengths), dtype=best.dtype), lengths, axis=0)
    return best @ belongs


def ranking_loss(scores, margin=1.0):
    """The mean over k of what other sentences, and other pictures, lack of a margin below the true
    pair's score; picture k belongs to sentence k:

        sum over l != k of max(0, S[k, l] - S[k, k] + margin) + max(0, S[l, k] - S[k, k] + margin)
    """
    n = len(scores)
    true = scores[np.arange(n), np.arange(n)]
    over = (scores - true.unsqueeze(1) + margin).relu() + (scores - true + margin).relu()
    return (over * (1 - np.eye(n, dtype=scores.dtype))).sum() / n


# ---- retrieval ----------------------------------------------------------------------------------


def score_all(model, images, sentences, lengths, *, batch_size=32):
    """S (N, M) of N pictures and M sentences, in evaluation mode and without tape."""
    with inference(model):
        words = model.words(sentences, lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        rows = []
        for i in range(0, len(images), batch_size):
            best = similarity(model.regions(images[i : i + batch_size]), words).data.max(1)
            rows.append(np.add.reduceat(best, starts, axis=1))
    return np.concatenate(rows)


def ranks(scores):
    """The place, 1 the best, that each row's own column has among all of that row; ties count as
    lost: int64 (N,). scores (N, N)."""
    own = np.diagonal(scores)[:, None]
    return (scores >= own).sum(1)


def recall(ranks, at=(1, 5, 10)):
    """{"R@1": the share of ranks <= 1, ..., "median rank": ...}."""
    found = {f"R@{k}": float((ranks <= k).mean()) for k in at}
    return {**found, "median rank": float(np.median(ranks))}
