"""A formula as a graph of operations, with what flows forward and what flows back."""

from itertools import count

import numpy as np

from ..autograd import Tensor, grad


class Value:
    """A number in a graph: `label`, what computes it; `parents`, from which Values; `value`, and
    `gradient`, d(the graph's output) / d(value), once the graph is complete.

    + - * / ** with Values and numbers; exp(), log(), sigmoid(), tanh(), relu().
    """

    def __init__(self, label, tensor, parents=()):
        self.label = label
        self.tensor = tensor
        self.parents = parents
        self.gradient = None

    @property
    def value(self):
        return self.tensor.item()

    def __repr__(self):
        return f"Value({self.label!r}, {self.value:g})"

    def __add__(self, other):
        return _binary("+", lambda x, y: x + y, self, other)

    def __sub__(self, other):
        return _binary("-", lambda x, y: x - y, self, other)

    def __mul__(self, other):
        return _binary("*", lambda x, y: x * y, self, other)

    def __truediv__(self, other):
        return _binary("/", lambda x, y: x / y, self, other)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, number):
        return Value(f"{number:g} - x", number - self.tensor, (self,))

    def __rtruediv__(self, number):
        return Value(f"{number:g} / x", number / self.tensor, (self,))

    def __pow__(self, exponent):
        return Value(f"^ {exponent:g}", self.tensor**exponent, (self,))

    def __neg__(self):
        return self * -1

    def exp(self):
        return Value("exp", self.tensor.exp(), (self,))

    def log(self):
        return Value("log", self.tensor.log(), (self,))

    def sigmoid(self):
        return Value("sigmoid", self.tensor.sigmoid(), (self,))

    def tanh(self):
        return Value("tanh", self.tensor.tanh(), (self,))

    def relu(self):
        return Value("relu", self.tensor.relu(), (self,))


def _binary(sign, operation, x, other):
    if isinstance(other, Value):
        return Value(sign, operation(x.tensor, other.tensor), (x, other))
    return Value(f"{sign} {other:g}", operation(x.tensor, other), (x,))


class Graph:
    """What `trace` returns: `inputs` {name: Value}, `output`, and all `values`, parents first."""

    def __init__(self, inputs, output):
        self.inputs = inputs
        self.output = output
        self.values = _parents_first([*inputs.values(), output])
        gradients = grad(output.tensor, [v.tensor for v in self.values], allow_unused=True)
        for value, gradient in zip(self.values, gradients, strict=True):
            value.gradient = 0.0 if gradient is None else gradient.item()

    def levels(self):
        """{Value: how many operations lie between it and its farthest input}"""
        levels = {}
        for value in self.values:
            levels[value] = max((levels[p] + 1 for p in value.parents), default=0)
        return levels

    def to_dot(self):
        """The graph in Graphviz's language: values in green, gradients below them in red."""
        names = dict(zip(self.values, map("n{}".format, count()), strict=False))
        lines = ["digraph {", "  rankdir=LR; node [fontname=sans];"]
        for value, name in names.items():
            shape = "ellipse" if value.parents else "plaintext"
            lines.append(
                f"  {name} [shape={shape}, label=<{value.label}<br/>"
                f'<font color="#2e7d32">{value.value:.4g}</font><br/>'
                f'<font color="#c62828">{value.gradient:.4g}</font>>];'
            )
        lines += [f"  {names[p]} -> {names[v]};" for v in self.values for p in v.parents]
        return "\n".join([*lines, "}"]) + "\n"


def _parents_first(values):
    """These values and all that they were computed from, once each, parents before children."""
    ordered, waiting = {}, list(reversed(values))
    while waiting:
        value = waiting[-1]
        missing = [p for p in value.parents if p not in ordered]
        if missing:
            waiting += reversed(missing)
        else:
            ordered[waiting.pop()] = None
    return list(ordered)


def trace(formula, **inputs):
    """The graph of formula(**inputs), computed forward and back in float64.

    >>> graph = trace(lambda x, y, z: (x + y) * z, x=-2, y=5, z=-4)
    >>> graph.output.value, graph.inputs["x"].gradient
    (-12.0, -4.0)

    formula: of Values. Raises TypeError where it returns none.
    """
    values = {
        name: Value(name, Tensor(np.float64(number), requires_grad=True))
        for name, number in inputs.items()
    }
    output = formula(**values)
    if not isinstance(output, Value):
        raise TypeError(f"trace: the formula must return a Value, got {type(output).__name__}")
    return Graph(values, output)
