"""Scaled dot-product attention. Vaswani et al. 2017, arXiv:1706.03762.

N batch, H heads, L queries, S keys, E features of queries and keys, F of values.
"""

import numpy as np

from .._kernels import attention as _attention
from .._kernels import memory
from . import _checks
from .dropout import threshold_and_scale


def scaled_dot_product_attention(
    query, key, value, *, mask=None, lengths=None, causal=False, scale=None, dropout=0.0, seed=0,
    out=None,
):  # fmt: skip
    """o = dropout(softmax(scale q k' + mask)) v, for every batch and head.

    query (N, H, L, E), key (N, H, S, E), value (N, H, S, F) -> o (N, H, L, F), which lies in memory
    as query does, and lse (N, H, L), the logarithms of the sums of exp(scale q k' + mask).

    mask      broadcast to (N, H, L, S): booleans, False where a query must not see a key, or
              numbers of query's dtype that are added
    lengths   (N,) integers: key S and value beyond a sequence's length are not looked at
    causal    query i sees the keys 0 to i alone; nothing is computed for the others
    scale     None: 1 / sqrt(E)
    dropout   of the weights, p in [0, 1]: weight i (in the C order of (N, H, L, S)) is that of
              `kernels.dropout` with this seed
    out       (N, H, L, F) to write o to; may not overlap the inputs

    Never more than a block of the weights is in memory. A query that sees no key gets 0. Raises
    TypeError for dtypes, ValueError for shapes, lengths and probabilities. Rabe and Staats 2021,
    arXiv:2112.05682; Dao et al. 2022, arXiv:2205.14135.
    """
    op = "scaled_dot_product_attention"
    q, k, v = _inputs(op, query, key, value)
    options = _options(op, q, k, mask, lengths, causal, scale, dropout, seed)
    shape = (*q.shape[:3], v.shape[3])
    if out is None:
        out = _alike(q, shape)
    else:
        _checks.out(op, out, shape, q.dtype)
    lse = memory.empty_array(shape[:3], q.dtype.num)
    if 0 not in q.shape[:3]:
        _attention.attention(q, k, v, *options, lse, out)
    return out, lse


def scaled_dot_product_attention_backward(
    dy, query, key, value, o, lse, *, mask=None, lengths=None, causal=False, scale=None,
    dropout=0.0, seed=0, out=None,
):  # fmt: skip
    """Gradients of `scaled_dot_product_attention` for query, key and value: (dq, dk, dv).

    dy: the gradient of o; o, lse: what it returned; the rest: what it was given. out: three arrays
    to write to, shaped as query, key and value (there they may be parts of one array).
    """
    op = "scaled_dot_product_attention_backward"
    q, k, v = _inputs(op, query, key, value)
    options = _options(op, q, k, mask, lengths, causal, scale, dropout, seed)
    shape = (*q.shape[:3], v.shape[3])
    dy, o = _shaped(op, "dy", dy, shape, q), _shaped(op, "o", o, shape, q)
    lse = np.ascontiguousarray(_shaped(op, "lse", lse, shape[:3], q))
    if out is None:
        out = tuple(_alike(a, a.shape) for a in (q, k, v))
    else:
        for array, like in zip(out, (q, k, v), strict=True):
            _checks.out(op, array, like.shape, q.dtype)
    if 0 in q.shape[:3]:
        for array in out:
            array[...] = 0
    else:
        _attention.attention_backward(dy, q, k, v, *options, lse, o, *out)
    return tuple(out)


def attend_heads(sources, *, heads, batch_first=False, **options):
    """`scaled_dot_product_attention` of what a layer's projections gave, without moving the heads
    about: (o, lse).

    sources   arrays that hold, side by side along the last axis, query, key and value, of D
              features each: all three in one, (T, N, 3 D), or query and both others, or one each;
              head h takes the features from h D / heads on
    o         (T, N, D); lse (N, H, T)

    batch_first: (N, T, ...) throughout. The other options are that function's.
    """
    op = "attend_heads"
    q, k, v = _heads(op, sources, heads, batch_first)
    n, h, t, e = q.shape
    y = memory.empty_array((n, t, h * e) if batch_first else (t, n, h * e), q.dtype.num)
    (o,) = _split(y, h * e, heads, batch_first)
    _, lse = scaled_dot_product_attention(q, k, v, out=o, **options)
    return y, lse


def attend_heads_backward(dy, sources, o, lse, *, heads, batch_first=False, **options):
    """Gradients of `attend_heads` for its sources, a tuple of arrays shaped as they are. dy: the
    gradient of o; o, lse: what it returned; the rest: what it was given."""
    op = "attend_heads_backward"
    q, k, v = _heads(op, sources, heads, batch_first)
    width = heads * q.shape[3]
    dy = _shaped(op, "dy", dy, np.shape(o), q)
    dy, o = (_split(a, width, heads, batch_first)[0] for a in (dy, o))
    gradients = tuple(memory.empty_array(np.shape(a), q.dtype.num) for a in sources)
    out = [part for a in gradients for part in _split(a, width, heads, batch_first)]
    scaled_dot_product_attention_backward(dy, q, k, v, o, lse, out=out, **options)
    return gradients


# ---- checks -------------------------------------------------------------------------------------


def _inputs(op, query, key, value):
    q = _checks.array(op, "query", query, 4)
    k = _checks.array(op, "key", key, 4, q)
    v = _checks.array(op, "value", value, 4, q)
    if k.shape[:2] != q.shape[:2] or k.shape[3] != q.shape[3]:
        raise ValueError(
            f"{op}: key must have query's batch, heads and features, "
            f"got {k.shape} (query: {q.shape})"
        )
    if v.shape[:3] != k.shape[:3]:
        raise ValueError(
            f"{op}: value must have key's batch, heads and length, got {v.shape} (key: {k.shape})"
        )
    return q, k, v


def _heads(op, sources, heads, batch_first):
    """Query, key and value (N, H, T, D / H): views of the sources."""
    arrays = [_checks.array(op, f"sources[{i}]", a, 3) for i, a in enumerate(sources)]
    heads = _checks.count(op, "heads", heads)
    width, rest = divmod(sum(a.shape[2] for a in arrays), 3)
    if rest or not width or width % heads or any(a.shape[2] % width for a in arrays):
        raise ValueError(
            f"{op}: sources must hold query, key and value, each of as many features, a "
            f"multiple of {heads} heads, got {', '.join(str(a.shape) for a in arrays)}"
        )
    return [part for a in arrays for part in _split(a, width, heads, batch_first)]


def _split(a, width, heads, batch_first):
    """(T, N, parts D) -> views (N, H, T, D / H), one a part."""
    first, second, features = a.shape
    a = a.reshape(first, second, features // width, heads, width // heads)
    return a.transpose((2, 0, 3, 1, 4) if batch_first else (2, 1, 3, 0, 4))


def _options(op, q, k, mask, lengths, causal, scale, dropout, seed):
    """The kernel's mask, lengths, causal, scale and dropout."""
    shape = (*q.shape[:3], k.shape[2])
    scale = q.shape[3] ** -0.5 if scale is None and q.shape[3] else scale
    scale = 1.0 if scale is None else _checks.number(op, "scale", scale)
    return (
        _mask(op, mask, shape, q), _lengths(op, lengths, shape), bool(causal), scale,
        _dropout(op, dropout, seed),
    )  # fmt: skip


def _mask(op, mask, shape, q):
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.dtype != bool:
        mask = _checks.array(op, "mask", mask, like=q)
    try:
        return np.broadcast_to(mask, shape)
    except ValueError:
        raise ValueError(f"{op}: mask must broadcast to {shape}, got {mask.shape}") from None


def _lengths(op, lengths, shape):
    if lengths is None:
        return None
    lengths = np.asarray(lengths)
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"{op}: lengths must be integers, got {lengths.dtype}")
    if lengths.shape != shape[:1]:
        raise ValueError(f"{op}: lengths must have shape {shape[:1]}, got {lengths.shape}")
    if lengths.size and (lengths.min() < 0 or lengths.max() > shape[3]):
        raise ValueError(
            f"{op}: lengths must be between 0 and {shape[3]} keys, "
            f"got {lengths.min()} to {lengths.max()}"
        )
    return np.ascontiguousarray(lengths, np.int64)


def _dropout(op, p, seed):
    p = _checks.number(op, "dropout", p)
    if not 0 <= p <= 1:
        raise ValueError(f"{op}: dropout must be in [0, 1], got {p}")
    if p == 0:
        return None
    seed = _checks.count(op, "seed", seed, 0)
    if seed >= 2**64:
        raise ValueError(f"{op}: seed must be below 2**64, got {seed}")
    return seed, *threshold_and_scale(p)


def _shaped(op, name, a, shape, like):
    a = _checks.array(op, name, a, like=like)
    if a.shape != shape:
        raise ValueError(f"{op}: {name} must have shape {shape}, got {a.shape}")
    return a


def _alike(a, shape):
    """A new array of this shape whose axes lie in memory in a's order."""
    order = sorted(range(len(shape)), key=lambda i: -abs(a.strides[i]) if shape[i] > 1 else 0)
    memory_order = memory.empty_array(tuple(shape[i] for i in order), a.dtype.num)
    return memory_order.transpose(np.argsort(order))
