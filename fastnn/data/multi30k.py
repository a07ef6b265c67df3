"""Captions of photographs in several languages, sentence by sentence."""

import os

from .places import find_folder
from .text import read_text

LANGUAGES = "en", "de", "fr"
_PARTS = "train", "val", "test_2016_flickr"


def load_multi30k(folder=None, *, source="en", target="de"):
    """Captions in two of the languages "en", "de" and "fr": (train, validation, test), of 29,000,
    1,014 and 1,000 pairs. Each is (sources, targets), two lists of strings, as they were written.

    The files train.en.gz, val.en.gz, test_2016_flickr.en.gz and so on are looked for in `folder`,
    or else in $FASTNN_DATA/multi30k. Elliott et al. 2016, "Multi30K", arXiv:1605.00459 (task 1).
    Raises FileNotFoundError where they are not there, ValueError for another language, and for
    files of one part that differ in their number of sentences.
    """
    op = "load_multi30k"
    for name, language in (("source", source), ("target", target)):
        if language not in LANGUAGES:
            raise ValueError(
                f"{op}: {name} must be one of {', '.join(LANGUAGES)}, got {language!r}"
            )
    names = [f"{part}.{language}.gz" for part in _PARTS for language in (source, target)]
    folder = find_folder(op, "multi30k", folder, names)
    parts = []
    for part in _PARTS:
        files = [os.path.join(folder, f"{part}.{language}.gz") for language in (source, target)]
        sources, targets = ([s.strip() for s in _lines(file)] for file in files)
        if len(sources) != len(targets):
            raise ValueError(
                f"{op}: {files[0]} has {len(sources)} sentences, {files[1]} {len(targets)}"
            )
        parts.append((sources, targets))
    return tuple(parts)


def _lines(path):
    return read_text(path).removesuffix("\n").split("\n")
