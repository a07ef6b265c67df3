"""Elman's network as a language model: hidden units that see the word and what they were before.

J. Elman, "Finding structure in time", Cognitive Science 14, 1990; of words: T. Mikolov et al.,
"Recurrent neural network based language model", Interspeech 2010.
"""

from .. import nn


class Elman(nn.Module):
    """s[t] = sigmoid(U w[t] + W s[t-1] + b),  y[t] = V s[t] + c, w[t] a word as a one-hot row;
    softmax y[t] is the next word's distribution.

    words    how many different ones there are
    units    of the hidden layer
    dropout  of s on its way to y, in training

    forward(numbers (T, N), state) -> logits (T, N, words), and the state after the last step; state
    None: s[0] = 0. No one-hot row is ever made: U w[t] is looked up.
    """

    def __init__(self, words, units=100, *, dropout=0.0):
        super().__init__()
        self.rnn = nn.RNN(words, units, nonlinearity="sigmoid")
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(units, words)

    def forward(self, numbers, state=None):
        outputs, state = self.rnn(numbers, state)
        return self.linear(self.dropout(outputs)), state
