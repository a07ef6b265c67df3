"""Single pictures: what `fastnn predict` reads, and the example that `fastnn train` leaves."""

import os
import re

import numpy as np

from ..data import read_image

_SPACE = rb"(?:\s|#[^\n]*\n)+"
_PNM_HEADER = re.compile(rb"P([56])" + (_SPACE + rb"(\d+)") * 3 + rb"\s")


def read_picture(path, channels):
    """A picture file as (1, C, H, W), uint8 or (from .npy) as stored; C is 1 or 3.

    .npy, (H, W), (H, W, C) or (C, H, W), and binary PGM and PPM need NumPy only; other kinds
    are read by `data.read_image`. Raises ValueError, naming the file, for what is no picture.
    """
    path = os.fspath(path)
    with open(path, "rb") as file:
        start = file.read(6)
        if start == b"\x93NUMPY":
            file.seek(0)
            return _read_npy(path, file)
        if start.startswith((b"P5", b"P6")):
            file.seek(0)
            return _read_pnm(path, file.read())
    return read_image(path, channels)[None]


def _read_npy(path, file):
    try:
        image = np.load(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: not a readable .npy file: {error}") from None
    if image.dtype.kind == "f" and not (image.min() >= 0.0 and image.max() <= 1.0):
        raise ValueError(f"{path}: floating-point pictures hold values from 0 to 1")
    if image.ndim == 3 and image.shape[2] in (1, 3):
        image = image.transpose(2, 0, 1)
    if image.ndim == 2:
        image = image[None]
    if image.ndim != 3 or image.shape[0] not in (1, 3) or image.dtype.kind not in "uf":
        raise ValueError(
            f"{path}: expected uint8 or floats of shape (H, W), (H, W, 3) or (3, H, W), "
            f"got {image.dtype} of shape {image.shape}"
        )
    if image.dtype.kind == "u" and image.dtype != np.uint8:
        raise ValueError(f"{path}: integer pictures hold uint8, got {image.dtype}")
    return image[None]


def _read_pnm(path, data):
    """Binary PGM (P5, grey) and PPM (P6, RGB): "P5", width, height, 255, one white space, the
    pixels; "#" starts a comment.

    Format: https://netpbm.sourceforge.net/doc/pnm.html
    """
    header = _PNM_HEADER.match(data)
    kind, width, height, peak = map(int, header.groups()) if header else (5, 0, 0, 255)
    if peak != 255:
        raise ValueError(f"{path}: PGM and PPM pictures of 255 levels are read, this has {peak}")
    channels = 1 if kind == 5 else 3
    size = width * height * channels
    if not 0 < size <= len(data) - header.end():
        raise ValueError(f"{path}: not a whole binary PGM or PPM picture")
    pixels = np.frombuffer(data, np.uint8, size, header.end())
    return pixels.reshape(1, height, width, channels).transpose(0, 3, 1, 2)


def write_pnm(path, image):
    """Write a picture (C, H, W), floats in [0, 1], as binary PGM (C = 1) or PPM (C = 3)."""
    pixels = np.rint(np.asarray(image) * 255).clip(0, 255).astype(np.uint8)
    channels, height, width = pixels.shape
    with open(path, "wb") as file:
        file.write(b"P%d\n%d %d\n255\n" % (5 if channels == 1 else 6, width, height))
        file.write(pixels.transpose(1, 2, 0).tobytes())
