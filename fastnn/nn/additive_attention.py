"""Attention to the positions of a source by scores of one hidden layer, of products, or of a
bilinear form; and the LSTM that attends at every step.

Shapes: S source positions, N batch, T steps. All take memory (S, N, key_size) and
source_lengths, N integers in 0..S or None (all have S), and give the context, a weighted mean of
the memory, and the weights (T, N, S); a query without T gives both without it.
"""

import math

import numpy as np

from .. import functional as F
from ..kernels import empty
from . import init
from .linear import Linear
from .module import Module, Parameter
from .recurrent import LSTMCell


class AdditiveAttention(Module):
    """e[t, s] = v . tanh(W1 memory[s] + W2 query[t]), weights = softmax of e over s,
    context[t] = sum over s of weights[t, s] memory[s]

    query (T, N, query_size) or (N, query_size) -> context (T, N, key_size), weights (T, N, S).
    Parameters: key.weight W1 (hidden_size, key_size), query.weight W2 (hidden_size, query_size), v
    (hidden_size,), each uniform in +-1/sqrt(fan-in).

    Bahdanau, Cho and Bengio 2015, arXiv:1409.0473.
    """

    def __init__(self, query_size, key_size, hidden_size, *, dtype=np.float32):
        super().__init__()
        self.key = Linear(key_size, hidden_size, bias=False, dtype=dtype)
        self.query = Linear(query_size, hidden_size, bias=False, dtype=dtype)
        self.v = Parameter(empty(hidden_size, dtype))
        bound = 1 / math.sqrt(hidden_size)
        init.uniform_(self.v, -bound, bound)

    def forward(self, query, memory, source_lengths=None):
        return F.additive_attention(
            self.query(query), self.key(memory), memory, self.v, source_lengths=source_lengths
        )


class DotAttention(Module):
    """e[t, s] = query[t] . memory[s], otherwise as AdditiveAttention; query and memory are equally
    wide. Luong, Pham and Manning 2015, arXiv:1508.04025 ("dot")."""

    def forward(self, query, memory, source_lengths=None):
        return F.dot_attention(query, memory, memory, source_lengths=source_lengths)


class GeneralAttention(Module):
    """e[t, s] = query[t] . W memory[s], otherwise as AdditiveAttention. Parameter: key.weight W
    (query_size, key_size). Luong, Pham and Manning 2015 ("general")."""

    def __init__(self, query_size, key_size, *, dtype=np.float32):
        super().__init__()
        self.key = Linear(key_size, query_size, bias=False, dtype=dtype)

    def forward(self, query, memory, source_lengths=None):
        return F.dot_attention(query, self.key(memory), memory, source_lengths=source_lengths)


class AttentionLSTM(LSTMCell):
    """An LSTM whose input at step t is (x[t], context[t]), context[t] the AdditiveAttention of its
    state h[t-1] to the memory.

    input (T, N, input_size); hx (h, c), each (N, hidden_size), None: zero; memory (S, N,
    memory_size) -> output (T, N, hidden_size), context (T, N, memory_size), weights (T, N, S),
    and the last (h, c). lengths: as of LSTM, the steps of each row.

    Parameters: LSTMCell's weight_ih (4 U, input_size + memory_size), weight_hh, bias_ih, bias_hh,
    and `attention`'s, whose hidden_size is attention_size. keys: attention.key(memory), where it
    has been computed already.
    """

    def __init__(
        self, input_size, hidden_size, memory_size, attention_size=None, *, dtype=np.float32
    ):  # fmt: skip
        super().__init__(input_size + memory_size, hidden_size, dtype=dtype)
        self.attention = AdditiveAttention(
            hidden_size, memory_size, attention_size or hidden_size, dtype=dtype
        )

    def forward(self, input, hx, memory, source_lengths=None, lengths=None, *, keys=None):
        keys = self.attention.key(memory) if keys is None else keys
        return F.attention_lstm(
            input, hx, keys, memory, *self._weights(""), self.attention.query.weight,
            self.attention.v, source_lengths=source_lengths, lengths=lengths,
        )  # fmt: skip
