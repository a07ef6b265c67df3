"""Scaled dot-product attention, with the whole matrix of weights. Dropout's factors, 0 or 1 / (1 - p)
for each weight, are given: which elements a seed keeps is the kernel's choice."""

import numpy as np

from .activation import f64


def _weights(q, k, mask, lengths, causal, scale):
    """softmax(scale q k' + mask), and the logarithm of what it divides by; zeros, and +inf, for a
    query that sees nothing."""
    rows, keys = q.shape[2], k.shape[2]
    scale = q.shape[3] ** -0.5 if scale is None else scale
    s = scale * q @ k.swapaxes(-1, -2)
    if mask is not None:
        mask = np.asarray(mask)
        s = s + (np.where(mask, 0.0, -np.inf) if mask.dtype == bool else f64(mask))
    if causal:
        s = np.where(np.tri(rows, keys, dtype=bool), s, -np.inf)
    if lengths is not None:
        s = np.where(np.arange(keys) < np.asarray(lengths)[:, None, None, None], s, -np.inf)
    most = s.max(-1, keepdims=True, initial=-np.inf)
    w = np.exp(s - np.where(most == -np.inf, 0.0, most))
    total = w.sum(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        lse = np.where(total == 0, np.inf, most + np.log(total))
    return w / np.where(total == 0, 1.0, total), lse[..., 0]


def scaled_dot_product_attention(
    query, key, value, *, mask=None, lengths=None, causal=False, scale=None, factors=1.0
):  # fmt: skip
    q, k, v = f64(query), f64(key), f64(value)
    w, lse = _weights(q, k, mask, lengths, causal, scale)
    return (w * factors) @ v, lse


def scaled_dot_product_attention_backward(
    dy, query, key, value, *, mask=None, lengths=None, causal=False, scale=None, factors=1.0
):  # o = (softmax(scale q k' + mask) factors) v  # fmt: skip
    dy, q, k, v = f64(dy), f64(query), f64(key), f64(value)
    w, _ = _weights(q, k, mask, lengths, causal, scale)
    dv = (w * factors).swapaxes(-1, -2) @ dy
    dw = (dy @ v.swapaxes(-1, -2)) * factors
    ds = w * (dw - (dw * w).sum(-1, keepdims=True))
    ds = ds * (q.shape[3] ** -0.5 if scale is None else scale)
    return ds @ k, ds.swapaxes(-1, -2) @ q, dv
