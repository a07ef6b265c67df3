"""Embedding: rows of a table looked up by number. V rows in the table, D columns.

Multiplying one-hot rows by a matrix looks up its rows: with x[i] = 1 at index[i] and 0 elsewhere,
x @ weight is embedding(index, weight), and x.T @ dy is embedding_backward(dy, index, V), without
the matrix x and its V multiply-adds for every number of the result.
"""

import numpy as np

from .._kernels import embedding as _embedding
from . import _checks


def embedding(index, weight, *, out=None):
    """y[..., d] = weight[index[...], d]

    index: integers in 0..V-1, of any shape (...); weight (V, D) -> y (..., D). out: an array for y.
    Raises TypeError for dtypes, ValueError where weight has not two dimensions and for a number
    that is not in 0..V-1.
    """
    op = "embedding"
    weight = _checks.array(op, "weight", weight, 2)
    numbers, shape = _numbers(op, index, weight.shape[0])
    if out is None:
        return _embedding.embedding(numbers, _rows(weight), None).reshape(*shape, weight.shape[1])
    out = _checks.out(op, out, (*shape, weight.shape[1]), weight.dtype)
    if out.ndim == 2 and out.strides[1] == out.itemsize and out.flags.aligned:
        _embedding.embedding(numbers, _rows(weight), out)
    else:
        out[...] = embedding(index, weight)
    return out


def embedding_backward(dy, index, num_embeddings, *, padding_idx=None, scale_grad_by_freq=False):
    """dweight[v, d] = sum of the dy[..., d] with index[...] == v, for y = embedding(index, weight)

    dy (..., D), index (...) as the forward's, num_embeddings V -> dweight (V, D); rows that are
    not looked up are 0. padding_idx: a row, counted from the end where negative, whose gradient
    stays 0. scale_grad_by_freq: divide a row's gradient by how often index has it.

    A row's positions are added in the order in which they stand in index, cut into pieces whose
    places depend on index alone. Raises TypeError for dtypes, ValueError for shapes that do not
    fit, a number that is not in 0..V-1, a padding_idx that is not in -V..V-1.
    """
    op = "embedding_backward"
    dy = _checks.array(op, "dy", dy)
    v = _checks.count(op, "num_embeddings", num_embeddings, 0)
    padding = check_padding(op, padding_idx, v)
    numbers, shape = _numbers(op, index, v)
    if dy.ndim == 0 or dy.shape[:-1] != shape:
        raise ValueError(
            f"{op}: dy must have index's shape {shape} and one more axis, got {dy.shape}"
        )
    rows = dy.reshape(numbers.size, dy.shape[-1])
    dweight = _embedding.embedding_backward(
        _rows(rows), numbers, v, -1 if padding is None else padding
    )
    if scale_grad_by_freq:
        times = np.bincount(numbers, minlength=v)
        dweight /= np.maximum(times, 1).astype(dy.dtype)[:, None]
    return dweight


def check_padding(op, padding_idx, num_embeddings):
    """padding_idx counted from the front, or None."""
    if padding_idx is None:
        return None
    try:
        row = padding_idx.__index__()
    except AttributeError:
        raise TypeError(f"{op}: padding_idx must be an int or None, got {padding_idx!r}") from None
    if not -num_embeddings <= row < num_embeddings:
        raise ValueError(
            f"{op}: padding_idx must be in {-num_embeddings}..{num_embeddings - 1}, got {row}"
        )
    return row % num_embeddings


def _numbers(op, index, rows):
    """index as flat, contiguous int64, all in 0..rows-1, and its shape."""
    index = np.asarray(index)
    if index.dtype.kind not in "iu":
        raise TypeError(f"{op}: index must be integers, got {index.dtype}")
    numbers = np.ascontiguousarray(index, np.int64).reshape(-1)
    if not numbers.flags.aligned:
        numbers = numbers.copy()
    wrong = _embedding.first_outside(numbers, rows)
    if wrong >= 0:
        at = tuple(int(i) for i in np.unravel_index(wrong, index.shape))
        raise ValueError(
            f"{op}: index must be in 0..{rows - 1} (V = {rows}), got {index[at]} at {at}"
        )
    return numbers, index.shape


def _rows(x):
    """x (., D) itself, or copied, with contiguous rows, which may lie anywhere."""
    return x if x.strides[1] == x.itemsize else np.ascontiguousarray(x)
