"""Multi-head attention."""

import numpy as np

from .. import functional as F
from ..autograd import Tensor, as_tensor, cat
from ..functional.attention import attend_heads
from ..kernels import empty
from . import init
from .linear import Linear
from .module import Module, Parameter


class MultiheadAttention(Module):
    """o = [head_1, ..., head_H] W_o^T + b_o,  head_i = attention(q W_qi^T, k W_ki^T, v W_vi^T).

    query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim), or with batch_first (N, L, ...),
    or without N -> o shaped as query, and the weights: (N, L, S), their mean over the heads, or
    (N, H, L, S), or None where need_weights is False. Only then are they never formed, so say so
    where they are not looked at.

    key_padding_mask (N, S) and attn_mask (L, S) or (N H, L, S): True keeps a query from a key;
    numbers are added to the scores. A mask that keeps a query from all later keys is recognised
    (is_causal says that attn_mask is one), and so is one that cuts off the ends of sequences:
    nothing is computed for what they hide.

    dropout: of the weights. bias: of all four projections. add_bias_kv: a learnt key and value,
    add_zero_attn: a key and value of zeros, at the end of each sequence. Parameters and their keys
    are torch's: in_proj_weight (3 embed_dim, embed_dim) and in_proj_bias, or where kdim or vdim are
    others, q_proj_weight, k_proj_weight, v_proj_weight; bias_k, bias_v; out_proj.weight and .bias.

    Vaswani et al. 2017, arXiv:1706.03762.
    """

    def __init__(
        self, embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False,
        add_zero_attn=False, kdim=None, vdim=None, batch_first=False, *, dtype=np.float32,
    ):  # fmt: skip
        super().__init__()
        if embed_dim < 1 or num_heads < 1 or embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention: embed_dim must be a multiple of num_heads, "
                f"got {embed_dim} and {num_heads}"
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.add_zero_attn = add_zero_attn
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.batch_first = batch_first
        together = self.kdim == self.vdim == embed_dim
        separate = not together

        def matrix(wanted, rows, columns):
            return Parameter(empty((rows, columns), dtype)) if wanted else None

        for name, wanted, rows, columns in (
            ("in_proj_weight", together, 3 * embed_dim, embed_dim),
            ("q_proj_weight", separate, embed_dim, embed_dim),
            ("k_proj_weight", separate, embed_dim, self.kdim),
            ("v_proj_weight", separate, embed_dim, self.vdim),
        ):
            self.register_parameter(name, matrix(wanted, rows, columns))
        self.register_parameter(
            "in_proj_bias", Parameter(empty(3 * embed_dim, dtype)) if bias else None
        )
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(
                name, Parameter(empty((1, 1, embed_dim), dtype)) if add_bias_kv else None
            )
        self.reset_parameters()

    def reset_parameters(self):
        self.out_proj.reset_parameters()
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(self, name) is not None:
                init.xavier_uniform_(getattr(self, name))
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
        average_attn_weights=True, is_causal=False,
    ):  # fmt: skip
        same = key is query, value is key
        query = as_tensor(query, self.out_proj.weight)
        key = query if same[0] else as_tensor(key, query)
        value = key if same[1] else as_tensor(value, query)
        if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
            raise ValueError(
                f"MultiheadAttention: query, key and value must have 2 or 3 dimensions, "
                f"got {query.shape}, {key.shape}, {value.shape}"
            )
        if query.ndim == 2:  # a batch of one
            at = 0 if self.batch_first else 1
            padding = None if key_padding_mask is None else _array(key_padding_mask)[None]
            batch = query.unsqueeze(at)
            keys = batch if same[0] else key.unsqueeze(at)
            values = keys if same[1] else value.unsqueeze(at)
            o, weights = self.forward(
                batch, keys, values, padding, need_weights, attn_mask, average_attn_weights,
                is_causal,
            )  # fmt: skip
            return o.squeeze(at), None if weights is None else weights.squeeze(0)
        sources = self._projected(query, key, value)
        masks = self._masks(query, key, key_padding_mask, attn_mask, is_causal)
        if need_weights:
            o, weights = self._with_weights(sources, masks, average_attn_weights)
        else:
            o, weights = self._attend(sources, **masks), None
        return self.out_proj(o), weights

    def step(self, query, state=None):
        """Attention of a sequence to itself, a piece at a time, each query to the keys up to its
        own: -> the output for this piece, and the state (keys, values), both (N, T, embed_dim), to
        give with the next; None at the beginning. Raises ValueError for a layer with add_bias_kv,
        add_zero_attn, or kdim or vdim that are not embed_dim."""
        if self.in_proj_weight is None or self.bias_k is not None or self.add_zero_attn:
            raise ValueError(
                f"MultiheadAttention: step needs a layer without add_bias_kv and add_zero_attn "
                f"whose kdim and vdim are embed_dim {self.embed_dim}, got "
                f"{self.bias_k is not None}, {bool(self.add_zero_attn)}, {self.kdim}, {self.vdim}"
            )
        query = as_tensor(query, self.out_proj.weight)
        if not self.batch_first:
            query = query.transpose(0, 1)
        q, k, v = self._in_proj(query, 0, 3).data.reshape(*query.shape[:2], 3, -1).swapaxes(0, 2)
        q, k, v = (a.swapaxes(0, 1) for a in (q, k, v))
        before = 0
        if state is not None:
            before = state[0].shape[1]
            k, v = (np.concatenate(pair, 1) for pair in zip(state, (k, v), strict=True))
        hidden = ~np.tri(q.shape[1], k.shape[1], before, dtype=bool)
        masks = self._masks(q, k, None, hidden, False, batch_first=True)
        o = attend_heads(
            [as_tensor(a) for a in (q, k, v)], self.num_heads, batch_first=True, **masks
        )
        o = self.out_proj(o)
        return (o if self.batch_first else o.transpose(0, 1)), (k, v)

    # ---- projections ------------------------------------------------------------------------

    def _in_proj(self, x, first, last):
        """x times the rows of query, key and value from the first to before the last."""
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if last - first < 3:
            rows = slice(first * self.embed_dim, last * self.embed_dim)
            weight, bias = weight[rows], None if bias is None else bias[rows]
        return F.linear(x, weight, bias)

    def _projected(self, query, key, value):
        """The sources of attend_heads, of as few products as there are inputs."""
        if self.in_proj_weight is not None:
            if query is key is value:
                sources = [self._in_proj(query, 0, 3)]
            elif key is value:
                sources = [self._in_proj(query, 0, 1), self._in_proj(key, 1, 3)]
            else:
                sources = [self._in_proj(x, i, i + 1) for i, x in enumerate((query, key, value))]
        else:
            size = self.embed_dim
            biases = [None] * 3
            if self.in_proj_bias is not None:
                biases = [self.in_proj_bias[i * size : (i + 1) * size] for i in range(3)]
            weights = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
            sources = [
                F.linear(x, w, b)
                for x, w, b in zip((query, key, value), weights, biases, strict=True)
            ]
        if self.bias_k is None and not self.add_zero_attn:
            return sources
        q, k, v = self._separate(sources)
        axis = 1 if self.batch_first else 0
        for more in ((self.bias_k, self.bias_v), (0, 0)[: 2 * self.add_zero_attn]):
            if len(more) and more[0] is not None:
                k, v = (self._longer(x, row, axis) for x, row in zip((k, v), more, strict=True))
        return [q, k, v]

    def _longer(self, x, row, axis):
        """x with one more step: of a row, or of zeros."""
        shape = list(x.shape)
        shape[axis] = 1
        more = np.zeros(shape, x.data.dtype) if isinstance(row, int) else row.expand(*shape)
        return cat([x, more], dim=axis)

    def _separate(self, sources):
        size = self.embed_dim
        return [
            s if s.shape[-1] == size else s[..., i : i + size]
            for s in sources for i in range(0, s.shape[-1], size)
        ]  # fmt: skip

    # ---- masks ------------------------------------------------------------------------------

    def _masks(self, query, key, padding, mask, is_causal, batch_first=None):
        """mask, lengths and causal, as the kernel wants them."""
        first = self.batch_first if batch_first is None else batch_first
        n, rows = (query.shape[0], query.shape[1]) if first else (query.shape[1], query.shape[0])
        keys = key.shape[1] if first else key.shape[0]
        more = (self.bias_k is not None) + bool(self.add_zero_attn) if batch_first is None else 0
        causal, lengths = bool(is_causal and mask is None), None
        if causal and more:  # the kernel would hide what is appended, too
            causal, mask = False, ~np.tri(rows, keys, dtype=bool)
        if mask is not None:
            mask = _array(mask)
            shapes = (rows, keys), (n * self.num_heads, rows, keys)
            if mask.shape not in shapes:
                raise ValueError(
                    f"MultiheadAttention: attn_mask must have shape {shapes[0]} or {shapes[1]}, "
                    f"got {mask.shape}"
                )
            if mask.ndim == 3:
                mask = mask.reshape(n, self.num_heads, rows, keys)
            elif not more and is_causal_mask(mask):
                causal, mask = True, None
            elif not mask.any():
                mask = None
        if padding is not None:
            padding = _array(padding)
            if padding.shape != (n, keys):
                raise ValueError(
                    f"MultiheadAttention: key_padding_mask must have shape {(n, keys)}, "
                    f"got {padding.shape}"
                )
            seen = keys - np.count_nonzero(padding, axis=1)
            if not more and padding.dtype == bool and _cuts_ends(padding, seen):
                lengths = seen
            else:
                mask = _merged(mask, padding[:, None, None, :])
        if mask is not None:
            if more:
                mask = np.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, more)])
            if mask.dtype == bool:
                mask = ~mask
            else:
                mask = mask.astype(self.out_proj.weight.data.dtype, copy=False)
        return {"mask": mask, "lengths": lengths, "causal": causal}

    # ---- attention --------------------------------------------------------------------------

    def _attend(self, sources, **masks):
        dropout = self.dropout if self.training else 0.0
        return attend_heads(
            sources, self.num_heads, batch_first=self.batch_first, dropout=dropout, **masks
        )

    def _with_weights(self, sources, masks, average):
        """The output before its projection, and the weights, which are formed."""
        q, k, v = (
            x.reshape(*x.shape[:2], self.num_heads, -1)
            .permute((0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3))
            for x in self._separate(sources)
        )  # fmt: skip
        scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
        scores = scores + _as_numbers(masks, scores)
        weights = F.dropout(F.softmax(scores, -1), self.dropout, self.training)
        o = (weights @ v).permute((0, 2, 1, 3) if self.batch_first else (2, 0, 1, 3))
        o = o.reshape(*o.shape[:2], self.embed_dim)
        return o, weights.mean(1) if average else weights


def is_causal_mask(mask):
    """Whether a mask (L, S) keeps each query from all later keys, and from these only."""
    later = ~np.tri(*mask.shape, dtype=bool)
    if mask.dtype == bool:
        return np.array_equal(mask, later)
    return np.array_equal(mask, np.where(later, -np.inf, 0))


def _array(mask):
    return mask.data if isinstance(mask, Tensor) else np.asarray(mask)


def _cuts_ends(padding, seen):
    return np.array_equal(padding, np.arange(padding.shape[1]) >= seen[:, None])


def _merged(a, b):
    """Both masks in one."""
    if a is None:
        return b
    if a.dtype == bool and b.dtype == bool:
        return a | b
    return _numbers(a) + _numbers(b)


def _numbers(mask):
    """Booleans, True to hide, as what is added to the scores."""
    return np.where(mask, -np.inf, 0.0) if mask.dtype == bool else mask


def _as_numbers(masks, scores):
    """The kernel's masks as one that is added."""
    dtype, (rows, keys) = scores.data.dtype, scores.shape[-2:]
    total = np.zeros((1, 1, 1, 1), dtype)
    if masks["mask"] is not None:
        mask = masks["mask"]
        total = total + (_numbers(~mask) if mask.dtype == bool else mask)
    if masks["causal"]:
        total = total + _numbers(~np.tri(rows, keys, dtype=bool))
    if masks["lengths"] is not None:
        late = np.arange(keys) >= masks["lengths"][:, None]
        total = total + _numbers(late)[:, None, None, :]
    return total.astype(dtype, copy=False)
