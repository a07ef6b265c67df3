"""A table of vectors, looked up by number."""

import numpy as np

from .. import functional as F
from ..functional.embedding import check_dense
from ..kernels import empty
from ..kernels.embedding import check_padding
from . import init
from .module import Module, Parameter


class Embedding(Module):
    """y[...] = weight[input[...]]: integers of any shape (...) -> (..., embedding_dim).

    weight (num_embeddings, embedding_dim) starts normal(0, 1), its row padding_idx as zeros. A
    Linear layer without bias, of one-hot inputs, is this with its weight transposed. The other
    arguments are those of functional.embedding; _weight: a weight to start from, _freeze: not to
    be trained.
    """

    def __init__(
        self, num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0,
        scale_grad_by_freq=False, sparse=False, _weight=None, _freeze=False, *, dtype=np.float32,
    ):  # fmt: skip
        super().__init__()
        check_dense("Embedding", sparse)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = check_padding("Embedding", padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if _weight is None:
            weight = empty((num_embeddings, embedding_dim), dtype)
            self.weight = Parameter(weight, requires_grad=not _freeze)
            self.reset_parameters()
            return
        self.weight = Parameter(_weight, requires_grad=not _freeze)
        if self.weight.shape != (num_embeddings, embedding_dim):
            raise ValueError(
                f"Embedding: _weight must have shape {(num_embeddings, embedding_dim)}, "
                f"got {self.weight.shape}"
            )

    @classmethod
    def from_pretrained(
        cls, embeddings, freeze=True, padding_idx=None, max_norm=None, norm_type=2.0,
        scale_grad_by_freq=False, sparse=False,
    ):  # fmt: skip
        """An Embedding whose weight is `embeddings` (V, D), its memory shared where possible, and
        not trained unless freeze=False."""
        shape = np.shape(embeddings)
        if len(shape) != 2:
            raise ValueError(f"from_pretrained: embeddings must be 2-d, got shape {shape}")
        return cls(
            *shape, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze
        )

    def reset_parameters(self):
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    def forward(self, input):
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
            self.scale_grad_by_freq, self.sparse,
        )  # fmt: skip

    def extra_repr(self):
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return text
