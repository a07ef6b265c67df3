"""nn.RNN, LSTM, GRU and their cells against PyTorch's: outputs, states, every gradient, padded
against packed sequences, state dicts, arguments, text."""

import inspect

import numpy as np
import pytest
from opcheck import draw

from fastnn import Tensor, nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported")
pack = torch.nn.utils.rnn.pack_padded_sequence
unpack = torch.nn.utils.rnn.pad_packed_sequence

T, N, D, U = 6, 4, 3, 5
LENGTHS = [3, 6, 1, 4]

OPTIONS = [
    {},
    {"num_layers": 3},
    {"bias": False},
    {"batch_first": True},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"num_layers": 2, "bidirectional": True, "bias": False},
    {"num_layers": 2, "dropout": 1.0},
]
PROJECTIONS = [
    {"proj_size": 2},
    {"proj_size": 4, "num_layers": 2, "bidirectional": True},
    {"proj_size": 1, "bias": False, "batch_first": True},
]
LAYERS = [(kind, options) for kind in ("RNN", "LSTM", "GRU") for options in OPTIONS]
LAYERS += [("LSTM", options) for options in PROJECTIONS]
LAYERS += [("RNN", {"nonlinearity": "relu", "num_layers": 2, "bidirectional": True})]
every_layer = pytest.mark.parametrize(("kind", "options"), LAYERS, ids=str)


def pair(kind, options, dtype=np.float64):
    """Ours and torch's, with torch's weights."""
    theirs = getattr(torch.nn, kind)(D, U, **options)
    theirs = theirs.double() if dtype == np.float64 else theirs
    mine = getattr(nn, kind)(D, U, **options, dtype=dtype)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    mine.load_state_dict(theirs.state_dict())
    return mine, theirs


def first_states(kind, options, batch, dtype):
    count = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    widths = (options.get("proj_size", U), U)[: 1 + kind.startswith("LSTM")]
    layers = () if kind.endswith("Cell") else (count,)
    return [draw(*layers, *batch, w, seed=i).astype(dtype) for i, w in enumerate(widths)]


def compare(mine, theirs, x, states, run_mine=None, run_theirs=None):
    """Outputs, and the gradients of a random weighted sum of them, for x, states and weights."""
    dtype = x.dtype
    tolerance = dict(rtol=1e-4, atol=2e-5) if dtype == np.float32 else dict(rtol=1e-9, atol=1e-11)
    ours = [Tensor(a, requires_grad=True) for a in (x, *states)]
    others = [torch.tensor(a, requires_grad=True) for a in (x, *states)]
    results = []
    for run, (first, *hx) in ((run_mine or mine, ours), (run_theirs or theirs, others)):
        hx = None if not hx else hx[0] if len(hx) == 1 else tuple(hx)
        results.append(flat(run(first, hx)))
    for i, (a, b) in enumerate(zip(*results, strict=True)):
        assert a.shape == tuple(b.shape)
        np.testing.assert_allclose(a.data, b.detach().numpy(), **tolerance)
        dy = draw(*a.shape, seed=20 + i).astype(dtype)
        results[0][i], results[1][i] = (a * dy).sum(), (b * torch.tensor(dy)).sum()
    for losses in results:
        sum(losses[1:], losses[0]).backward()
    ours += mine.parameters()
    others += theirs.parameters()
    for a, b in zip(ours, others, strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), **tolerance)


def flat(outputs):
    if not isinstance(outputs, tuple):
        return [outputs]
    return [a for part in outputs for a in flat(part)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_layer
def test_layers(kind, options, dtype):
    mine, theirs = pair(kind, options, dtype)
    x = draw(T, N, D).astype(dtype)
    x = x.swapaxes(0, 1) if options.get("batch_first") else x
    compare(mine, theirs, x, first_states(kind, options, (N,), dtype))


@every_layer
def test_no_batch_and_no_first_states(kind, options):
    mine, theirs = pair(kind, options)
    compare(mine, theirs, draw(T, D), [])
    mine, theirs = pair(kind, options)
    compare(mine, theirs, draw(T, D), first_states(kind, options, (), np.float64))


@pytest.mark.parametrize("given", [True, False])
@every_layer
def test_lengths_are_packed_sequences(kind, options, given):
    """Whatever stands beyond a row's length: it is neither seen nor given a gradient."""
    mine, theirs = pair(kind, options)
    first = options.get("batch_first", False)
    x = draw(N, T, D) if first else draw(T, N, D)

    def packed(tx, hx):
        sequence = pack(tx, torch.tensor(LENGTHS), first, enforce_sorted=False)
        y, last = theirs(sequence, hx)
        return unpack(y, first, total_length=T)[0], last

    states = first_states(kind, options, (N,), np.float64) if given else []
    compare(mine, theirs, x, states, lambda x, hx: mine(x, hx, lengths=LENGTHS), packed)


@pytest.mark.parametrize("batch", [(), (N,)], ids=str)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu", "bias": False}), ("LSTMCell", {}),
        ("LSTMCell", {"bias": False}), ("GRUCell", {}), ("GRUCell", {"bias": False}),
    ],
)  # fmt: skip
def test_cells(kind, options, batch):
    for given in (True, False):
        mine, theirs = pair(kind, options)
        states = first_states(kind, options, batch, np.float64) if given else []
        compare(mine, theirs, draw(*batch, D), states)


@every_layer
def test_state_dict_moves_back(kind, options):
    _, theirs = pair(kind, options)
    mine = getattr(nn, kind)(D, U, **options, dtype=np.float64)
    theirs.load_state_dict({k: torch.from_numpy(a) for k, a in mine.state_dict().items()})
    x = draw(N, T, D) if options.get("batch_first") else draw(T, N, D)
    expected = theirs(torch.tensor(x))[0].detach().numpy()
    np.testing.assert_allclose(mine(x)[0].data, expected, rtol=1e-9, atol=1e-12)


def arguments(function):
    """(name, default) in order, without what only one of the two has."""
    dropped = ("self", "device", "dtype")
    return [
        (name, p.default)
        for name, p in inspect.signature(function).parameters.items()
        if name not in dropped and p.kind != p.KEYWORD_ONLY
    ]


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_arguments(kind):
    """torch's classes take *args; their base tells names and order."""
    expected = arguments(torch.nn.RNNBase)[1:]  # without the mode
    if kind != "LSTM":
        expected.remove(("proj_size", 0))
    if kind == "RNN":
        expected.insert(3, ("nonlinearity", "tanh"))
    assert arguments(getattr(nn, kind)) == expected
    by_position = [3, 4, 2, "relu"] if kind == "RNN" else [3, 4, 2]
    by_position += [False, True, 0.5, True]
    assert [*getattr(nn, kind)(*by_position).state_dict()] == [
        *getattr(torch.nn, kind)(*by_position).state_dict()
    ]


@every_layer
def test_repr(kind, options):
    expected = repr(getattr(torch.nn, kind)(D, U, **options))
    if "nonlinearity" in options:  # torch does not tell a layer's
        expected = expected[:-1] + ", nonlinearity=relu)"
    assert repr(getattr(nn, kind)(D, U, **options)) == expected


def test_repr_of_cells():
    for kind, options in (("RNNCell", {"nonlinearity": "relu"}), ("GRUCell", {"bias": False})):
        cells = [getattr(package, kind)(D, U, **options) for package in (nn, torch.nn)]
        assert repr(cells[0]) == repr(cells[1])
