"""Questions to vectors of words: how similar two words are, and what is to c as b is to a."""

import os

from .places import find_folder


def load_wordsim353(folder=None):
    """353 pairs of words with what people say of their relatedness, 0 to 10: a list of (word, word,
    score). Finkelstein et al. 2002 (ACM TOIS 20).

    wordsim353.tsv is looked for in `folder`, or else in $FASTNN_DATA/wordvec-eval. Raises
    FileNotFoundError where it is not there, ValueError naming the line that is no pair.
    """
    return _pairs("load_wordsim353", folder, "wordsim353.tsv")


def load_simlex999(folder=None):
    """999 pairs of words with what people say of their similarity (coast and shore, not clothes and
    closet), as `load_wordsim353`, from simlex999.txt. Hill, Reichart and Korhonen 2015,
    arXiv:1408.3456."""
    return _pairs("load_simlex999", folder, "simlex999.txt")


def load_analogies(folder=None):
    """{section: [(a, b, c, d), ...]}: d is to c as b is to a. Mikolov et al. 2013, arXiv:1301.3781.

    questions-words.txt is looked for as `load_wordsim353`'s file: 19,544 questions in 14 sections
    ("family", "gram3-comparative", ...). Raises ValueError naming the line that is no question.
    """
    sections, questions = {}, None
    for number, line in _lines("load_analogies", folder, "questions-words.txt"):
        words = tuple(line.split())
        if words[0] == ":" and len(words) == 2:
            questions = sections.setdefault(words[1], [])
        elif len(words) == 4 and questions is not None:
            questions.append(words)
        else:
            raise ValueError(f"questions-words.txt: line {number}: expected 4 words, got {line!r}")
    return sections


def _pairs(op, folder, name):
    pairs = []
    for number, line in _lines(op, folder, name):
        try:
            first, second, score = line.split("\t")
            pairs.append((first, second, float(score)))
        except ValueError:
            raise ValueError(
                f"{name}: line {number}: expected two words and a number, got {line!r}"
            ) from None
    return pairs


def _lines(op, folder, name):
    """The lines with their numbers, without comments and empty ones."""
    path = os.path.join(find_folder(op, "wordvec-eval", folder, [name]), name)
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if line and not line.startswith("#"):
                yield number, line
