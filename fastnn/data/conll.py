"""Sentences whose words are tagged: files of a word and its tag a line, as of CoNLL's tasks."""

import os

from .places import find_folder

_WNUT = ["wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"]
_RESUME = ["train.char.bmes", "dev.char.bmes", "test.char.bmes"]


def read_conll(path):
    """(sentences, tags) of a UTF-8 file: lists of N lists of strings, of words and of their tags.

    A line has columns apart by spaces or tabs, the word first and its tag last; an empty line ends
    a sentence. Raises ValueError, naming file and line, for a line of one column.
    """
    sentences, tags = [[]], [[]]
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            columns = line.split()
            if len(columns) == 1:
                raise ValueError(
                    f"read_conll: {path}, line {number}: expected a word and its tag, got {line!r}"
                )
            if columns:
                sentences[-1].append(columns[0])
                tags[-1].append(columns[-1])
            elif sentences[-1]:
                sentences.append([])
                tags.append([])
    if not sentences[-1]:
        del sentences[-1], tags[-1]
    return sentences, tags


def load_wnut17(folder=None):
    """English tweets and comments with six kinds of names, many of them new: (train, dev, test),
    each (sentences, tags) as `read_conll` gives them: 3,394, 1,009 and 1,287.

    Tags are "O", and "B-" or "I-" (a name's first word, its others) with "person", "location",
    "group", "corporation", "product" or "creative-work". The three files are looked for in
    `folder`, or else in $FASTNN_DATA/wnut17. L. Derczynski et al., "Results of the WNUT2017 shared
    task on novel and emerging entity recognition", 2017. Raises FileNotFoundError where they are
    not there.
    """
    return _load("load_wnut17", "wnut17", folder, _WNUT)


def load_resume_ner(folder=None):
    """Chinese résumés, character by character, with eight kinds of names: (train, dev, test), each
    (sentences, tags) as `read_conll` gives them: 3,821, 463 and 477.

    Tags are "O", and "B-", "M-", "E-" or "S-" (first, middle and last character, a single one) with
    "NAME", "CONT" (nationality), "RACE", "LOC", "EDU", "PRO" (profession), "ORG" or "TITLE". The
    three files are looked for in `folder`, or else in $FASTNN_DATA/resume-ner-zh. Y. Zhang,
    J. Yang, "Chinese NER using lattice LSTM", ACL 2018. Raises FileNotFoundError where they are not
    there.
    """
    return _load("load_resume_ner", "resume-ner-zh", folder, _RESUME)


def _load(op, name, folder, files):
    folder = find_folder(op, name, folder, files)
    return tuple(read_conll(os.path.join(folder, file)) for file in files)
