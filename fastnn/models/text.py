"""A text, ready to train on; and what it takes to train on it."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..data import StreamLoader, Vocabulary, read_text, split_text

_VALIDATION = 0.1  # the share of the text, at its end, that validates
UNKNOWN = "<unk>"


@dataclass(frozen=True)
class TextTask:
    """What `load_text` returns.

    name         the file's own, without its ending
    vocabulary   the characters of all of the text
    train        their numbers in the training part, int64 (T,)
    validation   and in the validation part
    split        where the latter comes from, in words
    """

    name: str
    vocabulary: Vocabulary
    train: np.ndarray
    validation: np.ndarray
    split: str

    def loaders(self, streams, steps):
        """(training, validation) batches. Of validation, whose parts begin without a state, no more
        streams than have one whole batch each."""
        most = max(1, (len(self.validation) - 1) // steps)
        return (
            StreamLoader(self.train, streams, steps),
            StreamLoader(self.validation, min(streams, most), steps),
        )


def text_name(path):
    return os.path.splitext(os.path.basename(os.path.abspath(path)))[0]


def load_text(path, min_count=1):
    """Read a text file (see `data.read_text`) as a `TextTask`. Characters that it has fewer than
    `min_count` times become one unknown. Raises ValueError for a text too short to split."""
    text = read_text(path)
    vocabulary = Vocabulary.of(
        text, min_count=min_count, unknown=UNKNOWN if min_count > 1 else None
    )
    train, validation = split_text(vocabulary.encode(text), _VALIDATION)
    if len(validation) < 2:
        raise ValueError(
            f"{path}: {len(text)} characters are too few to set some aside for validation"
        )
    return TextTask(
        name=text_name(path),
        vocabulary=vocabulary,
        train=train,
        validation=validation,
        split=f"the last {_VALIDATION:.0%} of the text validate",
    )


@dataclass(frozen=True)
class TextRecipe:
    """A model's way of being trained on text.

    title      the name in texts and plots
    defaults   what the options of ``fastnn train`` override: a dict
    optimizer  (model, lr) -> Optimizer
    scheduler  (optimizer, epochs) -> schedule, stepped once an epoch
    summary    the two in a few words
    loss       (output, target) -> Tensor, in nats a character
    """

    title: str
    defaults: dict
    optimizer: Callable
    scheduler: Callable
    summary: str
    loss: Callable
