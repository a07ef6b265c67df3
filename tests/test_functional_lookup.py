"""Looked-up rows under a recurrent layer: each is multiplied once; results and gradients are those
of the rows multiplied place by place."""

import numpy as np
import pytest
from opcheck import draw
from test_functional_recurrent import CELLS, LENGTHS, arrays_of, call

import fastnn
import fastnn.functional as F
from fastnn import Tensor, nn
from fastnn.functional import _lookup

T, N, D, V = 5, 4, 3, 6
NUMBERS = np.random.default_rng(0).choice([0, 2, 3, 5], (T, N))
every_cell = pytest.mark.parametrize("cell", CELLS)
ways = pytest.mark.parametrize("way", [{}, {"lengths": LENGTHS, "reverse": True}], ids=str)


def place_by_place(x):
    """x, of which nobody knows that it was looked up."""
    return x * 1.0


def results(cell, way, route, use=lambda x, y: (y * y).sum(), step=False, **options):
    """The value, and the gradients of the table, of the looked-up rows, and of all arguments."""
    table = Tensor(draw(V, D, seed=9), requires_grad=True)
    others = [Tensor(a, requires_grad=True) for a in arrays_of(cell)[1:]]
    x = F.embedding([2] * N if step else NUMBERS, table, **options)
    if route is None:
        assert _lookup.distinct(x) is not None
    loss = use(x, call(cell, step, **way)(route(x) if route else x, *others))
    gradients = fastnn.grad(loss, [x, table, *others], retain_graph=True)
    without_x = fastnn.grad(loss, [table, *others])
    for a, b in zip(gradients[1:], without_x, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    return loss.item(), *gradients


def assert_same(ours, expected):
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@ways
@every_cell
def test_results_and_gradients(cell, way):
    assert_same(results(cell, way, None), results(cell, way, place_by_place))


@every_cell
def test_a_step(cell):
    assert_same(results(cell, {}, None, step=True), results(cell, {}, place_by_place, step=True))


@pytest.mark.parametrize("options", [{"padding_idx": 2}, {"scale_grad_by_freq": True}], ids=str)
def test_options_of_the_lookup(options):
    ours = results("lstm", {}, None, **options)
    assert_same(ours, results("lstm", {}, place_by_place, **options))


def test_rows_that_are_used_elsewhere_too():
    def use(x, y):
        return (y * y).sum() + (x * x * x).sum()

    assert_same(results("gru", {}, None, use), results("gru", {}, place_by_place, use))


def test_rows_under_two_layers():
    def use(x, y):
        return (y * y).sum() + (call("gru", reverse=True)(x, *arrays_of("gru")[1:]) ** 3).sum()

    def use_dense(x, y):
        return use(place_by_place(x), y)

    assert_same(results("gru", {}, None, use), results("gru", {}, place_by_place, use_dense))


def test_only_some_gradients_are_wanted():
    """A fixed table, or fixed weights: the others' gradients are the same."""
    arrays = arrays_of("lstm")[1:]
    for fixed in (0, 1):
        table = Tensor(draw(V, D, seed=9), requires_grad=fixed != 0)
        others = [Tensor(a, requires_grad=i != 2 or fixed != 1) for i, a in enumerate(arrays)]
        leaves = [t for t in (table, *others) if t.requires_grad]
        found = []
        for route in (lambda x: x, place_by_place):
            loss = (call("lstm")(route(F.embedding(NUMBERS, table)), *others) ** 2).sum()
            found.append(fastnn.grad(loss, leaves))
        assert_same(*found)


def test_what_was_written_to_is_not_looked_up():
    x = F.embedding(NUMBERS, draw(V, D))
    assert _lookup.distinct(x) is not None
    x.data[1, 2] += 1
    assert _lookup.distinct(x) is None


def test_numbers_may_be_written_to():
    numbers, table = NUMBERS.copy(), Tensor(draw(V, D), requires_grad=True)
    x = F.embedding(numbers, table)
    numbers[...] = 1
    once = _lookup.distinct(x)
    np.testing.assert_array_equal(once.numbers[once.places], NUMBERS)
    x.sum().backward()
    np.testing.assert_array_equal(table.grad[:, 0], np.bincount(NUMBERS.ravel(), minlength=V))


def test_rows_that_hardly_repeat_are_not_looked_up():
    table = draw(100, D)
    assert _lookup.distinct(F.embedding(np.arange(100).reshape(50, 2), table)) is None
    assert _lookup.distinct(F.embedding(np.zeros((0, 2), int), table)) is None
    assert _lookup.distinct(Tensor(draw(T, N, D))) is None


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_modules(kind, batch_first):
    fastnn.manual_seed(0)
    embedding, layer = nn.Embedding(V, D), getattr(nn, kind)(D, 7, 2, batch_first=batch_first)
    embedding.double(), layer.double()
    numbers = NUMBERS.T if batch_first else NUMBERS
    parameters = [*embedding.parameters(), *layer.parameters()]
    gradients = []
    for route in (lambda x: x, place_by_place):
        for p in parameters:
            p.grad = None
        y, _ = layer(route(embedding(numbers)))
        (y * y).sum().backward()
        gradients.append([y.data, *(p.grad for p in parameters)])
    assert_same(*gradients)
