"""Sentences of a language course, in English and Chinese."""

import os

from .places import find_folder
from .text import read_text


def load_tatoeba_cmn(folder=None, *, every=20):
    """English sentences and their Chinese: (train, validation, test), each (sources, targets), two
    lists of strings.

    An English sentence may be there several times, with a translation each; all of them are in the
    same part. Of the distinct English sentences, in the file's order (the shortest first), every
    `every`th is for testing, and so many, those half-way between, validate.

    cmn.txt, a line "English TAB Chinese" for each pair, is looked for in `folder`, or else in
    $FASTNN_DATA/tatoeba-cmn-eng. https://tatoeba.org (CC BY 2.0 FR), by manythings.org/anki. Raises
    FileNotFoundError where it is not there, ValueError for every < 3, and for a line without a tab.
    """
    op = "load_tatoeba_cmn"
    if every < 3:
        raise ValueError(f"{op}: every must be >= 3, got {every}")
    path = os.path.join(find_folder(op, "tatoeba-cmn-eng", folder, ["cmn.txt"]), "cmn.txt")
    parts, numbers = tuple(([], []) for _ in range(3)), {}
    for line_number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), 1):
        english, tab, chinese = line.partition("\t")
        if not tab:
            raise ValueError(
                f"{path}: line {line_number}: expected English and Chinese with a tab in between, "
                f"got {line[:60]!r}"
            )
        place = numbers.setdefault(english, len(numbers)) % every
        sources, targets = parts[2 if place == 0 else place == every // 2]
        sources.append(english)
        targets.append(chinese.split("\t")[0])
    return parts
