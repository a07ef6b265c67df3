"""Names in tagged sentences: cases by hand, and the rules of CoNLL's script for every two tags."""

from itertools import product

import pytest

from fastnn.training import entities, entity_scores


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("", []),
        ("O O", []),
        ("B-per I-per O B-loc", [("per", 0, 2), ("loc", 3, 4)]),
        ("B-per B-per I-per", [("per", 0, 1), ("per", 1, 3)]),
        ("B-per I-loc I-loc", [("per", 0, 1), ("loc", 1, 3)]),  # a kind that changes
        ("O I-per I-per O", [("per", 1, 3)]),  # no beginning
        ("B-creative-work I-creative-work", [("creative-work", 0, 2)]),
        ("B-ORG M-ORG E-ORG S-LOC S-LOC O", [("ORG", 0, 3), ("LOC", 3, 4), ("LOC", 4, 5)]),
        ("B-ORG E-ORG M-ORG E-ORG", [("ORG", 0, 2), ("ORG", 2, 4)]),
        ("B-ORG M-ORG O", [("ORG", 0, 2)]),  # no end
        ("S-ORG E-ORG E-ORG", [("ORG", 0, 1), ("ORG", 1, 2), ("ORG", 2, 3)]),
        ("B-ORG M-ORG B-ORG E-ORG", [("ORG", 0, 2), ("ORG", 2, 4)]),
    ],
)
def test_by_hand(tags, expected):
    assert entities(tags.split()) == expected


# Pairs of prefixes of one kind between which a chunk ends, and a chunk begins, as the tables of the
# script conlleval have them (M is I there, S is a bracketed chunk: it begins and ends by itself).
ENDS = set("BB BO BS IB IO IS EB EE EI EO ES SB SE SI SO SS".split())
BEGINS = set("BB IB OB EB SB BS IS OS ES SS OI OE EE EI SE SI".split())


def by_tables(tags):
    found, begin = [], None
    for i, (last, tag) in enumerate(zip(["O", *tags], [*tags, "O"], strict=True)):
        pair = (last[0] + tag[0]).replace("M", "I")
        other = last[1:] != tag[1:]
        if begin is not None and (pair in ENDS or other):
            found.append((last[2:], begin, i))
            begin = None
        if pair in BEGINS or (other and tag != "O"):
            begin = i
    return found


def test_every_three_tags():
    tags = ["O", *(f"{prefix}-{kind}" for prefix in "BIMES" for kind in "xy")]
    for three in product(tags, repeat=3):
        assert entities(three) == by_tables(list(three)), three


def test_scores():
    expected = [["B-per", "I-per", "O"], ["B-loc", "O", "B-per"], ["O"]]
    found = [["B-per", "I-per", "B-loc"], ["B-loc", "O", "B-loc"], ["O"]]
    # four found, two of them right, of three
    assert entity_scores(found, expected) == pytest.approx(
        {"precision": 2 / 4, "recall": 2 / 3, "f1": 4 / 7}
    )
    assert entity_scores(found, expected, "loc") == pytest.approx(
        {"precision": 1 / 3, "recall": 1, "f1": 1 / 2}
    )
    assert entity_scores(expected, expected)["f1"] == 1
    nothing = {"precision": 0, "recall": 0, "f1": 0}
    assert entity_scores([["O"]], [["B-per"]]) == entity_scores([], []) == nothing


def test_errors():
    with pytest.raises(ValueError, match="entities: tags must be"):
        entities(["O", "X-per"])
    with pytest.raises(ValueError, match="found must have 2 sentences, got 1"):
        entity_scores([["O"]], [["O"], ["O"]])
    with pytest.raises(ValueError, match="sentence 0 has 2 tags, found has 1"):
        entity_scores([["O"]], [["O", "O"]])
