"""A character-level language model without recurrence: a stack of Transformer layers in which every
character looks at those before it; and writing with it.

A. Radford et al., "Language models are unsupervised multitask learners", 2019 (GPT-2), in small.
"""

import numpy as np

from .. import nn, random
from ..autograd import no_grad
from ..training.evaluate import evaluation_mode
from .decoding import draw


class GPT(nn.Module):
    """Embedding + learned positions -> dropout -> `layers` Transformer layers, normalised before
    each block, with GELU -> layer norm -> Linear without bias.

    characters  V: how many different ones there are
    context     the most characters that it sees at once
    width       of a character's vector, a multiple of heads; feed-forward networks have 4 times it
    dropout     of the embedding, the attention's weights and every block's output, in training

    forward(numbers (N, T)) -> logits (N, T, V) for the characters that follow, T <= context.

    Weights start normal with deviation 0.02, and those of each block's last layer with that over
    sqrt(2 layers), for so many blocks add up.
    """

    def __init__(self, characters, *, context=128, layers=4, width=128, heads=4, dropout=0.0):
        super().__init__()
        self.config = {
            "characters": characters, "context": context, "layers": layers, "width": width,
            "heads": heads, "dropout": dropout,
        }  # fmt: skip
        self.embedding = nn.Embedding(characters, width)
        self.positions = nn.LearnedPositions(context, width, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width))
        self.linear = nn.Linear(width, characters, bias=False)
        self.reset_parameters()

    def reset_parameters(self):
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                last = name.endswith(("out_proj.weight", "linear2.weight"))
                depth = 2 * self.config["layers"] if last else 1
                nn.init.normal_(parameter, std=0.02 / depth**0.5)

    def forward(self, numbers):
        x = self.dropout(self.positions(self.embedding(numbers)))
        return self.linear(self.layers(x, is_causal=True))

    def step(self, numbers, state=None):
        """Go on with a text: numbers (N, T), the next characters -> logits (N, T, V), and the state
        to go on from; None: a beginning.

        The state holds the characters, and every layer's keys and values, so that nothing is
        computed twice. A text that outgrows the context is begun again with its last half context.
        """
        context = self.config["context"]
        read, layers = (numbers[:, :0], None) if state is None else state
        steps = numbers.shape[1]
        if steps > context:
            raise ValueError(f"GPT: at most {context} characters at a time, got {steps}")
        if read.shape[1] + steps > context:
            again = np.concatenate([read, numbers], 1)[:, -max(steps, context // 2) :]
            logits, state = self.step(again)
            return logits[:, -steps:], state
        x = self.positions(self.embedding(numbers), read.shape[1])
        y, layers = self.layers.step(self.dropout(x), layers)
        return self.linear(y), (np.concatenate([read, numbers], 1), layers)


def write(model, vocabulary, prime="", length=200, *, temperature=1.0, rng=None):
    """Yield `length` characters that go on from `prime` (its last, as many as the context holds),
    one at a time: `char_rnn.write`, for a GPT."""
    numbers = vocabulary.encode(prime or ("\n" if "\n" in vocabulary else vocabulary.symbols[:1]))
    return _write(
        model, vocabulary, numbers[-model.config["context"] :][None], length, temperature, rng
    )


def _write(model, vocabulary, numbers, length, temperature, rng):
    rng = random.generator() if rng is None else rng
    state = None
    with evaluation_mode(model):
        for _ in range(length):
            with no_grad():  # not around the yield, where the caller's own code runs
                logits, state = model.step(numbers, state)
            numbers = draw(logits.data[:, -1], temperature, rng)[:, None]
            yield vocabulary.symbols[numbers[0, 0]]
