"""Transformer layers: torch's names, arguments and keys. Vaswani et al. 2017, arXiv:1706.03762."""

import copy

import numpy as np

from .. import functional as F
from ..autograd import Tensor
from . import init
from .attention import MultiheadAttention
from .containers import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .norm import LayerNorm

_ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu}


class _Layer(Module):
    """What encoder and decoder layers share: attention, and the feed-forward network
    linear2(dropout(activation(linear1(x))))."""

    def __init__(
        self, attentions, norms, d_model, nhead, dim_feedforward, dropout, activation,
        layer_norm_eps, batch_first, norm_first, bias, dtype,
    ):  # fmt: skip
        super().__init__()
        if isinstance(activation, str) and activation not in _ACTIVATIONS:
            raise ValueError(
                f"{type(self).__name__}: activation must be a function or one of "
                f"{', '.join(_ACTIVATIONS)}, got {activation!r}"
            )
        for name in attentions:
            attention = MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype
            )
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype=dtype)
        self.norm_first = norm_first
        for i in range(1, norms + 1):
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
            setattr(self, f"norm{i}", norm)
        for i in range(1, norms + 1):
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.activation = _ACTIVATIONS.get(activation, activation)

    def _residual(self, x, norm, block):
        """x and what the block adds to it, normalised before the block or after the sum."""
        return x + block(norm(x)) if self.norm_first else norm(x + block(x))

    def _feed_forward(self, x, dropout):
        if self.activation is F.relu:
            h = self.linear1(x, "relu")
        else:
            h = self.activation(self.linear1(x))
        return dropout(self.linear2(self.dropout(h)))


class TransformerEncoderLayer(_Layer):
    """Attention of a sequence to itself, then a feed-forward network, each added to what went in:

        x = norm1(x + attention(x)),  y = norm2(x + feed_forward(x))

    or with norm_first x + attention(norm1(x)), x + feed_forward(norm2(x)).

    src (T, N, d_model), with batch_first (N, T, d_model), or without N -> the same shape. Masks
    are MultiheadAttention's. activation: "relu", "gelu" or a function.
    """

    def __init__(
        self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation="relu",
        layer_norm_eps=1e-05, batch_first=False, norm_first=False, bias=True, *, dtype=np.float32,
    ):  # fmt: skip
        super().__init__(
            ["self_attn"], 2, d_model, nhead, dim_feedforward, dropout, activation,
            layer_norm_eps, batch_first, norm_first, bias, dtype,
        )  # fmt: skip

    def forward(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        def attention(x):
            return self.dropout1(
                self.self_attn(
                    x, x, x, src_key_padding_mask, need_weights=False, attn_mask=src_mask,
                    is_causal=is_causal,
                )[0]
            )  # fmt: skip

        x = self._residual(src, self.norm1, attention)
        return self._residual(x, self.norm2, lambda x: self._feed_forward(x, self.dropout2))

    def step(self, src, state=None):
        """The next piece of a sequence in which nothing looks ahead: -> its output, and the state
        to give with the piece after it (MultiheadAttention.step)."""

        def attention(x):
            nonlocal state
            y, state = self.self_attn.step(x, state)
            return self.dropout1(y)

        x = self._residual(src, self.norm1, attention)
        x = self._residual(x, self.norm2, lambda x: self._feed_forward(x, self.dropout2))
        return x, state


class TransformerDecoderLayer(_Layer):
    """Attention of a sequence to itself, then to another, `memory`, then a feed-forward network:

        x = norm1(x + self_attention(x)),  x = norm2(x + attention(x, memory)),
        y = norm3(x + feed_forward(x))

    or with norm_first x + f(norm(x)) each. tgt (T, N, d_model), memory (S, N, d_model), with
    batch_first (N, ...), or without N -> tgt's shape. Masks are MultiheadAttention's.
    """

    def __init__(
        self, d_model, nhead, dim_feedforward=2048, dropout=0.1, activation="relu",
        layer_norm_eps=1e-05, batch_first=False, norm_first=False, bias=True, *, dtype=np.float32,
    ):  # fmt: skip
        super().__init__(
            ["self_attn", "multihead_attn"], 3, d_model, nhead, dim_feedforward, dropout,
            activation, layer_norm_eps, batch_first, norm_first, bias, dtype,
        )  # fmt: skip

    def forward(
        self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
        memory_key_padding_mask=None, tgt_is_causal=False, memory_is_causal=False,
    ):  # fmt: skip
        def attention(x):
            return self.dropout1(
                self.self_attn(
                    x, x, x, tgt_key_padding_mask, need_weights=False, attn_mask=tgt_mask,
                    is_causal=tgt_is_causal,
                )[0]
            )  # fmt: skip

        x = self._residual(tgt, self.norm1, attention)
        return self._after_self(
            x, memory, memory_mask, memory_key_padding_mask, memory_is_causal
        )  # fmt: skip

    def step(self, tgt, memory, state=None, memory_key_padding_mask=None):
        """The next piece of a sequence in which nothing looks ahead: -> its output, and the state
        to give with the piece after it (MultiheadAttention.step)."""

        def attention(x):
            nonlocal state
            y, state = self.self_attn.step(x, state)
            return self.dropout1(y)

        x = self._residual(tgt, self.norm1, attention)
        return self._after_self(x, memory, None, memory_key_padding_mask, False), state

    def _after_self(self, x, memory, mask, padding, is_causal):
        def attention(x):
            return self.dropout2(
                self.multihead_attn(
                    x, memory, memory, padding, need_weights=False, attn_mask=mask,
                    is_causal=is_causal,
                )[0]
            )  # fmt: skip

        x = self._residual(x, self.norm2, attention)
        return self._residual(x, self.norm3, lambda x: self._feed_forward(x, self.dropout3))


class TransformerEncoder(Module):
    """num_layers copies of an encoder layer, one after the other, then `norm`.

    enable_nested_tensor and mask_check are torch's, and change nothing.
    """

    def __init__(
        self, encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True
    ):  # fmt: skip
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, bool(is_causal))
        return src if self.norm is None else self.norm(src)

    def step(self, src, state=None):
        """TransformerEncoderLayer.step of all layers; state: a list of theirs."""
        states = []
        for i, layer in enumerate(self.layers):
            src, after = layer.step(src, None if state is None else state[i])
            states.append(after)
        return src if self.norm is None else self.norm(src), states


class TransformerDecoder(Module):
    """num_layers copies of a decoder layer, one after the other, then `norm`."""

    def __init__(self, decoder_layer, num_layers, norm=None):
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self, tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None,
        memory_key_padding_mask=None, tgt_is_causal=None, memory_is_causal=False,
    ):  # fmt: skip
        for layer in self.layers:
            tgt = layer(
                tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
                bool(tgt_is_causal), memory_is_causal,
            )  # fmt: skip
        return tgt if self.norm is None else self.norm(tgt)

    def step(self, tgt, memory, state=None, memory_key_padding_mask=None):
        """TransformerDecoderLayer.step of all layers; state: a list of theirs."""
        states = []
        for i, layer in enumerate(self.layers):
            before = None if state is None else state[i]
            tgt, after = layer.step(tgt, memory, before, memory_key_padding_mask)
            states.append(after)
        return tgt if self.norm is None else self.norm(tgt), states


class Transformer(Module):
    """Encoder and decoder: y = decoder(tgt, encoder(src)), both with a layer norm at the end.

    src (S, N, d_model), tgt (T, N, d_model), with batch_first (N, ...), or without N -> tgt's
    shape. Matrices start Glorot-uniform.
    """

    def __init__(
        self, d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6,
        dim_feedforward=2048, dropout=0.1, activation="relu", custom_encoder=None,
        custom_decoder=None, layer_norm_eps=1e-05, batch_first=False, norm_first=False, bias=True,
        *, dtype=np.float32,
    ):  # fmt: skip
        super().__init__()
        arguments = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias,
        )  # fmt: skip

        def norm():
            return LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)

        if custom_encoder is None:
            layer = TransformerEncoderLayer(*arguments, dtype=dtype)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        if custom_decoder is None:
            layer = TransformerDecoderLayer(*arguments, dtype=dtype)
            custom_decoder = TransformerDecoder(layer, num_decoder_layers, norm())
        self.encoder = custom_encoder
        self.decoder = custom_decoder
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first
        self.reset_parameters()

    def reset_parameters(self):
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self, src, tgt, src_mask=None, tgt_mask=None, memory_mask=None, src_key_padding_mask=None,
        tgt_key_padding_mask=None, memory_key_padding_mask=None, src_is_causal=None,
        tgt_is_causal=None, memory_is_causal=False,
    ):  # fmt: skip
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        return self.decoder(
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
            tgt_is_causal, memory_is_causal,
        )  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(sz, dtype=np.float32):
        """(sz, sz): 0 where query i sees key j <= i, -inf elsewhere."""
        return Tensor(np.where(np.tri(sz, dtype=bool), 0, -np.inf).astype(dtype))


def _copies(layer, count):
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])
