"""Image captioning: a convolutional network looks at the picture, a recurrent one writes the
sentence.

O. Vinyals et al., "Show and tell: a neural image caption generator", 2015, arXiv:1411.4555;
A. Karpathy, L. Fei-Fei, "Deep visual-semantic alignments for generating image descriptions", 2015,
arXiv:1412.2306, section 3.2 (cell="rnn").
"""

import numpy as np

from .. import functional as F
from .. import nn
from ..autograd import cat
from ..data import Vocabulary, pad_sequences
from ..nn.fusion import conv_bn
from ..training.evaluate import inference
from . import decoding
from .initial import he_normal_

START, END = "<start>", "<end>"
START_NUMBER, END_NUMBER = 0, 1
NO_WORD = -100  # beyond a sentence's end: the targets that cross_entropy leaves out


# ---- sentences ----------------------------------------------------------------------------------


def vocabulary_of(captions, *, min_count=1):
    """The Vocabulary of captions, lists of words: START is number 0, END 1, and, where min_count
    leaves words out, "<unknown>" 2."""
    unknown = "<unknown>" if min_count > 1 else None
    words = (word for caption in captions for word in caption)
    return Vocabulary.of(words, min_count=min_count, special=(START, END), unknown=unknown)


def numbered(vocabulary, captions):
    """Captions, lists of words, as what a captioner reads and what it is to answer, int64 (N, T):

        START word word ...  END       padded with END
        word  word ...  END  NO_WORD   padded with NO_WORD
    """
    rows = [vocabulary.encode(caption) for caption in captions]
    start, end = vocabulary.number(START), vocabulary.number(END)
    read, _ = pad_sequences([[start, *row] for row in rows], end, batch_first=True)
    answers, _ = pad_sequences([[*row, end] for row in rows], NO_WORD, batch_first=True)
    return read, answers


def caption_loss(logits, answers, reduction="mean"):
    """Cross-entropy in nats a word of logits (P, V), a captioner's, and the answers (N, T) that
    `numbered` gives, P of which are words."""
    return F.cross_entropy(logits, answers[answers != NO_WORD], reduction=reduction)


# ---- the networks -------------------------------------------------------------------------------


class PictureEncoder(nn.Module):
    """Stages of convolution, batch normalisation and ReLU: pictures (N, C, H, W) -> the feature map
    (N, widths[-1], H / prod(strides), ...). Windows are 5 x 5 in the first stage, then 3 x 3."""

    def __init__(self, widths=(32, 64, 128, 192), strides=(2, 2, 1, 2), in_channels=3):
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


class Captioner(nn.Module):
    """A picture's features enter a recurrent network once, at the beginning; then it reads START
    and the sentence word by word, and says of each word which one comes next.

    words    V, the size of the vocabulary
    cell     "lstm" (Show and Tell): the features, W v, are what the network reads before START.
             "rnn" (Karpathy and Fei-Fei): h = tanh(W_xh x + W_hh h + W_ih v) in the first step,
             and without W_ih v in all others
    units    U; embedding: width of a word's vector, and of W v
    dropout  of the features, of what is read and of the outputs, in training
    grid     features are the means of grid x grid parts of the encoder's map
    encoder  a module, pictures -> map (N, channels, H', W'), with an attribute `channels`; None: a
             `PictureEncoder`

    forward(images (N, C, H, W), read (N, T)) -> logits (P, V) for the words that follow START and
    the P - N words of `read`, sentence by sentence (`numbered`, `caption_loss`).
    """

    def __init__(
        self, words, *, cell="lstm", units=256, embedding=128, dropout=0.5, grid=3, encoder=None
    ):  # fmt: skip
        super().__init__()
        if cell not in ("lstm", "rnn"):
            raise ValueError(f'Captioner: cell must be "lstm" or "rnn", got {cell!r}')
        self.cell, self.grid = cell, grid
        self.encoder = PictureEncoder() if encoder is None else encoder
        features = grid * grid * self.encoder.channels
        self.look = nn.Linear(features, embedding if cell == "lstm" else units)
        self.embedding = nn.Embedding(words, embedding)
        self.rnn = (nn.LSTM if cell == "lstm" else nn.RNN)(embedding, units)
        if cell == "lstm":
            nn.init.forget_gate_bias_(self.rnn)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(units, words)

    def begin(self, images):
        """The state before START; states are pairs of (1, N, U), so their rows are those of axis 1:
        h and c, or h and W_ih v, which is zero after the first step."""
        x = F.adaptive_avg_pool2d(self.encoder(images), self.grid).flatten(1)
        x = self.look(self.dropout(x)).unsqueeze(0)
        if self.cell == "lstm":
            return self.rnn(x)[1]
        return np.zeros(x.shape, x.dtype), x

    def step(self, numbers, state):
        """The words last written (M,) and the state -> logits (M, V) of the next, new state."""
        outputs, state = self._read(numbers[None], state)
        return self.linear(self.dropout(outputs[0])), state

    def forward(self, images, read):
        last = read == END_NUMBER
        outputs, _ = self._read(read.T, self.begin(images), lengths=(~last).sum(1))
        return self.linear(self.dropout(outputs.transpose(0, 1)[~last]))

    def _read(self, numbers, state, lengths=None):
        """Numbers (T, N) -> outputs (T, N, U), new state."""
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
        outputs, h = self.rnn(x[1:], first, None if lengths is None else lengths - 1)
        return cat([first, outputs]), (h, np.zeros(v.shape, x.dtype))


# ---- writing ------------------------------------------------------------------------------------


def describe(model, vocabulary, images, *, beam=3, limit=30, batch_size=256):
    """What the model writes about images (N, C, H, W): N lists of words, the best of a beam search
    (`models.decoding`) over log-probabilities. Evaluation mode, no tape."""
    start, end = vocabulary.number(START), vocabulary.number(END)
    never = [start] + [vocabulary.number(u) for u in [vocabulary.unknown] if u is not None]
    found = []
    with inference(model):
        for i in range(0, len(images), batch_size):
            part = images[i : i + batch_size]
            found += decoding.beam_search(
                model.step, model.begin(part), len(part), start=start, end=end, beam=beam,
                limit=limit, never=never, axis=1,
            )  # fmt: skip
    return [[vocabulary.symbols[n] for n in hypotheses[0].numbers] for hypotheses in found]


def log_likelihood(model, images, read, answers, *, batch_size=256):
    """log p(caption | picture) of each of N pictures: float64 (N,)."""
    totals = np.zeros(len(read))
    with inference(model):
        for i in range(0, len(read), batch_size):
            rows = slice(i, i + batch_size)
            losses = caption_loss(model(images[rows], read[rows]), answers[rows], "none")
            sentence = np.nonzero(answers[rows] != NO_WORD)[0]
            totals[rows] -= np.bincount(sentence, np.asarray(losses))
    return totals
