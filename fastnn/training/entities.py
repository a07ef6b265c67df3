"""Names in tagged sentences, and how many of them were found."""

_PREFIXES = frozenset("BIMES")


def entities(tags):
    """The names that a sentence's tags mark: a list of (kind, begin, end), words begin to end - 1.

    A tag is "O" or "PREFIX-KIND"; B begins a name, I or M is inside, E ends one, S is one by
    itself: so both BIO and BMES are read. As by CoNLL's evaluation script, a wrong order is read as
    what comes nearest: a name begins where a tag is no "O" and has another kind than the one
    before, or where the one before was "O", E or S; it ends where the next one begins, or before
    "O".

    E. Tjong Kim Sang, F. De Meulder, "Introduction to the CoNLL-2003 shared task", 2003. Raises
    ValueError for another tag.
    """
    found, begin, last, kind = [], None, "O", ""
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, own = tag.partition("-")
        if tag != "O" and prefix not in _PREFIXES:
            raise ValueError(f'entities: tags must be "O" or B-, I-, M-, E-, S- KIND, got {tag!r}')
        begins = prefix in ("B", "S") or own != kind or last in ("O", "E", "S")
        if begin is not None and (tag == "O" or begins):
            found.append((kind, begin, place))
            begin = None
        if tag != "O" and begins:
            begin = place
        last, kind = prefix, own
    return found


def entity_scores(found, expected, kind=None):
    """{"precision", "recall", "f1"} of names: those that are right, kind, beginning and end, over
    those found, over those that there are, and 2 p r / (p + r).

    found, expected: sentences of tags, see `entities`; kind: of this kind only. A share of nothing
    is 0. Raises ValueError for numbers of sentences or tags that differ.
    """
    if len(found) != len(expected):
        raise ValueError(
            f"entity_scores: found must have {len(expected)} sentences, got {len(found)}"
        )
    right = answers = there = 0
    for number, (own, true) in enumerate(zip(found, expected, strict=True)):
        if len(own) != len(true):
            raise ValueError(
                f"entity_scores: sentence {number} has {len(true)} tags, found has {len(own)}"
            )
        own, true = (
            {name for name in entities(tags) if kind in (None, name[0])} for tags in (own, true)
        )
        right += len(own & true)
        answers += len(own)
        there += len(true)
    return {
        "precision": right / max(answers, 1),
        "recall": right / max(there, 1),
        "f1": 2 * right / max(answers + there, 1),
    }
