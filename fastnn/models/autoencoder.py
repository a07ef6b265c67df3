"""Auto-encoders: under-complete, denoising, and deep ones grown from a stack of RBMs."""

from itertools import pairwise

import numpy as np

from .. import nn


class Autoencoder(nn.Module):
    """Codes x (N, sizes[0]) as (N, sizes[-1]) and decodes it through the same sizes in reverse.

        Autoencoder([784, 1000, 500, 250, 2])

    activation  a module class between layers: nn.ReLU, nn.Sigmoid, nn.Tanh
    code        the activation of the code: None, a linear one
    output      of the reconstruction: nn.Sigmoid for x in [0, 1], None for real x

    `encoder` and `decoder` are Sequentials of Linear layers and activations; weights start normal
    with the activation's gain (He's for ReLU, Glorot's else), biases 0. `from_rbms` unrolls
    pre-trained RBMs instead. With a code smaller than x (under-complete) it must find what the
    samples have in common; of linear layers it would find the principal components' space.

    G. Hinton, R. Salakhutdinov, "Reducing the dimensionality of data with neural networks",
    Science 313 (2006). Raises ValueError for fewer than two sizes.
    """

    def __init__(self, sizes, activation=nn.ReLU, *, code=None, output=nn.Sigmoid):
        super().__init__()
        if len(sizes) < 2:
            raise ValueError(f"Autoencoder: sizes must have two entries or more, got {sizes}")
        self.sizes = tuple(sizes)
        self.encoder = _layers(self.sizes, activation, code)
        self.decoder = _layers(self.sizes[::-1], activation, output)
        draw = nn.init.kaiming_normal_ if activation is nn.ReLU else nn.init.xavier_normal_
        for module in self.modules():
            if isinstance(module, nn.Linear):
                draw(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, input):
        return self.decoder(self.encoder(input))

    @classmethod
    def from_rbms(cls, rbms):
        """The stack of RBMs unrolled: their weights encode, and transposed decode, to be fine-tuned
        apart. Layers are sigmoids; where an RBM's units are Gaussian, linear."""
        sizes = [rbms[0].n_visible, *(rbm.n_hidden for rbm in rbms)]
        code = nn.Sigmoid if rbms[-1].hidden == "binary" else None
        output = nn.Sigmoid if rbms[0].visible == "binary" else None
        model = cls(sizes, nn.Sigmoid, code=code, output=output)
        encoder, decoder = (
            [layer for layer in half if isinstance(layer, nn.Linear)]
            for half in (model.encoder, model.decoder)
        )
        for rbm, up, down in zip(rbms, encoder, reversed(decoder), strict=True):
            up.weight.data[...], up.bias.data[...] = rbm.weight.data, rbm.hidden_bias.data
            down.weight.data[...], down.bias.data[...] = rbm.weight.data.T, rbm.visible_bias.data
        return model


def _layers(sizes, activation, last):
    layers = []
    for i, (d, k) in enumerate(pairwise(sizes)):
        layers.append(nn.Linear(d, k))
        kind = activation if i < len(sizes) - 2 else last
        if kind is not None:
            layers.append(kind())
    return nn.Sequential(*layers)


def squared_error(output, target):
    """Mean over samples of |output - target|^2, a scalar Tensor: what PCA makes smallest among
    linear codes."""
    difference = output - target
    return (difference * difference).sum() * (1.0 / len(target))


def masking_noise(p):
    """A transform for `fit` on (x, x): a fraction p of each input's elements becomes 0, the target
    stays: a denoising auto-encoder, which cannot just copy. Vincent et al. 2008 (ICML)."""
    if not 0 <= p < 1:
        raise ValueError(f"masking_noise: p must be in [0, 1), got {p}")

    def transform(batch, rng):
        x, target = batch
        return x * (rng.random(x.shape, dtype=np.float32) >= p), target

    return transform


def gaussian_noise(std):
    """As `masking_noise`, with Normal(0, std^2) added to every element."""
    if not std >= 0:
        raise ValueError(f"gaussian_noise: std must be >= 0, got {std}")

    def transform(batch, rng):
        x, target = batch
        return x + np.float32(std) * rng.standard_normal(x.shape, dtype=np.float32), target

    return transform
