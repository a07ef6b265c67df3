"""How pictures become a model's input; stored in checkpoints, so that `predict` does the same."""

import json
from dataclasses import asdict, dataclass, replace

import numpy as np

from ..data import resize_images


def unit_pixels(images):
    """Pictures, uint8 or floats in [0, 1], as float32 in [0, 1]."""
    x = np.asarray(images)
    return x.astype(np.float32) / np.float32(255 if x.dtype == np.uint8 else 1)


@dataclass(frozen=True)
class Preparation:
    """Pictures (N, C, H, W) -> input (N, channels, *size), float32: (pixels - mean) / std.

    size           (H, W) of the input
    channels       1: colour becomes grey (luma of ITU-R BT.601); 3: grey is repeated; None: as
                   the pictures come
    through        brings pictures to this size first: as coarse as those trained on
    mean, std      of the training pixels, which lie in [0, 1]
    light_on_dark  the training pictures are light strokes on a dark ground, so that a picture
                   with a light ground has to be inverted (`with_polarity`)
    """

    size: tuple[int, int]
    channels: int | None = 1
    through: tuple[int, int] | None = None
    mean: float = 0.0
    std: float = 1.0
    light_on_dark: bool = False

    def __call__(self, images):
        return self.standardize(self.pixels(images))

    def pixels(self, images):
        """The pictures, uint8 or floats in [0, 1], as float32 (N, channels, *size) in [0, 1]."""
        x = unit_pixels(images)
        if self.channels == 1 and x.shape[1] == 3:
            x = np.einsum("nchw,c->nhw", x, np.float32([0.299, 0.587, 0.114]))[:, None]
        elif self.channels == 3 and x.shape[1] == 1:
            x = np.repeat(x, 3, axis=1)
        for size in (self.through, self.size):
            if size is not None and x.shape[2:] != tuple(size):
                x = resize_images(x, size)
        return x

    def standardize(self, pixels):
        """y = (x - mean) / std."""
        return (pixels - np.float32(self.mean)) / np.float32(self.std)

    def fitted(self, pixels):
        """This preparation with mean and std of (training) `pixels`, which `pixels` made."""
        mean, std = float(pixels.mean(dtype=np.float64)), float(pixels.std(dtype=np.float64))
        return replace(self, mean=round(mean, 4), std=round(std, 4) or 1.0)

    def with_polarity(self, images):
        """(images, whether they were inverted): light strokes on dark, judged by the border."""
        sides = images[..., 0, :], images[..., -1, :], images[..., 0], images[..., -1]
        peak = images.dtype.type(255 if images.dtype == np.uint8 else 1)
        ground = np.median(np.concatenate(sides, axis=-1))
        if not self.light_on_dark or ground <= peak / 2:
            return images, False
        return peak - images, True

    def to_json(self):
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text):
        fields = json.loads(text)
        for name in ("size", "through"):  # JSON has no tuples
            fields[name] = tuple(fields[name]) if fields[name] is not None else None
        return cls(**fields)
