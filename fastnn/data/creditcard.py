"""Card payments, some of them frauds."""

import csv
import gzip
import os

import numpy as np

from .dataset import ArrayDataset
from .places import find_folder

_FILE = "creditcard_union6448.csv.gz"


def load_creditcard(folder=None):
    """6,448 card payments of two days in 2013, 473 of them frauds: (train, test).

    x (N, 30) float32, not scaled: seconds since the first payment, 28 principal components of what
    the bank keeps to itself, the amount in euros; y (N,) int64, 1 for a fraud; `.classes` is
    ["normal", "fraud"], `.features` the columns' names. The earlier 70 % of the payments are for
    training, the later 30 % for testing, as a bank would have it.

    The file is looked for in `folder`, or else in $FASTNN_DATA/creditcard-fraud. It joins published
    excerpts of a set of 284,807 payments with 492 frauds (0.17 %; here 7.3 %): A. Dal Pozzolo, O.
    Caelen, R. Johnson, G. Bontempi, "Calibrating probability with undersampling for unbalanced
    classification", IEEE SSCI 2015. Raises FileNotFoundError where it is not there, ValueError
    for another table.
    """
    path = os.path.join(find_folder("load_creditcard", "creditcard-fraud", folder, [_FILE]), _FILE)
    with gzip.open(path, "rt", newline="") as file:
        header, *rows = csv.reader(file)
    if header[0] != "Time" or header[-1] != "Class":
        raise ValueError(f"{path}: columns Time, ..., Class expected, got {', '.join(header)}")
    table = np.array(rows, np.float64)
    table = table[np.argsort(table[:, 0], kind="stable")]
    count = round(0.7 * len(table))
    parts = []
    for part in (table[:count], table[count:]):
        data = ArrayDataset(
            part[:, :-1].astype(np.float32), part[:, -1].astype(np.int64),
            classes=["normal", "fraud"],
        )  # fmt: skip
        data.features = header[:-1]
        parts.append(data)
    return tuple(parts)
