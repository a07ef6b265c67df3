"""Sequences of unequal length, side by side; sentences as words."""

import re

import numpy as np

_WORD = re.compile(r"\w+(?:[-'\u2019.]\w+)*|[^\w\s]")
_CLOSING = set(".,;:!?)]}%\u2026\u00bb\u201d\u2019")
_OPENING = set("([{\u00ab\u201c\u2018$\u20ac\u00a3")


def pad_sequences(sequences, value=0, *, batch_first=False):
    """(padded, lengths): sequences (T_n, ...) as one array (T, N, ...), T the longest's length.

    sequences    arrays or lists; all but the first axis must agree
    value        what stands after a sequence's end
    batch_first  (N, T, ...) instead

    lengths is int64 (N,): what the recurrent layers take as ``lengths=``. Raises ValueError for no
    sequences, or for elements of different shapes.
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise ValueError("pad_sequences: expected one or more sequences, got none")
    if any(array.ndim == 0 for array in arrays):
        raise ValueError("pad_sequences: expected sequences with an axis of steps, got a scalar")
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"pad_sequences: elements must have the same shape, got {sorted(shapes)}")
    lengths = np.array([len(array) for array in arrays], np.int64)
    shape = (len(arrays), lengths.max(), *shapes.pop())
    padded = np.full(shape, value, np.result_type(*{array.dtype for array in arrays}))
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return padded if batch_first else np.ascontiguousarray(padded.swapaxes(0, 1)), lengths


def tokenize(text):
    """The words and punctuation marks of a sentence, in order.

    A word is a run of letters, digits and underscores; hyphens, apostrophes and full stops inside
    ("well-kept", "don't", "3.5") belong to it. Every other mark is a token of its own.
    """
    return _WORD.findall(text)


def detokenize(tokens):
    """Tokens as a sentence: no space before closing marks and after opening ones; straight quotes
    open and close in turn."""
    text, glue, quoted = "", True, False
    for token in tokens:
        closes = token in _CLOSING or (token == '"' and quoted)
        text += token if glue or closes else " " + token
        glue = token in _OPENING or (token == '"' and not quoted)
        quoted ^= token == '"'
    return text
