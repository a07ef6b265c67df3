"""models.bengio and models.elman: their equations in plain NumPy, steps, and learning."""

import numpy as np
import pytest

import fastnn
from fastnn import fit, optim
from fastnn.data import StreamLoader
from fastnn.models.bengio import Bengio, windows
from fastnn.models.char_rnn import next_character_loss
from fastnn.models.decoding import greedy
from fastnn.models.elman import Elman

WORDS = 7
NUMBERS = np.array([[3, 1, 4], [1, 5, 2]])


@pytest.fixture(autouse=True)
def seed():
    fastnn.manual_seed(3)


@pytest.mark.parametrize(("units", "direct"), [(5, False), (5, True), (0, True)])
def test_bengio_by_hand(units, direct):
    model = Bengio(WORDS, context=3, size=4, units=units, direct=direct)
    state = model.state_dict()
    x = state["embedding.weight"][NUMBERS].reshape(2, 12)
    if units:
        hidden = np.tanh(x @ state["hidden.weight"].T + state["hidden.bias"])
        y = hidden @ state["output.weight"].T + state["output.bias"]
        y = y + x @ state["direct.weight"].T if direct else y
    else:
        y = x @ state["output.weight"].T + state["output.bias"]
    np.testing.assert_allclose(model(NUMBERS).data, y, rtol=1e-4, atol=1e-5)
    assert ("direct.weight" in state) == bool(units and direct)


def test_elman_by_hand():
    model = Elman(WORDS, units=5)
    state = model.state_dict()
    s, rows = np.zeros((3, 5)), []
    for numbers in NUMBERS:
        one_hot = np.eye(WORDS)[numbers]
        s = one_hot @ state["rnn.weight_ih_l0"].T + s @ state["rnn.weight_hh_l0"].T
        # the state before is 0 at first, so its product is too
        s = 1 / (1 + np.exp(-(s + state["rnn.bias_ih_l0"] + state["rnn.bias_hh_l0"])))
        rows.append(s @ state["linear.weight"].T + state["linear.bias"])
    logits, last = model(NUMBERS)
    np.testing.assert_allclose(logits.data, rows, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last.data[0], s, rtol=1e-4)
    first, between = model(NUMBERS[:1])
    second, _ = model(NUMBERS[1:], between)  # goes on where the first piece ended
    pieces = np.concatenate([first.data, second.data])
    np.testing.assert_allclose(pieces, rows, rtol=1e-4, atol=1e-5)


def test_windows():
    contexts, words = windows(np.arange(6), 3)
    np.testing.assert_array_equal(contexts, [[0, 1, 2], [1, 2, 3], [2, 3, 4]])
    np.testing.assert_array_equal(words, [3, 4, 5])
    with pytest.raises(ValueError, match="windows: 3 words have none with 3 before it"):
        windows([1, 2, 3], 3)


def cycle(length=400):
    """0 1 2 0 2 1 again and again: what follows a word depends on the one before it."""
    return np.resize([0, 1, 2, 0, 2, 1], length)


def test_bengio_learns_and_writes():
    model = Bengio(3, context=2, size=4, units=8)
    fit(model, windows(cycle(), 2), epochs=6, batch_size=16, progress=False,
        optimizer=optim.Adam(model.parameters(), lr=1e-2))  # fmt: skip
    history = greedy(model.step, np.array([[1, 2]]), 1, start=0, end=99, limit=8)
    np.testing.assert_array_equal(history[0], [2, 1, 0, 1, 2, 0, 2, 1])


def test_elman_learns():
    model = Elman(3, units=16)
    loader = StreamLoader(cycle(800), 4, 12)
    history = fit(model, loader, epochs=40, stateful=True, progress=False, metrics=(),
                  loss=next_character_loss,
                  optimizer=optim.Adam(model.parameters(), lr=2e-2))  # fmt: skip
    assert history["loss"][0] > 0.9 and history["loss"][-1] < 0.1


def test_bengio_needs_a_way():
    with pytest.raises(ValueError, match="Bengio: without units there must be direct connections"):
        Bengio(5, units=0)
