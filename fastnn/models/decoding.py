"""Writing sequences with a model that says, of each symbol, which one comes next: the likeliest
symbol at every step, beam search, or drawing at random.

All three call ``step(numbers, state) -> (logits, state)``: numbers int64 (M,) are the symbols last
written in M rows, logits (M, V) a Tensor or array, and state whatever the model carries along: a
Tensor, an array, None, or tuples, lists and dicts of such. A state's rows are those of its axis
`axis` (0; a recurrent layer's states (layers, N, U) have axis 1). Nothing is recorded on the tape.
"""

from typing import NamedTuple

import numpy as np

from .. import random
from ..autograd import Tensor, no_grad


class Hypothesis(NamedTuple):
    """numbers: int64 (T,), without start and end; score: log-probability, the end's included, over
    the length penalty."""

    numbers: np.ndarray
    score: float


def beam_search(
    step, state, count, *, start, end, beam=5, limit=50, alpha=0.6, never=(), axis=0
):  # fmt: skip
    """The `beam` best sequences that were found for each of `count` rows, best first: a list of
    lists of `Hypothesis`.

    state  of `count` rows
    start  the number that every sequence begins with; end: the one that closes it
    beam   K: how many prefixes of each row go on at every step; 1: always the likeliest symbol
    limit  the most symbols; a prefix that has not ended by then counts as it is, if none has
    alpha  scores are log p / ((5 + T) / 6)^alpha, T counting the end (Wu et al. 2016,
           arXiv:1609.08144, equation 14); 0: log p alone
    never  numbers that are not to be written

    A row is done when K of its sequences have ended. Raises ValueError for beam or limit below 1.
    """
    for name, value in (("beam", beam), ("limit", limit)):
        if value < 1:
            raise ValueError(f"beam_search: {name} must be >= 1, got {value}")
    ended = [[] for _ in range(count)]
    rows = np.arange(count)  # those that are not done; each has `beam` prefixes
    state = take_rows(state, rows.repeat(beam), axis)
    scores = np.full((count, beam), -np.inf)
    scores[:, 0] = 0.0  # all prefixes of a row are alike at first: let one count
    written = np.full((count, beam, 1), start, np.int64)

    for length in range(1, limit + 1):
        if not len(rows):
            break
        with no_grad():
            logits, state = step(written[:, :, -1].reshape(-1), state)
        totals = scores[:, :, None] + _log_probabilities(logits, never).reshape(*scores.shape, -1)
        symbols = totals.shape[2]
        # twice as many as go on: at most one continuation of each prefix ends
        best = _largest(totals.reshape(len(rows), -1), 2 * beam)
        prefix, symbol = best // symbols, best % symbols
        best_scores = np.take_along_axis(totals.reshape(len(rows), -1), best, 1)
        for i, j in zip(*np.nonzero(symbol[:, :beam] == end), strict=True):
            if best_scores[i, j] > -np.inf:
                numbers = written[i, prefix[i, j], 1:].copy()
                ended[rows[i]].append(
                    Hypothesis(numbers, best_scores[i, j] / _penalty(length, alpha))
                )
        on = np.argsort(symbol == end, axis=1, kind="stable")[:, :beam]  # the best that go on
        prefix, symbol, scores = (
            np.take_along_axis(a, on, 1) for a in (prefix, symbol, best_scores)
        )
        scores = np.where(symbol == end, -np.inf, scores)
        written = np.concatenate(
            [np.take_along_axis(written, prefix[:, :, None], 1), symbol[:, :, None]], axis=2
        )
        open_ = np.array([len(ended[row]) < beam for row in rows])
        kept = (np.arange(len(rows))[:, None] * beam + prefix)[open_].reshape(-1)
        state = take_rows(state, kept, axis)
        rows, scores, written = rows[open_], scores[open_], written[open_]

    for row, own, prefixes in zip(rows, scores, written, strict=True):
        if not ended[row]:
            ended[row] = [
                Hypothesis(prefix[1:], score / _penalty(limit, alpha))
                for prefix, score in zip(prefixes, own, strict=True)
                if score > -np.inf
            ]
    return [sorted(found, key=lambda h: -h.score)[:beam] for found in ended]


def greedy(step, state, count, *, start, end, limit=50, never=(), axis=0):
    """The likeliest symbol at every step until `end` or `limit`: a list of int64 arrays (T,).

    Raises ValueError where a row has no symbol to go on with that is not in `never`.
    """
    found = beam_search(
        step, state, count, start=start, end=end, beam=1, limit=limit, never=never, axis=axis
    )
    for row, hypotheses in enumerate(found):
        if not hypotheses:
            raise ValueError(
                f"greedy: row {row} has no symbol to go on with: none is likelier than 0 and not "
                f"in never, got never={tuple(never)}"
            )
    return [hypotheses[0].numbers for hypotheses in found]


def sample(
    step, state, count, *, start, end, limit=50, temperature=1.0, never=(), axis=0, rng=None
):  # fmt: skip
    """Sequences drawn from the model, one a row: a list of int64 arrays (T,).

    Each symbol is drawn from softmax(logits / temperature) (see `draw`); rng: a
    `numpy.random.Generator`; None: fastnn's, which `manual_seed` seeds.
    """
    rng = random.generator() if rng is None else rng
    written = [[] for _ in range(count)]
    rows, numbers = np.arange(count), np.full(count, start, np.int64)
    for _ in range(limit):
        if not len(rows):
            break
        with no_grad():
            logits, state = step(numbers, state)
        numbers = draw(_as_array(logits), temperature, rng, never)
        on = np.flatnonzero(numbers != end)
        if len(on) < len(rows):
            rows, numbers, state = rows[on], numbers[on], take_rows(state, on, axis)
        for row, number in zip(rows, numbers.tolist(), strict=True):
            written[row].append(number)
    return [np.array(numbers, np.int64) for numbers in written]


def draw(logits, temperature, rng, never=()):
    """Numbers (M,) drawn with probabilities softmax(logits / temperature), logits (M, V), none of
    them in `never`. Below 1 the likely become likelier; at 0 the likeliest is always taken.
    Raises ValueError where all are in `never`."""
    logits = logits.astype(np.float64)
    logits[:, list(never)] = -np.inf
    if (logits == -np.inf).all(1).any():
        raise ValueError(f"draw: there must be a symbol that is not in never, got {tuple(never)}")
    if temperature == 0:
        return logits.argmax(1)
    largest = logits.max(1, keepdims=True)
    shares = np.exp((logits - largest) / temperature).cumsum(1)
    return (shares <= rng.random((len(logits), 1)) * shares[:, -1:]).sum(1)


def take_rows(state, rows, axis=0):
    """A state of these rows of it, in this order."""
    if state is None:
        return None
    if isinstance(state, Tensor):
        return Tensor(state.data.take(rows, axis))
    if isinstance(state, dict):
        return {key: take_rows(part, rows, axis) for key, part in state.items()}
    if isinstance(state, (tuple, list)):
        parts = [take_rows(part, rows, axis) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    return np.take(state, rows, axis)


def _as_array(logits):
    return logits.data if isinstance(logits, Tensor) else np.asarray(logits)


def _log_probabilities(logits, never):
    """log softmax(logits), float64, and -inf for `never`."""
    logits = _as_array(logits).astype(np.float64)
    logits -= logits.max(1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    logits[:, list(never)] = -np.inf
    return logits


def _largest(values, count):
    """Places of the `count` largest of each row of values (N, M), the largest first."""
    count = min(count, values.shape[1])
    found = np.sort(np.argpartition(-values, count - 1, 1)[:, :count], 1)
    order = np.argsort(-np.take_along_axis(values, found, 1), axis=1, kind="stable")
    return np.take_along_axis(found, order, 1)


def _penalty(length, alpha):
    return ((5 + length) / 6) ** alpha
