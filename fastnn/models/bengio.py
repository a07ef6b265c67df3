"""The first neural language model: from the vectors of the last words to the next one.

Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin, "A neural probabilistic language model", Journal of
Machine Learning Research 3, 2003.
"""

import numpy as np

from .. import nn


class Bengio(nn.Module):
    """y = b + W x + U tanh(d + H x), x the vectors of the `context` words before, side by side;
    softmax y is the next word's distribution.

    words    V, the size of the vocabulary
    context  how many words are seen: n - 1
    size     of a word's vector
    units    of the hidden layer; 0: none, y = b + W x
    direct   whether there is W; without it, what x says goes through the hidden layer

    forward(numbers (N, context)), oldest word first -> logits (N, V). Raises ValueError where there
    is neither a hidden layer nor W.
    """

    def __init__(self, words, *, context=4, size=60, units=100, direct=False):
        super().__init__()
        if not (units or direct):
            raise ValueError("Bengio: without units there must be direct connections")
        self.context = context
        self.embedding = nn.Embedding(words, size)
        nn.init.normal_(self.embedding.weight, 0, 0.1)
        self.hidden = nn.Linear(context * size, units) if units else None
        self.output = nn.Linear(units or context * size, words)
        self.direct = nn.Linear(context * size, words, bias=False) if units and direct else None

    def forward(self, numbers):
        x = self.embedding(numbers).flatten(1)
        y = self.output(x if self.hidden is None else self.hidden(x).tanh())
        return y if self.direct is None else y + self.direct(x)

    def step(self, numbers, contexts):
        """One step of `models.decoding`: numbers (M,) and the contexts (M, n - 1) before them ->
        logits (M, V), and the contexts with them."""
        contexts = np.concatenate([contexts, numbers[:, None]], 1)[:, 1:]
        return self(contexts), contexts


def windows(numbers, context):
    """(contexts (T - context, context), the words that follow (T - context,)) of a text's T words,
    without copies."""
    numbers = np.asarray(numbers)
    if len(numbers) <= context:
        raise ValueError(f"windows: {len(numbers)} words have none with {context} before it")
    return np.lib.stride_tricks.sliding_window_view(numbers, context)[:-1], numbers[context:]
