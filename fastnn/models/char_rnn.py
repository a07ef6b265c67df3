"""A character-level language model: a recurrent network that is shown a text one character after
the other and says, of each, which one comes next; and writing with it.

A. Karpathy, "The unreasonable effectiveness of recurrent neural networks", 2015,
http://karpathy.github.io/2015/05/21/rnn-effectiveness/
"""

import json

import numpy as np

from .. import checkpoint, functional, nn, random
from ..autograd import no_grad
from ..data import Vocabulary
from ..training.evaluate import evaluation_mode
from .decoding import draw
from .recipe import adam, cosine
from .text import TextRecipe

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
_WIDEST = 128  # embedding, where none is given


class CharRNN(nn.Module):
    """Embedding -> `layers` recurrent layers of `units` -> dropout -> Linear. The forget gates of
    an LSTM begin with a bias of 1.

    characters  V: how many different ones there are
    cell        "lstm", "gru" or "rnn"
    dropout     of the outputs of every recurrent layer, in training (never of the states:
                Zaremba et al. 2014, arXiv:1409.2329)
    embedding   width of a character's vector; None: the least of V, units and 128 (the vectors of V
                characters span V dimensions at most)

    forward(numbers (T, N), state) -> logits (T, N, V) for the characters that follow, and the state
    after the last step, with which the text goes on; state None: a beginning.
    """

    def __init__(
        self, characters, *, cell="lstm", units=512, layers=2, dropout=0.0, embedding=None
    ):  # fmt: skip
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"CharRNN: cell must be one of {', '.join(CELLS)}, got {cell!r}")
        if embedding is None:
            embedding = min(characters, units, _WIDEST)
        self.config = {
            "characters": characters, "cell": cell, "units": units, "layers": layers,
            "dropout": dropout, "embedding": embedding,
        }  # fmt: skip
        self.embedding = nn.Embedding(characters, embedding)
        between = dropout if layers > 1 else 0.0
        self.rnn = CELLS[cell](embedding, units, layers, dropout=between)
        if cell == "lstm":
            nn.init.forget_gate_bias_(self.rnn)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(units, characters)

    def forward(self, numbers, state=None):
        outputs, state = self.rnn(self.embedding(numbers), state)
        return self.linear(self.dropout(outputs)), state


def next_character_loss(logits, target, reduction="mean"):
    """Cross-entropy in nats of logits (T, N, V) and the characters that came, (T, N)."""
    logits = logits.reshape(-1, logits.shape[-1])
    return functional.cross_entropy(logits, target.reshape(-1), reduction=reduction)


MODELS = {
    "charrnn": (
        CharRNN,
        TextRecipe(
            title="CharRNN",
            defaults={
                "epochs": 10, "batch_size": 32, "steps": 64, "lr": 2e-3, "clip": 1.0,
                "cell": "lstm", "layers": 2, "units": 512, "dropout": 0.3, "min_count": 1,
            },
            optimizer=adam,
            scheduler=cosine,
            summary="Adam, cosine schedule",
            loss=next_character_loss,
        ),
    ),
}  # fmt: skip


# ---- writing ------------------------------------------------------------------------------------


def write(model, vocabulary, prime="", length=200, *, temperature=1.0, rng=None):
    """Yield `length` characters that go on from `prime`, one at a time, as they are written.

    Each is drawn from softmax(logits / temperature): below 1 the likely become likelier, at 0 the
    likeliest is always taken. The vocabulary's unknown symbol is never written.

    prime  "": the text begins after a line feed, or after the vocabulary's first symbol if there is
           none
    rng    a `numpy.random.Generator`; None: fastnn's, which `manual_seed` seeds

    The model is in evaluation mode meanwhile. Raises ValueError for a character of `prime` that is
    not in the vocabulary, and for a negative temperature.
    """
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"write: temperature must be a number >= 0, got {temperature}")
    numbers = vocabulary.encode(prime or ("\n" if "\n" in vocabulary else vocabulary.symbols[:1]))
    never = () if vocabulary.unknown is None else (vocabulary.number(vocabulary.unknown),)
    return _write(model, vocabulary.symbols, numbers, never, length, temperature, rng)


def _write(model, symbols, numbers, never, length, temperature, rng):
    rng = random.generator() if rng is None else rng
    state, read = None, numbers[:, None]
    with evaluation_mode(model):
        for _ in range(length):
            with no_grad():  # not around the yield, where the caller's own code runs
                logits, state = model(read, state)
            (number,) = draw(logits.data[-1], temperature, rng, never).tolist()
            read = np.array([[number]])
            yield symbols[number]


# ---- on disk ------------------------------------------------------------------------------------


def metadata_of(model, vocabulary):
    """What a checkpoint of the model's parameters needs beside them: {str: str}."""
    return {
        "model": "charrnn",
        "config": json.dumps(model.config),
        "vocabulary": vocabulary.to_json(),
    }


def load_char_rnn(path):
    """(model, vocabulary) of a checkpoint with `metadata_of`'s entries, as `fastnn train charrnn`
    writes it. Raises ValueError, naming the file, for another kind of checkpoint."""
    weights, metadata = checkpoint.load(path, with_metadata=True)
    if metadata.get("model") != "charrnn" or "config" not in metadata:
        raise ValueError(f"{path} is no character model that `fastnn train charrnn` wrote")
    if "state" in metadata:
        raise ValueError(f"{path} is a training state: name best.safetensors")
    model = CharRNN(**json.loads(metadata["config"]))
    model.load_state_dict(weights)
    return model, Vocabulary.from_json(metadata["vocabulary"])
