"""The n-gram language model that neural ones are measured by: interpolated Kneser-Ney smoothing.

R. Kneser, H. Ney, "Improved backing-off for m-gram language modeling", ICASSP 1995; interpolated:
S. Chen, J. Goodman, "An empirical study of smoothing techniques for language modeling", 1999.
"""

from typing import NamedTuple

import numpy as np


class _Level(NamedTuple):
    """The m-grams of one length that the text has, numbered in the order of their keys.

    keys   (G,) sorted: number of the first m - 1 words, times V, plus the last word
    above  (G,): count, with the discount taken off, over all counts of the same first words
    rest   (contexts,): the share that the discounts leave to the shorter context; 1 where nothing
           follows. A context's number is that of its own m - 1 words.
    """

    keys: np.ndarray
    above: np.ndarray
    rest: np.ndarray


class KneserNey:
    """P_m(w | u) = max(c(u w) - D_m, 0) / c(u .) + D_m N(u .) / c(u .) P_{m-1}(w | u without its
    first word),  P_0(w) = 1 / V

    words  V, the size of the vocabulary
    order  n: a word is predicted from the n - 1 before it

    N(u .) is how many different words follow u. c counts the n-grams of the longest kind; of the
    shorter ones it counts the different words that stand before them. D_m = n1 / (n1 + 2 n2), n1
    and n2 being how many have a count of 1 and of 2; 1/2 where none has. A context that never came
    leaves its word to the shorter one. Raises ValueError for words or order below 1.
    """

    def __init__(self, words, order=5):
        for name, value in (("words", words), ("order", order)):
            if value < 1:
                raise ValueError(f"KneserNey: {name} must be >= 1, got {value}")
        self.words, self.order = words, order
        self.discounts, self._levels = [], []

    def fit(self, numbers):
        """Count a text's n-grams: int64 (T,), all below V. Returns the model."""
        numbers = self._checked(numbers)
        if len(numbers) < self.order:
            raise ValueError(
                f"KneserNey: a text of {len(numbers)} words has no {self.order} in a row"
            )
        tables, ids = [], [np.zeros(len(numbers) + 1, np.int64)]
        for m in range(1, self.order + 1):  # ids[m][t]: the m-gram that begins with word t
            last = numbers[m - 1 :]
            key = ids[m - 1][: len(last)] * self.words + last
            keys, first, number = np.unique(key, return_index=True, return_inverse=True)
            tables.append((keys, first))
            ids.append(number)
        self.discounts, self._levels, contexts = [], [], 1
        for m, (keys, _) in enumerate(tables, 1):
            if m == self.order:
                counts = np.bincount(ids[m], minlength=len(keys))
            else:  # each longer kind counts once for what it is without its first word
                counts = np.bincount(ids[m][tables[m][1] + 1], minlength=len(keys))
            self._levels.append(self._level(keys, counts, contexts))
            contexts = len(keys)
        return self

    def _level(self, keys, counts, contexts):
        ones, twos = (counts == 1).sum(), (counts == 2).sum()
        discount = ones / (ones + 2 * twos) if ones else 0.5
        self.discounts.append(float(discount))
        context = keys // self.words
        totals = np.bincount(context, counts, contexts)
        kinds = np.bincount(context[counts > 0], minlength=contexts)
        rest = np.where(totals > 0, discount * kinds / np.maximum(totals, 1), 1.0)
        above = np.maximum(counts - discount, 0) / np.maximum(totals[context], 1)
        return _Level(keys, above, rest)

    def probabilities(self, numbers):
        """P(word t | the words before it), float64 (T,), of a text's words. The first ones have
        shorter contexts."""
        numbers = self._checked(numbers)
        p = np.full(len(numbers), 1 / self.words)
        begins = np.zeros(len(numbers) + 1, np.int64)  # the m-gram with word t first; -1: never was
        for m, level in enumerate(self._levels, 1):
            last, context = numbers[m - 1 :], begins[: max(len(numbers) - m + 1, 0)]
            place, there = _find(level.keys, context * self.words + last)
            shorter = level.rest[context] * p[m - 1 :] + np.where(there, level.above[place], 0)
            p[m - 1 :] = np.where(context >= 0, shorter, p[m - 1 :])
            begins = np.where(there, place, -1)
        return p

    def distribution(self, context):
        """P(w | context) for every w, float64 (V,); of a longer context the last n - 1 words."""
        context = self._checked(context)
        p = np.full(self.words, 1 / self.words)
        for m, level in enumerate(self._levels, 1):
            if m - 1 > len(context):
                break
            number = 0
            for i, word in enumerate(context[len(context) - m + 1 :]):
                place, there = _find(self._levels[i].keys, number * self.words + word)
                if not there:
                    return p
                number = int(place)
            first = number * self.words
            begin, end = np.searchsorted(level.keys, (first, first + self.words))
            p *= level.rest[number]
            p[level.keys[begin:end] - first] += level.above[begin:end]
        return p

    def step(self, numbers, contexts):
        """One step of `models.decoding`: numbers (M,) and the contexts (M, n - 1) before them ->
        log P (M, V), and the contexts with them."""
        contexts = np.concatenate([contexts, numbers[:, None]], 1)[:, 1:]
        return np.log([self.distribution(context) for context in contexts]), contexts

    def _checked(self, numbers):
        numbers = np.asarray(numbers, np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < self.words:
            raise ValueError(
                f"KneserNey: words must be in 0..{self.words - 1}, "
                f"got {numbers.min()} to {numbers.max()}"
            )
        return numbers


def _find(keys, wanted):
    """(places, whether they are there) of numbers in a sorted array."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return place, keys[place] == wanted


def perplexity(probabilities):
    """exp of the mean of -log p: how many equally likely words it is like."""
    return float(np.exp(-np.log(probabilities).mean()))
