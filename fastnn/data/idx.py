"""IDX, the file format of MNIST: a magic number, the sizes, the values, big-endian throughout."""

import gzip
import math
import os
import zlib

import numpy as np

from .dataset import image_dataset
from .images import resize_images

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PARTS = [("train-images", "train-labels"), ("t10k-images", "t10k-labels")]


def read_idx(path):
    """The array in an IDX file, plain or gzipped, in native byte order.

        0 0 type ndim | ndim sizes, 4 bytes each | values, C order

    Format: http://yann.lecun.com/exdb/mnist/. Raises ValueError, naming the file, for a wrong
    magic number, a truncated or damaged file, and bytes left over; OSError if it can't be read.
    """
    name = os.fsdecode(path)
    with open(name, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            return _read(gzip.GzipFile(fileobj=file) if packed else file)
        except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{name}: {error}") from error


def _read(file):
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES:
        raise ValueError(f"not an IDX file: it starts with the bytes {magic!r}")
    dtype, ndim = np.dtype(_DTYPES[magic[2]]), magic[3]
    sizes = file.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(f"truncated in the sizes of its {ndim} axes")
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, 4 * ndim, 4))
    expected = math.prod(shape) * dtype.itemsize
    data = file.read()  # not read(expected): a damaged size may be astronomic
    if len(data) != expected:
        raise ValueError(f"{expected} bytes expected for shape {shape}, {len(data)} there")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def find_idx(folder):
    """The four files of an MNIST-like set in `folder`, [(images, labels) of train, of test].

    None for a file that is not there. Both spellings, `-idx3-ubyte` and `.idx3-ubyte`, and both
    plain and `.gz` are known.
    """

    def find(stem):
        kind = "idx3" if stem.endswith("images") else "idx1"
        names = [f"{stem}{dash}{kind}-ubyte{gz}" for dash in "-." for gz in ("", ".gz")]
        paths = [os.path.join(folder, name) for name in names]
        return next(filter(os.path.isfile, paths), None)

    return [(find(images), find(labels)) for images, labels in _PARTS]


def load_idx(parts, dtype, size=None):
    """(train, test) from what `find_idx` found; checks that images and labels match."""
    raw = [
        (_expect(images, 3, "images")[:, None], _expect(labels, 1, "labels"))
        for images, labels in parts
    ]
    for (images, labels), paths in zip(raw, parts, strict=True):
        if len(images) != len(labels):
            raise ValueError(
                f"{paths[0]} has {len(images)} images, {paths[1]} has {len(labels)} labels"
            )
    highest = max(int(labels.max(initial=0)) for _, labels in raw)
    classes = [str(label) for label in range(highest + 1)]
    return tuple(
        image_dataset(
            images if size is None else resize_images(images, size), labels, classes, dtype
        )
        for images, labels in raw
    )


def _expect(path, ndim, what):
    array = read_idx(path)
    if array.ndim != ndim or array.dtype != np.uint8:
        raise ValueError(
            f"{path}: expected {what}, uint8 with {ndim} axes, "
            f"got {array.dtype} of shape {array.shape}"
        )
    return array
