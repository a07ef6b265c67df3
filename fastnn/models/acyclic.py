"""A network of any acyclic shape: layers, shortcuts, or single units that see what they like."""

from graphlib import CycleError, TopologicalSorter

import numpy as np

from .. import nn
from ..autograd import as_tensor, cat


class AcyclicNetwork(nn.Module):
    """Groups of units along any acyclic graph: (N, D) -> (N, units of the output's group).

    nodes: {name: (units, names of its sources)}, in any order; "x" is the input, of in_features.
    A node is f(W s + b) of its sources side by side, s = [s_1, s_2, ...]; the one that no other
    node sees is the output, and stays linear. A network with a unit in each node is one of single
    units. For XOR with one hidden unit and shortcuts around it:

        AcyclicNetwork(2, {"h": (1, ["x"]), "y": (1, ["x", "h"])}, nn.Sigmoid)

    Backpropagation needs no layers: a unit's delta is f' times the sum, over all units that see
    it, of their deltas and weights, whatever lies between, as long as those come first. That is
    the order in which `fastnn.autograd` goes through any graph.

    Raises ValueError for a cycle, an unknown source, or more than one output. Rumelhart, Hinton
    and Williams, "Learning internal representations by error propagation" (1986); for general
    graphs, Werbos, "Backpropagation through time", Proc. IEEE 78 (1990).
    """

    def __init__(self, in_features, nodes, activation=nn.Sigmoid, *, dtype=np.float32):
        super().__init__()
        self.sources = {name: list(sources) for name, (_, sources) in nodes.items()}
        self.order = _parents_first(self.sources)
        units = {"x": in_features, **{name: count for name, (count, _) in nodes.items()}}
        self.layers = nn.ModuleDict(
            {
                name: nn.Linear(sum(units[s] for s in self.sources[name]), units[name], dtype=dtype)
                for name in self.order
            }
        )
        self.activation = activation()

    def forward(self, x):
        values = {"x": as_tensor(x)}
        for name in self.order:
            seen = [values[source] for source in self.sources[name]]
            values[name] = self.layers[name](seen[0] if len(seen) == 1 else cat(seen, 1))
            if name != self.order[-1]:
                values[name] = self.activation(values[name])
        return values[self.order[-1]]


def _parents_first(sources):
    """The nodes in an order in which each comes after those that it sees: the output is last."""
    for name, seen in sources.items():
        if name == "x" or not seen or not {*seen} <= {"x", *sources}:
            raise ValueError(
                f"AcyclicNetwork: node {name!r} must see nodes among {['x', *sources]}, got {seen}"
            )
    try:
        order = [name for name in TopologicalSorter(sources).static_order() if name != "x"]
    except CycleError as error:
        raise ValueError(f"AcyclicNetwork: {' -> '.join(error.args[1])} is a cycle") from None
    seen = {source for sources_of_one in sources.values() for source in sources_of_one}
    outputs = [name for name in order if name not in seen]
    if len(outputs) != 1:
        raise ValueError(
            f"AcyclicNetwork: one node, the output, must be seen by no other; these are: {outputs}"
        )
    return order
