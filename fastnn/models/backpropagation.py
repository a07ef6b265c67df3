"""Backpropagation as one does it by hand, every number kept. (fastnn's own is `autograd`.)"""

from dataclasses import dataclass

import numpy as np

ORDERS = ("together", "from the output")


@dataclass(frozen=True)
class Step:
    """What one step of `SigmoidNetwork` computed.

    outputs  of each layer before the step, the input first
    deltas   of each layer with weights, -dE/d(net), the first hidden one first
    weights  of each layer after the step
    """

    outputs: list
    deltas: list
    weights: list


class SigmoidNetwork:
    """Layers of sigmoid units without biases, o = sigmoid(W x), learning one sample at a time.

    weights: a matrix (units, inputs) a layer. With E = 1/2 sum of (t - o)^2,

        delta = (t - o) o (1 - o)                     of an output unit
        delta = o (1 - o) sum over units k above of w_k delta_k      of a hidden one
        w <- w + lr delta x                           x: what comes in along w

    Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature
    323 (1986).
    """

    def __init__(self, weights):
        self.weights = [np.array(w, np.float64) for w in weights]
        for i, (lower, upper) in enumerate(zip(self.weights, self.weights[1:], strict=False)):
            if upper.shape[1] != len(lower):
                raise ValueError(
                    f"SigmoidNetwork: weights[{i + 1}] takes {upper.shape[1]} inputs, the layer "
                    f"below it has {len(lower)} units"
                )

    def forward(self, x):
        """The outputs of each layer for one sample x (D,), x itself first."""
        outputs = [np.asarray(x, np.float64)]
        for w in self.weights:
            outputs.append(1 / (1 + np.exp(-(w @ outputs[-1]))))
        return outputs

    def step(self, x, t, lr=1.0, order="together"):
        """Learn one sample; -> a Step.

        order: "together" takes all deltas from the weights before the step: the gradient of E.
        "from the output" propagates a delta through weights that the step has changed already, as
        is sometimes done by hand; the difference is of second order in lr.
        """
        if order not in ORDERS:
            raise ValueError(f"SigmoidNetwork: order must be one of {ORDERS}, got {order!r}")
        outputs = self.forward(x)
        changed, deltas = [], []
        back = np.asarray(t, np.float64) - outputs[-1]
        for w, below, o in reversed(
            list(zip(self.weights, outputs[:-1], outputs[1:], strict=True))
        ):
            delta = back * o * (1 - o)
            new = w + lr * np.outer(delta, below)
            back = (w if order == "together" else new).T @ delta
            deltas.insert(0, delta)
            changed.insert(0, new)
        self.weights = changed
        return Step(outputs, deltas, changed)
