"""The Brown corpus: 500 texts of American English of 1961, each of about 2,000 words."""

import io
import os
import zipfile

import numpy as np

from .places import find_folder


def load_brown(folder=None):
    """(texts, labels, classes): 500 lists of words, lower case, punctuation among them; int64
    (500,), and the names of the 15 kinds ("adventure", ..., "science_fiction") that labels number.

    The archive brown.zip, as NLTK has it, is looked for in `folder`, or else in $FASTNN_DATA/brown.
    W. Francis, H. Kucera, "Brown corpus manual", 1964. Raises FileNotFoundError where it is not
    there.
    """
    path = os.path.join(find_folder("load_brown", "brown", folder, ["brown.zip"]), "brown.zip")
    with zipfile.ZipFile(path) as archive:
        kinds = dict(line.split() for line in _lines(archive, "brown/cats.txt"))
        classes = sorted(set(kinds.values()))
        texts = [
            [token.rsplit("/", 1)[0].lower() for line in _lines(archive, f"brown/{name}")
             for token in line.split()]
            for name in kinds
        ]  # fmt: skip
    return texts, np.array([classes.index(kind) for kind in kinds.values()]), classes


def _lines(archive, name):
    with archive.open(name) as file:
        return io.TextIOWrapper(file, "utf-8").read().splitlines()
