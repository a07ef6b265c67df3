"""Tracks of Atlantic storms."""

import os
from typing import NamedTuple

import numpy as np

from .places import find_folder
from .text import read_text

_FILE = "hurdat2.txt"
_HOURS = {"0000", "0600", "1200", "1800"}


class Storm(NamedTuple):
    """A storm's positions every six hours.

    id, name  "AL112017", "IRMA"
    times     (T,) datetime64[h]
    position  (T, 2) degrees, north and east
    wind      (T,) knots, NaN where unknown
    """

    id: str
    name: str
    times: np.ndarray
    position: np.ndarray
    wind: np.ndarray


def load_hurdat2(folder=None, *, test_from=2010):
    """798 Atlantic storms of 1970 to 2018: (train, test), lists of `Storm`; the storms of
    `test_from` and later are for testing.

    Positions between the full six hours (landfalls) are left out. The file hurdat2.txt is looked
    for in `folder`, or else in $FASTNN_DATA/hurdat2. C. Landsea, J. Franklin, "Atlantic hurricane
    database uncertainty and presentation of a new database format", Monthly Weather Review 141
    (2013). Raises FileNotFoundError where it is not there, ValueError naming the line for another
    kind of file.
    """
    path = os.path.join(find_folder("load_hurdat2", "hurdat2", folder, [_FILE]), _FILE)
    lines = read_text(path).splitlines()
    train, test = [], []
    place = 0
    while place < len(lines):
        fields = [field.strip() for field in lines[place].split(",")]
        if len(fields) < 3 or not fields[2].isdigit():
            raise ValueError(
                f"{path}: line {place + 1}: a storm's id, name and number of lines expected, got "
                f"{lines[place][:60]!r}"
            )
        identity, name, count = fields[:3]
        rows = lines[place + 1 : place + 1 + int(count)]
        storm = _storm(identity, name, [row.split(",") for row in rows])
        (test if int(identity[4:8]) >= test_from else train).append(storm)
        place += 1 + int(count)
    return train, test


def _storm(identity, name, rows):
    rows = [[field.strip() for field in row] for row in rows]
    rows = [row for row in rows if row[1] in _HOURS]
    times = [f"{day[:4]}-{day[4:6]}-{day[6:]}T{hour[:2]}" for day, hour, *_ in rows]
    position = [(_degrees(row[4]), _degrees(row[5])) for row in rows]
    wind = np.array([row[6] for row in rows], np.float64)
    return Storm(
        identity, name, np.array(times, "datetime64[h]"),
        np.array(position, np.float64).reshape(-1, 2), np.where(wind < 0, np.nan, wind),
    )  # fmt: skip


def _degrees(text):
    """ "11.5N" -> 11.5, "79.0W" -> -79."""
    return float(text[:-1]) * (-1 if text[-1] in "SW" else 1)
