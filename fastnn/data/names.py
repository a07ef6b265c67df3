"""First names and whole names, each with the gender of those who bear it."""

import csv
import os
import zipfile

import numpy as np

from .dataset import stratified_split
from .places import find_folder

FEMALE, MALE = 1, 0
_CHINESE, _GIVEN = "ChineseNames.csv", "namesex_data_v2.csv"


def load_names_gender(folder=None, *, every=10):
    """7,213 English first names: (train, test).

    Each is (names, labels): a list of strings and int64 (N,), 1 for a woman's name. The 365 names
    that are both are left out, and what is left are distinct names in alphabetical order, of which
    every tenth of each kind is for testing (`stratified_split`).

    The archive nltk-names.zip, as NLTK has it, is looked for in `folder`, or else in
    $FASTNN_DATA/names-gender. M. Kantrowitz, "Names corpus", version 1.3, 1994. Raises
    FileNotFoundError where it is not there.
    """
    file = "nltk-names.zip"
    folder = find_folder("load_names_gender", "names-gender", folder, [file])
    with zipfile.ZipFile(os.path.join(folder, file)) as archive:
        pairs = [
            (name.strip(), label)
            for part, label in (("female", FEMALE), ("male", MALE))
            for name in archive.read(f"names/{part}.txt").decode("latin-1").splitlines()
            if name.strip()
        ]
    names, labels = _distinct(pairs)
    return _parts(names, labels, *stratified_split(labels, every))


def load_chinese_names(folder=None, *, given=False, every=10):
    """9,393 Chinese names, surname first, in simplified characters: (train, test) like
    `load_names_gender`'s.

    Names that are both are left out. A given name that goes with several surnames is either in
    train or in test: of the given names of each kind in their order, every tenth is for testing.

    given  8,230 given names alone, in traditional characters, as published with ten folds, of
           which the first (0) is for testing; a name that was in several is in the first one of
           its bearers'.

    The files ChineseNames.csv and namesex_data_v2.csv are looked for in `folder`, or else in
    $FASTNN_DATA/names-gender-zh; they come from jameschanx/Chinese_Name_Gender_Predictor-NLP and
    hsinmin/namesex on GitHub. Raises FileNotFoundError where they are not there, ValueError for
    another table.
    """
    file = _GIVEN if given else _CHINESE
    path = os.path.join(find_folder("load_chinese_names", "names-gender-zh", folder, [file]), file)
    with open(path, encoding="utf-8-sig", newline="") as table:
        header, *rows = csv.reader(table)
    expected = ["gname", "sex", "fold"] if given else ["姓名", "性别"]
    if header != expected:
        raise ValueError(f"{path}: columns {', '.join(expected)} expected, got {', '.join(header)}")
    sexes = {"1": MALE, "0": FEMALE} if given else {"M": MALE, "F": FEMALE}
    names, labels = _distinct((name.strip(), sexes[sex]) for name, sex, *_ in rows)
    if given:
        folds = {name.strip(): fold for name, _, fold in reversed(rows)}  # the first one's remains
        held_out = np.array([folds[name] == "0" for name in names])
    else:
        kinds = {given_name(name): label for name, label in zip(names, labels, strict=True)}
        keys = sorted(kinds)
        tested = {keys[i] for i in stratified_split([kinds[key] for key in keys], every)[1]}
        held_out = np.array([given_name(name) in tested for name in names])
    return _parts(names, labels, np.flatnonzero(~held_out), np.flatnonzero(held_out))


def given_name(name):
    """Without the surname: one character, of four characters two."""
    return name[2 if len(name) == 4 else 1 :]


def _distinct(pairs):
    """Each name once, in order, with its label; those that have both labels left out."""
    found = {}
    for name, label in pairs:
        found.setdefault(name, set()).add(label)
    names = sorted(name for name, labels in found.items() if len(labels) == 1)
    return names, np.array([min(found[name]) for name in names], np.int64)


def _parts(names, labels, *parts):
    return tuple(([names[i] for i in part], labels[part]) for part in parts)
