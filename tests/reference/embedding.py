"""Embedding, as the product with one-hot rows that it stands for."""

import numpy as np

from .activation import f64


def embedding(index, weight):
    weight = f64(weight)
    rows = [weight[i] for i in np.ravel(index)]  # not the product, in which 0 NaN would be NaN
    return np.reshape(rows, (*np.shape(index), weight.shape[1]))


def embedding_backward(
    dy, index, num_embeddings, *, padding_idx=None, scale_grad_by_freq=False
):  # y = one_hot(index) weight
    x = f64(np.reshape(index, (-1, 1)) == np.arange(num_embeddings))
    dweight = x.T @ f64(dy).reshape(len(x), np.shape(dy)[-1])
    if scale_grad_by_freq:
        dweight /= np.maximum(x.sum(axis=0), 1)[:, None]
    if padding_idx is not None:
        dweight[padding_idx] = 0
    return dweight
