"""Attention: Vaswani et al. 2017, "Attention is all you need", arXiv:1706.03762."""

from math import prod

import numpy as np

from .. import kernels, random
from ..autograd import Tensor, as_tensor, record


def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None,
    enable_gqa=False, *, lengths=None,
):  # fmt: skip
    """o = dropout(softmax(scale q k' + mask)) v

    query (..., L, E), key (..., S, E), value (..., S, F) -> (..., L, F); leading axes broadcast.
    attn_mask broadcasts to (..., L, S): booleans, True where a query sees a key, or numbers that
    are added; it gets no gradient. is_causal: query i sees the keys up to i. scale: None for
    1 / sqrt(E). enable_gqa: key and value may have fewer heads (axis -3) than query, each for as
    many neighbouring heads. lengths (N,), which torch has not: how many keys each sequence of the
    first axis has.

    The matrix of weights is never formed. A query that sees no key gets 0. Raises ValueError for
    shapes that do not fit, and for attn_mask beside is_causal.
    """
    op = "scaled_dot_product_attention"
    q = as_tensor(query)
    k, v = as_tensor(key, q), as_tensor(value, q)
    if attn_mask is not None and is_causal:
        raise ValueError(f"{op}: attn_mask must be None where is_causal")
    if min(t.data.ndim for t in (q, k, v)) < 2:
        raise ValueError(
            f"{op}: query, key and value must have two axes or more, "
            f"got {q.data.shape}, {k.data.shape}, {v.data.shape}"
        )
    if enable_gqa:
        k, v = _repeat_heads(op, k, q), _repeat_heads(op, v, q)
    try:
        lead = np.broadcast_shapes(*(t.data.shape[:-2] for t in (q, k, v)))
    except ValueError:
        raise ValueError(
            f"{op}: leading axes of query {q.data.shape}, key {k.data.shape} and value "
            f"{v.data.shape} do not broadcast"
        ) from None
    q, k, v = (
        t if t.data.shape[:-2] == lead else t.expand(*lead, *t.data.shape[-2:]) for t in (q, k, v)
    )
    heads = _heads_shape(lead)
    qd, kd, vd = (t.data.reshape(*heads, *t.data.shape[-2:]) for t in (q, k, v))
    options = dict(
        mask=_mask(op, attn_mask, qd, kd, lead), lengths=lengths, causal=is_causal, scale=scale,
        dropout=dropout_p, seed=random.next_seed() if dropout_p else 0,
    )  # fmt: skip
    o, lse = kernels.scaled_dot_product_attention(qd, kd, vd, **options)

    def backward(dy):  # o = dropout(softmax(scale q k' + mask)) v
        gradients = kernels.scaled_dot_product_attention_backward(
            dy.reshape(o.shape), qd, kd, vd, o, lse, **options
        )
        return tuple(
            g.reshape(t.data.shape) for g, t in zip(gradients, (q, k, v), strict=True)
        )  # fmt: skip

    return record(o.reshape(*lead, *o.shape[-2:]), (q, k, v), backward)


def attend_heads(sources, heads, *, batch_first=False, **options):
    """Multi-head attention of what a layer's projections gave, on the tape: `kernels.attend_heads`,
    with its arguments but dropout's seed. sources: Tensors."""
    if options.get("dropout"):
        options["seed"] = random.next_seed()
    data = [t.data for t in sources]
    options.update(heads=heads, batch_first=batch_first)
    y, lse = kernels.attend_heads(data, **options)

    def backward(dy):  # o = dropout(softmax(scale q k' + mask)) v
        return kernels.attend_heads_backward(dy, data, y, lse, **options)

    return record(y, tuple(sources), backward)


def _heads_shape(lead):
    """Leading axes as (N, H)."""
    if len(lead) <= 2:
        return (1,) * (2 - len(lead)) + lead if len(lead) != 1 else (*lead, 1)
    return prod(lead[:-1]), lead[-1]


def _repeat_heads(op, k, q):
    """k (..., G, S, E) -> (..., H, S, E), each of its heads as often as q has more of them."""
    shape, wanted = k.data.shape, q.data.shape[-3:-2]
    if len(shape) < 3 or not wanted or not shape[-3] or wanted[0] % shape[-3]:
        raise ValueError(
            f"{op}: query's heads must be a multiple of key's and value's, "
            f"got {shape} (query: {q.data.shape})"
        )
    times = wanted[0] // shape[-3]
    wider = k.unsqueeze(-3).expand(*shape[:-2], times, *shape[-2:])
    return wider.reshape(*shape[:-3], wanted[0], *shape[-2:])


def _mask(op, mask, q, k, lead):
    """attn_mask as an array that broadcasts to (N, H, L, S)."""
    if mask is None:
        return None
    mask = mask.data if isinstance(mask, Tensor) else np.asarray(mask)
    if mask.dtype != bool:
        mask = mask.astype(q.dtype, copy=False)
    shape = (*lead, q.shape[2], k.shape[2])
    try:
        wide = np.broadcast_to(mask, shape)
    except ValueError:
        raise ValueError(f"{op}: attn_mask must broadcast to {shape}, got {mask.shape}") from None
    return wide.reshape(*q.shape[:2], *shape[-2:])
