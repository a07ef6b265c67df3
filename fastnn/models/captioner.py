"""Image captioning: a convolutional network looks at the picture, a recurrent one writes the
sentence.

O. Vinyals et al., "Show and tell: a neural image caption generator", 2015, arXiv:1411.4555;
A. Karpathy, L. Fei-Fei, "Deep visual-semantic alignments for generating image descriptions", 2015,
arXiv:1412.2306, section 3.2 (cell="rnn"); K. Xu et al., "Show, attend and tell: neural image
caption generation with visual attention", 2015, arXiv:1502.03044 (`AttentionCaptioner`).
"""

import numpy as np

from .. import functional as F
from .. import nn
from ..autograd import cat
from ..data import pad_sequences
from ..nn.fusion import conv_bn
from ..training.evaluate import inference
from . import decoding
from .initial import he_normal_
from .translation_task import (
    END_NUMBER,
    START_NUMBER,
    UNKNOWN_NUMBER,
    decode_sentence,
    encode_sentence,
)


def numbered(vocabulary, captions):
    """Captions, lists of N sentences' words, as a captioner needs them: what it reads (N, T), how
    much of it (N,), and what it is to answer (N, T), all int64:

        before  START word word ...
        after   word  word ...  END

    filled up with START's number, 0. vocabulary: `translation_task.sentence_vocabulary`'s.
    """
    rows = [encode_sentence(vocabulary, caption) for caption in captions]
    before, lengths = pad_sequences([row[:-1] for row in rows], START_NUMBER, batch_first=True)
    after, _ = pad_sequences([row[1:] for row in rows], START_NUMBER, batch_first=True)
    return before, lengths, after


def caption_loss(logits, after, reduction="mean"):
    """Cross-entropy in nats a word of a captioner's logits (P, V) and `after` (N, T)."""
    return F.cross_entropy(logits, after[after != START_NUMBER], reduction=reduction)


# ---- the networks -------------------------------------------------------------------------------


class PictureEncoder(nn.Module):
    """Stages of convolution, batch normalisation and ReLU: pictures (N, C, H, W) -> the feature map
    (N, widths[-1], H / prod(strides), ...). Windows are 5 x 5 in the first stage, then 3 x 3."""

    def __init__(self, widths=(32, 64, 96, 128), strides=(2, 2, 1, 2), in_channels=3):
        super().__init__()
        self.channels = widths[-1]
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        for i, (channels, stride) in enumerate(zip(widths, strides, strict=True)):
            size = 3 if i else 5
            self.convs.append(
                nn.Conv2d(in_channels, channels, size, stride, padding=size // 2, bias=False)
            )
            self.norms.append(nn.BatchNorm2d(channels))
            in_channels = channels
        he_normal_(self)

    def forward(self, images):
        x = images
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = conv_bn(conv, norm, x, activation="relu")
        return x


class WordSpotter(nn.Module):
    """Says which words a picture's caption has, whatever their order: what an encoder can learn
    from before it is part of a captioner, as the papers' networks learn from ImageNet. Its own
    layers are a captioner's first step without the recurrent network's weights, and a captioner can
    `start_from` them: they know words that are in one caption only.

    forward(images) -> logits (N, V) = linear(tanh(look(features))). Arguments: see `Captioner`.
    """

    def __init__(self, words, *, units=256, dropout=0.3, grid=3, encoder=None):
        super().__init__()
        self.encoder = PictureEncoder() if encoder is None else encoder
        self.grid = grid
        self.look = nn.Linear(grid * grid * self.encoder.channels, units)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(units, words)

    def forward(self, images):
        x = self.look(self.dropout(_features(self.encoder(images), self.grid)), activation="tanh")
        return self.linear(self.dropout(x))


def _features(maps, grid):
    """The means of grid x grid parts of maps (N, channels, H, W): (N, grid * grid * channels)."""
    return F.adaptive_avg_pool2d(maps, grid).flatten(1)


def spotting_loss(logits, after):
    """Cross-entropy of a WordSpotter's logits (N, V) against the captions' words, `after` (N, T) of
    `numbered`: each word has an equal share."""
    shares = np.zeros(logits.shape, logits.dtype)
    rows, places = np.nonzero(after > END_NUMBER)
    shares[rows, after[rows, places]] = 1
    return F.cross_entropy(logits, shares / shares.sum(1, keepdims=True))


class _Writer(nn.Module):
    """What the captioners share. A subclass has `begin(images)`, the state before START, a tuple
    whose rows are those of axis 1, and `_read(numbers (T, N), state, lengths)` -> outputs (T, N,
    ...) for the last layer, new state."""

    def __init__(self, words, embedding, outputs, dropout, encoder):
        super().__init__()
        self.encoder = PictureEncoder() if encoder is None else encoder
        self.embedding = nn.Embedding(words, embedding)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(outputs, words)

    def start_from(self, spotter):
        """Copy what a WordSpotter of as many units knows: the last layer's weights for h, and
        `look`, where there is one of its shape, or of its shape for h and for c."""
        units = spotter.linear.in_features
        self.linear.weight.data[:, :units] = spotter.linear.weight.data
        self.linear.bias.data[...] = spotter.linear.bias.data
        look, known = self.look, spotter.look
        pieces = look.out_features // units
        if look.weight.shape == (pieces * units, known.in_features):
            look.weight.data[...] = np.tile(known.weight.data, (pieces, 1))
            look.bias.data[...] = np.tile(known.bias.data, pieces)
        return self

    def step(self, numbers, state):
        """The words last written (M,) and the state -> logits (M, V) of the next, new state."""
        outputs, state = self._read(numbers[None], state)
        return self.linear(self.dropout(outputs[0])), state

    def forward(self, images, before, lengths):
        outputs, _ = self._read(before.T, self.begin(images), lengths)
        there = np.arange(before.shape[1]) < lengths[:, None]
        return self.linear(self.dropout(outputs.transpose(0, 1)[there]))


class Captioner(_Writer):
    """A picture's features enter a recurrent network once, at the beginning; then it reads START
    and the sentence word by word, and says of each word which one comes next.

    words    V, the size of the vocabulary
    cell     "lstm" (Show and Tell): the features, W v, are what the network reads before START.
             "rnn" (Karpathy and Fei-Fei): h = tanh(W_xh x + W_hh h + W_ih v) in the first step,
             and without W_ih v in all others
    units    U; embedding: width of a word's vector, and of W v
    dropout  of the features and of the outputs, in training
    grid     features are the means of grid x grid parts of the encoder's map
    encoder  a module, pictures -> map (N, channels, H', W'), with an attribute `channels`; None: a
             `PictureEncoder`

    forward(images (N, C, H, W), before (N, T), lengths (N,)) -> logits (P, V) for what follows each
    of the P words in `before`, sentence by sentence (`numbered`, `caption_loss`).
    """

    def __init__(
        self, words, *, cell="lstm", units=256, embedding=128, dropout=0.3, grid=3, encoder=None
    ):  # fmt: skip
        if cell not in ("lstm", "rnn"):
            raise ValueError(f'Captioner: cell must be "lstm" or "rnn", got {cell!r}')
        super().__init__(words, embedding, units, dropout, encoder)
        self.cell, self.grid = cell, grid
        features = grid * grid * self.encoder.channels
        self.look = nn.Linear(features, embedding if cell == "lstm" else units)
        self.rnn = (nn.LSTM if cell == "lstm" else nn.RNN)(embedding, units)
        if cell == "lstm":
            nn.init.forget_gate_bias_(self.rnn)

    def begin(self, images):
        """h and c, or h and W_ih v, which is zero after the first step; each (1, N, U)."""
        x = self.look(self.dropout(_features(self.encoder(images), self.grid))).unsqueeze(0)
        if self.cell == "lstm":
            return self.rnn(x)[1]
        return np.zeros(x.shape, x.dtype), x

    def _read(self, numbers, state, lengths=None):
        x = self.embedding(numbers)
        if self.cell == "lstm":
            return self.rnn(x, state, lengths)
        h, v = state
        rnn = self.rnn
        first = (
            F.linear(x[:1], rnn.weight_ih_l0, rnn.bias_ih_l0)
            + F.linear(h, rnn.weight_hh_l0, rnn.bias_hh_l0)
            + v
        ).tanh()
        outputs, h = rnn(x[1:], first, None if lengths is None else lengths - 1)
        return cat([first, outputs]), (h, np.zeros(v.shape, x.dtype))


class AttentionCaptioner(_Writer):
    """Before every word the network looks at the picture again: the positions of the encoder's map,
    layer-normalised, are a memory, of which `nn.AttentionLSTM` reads a weighted mean, the context;
    h and context say which word comes next. The first h and c are tanh layers of what a `Captioner`
    begins with, the means of grid x grid parts of the map: in the paper of all of it, grid = 1.

    attention  width in which states and positions are compared
    dropout    of the memory too; the rest, and forward, as of Captioner

    Of the paper's two forms this is the soft one, without the penalty on what nobody looked at.
    """

    def __init__(
        self, words, *, units=256, embedding=128, attention=128, dropout=0.3, grid=3, encoder=None
    ):  # fmt: skip
        encoder = PictureEncoder() if encoder is None else encoder
        super().__init__(words, embedding, units + encoder.channels, dropout, encoder)
        self.grid = grid
        self.look = nn.Linear(grid * grid * encoder.channels, 2 * units)
        self.norm = nn.LayerNorm(encoder.channels)
        self.rnn = nn.AttentionLSTM(embedding, units, encoder.channels, attention)
        nn.init.forget_gate_bias_(self.rnn)

    def begin(self, images):
        """h and c (1, N, U), the positions (S, N, channels) and what of attention is theirs."""
        maps = self.encoder(images)
        memory = self.dropout(self.norm(maps.flatten(2).permute(2, 0, 1)))
        first = self.look(self.dropout(_features(maps, self.grid)), activation="tanh").unsqueeze(0)
        units = self.rnn.hidden_size
        return first[:, :, :units], first[:, :, units:], memory, self.rnn.attention.key(memory)

    def _read(self, numbers, state, lengths=None):
        outputs, context, _, state = self._look(numbers, state, lengths)
        return cat([outputs, context], 2), state

    def _look(self, numbers, state, lengths):
        h, c, memory, keys = state
        x = self.embedding(numbers)
        *seen, (h, c) = self.rnn(x, (h[0], c[0]), memory, lengths=lengths, keys=keys)
        return *seen, (h.unsqueeze(0), c.unsqueeze(0), memory, keys)

    def attention_maps(self, images, before, lengths):
        """Where the network looks as it writes what follows each word of `before`: weights (N, T,
        H', W') that sum to 1 over each map, 0 beyond a sentence's end."""
        with inference(self):
            height, width = self.encoder(images[:1]).shape[2:]
            _, _, weights, _ = self._look(before.T, self.begin(images), lengths)
        return weights.data.swapaxes(0, 1).reshape(*before.shape, height, width)


# ---- writing ------------------------------------------------------------------------------------


def describe(model, vocabulary, images, *, beam=3, limit=30, batch_size=256):
    """What the model writes about images (N, C, H, W): N lists of words, the best of a beam search
    (`models.decoding`). Evaluation mode, no tape."""
    found = []
    for part in _parts(images, batch_size):
        with inference(model):
            found += decoding.beam_search(
                model.step, model.begin(part), len(part), start=START_NUMBER, end=END_NUMBER,
                beam=beam, limit=limit, never=(START_NUMBER, UNKNOWN_NUMBER), axis=1,
            )  # fmt: skip
    return [decode_sentence(vocabulary, hypotheses[0].numbers) for hypotheses in found]


def sample(model, vocabulary, images, *, temperature=1.0, limit=30, rng=None):
    """Sentences drawn from the model, one for each of images: N lists of words."""
    with inference(model):
        found = decoding.sample(
            model.step, model.begin(images), len(images), start=START_NUMBER, end=END_NUMBER,
            limit=limit, temperature=temperature, never=(START_NUMBER, UNKNOWN_NUMBER), axis=1,
            rng=rng,
        )  # fmt: skip
    return [decode_sentence(vocabulary, numbers) for numbers in found]


def log_likelihood(model, images, before, lengths, after, *, batch_size=256):
    """log p(caption | picture) of N pictures and their captions, as `numbered`: float64 (N,)."""
    totals = []
    for part in zip(
        *(_parts(a, batch_size) for a in (images, before, lengths, after)), strict=True
    ):
        with inference(model):
            losses = np.asarray(caption_loss(model(*part[:3]), part[3], "none"), np.float64)
        totals.append(-np.add.reduceat(losses, np.cumsum(part[2]) - part[2]))
    return np.concatenate(totals)


def _parts(array, size):
    return (array[i : i + size] for i in range(0, len(array), size))
