"""Pictures: from files, to a model's size, shifted about."""

import os
from contextlib import nullcontext

import numpy as np


def read_image(path, channels=None):
    """An image file as uint8 (C, H, W), through Pillow.

    path      or a file that is open for reading bytes, as a member of an archive
    channels  1 for grey, 3 for RGB; None: 1 if the file is grey, otherwise 3.

    Turned upright where the camera noted how it was held. Raises ImportError without Pillow,
    ValueError, naming the file, for what is not a readable 8-bit image.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ImportError("read_image needs Pillow: pip install 'fastnn[data]'") from None
    if channels not in (None, 1, 3):
        raise ValueError(f"read_image: channels must be 1, 3 or None, got {channels!r}")
    is_open = hasattr(path, "read")
    name = getattr(path, "name", "image") if is_open else os.fsdecode(path)
    with nullcontext(path) if is_open else open(name, "rb") as file:
        try:
            with Image.open(file) as picture:
                mode = picture.mode
                if mode[0] in "IF":
                    raise ValueError(f"pixels of kind {mode!r}, expected 8 bits a channel")
                if channels is None:
                    channels = 1 if mode in ("1", "L", "LA", "La") else 3
                picture = ImageOps.exif_transpose(picture)
                pixels = np.array(picture.convert("L" if channels == 1 else "RGB"))
        except Exception as error:  # Pillow raises many kinds for damaged files
            raise ValueError(f"{name}: not a readable image: {error}") from error
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1))


def resize_images(images, size):
    """Images (N, C, H, W) at `size`, an int or (height, width), in the same dtype.

    Where a whole factor f brings them to within a quarter of the size, with an even rest, every
    pixel becomes an f x f block, and zeros make a centred frame: 8 x 8 digits at 28 x 28 are
    24 x 24 in a frame of 2. Otherwise bilinear, with pixel centres at (i + 1/2); when shrinking,
    the triangle is widened so that every pixel counts (as Pillow's BILINEAR does).

    Raises TypeError for a dtype other than uint8 or a float, ValueError for a shape of other than
    four axes, empty images or a size < 1.
    """
    images = np.asarray(images)
    height, width = size = (size, size) if np.ndim(size) == 0 else tuple(size)
    if images.ndim != 4 or 0 in images.shape[2:]:
        raise ValueError(f"resize_images: expected images (N, C, H, W), got {images.shape}")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise TypeError(f"resize_images: expected uint8 or float images, got {images.dtype}")
    if not all(isinstance(s, (int, np.integer)) and s > 0 for s in size):
        raise ValueError(f"resize_images: size must be one or two ints > 0, got {size}")
    h, w = images.shape[2:]
    factor = min(height // h, width // w)
    rest = (height - factor * h, width - factor * w)
    if factor and all(r % 2 == 0 and 4 * r <= s for r, s in zip(rest, size, strict=True)):
        images = images.repeat(factor, axis=2).repeat(factor, axis=3)
        top, left = rest[0] // 2, rest[1] // 2
        return np.pad(images, ((0, 0), (0, 0), (top, top), (left, left)))
    out = _triangle(h, height) @ images.astype(np.float64) @ _triangle(w, width).T
    return (np.rint(out) if images.dtype == np.uint8 else out).astype(images.dtype)


def _triangle(source, target):
    """Weights (target, source) of linear interpolation; each row sums to one."""
    scale = source / target
    centres = (np.arange(target) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(source) - centres[:, None].clip(0, source - 1))
    weights = np.maximum(0.0, 1.0 - distance / max(scale, 1.0))
    return weights / weights.sum(axis=1, keepdims=True)


def random_shift(max_shift):
    """A `transform` for `DataLoader`: moves each image by up to `max_shift` pixels each way.

    Both directions are uniform on -max_shift..max_shift, drawn for each image; what moves in is
    zero. The images are the batch's first array, (N, C, H, W); the rest is passed on.
    """
    if not isinstance(max_shift, (int, np.integer)) or max_shift < 0:
        raise ValueError(f"random_shift: max_shift must be an int >= 0, got {max_shift!r}")

    def shift(batch, rng):
        images, *rest = batch
        n, _, h, w = images.shape
        frame = ((0, 0), (0, 0), (max_shift, max_shift), (max_shift, max_shift))
        views = np.lib.stride_tricks.sliding_window_view(np.pad(images, frame), (h, w), (2, 3))
        down, right = rng.integers(0, 2 * max_shift + 1, (2, n))
        return views[np.arange(n), :, down, right], *rest

    return shift
