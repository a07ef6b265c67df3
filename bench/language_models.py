"""Character language models as a whole: embedding, recurrent layers, linear layer. A training step
with Adam and cross-entropy, the answer for one batch, and one character at a time. Both libraries
build the same model and start with the same weights."""

from functools import partial
from typing import NamedTuple

import numpy as np
from cases import Case, torch
from steps import LR, training_step

import fastnn

VOCABULARY = 65


class Model(NamedTuple):
    kind: str
    layers: int
    units: int
    batch: int
    steps: int
    bidirectional: bool = False
    peephole: bool = False

    def __str__(self):
        both = "bidirectional " * self.bidirectional
        size = f"{self.layers}x{self.units}, batch {self.batch}, T {self.steps}"
        return f"{both}{'peephole ' * self.peephole}{self.kind} {size}"

    def build(self, library):
        """library: fastnn.nn or torch.nn"""
        return _class(library)(self, library)


LSTMS = Model("LSTM", 1, 128, 32, 50), Model("LSTM", 2, 256, 50, 50), Model("LSTM", 2, 512, 64, 64)
TRAINING = (
    *LSTMS,
    Model("GRU", 2, 256, 50, 50),
    Model("RNN", 2, 256, 50, 50),
    Model("LSTM", 1, 256, 50, 50, bidirectional=True),
)
RAGGED = Model("LSTM", 2, 256, 50, 50)
PEEPHOLE = Model("LSTM", 2, 256, 50, 50, peephole=True)
SAMPLED = Model("LSTM", 2, 512, 1, 1)


def training(model):
    """-> loss and the gradient of the embedding, to which all layers contribute."""
    x, target = _characters(model), _characters(model, 1)
    return _case(model, str(model), x, target)


def ragged(model):
    """Rows of 1 to T steps. torch: packed sequences, on whose data alone the linear layer and the
    loss work."""
    x, target = _characters(model), _characters(model, 1)
    lengths = np.random.default_rng(2).integers(1, model.steps + 1, model.batch)
    target[np.arange(model.steps)[:, None] >= lengths] = -100
    return _case(model, f"{model}, lengths 1 to {model.steps}", x, target, lengths)


def peephole(model):
    """A peephole LSTM beside one without, both fastnn's; the peepholes are 0, so they agree."""
    x, target = _characters(model), _characters(model, 1)
    made, plain = _made(model), _made(model._replace(peephole=False))
    state = plain.state_dict()
    for key, value in made.state_dict().items():
        value[...] = state.get(key, 0)
    impls = {"fastnn": _step(made, x, target), "fastnn, no peepholes": _step(plain, x, target)}
    expected = _step(_made(model._replace(peephole=False)).double(), x, target)
    return Case(str(model), impls, expected, x.size, "characters/s", tolerance=1e-3)


def inference(model):
    """The answer for one batch: -> logits."""
    x = _characters(model)
    impls = {"fastnn": fastnn.no_grad()(partial(_made(model), (x, None)))}
    if torch:
        impls["torch"] = torch.inference_mode()(partial(_torch(model), (torch.from_numpy(x), None)))
    expected = fastnn.no_grad()(partial(_made(model).double(), (x, None)))
    return Case(str(model), impls, expected, x.size, "characters/s")


def sampling(model):
    """The next character's logits and the state after it, from one character and a state."""
    x = np.array([[7]])
    states = [np.full((model.layers, 1, model.units), value, np.float32) for value in (0.1, 0.2)]

    def answer(made, library, x, states):
        def call():
            y, last = made.rnn(made.embedding(x), states)
            return (made.linear(y), *last)

        return library(call)

    no_grad = fastnn.no_grad()
    impls = {"fastnn": answer(_made(model), no_grad, x, states)}
    if torch:
        t_states = [torch.from_numpy(s) for s in states]
        made = _torch(model)
        impls["torch"] = answer(made, torch.inference_mode(), torch.from_numpy(x), t_states)
    doubles = [np.float64(s) for s in states]
    expected = answer(_made(model).double(), no_grad, x, doubles)
    return Case(f"{model}, one character", impls, expected, 1, "characters/s")


def _class(library):
    class LanguageModel(library.Module):
        def __init__(self, model, library):
            super().__init__()
            options = {"bidirectional": model.bidirectional}
            if model.peephole:
                options["peephole"] = True
            layer = getattr(library, model.kind)
            self.embedding = library.Embedding(VOCABULARY, model.units)
            self.rnn = layer(model.units, model.units, model.layers, **options)
            self.linear = library.Linear(model.units * (1 + model.bidirectional), VOCABULARY)

        def forward(self, inputs):
            """characters (T, N) and lengths or None -> (T N, V); torch's of the steps there are,
            in the order of the packed sequence."""
            x, lengths = inputs
            x = self.embedding(x)
            if lengths is None:
                y = self.rnn(x)[0]
            elif library is fastnn.nn:
                y = self.rnn(x, lengths=lengths)[0]
            else:
                pack = torch.nn.utils.rnn.pack_padded_sequence
                y = self.rnn(pack(x, lengths, enforce_sorted=False))[0].data
            return self.linear(y.reshape(-1, y.shape[-1]))

    return LanguageModel


def _characters(model, seed=0):
    shape = model.steps, model.batch
    return np.random.default_rng(seed).integers(0, VOCABULARY, shape)


def _made(model):
    fastnn.manual_seed(0)
    return model.build(fastnn.nn)


def _torch(model):
    made = model.build(torch.nn)
    state = _made(model).state_dict()
    made.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in state.items()})
    return made


def _case(model, label, x, target, lengths=None):
    impls = {"fastnn": _step(_made(model), x, target, lengths)}
    for fused in (False, True) if torch else ():
        name = f"torch{', fused Adam' * fused}"
        impls[name] = _torch_step(_torch(model), x, target, lengths, fused)
    expected = _step(_made(model).double(), x, target, lengths)
    characters = x.size if lengths is None else int(lengths.sum())
    return Case(label, impls, expected, characters, "characters/s", tolerance=1e-3)


def _step(made, x, target, lengths=None):
    optimizer = fastnn.optim.Adam(made.parameters(), LR)
    cross_entropy = fastnn.functional.cross_entropy
    return training_step(made, optimizer, cross_entropy, (x, lengths), target.reshape(-1))


def _torch_step(made, x, target, lengths, fused):
    optimizer = torch.optim.Adam(made.parameters(), LR, fused=fused)
    cross_entropy = torch.nn.functional.cross_entropy
    x, target = torch.from_numpy(x), torch.from_numpy(target)
    if lengths is not None:
        lengths = torch.from_numpy(lengths)
        pack = torch.nn.utils.rnn.pack_padded_sequence
        target = pack(target, lengths, enforce_sorted=False).data
    return training_step(made, optimizer, cross_entropy, (x, lengths), target.reshape(-1))
