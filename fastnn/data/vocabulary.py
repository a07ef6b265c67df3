"""Symbols and their numbers."""

import json
from collections import Counter
from itertools import chain

import numpy as np


class Vocabulary:
    """Symbols (characters, words) by number: ``symbols[i]`` is number i.

    symbols  distinct strings
    unknown  the one among them that stands for every symbol that is not; None: there is none, and
             `encode` refuses such symbols

    Raises ValueError for no symbols, a symbol that is there twice, or an unknown that is not.
    """

    def __init__(self, symbols, unknown=None):
        self.symbols, self.unknown = list(symbols), unknown
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols)}
        if not self.symbols:
            raise ValueError("Vocabulary: expected at least one symbol, got none")
        if len(self._numbers) != len(self.symbols):
            twice = next(s for s, count in Counter(self.symbols).items() if count > 1)
            raise ValueError(f"Vocabulary: symbols must be distinct, {twice!r} is there twice")
        if unknown is not None and unknown not in self._numbers:
            raise ValueError(f"Vocabulary: unknown {unknown!r} must be one of the symbols")

    @classmethod
    def of(cls, text, *, min_count=1, max_size=None, special=(), unknown=None):
        """The symbols that `text` (a string, or an iterable of strings) has at least `min_count`
        times, sorted, after the `special` ones and `unknown`. With `max_size`, no more symbols in
        all than that: the most frequent, ties in sorted order."""
        first = dict.fromkeys(chain(special, () if unknown is None else (unknown,)))
        found = [(-n, s) for s, n in Counter(text).items() if n >= min_count and s not in first]
        if max_size is not None:
            found = sorted(found)[: max(0, max_size - len(first))]
        return cls([*first, *sorted(symbol for _, symbol in found)], unknown)

    def __len__(self):
        return len(self.symbols)

    def __contains__(self, symbol):
        return symbol in self._numbers

    def __eq__(self, other):
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return (self.symbols, self.unknown) == (other.symbols, other.unknown)

    __hash__ = None

    def __repr__(self):
        unknown = "" if self.unknown is None else f", unknown={self.unknown!r}"
        return f"Vocabulary({len(self)} symbols{unknown})"

    def number(self, symbol):
        """The symbol's number; ValueError where there is none."""
        number = self._numbers.get(symbol, self._numbers.get(self.unknown))
        if number is None:
            raise ValueError(f"the vocabulary of {len(self)} symbols has no {symbol!r}")
        return number

    def encode(self, text):
        """The numbers of a string's characters, or of a list's symbols: int64 (T,).

        Raises ValueError, naming symbol and place, for one that is not in the vocabulary, unless
        there is an `unknown`.
        """
        get, other = self._numbers.get, self._numbers.get(self.unknown, -1)
        numbers = np.fromiter((get(symbol, other) for symbol in text), np.int64, len(text))
        if other < 0 and numbers.size and numbers.min() < 0:
            place = int(numbers.argmin())
            raise ValueError(
                f"the vocabulary of {len(self)} symbols has no {text[place]!r} (position {place})"
            )
        return numbers

    def decode(self, numbers, separator=""):
        """The symbols with these numbers, joined. Raises ValueError for a number out of range."""
        numbers = np.asarray(numbers).reshape(-1)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise ValueError(
                f"decode: numbers must lie in [0, {len(self)}), "
                f"got {numbers.min()} to {numbers.max()}"
            )
        return separator.join(map(self.symbols.__getitem__, numbers.tolist()))

    def to_json(self):
        return json.dumps({"symbols": self.symbols, "unknown": self.unknown}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text):
        return cls(**json.loads(text))
