"""A training step of the captioner (fastnn.models.captioner): a convolutional network with batch
normalisation on 64 pictures, an LSTM over captions of 1 to 11 words, cross-entropy over the words,
Adam. Both libraries start with the same weights; without dropout, whose masks would differ."""

import numpy as np
from cases import FORMATS, Case, images, torch, torch_format, torch_images
from steps import training_step

import fastnn
from fastnn.models import captioner

BATCH, SIDE, WORDS, UNITS = 64, 48, 1800, 256
LABEL = f"captioner LSTM {UNITS}, batch {BATCH}, {SIDE} x {SIDE}"
LR = 1e-7
TORCH = tuple(f"torch {layout}{adam}" for layout in FORMATS for adam in ("", ", fused Adam"))


def training():
    """-> loss and the gradient of the first convolution, to which everything contributes."""
    x, captions = images(BATCH, 3, SIDE, SIDE), _captions()
    steps = {"fastnn": _step(_made(), x, *captions)}
    for name in TORCH if torch else ():
        layout = name.split()[1].rstrip(",")
        model = _torch().to(memory_format=torch_format(layout))
        optimizer = torch.optim.Adam(model.parameters(), LR, fused="fused" in name)
        steps[name] = _torch_step(model, optimizer, torch_images(x, layout), *captions)
    expected = _step(_made().double(), np.float64(x), *captions)
    # The tolerance: where a ReLU's input is close to zero, rounding decides whether gradients pass.
    return Case(LABEL, steps, expected, BATCH, "captions/s", tolerance=0.02)


class _Captioner(captioner.Captioner):
    def forward(self, inputs):
        return super().forward(*inputs)


def _made():
    fastnn.manual_seed(0)
    return _Captioner(WORDS, units=UNITS, dropout=0.0)


def _torch():
    import torch_networks

    made = torch_networks.Captioner(WORDS, UNITS)
    state = _made().state_dict()
    made.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})
    return made


def _captions():
    """before, lengths, after: see captioner.numbered"""
    rng = np.random.default_rng(1)
    lengths = rng.integers(2, 13, BATCH)
    there = np.arange(lengths.max()) < lengths[:, None]
    words = rng.integers(3, WORDS, there.shape)
    last = np.arange(lengths.max()) == lengths[:, None] - 1
    after = np.where(last, captioner.END_NUMBER, words) * there
    before = np.concatenate([np.zeros((BATCH, 1), int), words[:, :-1]], 1) * there
    return before, lengths, after


def _step(model, x, before, lengths, after):
    optimizer = fastnn.optim.Adam(model.parameters(), LR)
    return training_step(model, optimizer, captioner.caption_loss, (x, before, lengths), after)


def _torch_step(model, optimizer, x, before, lengths, after):
    """Packed sequences: the picture is one step more, in front, and its outputs are the first of
    the packed data; on the others alone the linear layer and the loss work."""
    before, lengths, after = map(torch.from_numpy, (before, lengths, after))
    target = torch.nn.utils.rnn.pack_padded_sequence(
        after, lengths, batch_first=True, enforce_sorted=False
    ).data
    cross_entropy = torch.nn.functional.cross_entropy
    return training_step(model, optimizer, cross_entropy, (x, before, lengths), target)
