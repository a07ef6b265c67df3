"""Sentences of film reviews, for and against."""

import os

import numpy as np

from .dataset import stratified_split
from .places import find_folder

_FILES = ["rt-polarity.neg", "rt-polarity.pos"]


def load_rt_polarity(folder=None, *, every=10):
    """10,662 sentences of film reviews, half of them favourable: (train, test).

    Each is (sentences, labels): a list of strings, lower case, words and punctuation apart by
    spaces; and int64 (N,), 1 for favourable. Every tenth sentence of each kind is for testing
    (`stratified_split`).

    The two files are looked for in `folder`, or else in $FASTNN_DATA/rt-polarity. B. Pang, L. Lee,
    "Seeing stars", ACL 2005 (sentence polarity data set v1.0). Raises FileNotFoundError where they
    are not there.
    """
    folder = find_folder("load_rt_polarity", "rt-polarity", folder, _FILES)
    sentences, labels = [], []
    for label, name in enumerate(_FILES):
        with open(os.path.join(folder, name), encoding="latin-1", newline="\n") as file:
            own = [line.strip() for line in file]
        sentences += own
        labels += [label] * len(own)
    labels = np.array(labels)
    return tuple(
        ([sentences[i] for i in part], labels[part]) for part in stratified_split(labels, every)
    )
