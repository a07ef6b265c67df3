"""Pictures drawn a little differently: transforms for `DataLoader`, on float pixels in [0, 1].

Each takes a batch whose first array is images (N, C, H, W), draws for each image its own numbers
from the loader's generator, and passes the rest of the batch on.
"""

import math

import numpy as np


def random_warp(*, rotation=10.0, scale=0.15, shift=0.08, waves=0.03, fill=1.0):
    """Turned by up to `rotation` degrees, each side scaled by 1 -+ `scale`, moved by up to `shift`
    of the picture's sides, and bent: rows and columns swing by up to `waves` of a side, in one wave
    or less. Pixels are interpolated bilinearly; `fill` comes in from outside."""

    def warp(batch, rng):
        images, *rest = batch
        n, _, h, w = images.shape
        draw = rng.uniform(-1, 1, (9, n, 1, 1)).astype(np.float32)
        turn = math.radians(rotation) * draw[0]
        cos, sin = np.cos(turn), np.sin(turn)
        v = np.linspace(-1, 1, h, dtype=np.float32)[:, None]  # the picture from -1 to 1
        u = np.linspace(-1, 1, w, dtype=np.float32)
        swing_v = 2 * waves * draw[1] * np.sin(np.pi * (u + draw[2]))
        swing_u = 2 * waves * draw[3] * np.sin(np.pi * (v + draw[4]))
        rows = (cos * v + sin * u) * (1 + scale * draw[5]) + swing_v + 2 * shift * draw[6]
        columns = (cos * u - sin * v) * (1 + scale * draw[7]) + swing_u + 2 * shift * draw[8]
        return _at(images, (rows + 1) * (h - 1) / 2, (columns + 1) * (w - 1) / 2, fill), *rest

    return warp


def _at(images, rows, columns, fill):
    """images (N, C, H, W) at real places (N, H, W), by bilinear interpolation."""
    n, c, h, w = images.shape
    framed = np.full((n, h + 2, w + 2, c), fill, images.dtype)  # channels last: one read a pixel
    framed[:, 1:-1, 1:-1] = images.transpose(0, 2, 3, 1)
    rows, columns = np.clip(rows + 1, 0, h + 1), np.clip(columns + 1, 0, w + 1)
    top, left = np.minimum(np.floor(rows), h), np.minimum(np.floor(columns), w)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    flat = framed.reshape(-1, c)
    first = (np.arange(n)[:, None, None] * (h + 2) + np.int64(top)) * (w + 2) + np.int64(left)
    out = 0
    for step, share in (
        (0, (1 - down) * (1 - right)), (1, (1 - down) * right),
        (w + 2, down * (1 - right)), (w + 3, down * right),
    ):  # fmt: skip
        out += flat.take(first + step, axis=0) * share
    return out.transpose(0, 3, 1, 2)


def random_colour(*, gain=0.2, tint=0.1, shade=0.2, bend=0.5):
    """Other inks on white paper: all ink 1 - x times a factor of 1 -+ `gain`, each channel's 1 -+
    `tint`, and up to `shade` more to one side than to the other; cut to [0, 1]. Then x + b x (1 -
    x), b up to `bend` either way, for other middle tones. White stays white."""

    def colour(batch, rng):
        images, *rest = batch
        n, c, h, w = images.shape

        def draw(*shape):
            return rng.uniform(-1, 1, (n, *shape)).astype(images.dtype)

        v = np.linspace(-1, 1, h, dtype=images.dtype)[:, None]
        u = np.linspace(-1, 1, w, dtype=images.dtype)
        factor = 1 + shade / 2 * (draw(1, 1, 1) * v + draw(1, 1, 1) * u)
        factor = factor * (1 + gain * draw(1, 1, 1)) * (1 + tint * draw(c, 1, 1))
        ink = np.minimum((1 - images) * factor, 1)
        return 1 - ink + bend * draw(1, 1, 1) * ink * (1 - ink), *rest

    return colour
