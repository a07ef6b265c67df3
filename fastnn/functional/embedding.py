"""Embedding, and the one-hot rows that it does without."""

import numpy as np

from .. import kernels
from ..autograd import Tensor, as_tensor, record
from ..kernels.embedding import check_padding
from ._lookup import SummedGradient


def embedding(
    input,
    weight,
    padding_idx=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    sparse=False,
):
    """y[..., d] = weight[input[...], d]

    input: integers in 0..V-1, of any shape (...); weight (V, D) -> y (..., D). This is
    one_hot(input, V) @ weight, and so, for a layer y = x W^T on one-hot x, embedding(input, W.T):
    neither pass makes the one-hot matrix.

    padding_idx: a row, counted from the end where negative, that gets no gradient. max_norm: the
    rows that are looked up and have a larger norm (of order norm_type) are first scaled down to it,
    in place, by factors that are not differentiated; so do it before anything else uses weight.
    scale_grad_by_freq: divide a row's gradient by how often input has it. Gradients are dense.

    Raises TypeError for dtypes; ValueError for shapes that do not fit, numbers out of range and
    sparse=True.
    """
    op = "embedding"
    check_dense(op, sparse)
    index, w = np.array(input), as_tensor(weight)  # a copy: backward needs it as it is now
    wd = w.data
    y = kernels.embedding(index, wd)
    v = wd.shape[0]
    check_padding(op, padding_idx, v)
    if max_norm is not None and _scale_down(wd, index, max_norm, norm_type):
        y = kernels.embedding(index, wd)

    def backward(dy):  # y[..., d] = weight[input[...], d]
        at = index
        if isinstance(dy, SummedGradient) and not scale_grad_by_freq:
            dy, at = dy.rows, dy.numbers
        dw = kernels.embedding_backward(
            dy, at, v, padding_idx=padding_idx, scale_grad_by_freq=scale_grad_by_freq
        )
        return (dw,)

    rows = record(y, (w,), backward)
    rows.looked_up = index
    return rows


def check_dense(op, sparse):
    if sparse:
        raise ValueError(f"{op}: sparse must be False, for gradients are dense; got {sparse!r}")


def _scale_down(weight, index, max_norm, norm_type):
    """weight[v] *= max_norm / |weight[v]| for the v in index whose norm is larger: -> any?"""
    rows = np.unique(index)
    norms = np.linalg.norm(weight[rows], norm_type, axis=1)
    long = norms > max_norm
    weight[rows[long]] *= (max_norm / (norms[long] + 1e-7))[:, None]  # torch's 1e-7
    return long.any()


def one_hot(tensor, num_classes=-1):
    """y[..., v] = 1 where v is the class, else 0: int (...) -> int64 (..., num_classes).

    num_classes: -1 for the largest class + 1. To multiply it by a matrix, look up the matrix's
    rows instead: see `embedding`. Raises TypeError for classes that are no integers, ValueError
    for one outside [0, num_classes).
    """
    classes = np.asarray(tensor)
    if classes.dtype.kind not in "iu":
        raise TypeError(f"one_hot: classes must be integers, got dtype {classes.dtype}")
    if num_classes == -1:
        if classes.size == 0:
            raise ValueError("one_hot: num_classes must be given for an empty array")
        num_classes = int(classes.max()) + 1
    elif num_classes < 1:
        raise ValueError(f"one_hot: num_classes must be positive or -1, got {num_classes}")
    if classes.size and (classes.min() < 0 or classes.max() >= num_classes):
        raise ValueError(
            f"one_hot: classes must lie in [0, {num_classes}), "
            f"got {classes.min()} to {classes.max()}"
        )
    return Tensor((classes[..., None] == np.arange(num_classes)).astype(np.int64))
