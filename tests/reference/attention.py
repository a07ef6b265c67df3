"""Scaled dot-product attention, with the whole matrix of weights. factors: what dropout multiplies
the weights by, for which elements a seed keeps is the kernel's choice; None: as `dropout` here
draws them."""

import numpy as np

from .activation import f64
from .dropout import dropout as _dropout


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


def _factors(shape, factors, p, seed):
    return _dropout(np.ones(shape), p, seed=seed) if factors is None else factors


def scaled_dot_product_attention(
    query, key, value, *, mask=None, lengths=None, causal=False, scale=None, dropout=0.0, seed=0,
    factors=None,
):  # fmt: skip
    q, k, v = f64(query), f64(key), f64(value)
    w, lse = _weights(q, k, mask, lengths, causal, scale)
    return (w * _factors(w.shape, factors, dropout, seed)) @ v, lse


def scaled_dot_product_attention_backward(
    dy, query, key, value, o, lse, *, mask=None, lengths=None, causal=False, scale=None,
    dropout=0.0, seed=0, factors=None,
):  # o = (softmax(scale q k' + mask) factors) v  # fmt: skip
    dy, q, k, v = f64(dy), f64(query), f64(key), f64(value)
    w, _ = _weights(q, k, mask, lengths, causal, scale)
    factors = _factors(w.shape, factors, dropout, seed)
    dv = (w * factors).swapaxes(-1, -2) @ dy
    dw = (dy @ v.swapaxes(-1, -2)) * factors
    ds = w * (dw - (dw * w).sum(-1, keepdims=True))
    ds = ds * (q.shape[3] ** -0.5 if scale is None else scale)
    return ds @ k, ds.swapaxes(-1, -2) @ q, dv


def _split(sources, heads, batch_first):
    """Query, key and value, (N, H, T, D / H) each."""
    width = sum(a.shape[2] for a in sources) // 3
    parts = [p for a in sources for p in np.split(f64(a), a.shape[2] // width, 2)]
    order = (0, 2, 1, 3) if batch_first else (1, 2, 0, 3)
    return [p.reshape(*p.shape[:2], heads, width // heads).transpose(order) for p in parts]


def _merge(parts, batch_first):
    """The reverse, side by side."""
    order = (0, 2, 1, 3) if batch_first else (2, 0, 1, 3)
    parts = [p.transpose(order) for p in parts]
    return np.concatenate([p.reshape(*p.shape[:2], p.shape[2] * p.shape[3]) for p in parts], 2)


def attend_heads(sources, *, heads, batch_first=False, **options):
    o, lse = scaled_dot_product_attention(*_split(sources, heads, batch_first), **options)
    return _merge([o], batch_first), lse


def attend_heads_backward(dy, sources, o, lse, *, heads, batch_first=False, **options):
    inputs = _split(sources, heads, batch_first)
    order = (0, 2, 1, 3) if batch_first else (1, 2, 0, 3)
    dy = f64(dy).reshape(*dy.shape[:2], heads, dy.shape[2] // heads).transpose(order)
    parts = list(scaled_dot_product_attention_backward(dy, *inputs, o, lse, **options))
    width = dy.shape[1] * dy.shape[3]
    gradients = []
    for a in sources:
        count = a.shape[2] // width
        gradients.append(_merge(parts[:count], batch_first))
        parts = parts[count:]
    return tuple(gradients)
