"""Backpropagation through time: whole, and truncated with the state carried on."""

import numpy as np
import pytest
from process_memory import MIB, needs_proc, resident
from reference.char_rnn import char_rnn

from fastnn import Tensor, cat, data, manual_seed, nn, optim
from fastnn import functional as F
from fastnn.nn.utils import detach_state
from fastnn.training import Callback, TrainingInterrupted, evaluate, fit

V, U = 5, 7


class Elman(nn.Module):
    """h[t] = tanh(w_xh x[t] + w_hh h[t-1] + b_h), y[t] = w_hy h[t] + b_y, of operations that know
    nothing of time. numbers (T, N) -> (logits (T N, V), h)."""

    def __init__(self, dropout=0.0, dtype=np.float64):
        super().__init__()
        self.wx = nn.Embedding(V, U, dtype=dtype)  # w_xh, transposed
        self.wh = nn.Linear(U, U, dtype=dtype)
        self.wy = nn.Linear(U, V, dtype=dtype)
        self.dropout = nn.Dropout(dropout)

    def forward(self, numbers, h):
        h = np.zeros((numbers.shape[1], U), self.wh.weight.dtype) if h is None else h
        outputs = []
        for x in numbers:
            h = (self.wx(x) + self.wh(h)).tanh()
            outputs.append(self.wy(self.dropout(h)))
        return cat(outputs), h


def loss_of(output, target, reduction="mean"):
    return F.cross_entropy(output, target.reshape(-1), reduction=reduction)


@pytest.fixture
def text():
    return np.random.default_rng(0).integers(0, V, 61)


def elman(**options):
    manual_seed(3)
    return Elman(**options)


def bits(model):
    return {name: value.tobytes() for name, value in model.state_dict().items()}


# -- the gradient ----------------------------------------------------------------------------------


def gradients(model, text, steps):
    """Of the loss summed over all of the text, in pieces of `steps`; and that loss."""
    total, state = 0.0, None
    for x, y in data.StreamLoader(text, 1, steps):
        output, state = model(x, detach_state(state))
        loss = loss_of(output, y, "sum")
        loss.backward()
        total += loss.item()
    return total, state, [model.wx.weight.grad.T, model.wh.weight.grad, model.wy.weight.grad,
                          model.wh.bias.grad, model.wy.bias.grad]  # fmt: skip


@pytest.mark.parametrize("cut", [None, 1, 4, 7, 60])
def test_whole_and_truncated_gradients_are_those_of_the_equations(text, cut):
    model = elman()
    weights = [model.wx.weight.data.T, model.wh.weight.data, model.wy.weight.data,
               model.wh.bias.data, model.wy.bias.data]  # fmt: skip
    expected = char_rnn(text[:-1], text[1:], np.zeros(U), *weights, cut=cut)
    loss, state, found = gradients(model, text, cut or 60)
    np.testing.assert_allclose(loss, expected[0], rtol=1e-12)
    np.testing.assert_allclose(state.data[0], expected[1], rtol=1e-10)  # carried across the cuts
    for ours, theirs in zip(found, expected[2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_a_cut_leaves_gradients_out(text):
    whole, cut = (gradients(elman(), text, steps)[2] for steps in (60, 4))
    assert np.abs(whole[1] - cut[1]).max() > 1e-3 * np.abs(whole[1]).max()
    np.testing.assert_allclose(
        whole[2], cut[2], rtol=1e-9
    )  # the output's weight looks back nowhere


def test_detach_state():
    h = Tensor(np.ones(3, np.float32), requires_grad=True) * 2.0
    (a, b), c = detach_state(((h, None), [h]))
    assert a.data is h.data and a.is_leaf and not a.requires_grad and b is None
    assert isinstance(c, list) and c[0].is_leaf and detach_state(None) is None
    assert detach_state(np.ones(2)).shape == (2,)


# -- fit -------------------------------------------------------------------------------------------


def train(text, model, **options):
    options = {"epochs": 3, "optimizer": optim.Adam(model.parameters(), lr=0.01)} | options
    return fit(model, data.StreamLoader(text, 3, 4), loss=loss_of, metrics=(), stateful=True,
               progress=False, **options)  # fmt: skip


def test_fit_does_what_ones_own_loop_does(text):
    ours, theirs = elman(), elman()
    history = train(text, ours, grad_clip_value=0.01, grad_clip=0.05)
    optimizer = optim.Adam(theirs.parameters(), lr=0.01)
    for epoch in range(3):
        state, losses, sizes = None, [], []
        for x, y in data.StreamLoader(text, 3, 4):
            output, state = theirs(x, detach_state(state))
            loss = loss_of(output, y)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(theirs.parameters(), 0.01)
            nn.utils.clip_grad_norm_(theirs.parameters(), 0.05)
            optimizer.step()
            losses.append(loss.item())
            sizes.append(y.size)
        np.testing.assert_allclose(history["loss"][epoch], np.average(losses, weights=sizes))
    assert bits(ours) == bits(theirs)


def test_the_state_is_carried_and_begins_anew(text):
    """Pieces of a text give what one piece gives; every epoch and evaluation starts without."""
    model = elman()
    whole, pieces = data.StreamLoader(text, 3, 20), data.StreamLoader(text, 3, 3)
    assert len(whole) == 1 and len(pieces) == 7
    losses = [
        evaluate(model, loader, loss=loss_of, metrics=(), stateful=True)["loss"]
        for loader in (whole, pieces, pieces)
    ]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-12)
    assert losses[1] == losses[2]
    still = {"optimizer": optim.SGD(model.parameters(), lr=0.0)}
    history = train(text, model, validation=pieces, **still)
    assert history["val_loss"] == losses[1:2] * 3
    np.testing.assert_allclose(history["loss"], losses[0], rtol=1e-12)


def test_resume_is_exact(text, tmp_path):
    class StopAt(Callback):
        def on_batch_end(self, run):
            if (run.epoch, run.batch) == (3, 2):
                raise KeyboardInterrupt

    def run(seed, **options):
        manual_seed(seed)
        model = Elman(dropout=0.4)
        path = tmp_path / "best.safetensors"
        history = train(text, model, epochs=4, validation=data.StreamLoader(text, 1, 9),
                        checkpoint=path, **options)  # fmt: skip
        return history, bits(model)

    expected = run(0)
    with pytest.raises(TrainingInterrupted) as stop:
        run(0, callbacks=StopAt())
    assert stop.value.epoch == 2
    assert run(1, resume=stop.value.path) == expected


def test_clip_by_value_bounds_each_element(text):
    model = elman()
    before = {name: value.copy() for name, value in model.state_dict().items()}
    train(text[:13], model, epochs=1, grad_clip_value=1e-3,
          optimizer=optim.SGD(model.parameters(), lr=1.0))  # fmt: skip
    moved = [np.abs(value - before[name]).max() for name, value in model.state_dict().items()]
    assert max(moved) == pytest.approx(1e-3) and min(moved) > 1e-4
    with pytest.raises(ValueError, match="grad_clip_value must be a number > 0 or None, got 0"):
        train(text, model, grad_clip_value=0)


# -- memory ----------------------------------------------------------------------------------------


@needs_proc
def test_memory_does_not_depend_on_the_texts_length():
    """Backpropagation through all of the longer text would keep the gates of its 6,000 steps, some
    60 MiB. (A process that has run many tests gains some MiB by itself.)"""
    manual_seed(0)
    embedding, lstm, linear = nn.Embedding(V, 32), nn.LSTM(32, 64), nn.Linear(64, V)
    parameters = [*embedding.parameters(), *lstm.parameters(), *linear.parameters()]
    optimizer = optim.SGD(parameters, lr=0.01)

    def read(length):
        """Train along a text; the most memory that the process had meanwhile."""
        state, most = None, 0
        for x, y in data.StreamLoader(np.arange(length) % V, 8, 20):
            output, state = lstm(embedding(x), detach_state(state))
            optimizer.zero_grad()
            loss_of(linear(output).reshape(-1, V), y).backward()
            optimizer.step()
            most = max(most, resident())
        return most

    short = read(8 * 200)
    assert read(8 * 6000) - short < 24 * MIB
