"""Recurrent layers: stacks of them over whole sequences, and single steps."""

import math
import warnings

import numpy as np

from .. import functional as F
from ..autograd import as_tensor, cat, stack
from ..functional._lookup import steps_first
from ..functional.recurrent import inputs, pair
from ..kernels import empty
from . import init
from .module import Module, Parameter

NONLINEARITIES = "tanh", "relu", "sigmoid", "identity"
NAMES = "weight_ih", "weight_hh", "bias_ih", "bias_hh"


class _Recurrent(Module):
    """What layers and cells share: sizes, weights, and the checks of what they are given.

    A subclass has `function`, its `gates` (rows of the weights hold one below the other), and
    its number of `states`; `further`: keywords that torch has not, with their defaults.
    """

    gates, states, further = 1, 1, ()

    def __init__(self, input_size, hidden_size, bias):
        super().__init__()
        self._name = type(self).__name__
        if hidden_size < 1:
            raise ValueError(f"{self._name}: hidden_size must be positive, got {hidden_size}")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias

    def _add_weights(self, suffix, inputs, outputs, dtype):
        """inputs: from below; outputs: of the step before."""
        rows = self.gates * self.hidden_size
        sizes = [(rows, inputs), (rows, outputs), (rows,), (rows,)]
        for name, size in zip(NAMES if self.bias else NAMES[:2], sizes, strict=False):
            setattr(self, name + suffix, Parameter(empty(size, dtype)))

    def _weights(self, suffix):
        return [getattr(self, name + suffix, None) for name in NAMES]

    def reset_parameters(self):
        """Every parameter uniform in +-1/sqrt(hidden_size), as in torch."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _input(self, input, dims):
        """-> the input as a Tensor, and whether it has a batch, as with `dims` dimensions it has;
        integers, which stand for one-hot rows, have one less."""
        x = inputs(input, next(self.parameters()))
        shape = x.data.shape
        one_hot = x.data.dtype.kind in "iu"
        if len(shape) + one_hot not in (dims - 1, dims) or not (
            one_hot or shape[-1] == self.input_size
        ):
            raise ValueError(
                f"{self._name}: input must have {dims - 1} or {dims} dimensions, the last of size "
                f"{self.input_size}, or be integers without the last, got "
                f"{'integers of ' * one_hot}shape {shape}"
            )
        return x, len(shape) + one_hot == dims

    def _first(self, hx, shapes):
        """hx, one state or a pair, as a list of Tensors, after a check of their shapes; or None."""
        if hx is None:
            return None
        given = pair(self._name, hx) if self.states == 2 else [hx]
        given = [as_tensor(s, next(self.parameters())) for s in given]
        for name, state, shape in zip("hc", given, shapes, strict=False):
            if state.data.shape != shape:
                raise ValueError(
                    f"{self._name}: {name} of hx must have shape {shape}, got {state.data.shape}"
                )
        return given

    def _further_repr(self):
        given = ((name, getattr(self, name), default) for name, default in self.further)
        return "".join(f", {name}={value}" for name, value, default in given if value != default)


class _Layers(_Recurrent):
    """Layers one above the other, each in one direction or in both."""

    def __init__(
        self, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
        proj_size=0,
    ):  # fmt: skip
        super().__init__(input_size, hidden_size, bias)
        if num_layers < 1:
            raise ValueError(f"{self._name}: num_layers must be positive, got {num_layers}")
        if not 0.0 <= dropout <= 1.0:
            raise ValueError(f"{self._name}: dropout must be between 0 and 1, got {dropout}")
        if dropout and num_layers == 1:
            warnings.warn(
                f"{self._name}: dropout acts between layers; with num_layers=1 it does nothing",
                stacklevel=3,
            )
        if not 0 <= proj_size < hidden_size:
            raise ValueError(
                f"{self._name}: proj_size must be 0 (none) or less than hidden_size {hidden_size}, "
                f"got {proj_size}"
            )
        self.num_layers = num_layers
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        directions = ("", "_reverse") if bidirectional else ("",)
        # Of the weights of each layer and direction, and so of the states in h_n.
        self._suffixes = [[f"_l{i}{d}" for d in directions] for i in range(num_layers)]

    def _start(self, dtype):
        outputs = self.proj_size or self.hidden_size
        for i, suffixes in enumerate(self._suffixes):
            inputs = len(suffixes) * outputs if i else self.input_size
            for suffix in suffixes:
                self._add_weights(suffix, inputs, outputs, dtype)
        self.reset_parameters()

    def forward(self, input, hx=None, lengths=None):
        x, batched = self._input(input, 3)
        if not batched:
            if lengths is not None:
                raise ValueError(f"{self._name}: lengths need a batch, got input {x.data.shape}")
            x = x.unsqueeze(1)
        elif self.batch_first:
            x = steps_first(x)
        count = sum(map(len, self._suffixes))
        batch = x.data.shape[1:2] if batched else ()
        widths = self.proj_size or self.hidden_size, self.hidden_size
        first = self._first(hx, [(count, *batch, width) for width in widths])
        if not batched and first is not None:
            first = [s.unsqueeze(1) for s in first]
        y, last = self._run(x, first, lengths)
        if not batched:
            y, last = y.squeeze(1), [s.squeeze(1) for s in last]
        elif self.batch_first:
            y = y.transpose(0, 1)
        return y, last[0] if self.states == 1 else tuple(last)

    def _run(self, x, first, lengths):
        """x (T, N, D), the first states (layers * directions, N, U) or None -> the uppermost
        layer's y (T, N, directions * U), and the last states like the first."""
        last = []
        for suffixes in self._suffixes:
            if last:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for direction, suffix in enumerate(suffixes):
                hx = None
                if first is not None:
                    hx = [s[len(last)] for s in first] if self.states == 2 else first[0][len(last)]
                y, states = self.function(
                    x, hx, *self._weights(suffix), **self._options(suffix), lengths=lengths,
                    reverse=direction == 1,
                )  # fmt: skip
                outputs.append(y)
                last.append(states if self.states == 2 else (states,))
            x = outputs[0] if len(outputs) == 1 else cat(outputs, 2)
        return x, [stack(states) for states in zip(*last, strict=True)]

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if not self.bias:
            text += f", bias={self.bias}"
        if self.batch_first:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional:
            text += f", bidirectional={self.bidirectional}"
        return text + self._further_repr()


class RNN(_Layers):
    """h[t] = act(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh), in `num_layers` layers, each on the h of
    the one below.

    input (T, N, input_size), (N, T, input_size) where batch_first, or (T, input_size), or integers
    without the last axis, which stand for one-hot rows; hx (layers * directions, N, hidden_size),
    None: zero -> output (T, N, directions * hidden_size), the uppermost layer's h, and h_n like hx.
    nonlinearity: "tanh", "relu", "sigmoid" or "identity". dropout: of the h between layers, in
    training.
    bidirectional: every layer has a second RNN, which goes from the last step to the first, and its
    h follow the first one's.

    lengths: N integers in 0..T, any order; row n has lengths[n] steps. output is 0 beyond, and h_n
    is that after each row's own last step: what torch gives for a packed sequence.

    Parameters of layer k (and of its second RNN, "_reverse" appended): weight_ih_lk (U, D),
    weight_hh_lk (U, U), bias_ih_lk and bias_hh_lk (U,), uniform in +-1/sqrt(hidden_size).
    Raises TypeError or ValueError for arguments that do not fit.
    """

    function = staticmethod(F.rnn)
    further = (("nonlinearity", "tanh"),)

    def __init__(
        self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True,
        batch_first=False, dropout=0.0, bidirectional=False, *, dtype=np.float32,
    ):  # fmt: skip
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        )
        self.nonlinearity = _check_nonlinearity("RNN", nonlinearity)
        self._start(dtype)

    def _options(self, suffix):
        return {"nonlinearity": self.nonlinearity}


class LSTM(_Layers):
    """i, f, o = sigmoid(a), g = tanh(a), a = W_ih x[t] + b_ih + W_hh h[t-1] + b_hh for each gate,
    c[t] = f c[t-1] + i g, h[t] = o tanh(c[t])

    As RNN, but for two states, (h, c): (output, (h_n, c_n)), and weights of 4 U rows, gates i, f,
    g, o. proj_size P: h[t] = W_hr (o tanh(c[t])), with weight_hr_lk (P, U); outputs and h are P
    wide. peephole: i and f see c[t-1] too, and o c[t], by weight_ch_lk (3, U), elementwise.
    coupled: i = 1 - f, and i's rows are left out of all weights. Sources: see functional.lstm.
    """

    states = 2
    function = staticmethod(F.lstm)
    further = (("peephole", False), ("coupled", False))

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, proj_size=0, *, peephole=False, coupled=False, dtype=np.float32,
    ):  # fmt: skip
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size,
        )  # fmt: skip
        self.gates = 3 if coupled else 4
        self.peephole, self.coupled = peephole, coupled
        self._start(dtype)

    def _add_weights(self, suffix, inputs, outputs, dtype):
        super()._add_weights(suffix, inputs, outputs, dtype)
        if self.proj_size:
            weight = empty((self.proj_size, self.hidden_size), dtype)
            setattr(self, "weight_hr" + suffix, Parameter(weight))
        if self.peephole:
            weight = empty((self.gates - 1, self.hidden_size), dtype)
            setattr(self, "weight_ch" + suffix, Parameter(weight))

    def _options(self, suffix):
        return {
            "weight_hr": getattr(self, "weight_hr" + suffix, None),
            "peephole": getattr(self, "weight_ch" + suffix, None),
            "coupled": self.coupled,
        }


class GRU(_Layers):
    """r, z = sigmoid(W_ih x[t] + b_ih + W_hh h[t-1] + b_hh),
    n = tanh(W_in x[t] + b_in + r (W_hn h[t-1] + b_hn)), h[t] = (1 - z) n + z h[t-1]

    As RNN, with weights of 3 U rows, gates r, z, n. reset_after=False: the original form, n =
    tanh(W_in x[t] + b_in + W_hn (r h[t-1]) + b_hn). Sources: see functional.gru.
    """

    gates = 3
    function = staticmethod(F.gru)
    further = (("reset_after", True),)

    def __init__(
        self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
        bidirectional=False, *, reset_after=True, dtype=np.float32,
    ):  # fmt: skip
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        )
        self.reset_after = reset_after
        self._start(dtype)

    def _options(self, suffix):
        return {"reset_after": self.reset_after}


# ---- single steps -------------------------------------------------------------------------------


class _Cell(_Recurrent):
    """One step of one layer: for loops over time of one's own."""

    def _start(self, dtype):
        self._add_weights("", self.input_size, self.hidden_size, dtype)
        self.reset_parameters()

    def forward(self, input, hx=None):
        x, batched = self._input(input, 2)
        batch = x.data.shape[:1] if batched else ()
        first = self._first(hx, [(*batch, self.hidden_size)] * self.states)
        if not batched:
            x = x.unsqueeze(0)
            first = first and [s.unsqueeze(0) for s in first]
        hx = first[0] if first and self.states == 1 else first
        last = self.function(x, hx, *self._weights(""), **self._options())
        if batched:
            return last
        return tuple(s.squeeze(0) for s in last) if self.states == 2 else last.squeeze(0)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if not self.bias:
            text += f", bias={self.bias}"
        return text + self._further_repr()


class RNNCell(_Cell):
    """A step of RNN: input (N, input_size), (input_size,), or integers without the last axis; hx
    (N, hidden_size), None: zero -> the new h. Parameters weight_ih, weight_hh, bias_ih, bias_hh, as
    of RNN."""

    function = staticmethod(F.rnn_cell)
    further = (("nonlinearity", "tanh"),)

    def __init__(
        self, input_size, hidden_size, bias=True, nonlinearity="tanh", *, dtype=np.float32
    ):  # fmt: skip
        super().__init__(input_size, hidden_size, bias)
        self.nonlinearity = _check_nonlinearity("RNNCell", nonlinearity)
        self._start(dtype)

    def _options(self):
        return {"nonlinearity": self.nonlinearity}


class LSTMCell(_Cell):
    """A step of LSTM: input as of RNNCell, hx (h, c), each (N, hidden_size), None: zero -> the new
    (h, c). Parameters weight_ih, weight_hh, bias_ih, bias_hh and, where peephole, weight_ch, as of
    LSTM."""

    states = 2
    function = staticmethod(F.lstm_cell)
    further = (("peephole", False), ("coupled", False))

    def __init__(
        self, input_size, hidden_size, bias=True, *, peephole=False, coupled=False,
        dtype=np.float32,
    ):  # fmt: skip
        super().__init__(input_size, hidden_size, bias)
        self.gates = 3 if coupled else 4
        self.peephole, self.coupled = peephole, coupled
        self._start(dtype)

    def _add_weights(self, suffix, inputs, outputs, dtype):
        super()._add_weights(suffix, inputs, outputs, dtype)
        weight = empty((self.gates - 1, self.hidden_size), dtype)
        self.register_parameter("weight_ch", Parameter(weight) if self.peephole else None)

    def _options(self):
        return {"peephole": self.weight_ch, "coupled": self.coupled}


class GRUCell(_Cell):
    """A step of GRU: input as of RNNCell, hx (N, hidden_size), None: zero -> the new h. Parameters
    weight_ih, weight_hh, bias_ih, bias_hh, as of GRU."""

    gates = 3
    function = staticmethod(F.gru_cell)
    further = (("reset_after", True),)

    def __init__(
        self, input_size, hidden_size, bias=True, *, reset_after=True, dtype=np.float32
    ):  # fmt: skip
        super().__init__(input_size, hidden_size, bias)
        self.reset_after = reset_after
        self._start(dtype)

    def _options(self):
        return {"reset_after": self.reset_after}


def _check_nonlinearity(op, value):
    if value not in NONLINEARITIES:
        raise ValueError(f"{op}: nonlinearity must be one of {NONLINEARITIES}, got {value!r}")
    return value
