"""A character GPT as a whole: a training step with Adam and cross-entropy. torch's is written as
its users write it: one projection for query, key and value, its own scaled_dot_product_attention,
GELU, pre-normalisation; both start with the same weights."""

from typing import NamedTuple

import numpy as np
from cases import TF, Case, torch
from steps import LR, training_step

import fastnn
from fastnn.models.gpt import GPT

VOCABULARY = 65


class Size(NamedTuple):
    layers: int = 4
    width: int = 128
    heads: int = 4
    steps: int = 128
    batch: int = 32

    def __str__(self):
        size = f"{self.layers}x{self.width}, {self.heads} heads"
        return f"GPT {size}, batch {self.batch}, T {self.steps}"


CHARACTERS = Size()
SMALL = Size(layers=2, width=64, steps=32, batch=8)


def training(size=CHARACTERS):
    """-> loss and the gradient of the embedding, to which all layers contribute."""
    x, target = _characters(size), _characters(size, 1).reshape(-1)
    impls = {"fastnn": _step(_made(size), x, target)}
    for fused in (False, True) if torch else ():
        model = _torch_model(size)
        optimizer = torch.optim.Adam(model.parameters(), LR, fused=fused)
        cross_entropy = torch.nn.functional.cross_entropy
        impls[f"torch{', fused Adam' * fused}"] = training_step(
            _Rows(model), optimizer, cross_entropy, torch.from_numpy(x), torch.from_numpy(target)
        )
    expected = _step(_made(size).double(), x, target)
    return Case(str(size), impls, expected, x.size, "characters/s", tolerance=1e-3)


class _Rows:
    """A model whose logits (N, T, V) come out as (N T, V)."""

    def __init__(self, model):
        self.model, self.parameters = model, model.parameters

    def __call__(self, x):
        y = self.model(x)
        return y.reshape(-1, y.shape[-1])


def _characters(size, seed=0):
    return np.random.default_rng(seed).integers(0, VOCABULARY, (size.batch, size.steps))


def _made(size):
    fastnn.manual_seed(0)
    return GPT(
        VOCABULARY, context=size.steps, layers=size.layers, width=size.width, heads=size.heads
    )


def _step(model, x, target):
    optimizer = fastnn.optim.Adam(model.parameters(), LR)
    return training_step(_Rows(model), optimizer, fastnn.functional.cross_entropy, x, target)


def _torch_model(size):
    """With the weights of `_made`, which has them in the same order."""
    model = _torch_class()(size)
    with torch.no_grad():
        for ours, theirs in zip(_made(size).parameters(), model.parameters(), strict=True):
            theirs.copy_(torch.from_numpy(ours.data))
    return model


def _torch_class():
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.qkv = nn.Linear(width, 3 * width)
            self.out = nn.Linear(width, width)
            self.up = nn.Linear(width, 4 * width)
            self.down = nn.Linear(4 * width, width)
            self.norm1 = nn.LayerNorm(width)
            self.norm2 = nn.LayerNorm(width)

        def forward(self, x):
            n, t, d = x.shape
            q, k, v = (
                part.view(n, t, self.heads, d // self.heads).transpose(1, 2)
                for part in self.qkv(self.norm1(x)).split(d, dim=2)
            )
            y = TF.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(n, t, d))
            return x + self.down(TF.gelu(self.up(self.norm2(x))))

    class TorchGPT(nn.Module):
        def __init__(self, size):
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, size.width)
            self.positions = nn.Embedding(size.steps, size.width)
            self.blocks = nn.Sequential(
                *(Block(size.width, size.heads) for _ in range(size.layers))
            )
            self.norm = nn.LayerNorm(size.width)
            self.linear = nn.Linear(size.width, VOCABULARY, bias=False)

        def forward(self, x):
            return self.linear(self.norm(self.blocks(self.embedding(x) + self.positions.weight)))

    return TorchGPT
