"""Greedy decoding, beam search and sampling, against the search through everything."""

import itertools

import numpy as np
import pytest

from fastnn import Tensor
from fastnn.models.decoding import beam_search, greedy, sample, take_rows

START, END, SYMBOLS, LIMIT = 0, 1, 5, 4


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def model(rng, count):
    """A Markov chain for each row: logits of the next symbol, given row and symbol."""
    table = rng.normal(size=(count, SYMBOLS, SYMBOLS)) * 2

    def step(numbers, state):
        rows = np.asarray(state["row"][0])[0]
        assert rows.shape == numbers.shape
        return Tensor(table[rows, numbers]), state

    return table, step, {"row": (Tensor(np.arange(count, dtype=np.int64)[None]), None)}


def log_probability(table, numbers):
    logs = table - np.log(np.exp(table).sum(-1, keepdims=True))
    return sum(logs[a, b] for a, b in itertools.pairwise([START, *numbers, END]))


def every_sequence():
    others = [s for s in range(SYMBOLS) if s != END]
    for length in range(LIMIT):
        yield from itertools.product(others, repeat=length)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 2.0])
def test_a_wide_beam_finds_the_best_of_all(rng, alpha):
    table, step, state = model(rng, 3)
    found = beam_search(
        step, state, 3, start=START, end=END, beam=400, limit=LIMIT, alpha=alpha, axis=1
    )
    for row, hypotheses in enumerate(found):
        expected = {
            s: log_probability(table[row], s) / ((6 + len(s)) / 6) ** alpha
            for s in every_sequence()
        }
        assert {tuple(h.numbers): pytest.approx(h.score) for h in hypotheses} == expected
        scores = [h.score for h in hypotheses]
        assert len(scores) == 85 and scores == sorted(scores)[::-1]


def test_a_beam_is_better_than_greed(rng):
    better = 0
    table, step, state = model(rng, 60)
    options = dict(start=START, end=END, limit=30, axis=1)
    wide = beam_search(step, state, 60, beam=4, alpha=0.0, **options)
    narrow = greedy(step, state, 60, **options)
    for row, (taken, hypotheses) in enumerate(zip(narrow, wide, strict=True)):
        numbers = hypotheses[0].numbers.tolist()
        if len(numbers) == 30:  # cut off
            continue
        assert hypotheses[0].score == pytest.approx(log_probability(table[row], numbers))
        assert [h.score for h in hypotheses] == sorted([h.score for h in hypotheses])[::-1]
        better += log_probability(table[row], numbers) > log_probability(table[row], taken) + 1e-9
    assert better > 5


def test_greed_takes_the_likeliest(rng):
    table, step, state = model(rng, 20)
    for row, numbers in enumerate(greedy(step, state, 20, start=START, end=END, limit=9, axis=1)):
        expected, last = [], START
        while len(expected) < 9 and (last := int(table[row, last].argmax())) != END:
            expected.append(last)
        assert numbers.tolist() == expected


def test_a_beam_searches_each_row_as_if_alone(rng):
    _, step, state = model(rng, 7)
    options = dict(start=START, end=END, beam=3, limit=12, axis=1)
    together = beam_search(step, state, 7, **options)
    for row in range(7):
        (alone,) = beam_search(step, take_rows(state, [row], 1), 1, **options)
        assert [h.numbers.tolist() for h in alone] == [h.numbers.tolist() for h in together[row]]


def test_what_never_ends_stops_at_the_limit():
    def step(numbers, state):
        return np.tile([0.0, -np.inf, 1.0], (len(numbers), 1)), state

    ((best, *_),) = beam_search(step, None, 1, start=0, end=1, beam=2, limit=5, alpha=0.0)
    assert best.numbers.tolist() == [2] * 5
    assert best.score == pytest.approx(-5 * np.log(1 + np.exp(-1)))
    (drawn,) = sample(step, None, 1, start=0, end=1, limit=5, rng=np.random.default_rng(0))
    assert len(drawn) == 5


def test_never_is_never_written(rng):
    _, step, state = model(rng, 20)
    options = dict(start=START, end=END, limit=20, never=(START, 3), axis=1)
    found = greedy(step, state, 20, **options) + sample(step, state, 20, rng=rng, **options)
    assert set(np.concatenate(found).tolist()) <= {2, 4}


def test_nothing_may_be_written(rng):
    _, step, state = model(rng, 3)
    options = dict(start=START, end=END, limit=20, never=range(SYMBOLS), axis=1)
    words = r"no symbol to go on with: .* got never=\(0, 1, 2, 3, 4\)"
    with pytest.raises(ValueError, match=f"greedy: row 0 has {words}"):
        greedy(step, state, 3, **options)
    with pytest.raises(ValueError, match="draw: there must be a symbol that is not in never"):
        sample(step, state, 3, rng=rng, **options)
    assert beam_search(step, state, 3, **options) == [[], [], []]


def test_sequences_are_drawn_from_the_model(rng):
    table, step, _ = model(rng, 1)
    count = 20_000
    state = {"row": (Tensor(np.zeros((1, count), np.int64)), None)}
    drawn = sample(step, state, count, start=START, end=END, limit=99, axis=1, rng=rng)
    for numbers in ([], [2], [3], [4, 2]):
        expected = np.exp(log_probability(table[0], numbers))
        share = np.mean([d.tolist() == numbers for d in drawn])
        assert abs(share - expected) < 4 * np.sqrt(expected / count) + 1e-4


def test_sizes_below_one():
    for name in ("beam", "limit"):
        with pytest.raises(ValueError, match=f"beam_search: {name} must be >= 1, got 0"):
            beam_search(None, None, 1, start=0, end=1, **{name: 0})
