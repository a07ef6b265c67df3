"""A training step of the text CNN of Kim 2014: sentences as long as film reviews' (21 words on
average, padded to the batch's longest), words as frequent as Zipf's law says, embedding, filters of
3, 4 and 5 words, maximum over time, linear layer, cross-entropy, Adadelta or Adam. Both libraries
start with the same weights."""

import numpy as np
from cases import Case, torch
from steps import LR, training_step

import fastnn
from fastnn.models.text_cnn import TextCNN

WORDS, SIZE, BATCH, WIDTHS, FILTERS = 21_000, 300, 50, (3, 4, 5), 100


class Reviews(TextCNN):
    def forward(self, batch):
        return super().forward(*batch)


def training(rule):
    """rule: "Adadelta" or "Adam" -> loss and the gradient of the word vectors, to which all layers
    contribute. Biases start at 0: so what torch computes beyond a sentence's end, where fastnn
    computes nothing, is never above the ReLU's 0."""
    numbers, lengths, target = _sentences()
    quicker = {"Adadelta": {"foreach": True}, "Adam": {"fused": True}}[rule]
    impls = {"fastnn": _step(_made(), rule, numbers, lengths, target)}
    for name, options in (("", {}), (", foreach/fused", quicker)) if torch else ():
        impls[f"torch{name}"] = _torch_step(rule, options, numbers, target)
    expected = _step(_made().double(), rule, numbers, lengths, target)
    label = f"text CNN, batch {BATCH}, {rule}"
    return Case(label, impls, expected, BATCH, "sentences/s", tolerance=1e-3)


def _sentences():
    rng = np.random.default_rng(0)
    lengths = np.clip(np.rint(rng.normal(21, 9.4, BATCH)), 1, 59).astype(np.int64)
    shares = 1 / np.arange(1, WORDS)
    shape = BATCH, lengths.max()
    numbers = 1 + rng.choice(WORDS - 1, shape, p=shares / shares.sum())
    numbers[np.arange(shape[1]) >= lengths[:, None]] = 0
    return numbers, lengths, rng.integers(0, 2, BATCH)


def _made():
    """Without dropout, for the results to be the same."""
    fastnn.manual_seed(0)
    model = Reviews(WORDS, size=SIZE, widths=WIDTHS, filters=FILTERS, dropout=0.0)
    for convolution in model.convolutions:
        convolution.bias.data[...] = 0
    return model


def _step(model, rule, numbers, lengths, target):
    optimizer = getattr(fastnn.optim, rule)(model.parameters(), LR)
    cross_entropy = fastnn.functional.cross_entropy
    return training_step(model, optimizer, cross_entropy, (numbers, lengths), target)


def _torch_step(rule, options, numbers, target):
    model = _torch_model()
    state = {key: torch.from_numpy(value.copy()) for key, value in _made().state_dict().items()}
    model.load_state_dict(state)
    optimizer = getattr(torch.optim, rule)(model.parameters(), LR, **options)
    cross_entropy = torch.nn.functional.cross_entropy
    x, target = torch.from_numpy(numbers), torch.from_numpy(target)
    return training_step(model, optimizer, cross_entropy, x, target)


def _torch_model():
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embeddings = nn.ModuleList([nn.Embedding(WORDS, SIZE, padding_idx=0)])
            self.convolutions = nn.ModuleList(
                nn.Conv1d(SIZE, FILTERS, width, padding=width - 1) for width in WIDTHS
            )
            self.linear = nn.Linear(FILTERS * len(WIDTHS), 2)

        def forward(self, numbers):
            x = self.embeddings[0](numbers).transpose(1, 2)
            most = torch.cat([convolution(x).amax(2) for convolution in self.convolutions], 1)
            return self.linear(most.relu())

    return Model()
