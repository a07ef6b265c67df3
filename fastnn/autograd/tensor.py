"""Tensor: an array with a place on the tape."""

import numpy as np

from .grad_mode import mode
from .tape import Node, accumulate, next_order, seed, sink_of, sweep

_REALS = "fiub"  # dtype kinds of numbers and truth values


class Tensor:
    """An array that takes part in differentiation.

    data: any array or nested list of numbers. Arrays are shared, not copied, and keep their
    dtype (float32, float64, integer or bool); Python floats become float32. requires_grad:
    gradients with respect to this tensor are wanted; floating point only.

    ``t.data`` is the ndarray, ``t.grad`` None or an ndarray of its shape. Writing into ``t.data``
    is not recorded: do so between a backward pass and the next forward one, as optimisers do.
    """

    # looked_up: which rows of a table these are; unset but by functional.embedding.
    __slots__ = ("_node", "data", "grad", "looked_up", "requires_grad")
    __array_priority__ = 1000.0  # `ndarray + Tensor` is ours

    def __init__(self, data, requires_grad=False):
        self.data = data = _to_array(data)
        self.grad = None
        self.requires_grad = False
        self._node = None
        if requires_grad:
            self.requires_grad_()

    # -- the tape -------------------------------------------------------------------------------

    def backward(self, gradient=None, retain_graph=False):
        """Add d(self) / d(leaf) to ``leaf.grad`` for every leaf that self was computed from.

        gradient: d(what is minimised) / d(self), an array of self's shape; None for a scalar.
        The graph is freed on the way, unless retain_graph. Raises RuntimeError where self
        requires no gradient, is no scalar and has no gradient given, or was freed already.
        """
        sinks = (sink_of(self, "backward"),)
        accumulate(sweep(sinks, (seed(self, gradient, "backward"),), retain_graph))

    def detach(self):
        """The same data, cut off from the tape."""
        return constant(self.data)

    def requires_grad_(self, requires_grad=True):
        """Set requires_grad of a leaf; returns self."""
        if self._node is not None:
            raise RuntimeError("requires_grad_: only a leaf's can be set; detach() first")
        if requires_grad and self.data.dtype.kind != "f":
            raise TypeError(
                f"Tensor: only floating point can require a gradient, got {self.data.dtype}"
            )
        self.requires_grad = bool(requires_grad)
        return self

    @property
    def is_leaf(self):
        """True where no recorded operation computed this tensor."""
        return self._node is None

    # -- the array ------------------------------------------------------------------------------

    @property
    def shape(self):
        return self.data.shape

    @property
    def ndim(self):
        return self.data.ndim

    @property
    def size(self):
        return self.data.size

    @property
    def dtype(self):
        return self.data.dtype

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        if not self.data.ndim:
            raise TypeError("Tensor: a 0-d tensor has nothing to iterate over")
        return (self[i] for i in range(len(self.data)))

    def __array__(self, dtype=None, copy=None):
        return np.array(self.data, dtype=dtype, copy=copy)

    def numpy(self):
        """The data itself, not a copy."""
        return self.data

    def item(self):
        """The only element, as a Python number."""
        if self.data.size != 1:
            raise ValueError(f"item: one element expected, got shape {self.data.shape}")
        return self.data.item()

    def tolist(self):
        """Nested lists of Python numbers."""
        return self.data.tolist()

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __bool__(self):
        return bool(self.item())

    def __repr__(self):
        text = np.array2string(self.data, separator=", ", prefix="Tensor(")
        tail = "" if self.data.dtype == np.float32 else f", dtype={self.data.dtype}"
        return f"Tensor({text}{tail}{', requires_grad=True' if self.requires_grad else ''})"

    # Comparisons give NumPy's arrays of bool; equality is elementwise, so a hash is identity's.
    def __eq__(self, other):
        return self.data == _plain(other)

    def __ne__(self, other):
        return self.data != _plain(other)

    def __lt__(self, other):
        return self.data < _plain(other)

    def __le__(self, other):
        return self.data <= _plain(other)

    def __gt__(self, other):
        return self.data > _plain(other)

    def __ge__(self, other):
        return self.data >= _plain(other)

    __hash__ = object.__hash__


def _plain(x):
    return x.data if isinstance(x, Tensor) else x


def _to_array(data):
    if isinstance(data, Tensor):
        return data.data
    array = np.asarray(data)
    kind = array.dtype.kind
    if kind not in _REALS or (kind == "f" and array.dtype.itemsize not in (4, 8)):
        raise TypeError(f"Tensor: float32, float64, integers or bool expected, got {array.dtype}")
    if kind == "f" and not hasattr(data, "dtype"):
        return array.astype(np.float32)  # Python's floats: single precision, as in PyTorch
    if not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="))
    return array


_new = object.__new__


def constant(array):
    """A Tensor around an ndarray, unchecked, that requires no gradient."""
    tensor = _new(Tensor)
    tensor.data = array
    tensor.grad = None
    tensor.requires_grad = False
    tensor._node = None
    return tensor


def record(out, parents, backward):
    """The one way onto the tape: -> a Tensor around the array `out`, computed from `parents`.

    parents: a tuple of Tensors. backward(dy): dy = d(loss) / d(out), an array of out's shape and
    dtype, possibly shared or a view, so never to be written to -> a tuple with an array of the
    parent's shape, or None, for every parent; what it returns for a parent that requires no
    gradient is not looked at. What `backward` closes over lives until the backward pass: let it
    be the arrays that it needs and no others.
    """
    tensor = _new(Tensor)
    tensor.data = out
    tensor.grad = None
    tensor.requires_grad = False
    tensor._node = None
    if mode.enabled:
        inputs = []
        for parent in parents:
            if parent.requires_grad:
                inputs.append(parent._node or parent)
                tensor.requires_grad = True
            else:
                inputs.append(None)
        if tensor.requires_grad:
            tensor._node = Node(next_order(), inputs, backward)
    return tensor


def record_together(outs, parents, backward):
    """`record` for arrays that are computed together: -> a tuple of Tensors, one around each.

    backward(*dys): as in `record`, with a gradient for each of `outs`, None where none arrived.
    """
    joint = record(outs, parents, lambda dys: backward(*dys))  # its gradient: a tuple, see tape.py
    nothing = (None,) * (len(outs) - 1)

    def part(i, out):
        return record(out, (joint,), lambda dy: ((*nothing[:i], dy, *nothing[i:]),))

    return tuple(part(i, out) for i, out in enumerate(outs))


def as_tensor(x, like=None):
    """x itself if it is a Tensor, else a constant around it; like=: a Tensor whose float dtype
    plain numbers and arrays are cast to."""
    if isinstance(x, Tensor):
        return x
    if like is None or like.data.dtype.kind != "f":
        return Tensor(x)
    array = np.asarray(x)
    if array.dtype.kind not in _REALS:
        raise TypeError(f"as_tensor: an array of numbers expected, got dtype {array.dtype}")
    return constant(array.astype(like.data.dtype, copy=False))


def method(*names):
    """Make the decorated function a method of Tensor, under `names` or its own name."""

    def attach(function):
        for name in names or (function.__name__,):
            setattr(Tensor, name, function)
        return function

    return attach
