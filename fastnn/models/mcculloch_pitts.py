"""The McCulloch-Pitts neuron, and XOR from it in two ways."""

import numpy as np


class ThresholdUnit:
    """y = 1 where w_1 x_1 + ... + w_D x_D >= threshold, else 0.

    Called with D inputs, numbers or arrays that broadcast (usually of 0 and 1): an int or an
    array of int64. A negative weight inhibits; the paper's inhibition, which no excitation can
    outvote, is a weight of -D or less beside weights of 1.

    McCulloch and Pitts, "A logical calculus of the ideas immanent in nervous activity", Bulletin
    of Mathematical Biophysics 5 (1943).
    """

    def __init__(self, weights, threshold):
        self.weights = np.asarray(weights, np.float64)
        self.threshold = float(threshold)
        if self.weights.ndim != 1 or not self.weights.size:
            raise ValueError(
                f"ThresholdUnit: weights must be a row of numbers, got shape {self.weights.shape}"
            )

    def __call__(self, *inputs):
        if len(inputs) != len(self.weights):
            raise ValueError(
                f"ThresholdUnit: {len(self.weights)} weights need as many inputs, got {len(inputs)}"
            )
        total = sum(w * np.asarray(x) for w, x in zip(self.weights, inputs, strict=True))
        return (total >= self.threshold).astype(np.int64)[()]

    def __repr__(self):
        return f"ThresholdUnit({self.weights.tolist()}, {self.threshold:g})"


class ThresholdNetwork:
    """y = output(h_1(x), ..., h_K(x)): a layer of units that see the inputs, and one that sees
    them."""

    def __init__(self, hidden, output):
        self.hidden = tuple(hidden)
        self.output = output

    def __call__(self, *inputs):
        return self.output(*(unit(*inputs) for unit in self.hidden))


# Thresholds half-way between the sums that fire and those that do not.
AND = ThresholdUnit((1, 1), 1.5)
OR = ThresholdUnit((1, 1), 0.5)
NOT = ThresholdUnit((-1,), -0.5)
AND_NOT = ThresholdUnit((1, -1), 0.5)  # x1 and not x2

# No line separates {00, 11} from {01, 10}, so that no single unit computes XOR; two layers do.
XOR_OR_AND = ThresholdNetwork((OR, AND), AND_NOT)  # (x1 or x2) and not (x1 and x2)
XOR_AND_NOT = ThresholdNetwork(  # (x1 and not x2) or (x2 and not x1)
    (AND_NOT, ThresholdUnit((-1, 1), 0.5)), OR
)
