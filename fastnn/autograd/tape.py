"""The tape: one Node for every recorded operation, and the pass that walks them backwards.

A node is made after the nodes of its inputs, so decreasing age is a topological order of any
graph: the pass takes the youngest node with a gradient from a heap, again and again. There is no
recursion, hence no limit on depth.

A *sink* is where a gradient goes: the Node that computed a tensor, or a leaf tensor itself.
"""

import os
import threading
from heapq import heappop, heappush
from itertools import count
from sys import getrefcount

import numpy as np

from .. import kernels

next_order = count(0, -1).__next__  # the youngest node is the smallest: it leaves the heap first


class Node:
    """One recorded operation.

    order: unique, smaller for younger nodes. inputs: a sink for every parent, None for a parent
    that requires no gradient. backward: dy -> a gradient (or None) for every parent. The last
    two are None once a backward pass has freed them.
    """

    __slots__ = ("backward", "inputs", "order")

    def __init__(self, order, inputs, backward):
        self.order = order
        self.inputs = inputs
        self.backward = backward


def sweep(sinks, gradients, retain_graph=False, wanted=()):
    """Send `gradients` into `sinks` and on through the graph: -> {sink: its gradient} for every
    leaf reached and every node in `wanted`."""
    totals = {}
    heap = []
    arrivals = zip(sinks, gradients, strict=True)
    while True:
        for sink, gradient in arrivals:
            if sink is None or gradient is None:
                continue
            if sink in totals:
                totals[sink] = _plus(totals[sink], gradient)
            else:
                totals[sink] = gradient
                if sink.__class__ is Node:
                    heappush(heap, (sink.order, sink))
        if not heap:
            return totals
        node = heappop(heap)[1]
        if node.backward is None:
            raise RuntimeError(
                "backward: this graph was freed by an earlier backward pass; "
                "give that one retain_graph=True to go through the graph again"
            )
        dy = totals[node] if node in wanted else totals.pop(node)
        arrivals = zip(node.inputs, node.backward(dy), strict=True)
        if not retain_graph:
            node.inputs = node.backward = None


def _plus(a, b):
    """The sum of two gradients. That of a node with several outputs (`record_together`) is a tuple
    of theirs, None where none has arrived; that of looked-up rows may know how to add its like
    (functional/_lookup.py)."""
    if a.__class__ is not tuple:
        if a.__class__ is b.__class__ is not np.ndarray:
            return a + b
        return kernels.add(a, b)
    pairs = zip(a, b, strict=True)
    return tuple(y if x is None else x if y is None else kernels.add(x, y) for x, y in pairs)


def _take(totals, sink, like):
    """The gradient of `sink` as an array that nobody else holds: copied only where it must be."""
    # References to the gradient: the dict's, and the argument itself; to what it is a view of: the
    # view's, `base` and the argument (a convolution's weight is a view, its axes in another order).
    # What is no array (functional/_lookup.py) becomes one.
    if getrefcount(totals[sink]) == 2 and isinstance(totals[sink], np.ndarray):
        base = totals[sink].base
        if not isinstance(base, np.ndarray):
            return totals[sink]
        alike = base.size == totals[sink].size and totals[sink].strides == like.strides
        own = getrefcount(base) == 3 and not isinstance(base.base, np.ndarray)
        if alike and own and totals[sink].flags.writeable:
            return totals[sink]
    own = np.empty_like(like)
    own[...] = totals[sink]
    return own


_accumulating = threading.Lock()  # threads with graphs of their own may share leaves


def _renew_lock():
    global _accumulating
    _accumulating = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)  # another thread may hold it while we fork


def accumulate(totals):
    """Add the gradients that `sweep` found to the leaves' ``grad``."""
    for leaf in totals:  # no local name for a gradient: _take counts references
        if totals[leaf].shape != leaf.data.shape:
            raise RuntimeError(
                f"backward: a leaf of shape {leaf.data.shape} was given "
                f"a gradient of shape {totals[leaf].shape}"
            )
    with _accumulating:
        for leaf in totals:
            if leaf.grad is None:
                leaf.grad = _take(totals, leaf, leaf.data)
            else:
                leaf.grad = kernels.add(leaf.grad, totals[leaf])


def sink_of(tensor, op):
    """Where the gradient of `tensor` goes."""
    if not tensor.requires_grad:
        raise RuntimeError(
            f"{op}: the tensor of shape {tensor.data.shape} requires no gradient and was not "
            "computed from any that does"
        )
    return tensor._node or tensor


def seed(tensor, gradient, op):
    """The gradient that a pass starts with: an array of the tensor's shape; 1 for a scalar."""
    data = tensor.data
    if gradient is None:
        if data.size != 1:
            raise RuntimeError(
                f"{op}: only a scalar has an implicit gradient of 1; give one of shape {data.shape}"
            )
        return np.ones_like(data)
    gradient = np.asarray(gradient, dtype=data.dtype)
    if gradient.shape != data.shape:
        raise ValueError(
            f"{op}: the gradient must have the tensor's shape {data.shape}, got {gradient.shape}"
        )
    return gradient


def grad(outputs, inputs, grad_outputs=None, retain_graph=False, allow_unused=False):
    """d(outputs) / d(inputs), leaving every ``grad`` alone: -> a tuple of arrays, one an input.

    outputs, inputs: a Tensor or a sequence of them; inputs need not be leaves. grad_outputs: the
    gradient of each output (None: 1, for a scalar). Raises RuntimeError for an input that the
    outputs do not depend on, unless allow_unused (then its gradient is None), and for a graph
    that was freed already.
    """
    outputs = _as_sequence(outputs)
    inputs = _as_sequence(inputs)
    if grad_outputs is None:
        grad_outputs = (None,) * len(outputs)
    else:
        grad_outputs = _as_sequence(grad_outputs)
        if len(grad_outputs) != len(outputs):
            raise ValueError(
                f"grad: {len(outputs)} outputs need as many grad_outputs, got {len(grad_outputs)}"
            )
    wanted = [sink_of(x, "grad") for x in inputs]
    totals = sweep(
        [sink_of(y, "grad") for y in outputs],
        [seed(y, g, "grad") for y, g in zip(outputs, grad_outputs, strict=True)],
        retain_graph,
        set(wanted),
    )
    if not allow_unused:
        for i, sink in enumerate(wanted):
            if sink not in totals:
                raise RuntimeError(
                    f"grad: the outputs do not depend on inputs[{i}] of shape "
                    f"{inputs[i].data.shape}; allow_unused=True gives None for it"
                )
    return tuple(
        _take(totals, sink, x.data) if sink in totals else None
        for sink, x in zip(wanted, inputs, strict=True)
    )


def _as_sequence(x):
    return x if isinstance(x, (list, tuple)) else (x,)
