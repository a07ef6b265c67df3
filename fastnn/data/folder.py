"""A folder of the user's own pictures."""

import os

import numpy as np

from .dataset import image_dataset, stratified_split
from .idx import find_idx, load_idx
from .images import read_image, resize_images

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp")


def load_folder(path, *, size=None, channels=None, dtype="float32"):
    """(train, test) from a folder, which may hold

    * IDX files named as MNIST's are: train-images-idx3-ubyte, ..., plain or gzipped;
    * `train/` and `test/`, each with one subfolder of pictures a class;
    * one subfolder of pictures a class, split as `stratified_split` does, 4 : 1.

    size      brings every picture to this size, an int or (height, width); needed when they
              differ. See `resize_images`.
    channels  1 grey, 3 RGB; None: 1 if all are grey, otherwise 3. IDX files are grey.

    images (N, C, H, W): floats in [0, 1], or 0..255 with dtype="uint8"; labels (N,) int64;
    `.classes`: the subfolders' names, sorted. Pictures need Pillow.
    Raises FileNotFoundError, NotADirectoryError, ImportError; ValueError when the folder is none
    of these, a file is damaged or the sizes differ.
    """
    root = os.fsdecode(path)
    folders = _subfolders(root)
    parts = find_idx(root)
    if any(name for part in parts for name in part):
        return _load_idx_folder(root, parts, size, channels, dtype)
    if {"train", "test"} <= set(folders):
        classes = _subfolders(os.path.join(root, "train"))
        unknown = set(_subfolders(os.path.join(root, "test"))) - set(classes)
        if unknown:
            raise ValueError(f"{root}: test/ has classes that train/ has not: {sorted(unknown)}")
        listings = [_list(os.path.join(root, part), classes) for part in ("train", "test")]
    else:
        classes = folders
        listings = [_list(root, classes)]
    if not all(files for files, _ in listings):
        raise ValueError(
            f"{root}: expected MNIST-like IDX files, or subfolders of pictures, one a class "
            f"({', '.join(_SUFFIXES)})"
        )
    files = [file for listing, _ in listings for file in listing]
    images = _stack(files, size, channels)
    labels = np.concatenate([labels for _, labels in listings])
    if len(listings) == 2:
        border = len(listings[0][0])
        split = slice(None, border), slice(border, None)
    else:
        split = stratified_split(labels)
    return tuple(image_dataset(images[part], labels[part], classes, dtype) for part in split)


def _subfolders(folder):
    return sorted(
        entry.name
        for entry in os.scandir(folder)
        if entry.is_dir() and not entry.name.startswith((".", "__"))
    )


def _list(folder, classes):
    """The picture files below `folder`, class by class, and their labels."""
    files, labels = [], []
    for label, name in enumerate(classes):
        below = os.path.join(folder, name)
        names = sorted(os.listdir(below)) if os.path.isdir(below) else []
        found = [os.path.join(below, n) for n in names if n.lower().endswith(_SUFFIXES)]
        files += found
        labels += [label] * len(found)
    return files, np.array(labels, np.int64)


def _stack(files, size, channels):
    pictures = [read_image(file, channels) for file in files]
    depth = max(len(picture) for picture in pictures)
    if size is not None:
        pictures = [resize_images(picture[None], size)[0] for picture in pictures]
    for file, picture in zip(files, pictures, strict=True):
        if picture.shape[1:] != pictures[0].shape[1:]:
            (h, w), (h0, w0) = picture.shape[1:], pictures[0].shape[1:]
            raise ValueError(
                f"{file} is {h} x {w}, {files[0]} is {h0} x {w0}: pass size=(height, width)"
            )
    # a grey picture among coloured ones has its one channel three times
    return np.stack([np.broadcast_to(p, (depth, *p.shape[1:])) for p in pictures])


def _load_idx_folder(root, parts, size, channels, dtype):
    missing = [
        f"{part}-{kind}"
        for part, paths in zip(("train", "t10k"), parts, strict=True)
        for kind, path in zip(("images", "labels"), paths, strict=True)
        if path is None
    ]
    if missing:
        raise ValueError(f"{root}: has some of MNIST's files, but not {', '.join(missing)}")
    if channels not in (None, 1):
        raise ValueError(f"{root}: IDX images are grey, channels={channels} asked for")
    return load_idx(parts, dtype, size)
