"""docs/sequences.md: its programs run, one after the other, and learn what they are to learn."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "sequences.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


@pytest.fixture(scope="module")
def said():
    """What the programs print, as one text."""
    lines, names = [], {"print": lambda *words: lines.append(" ".join(map(str, words)))}
    for block in BLOCKS:
        exec(compile(block, "docs/sequences.md", "exec"), names)
    return "\n".join(lines)


@pytest.mark.parametrize(
    "shape, least",
    [
        (r"one to one: (\d+)% of the digits right", 95),
        (r"one to many: (\d+) of 10 names spelt right", 10),
        (r"many to one: (\d+)% of the largest numbers found", 98),
        (r"many to many, aligned: (\d+)% of the tags right", 98),
        (r"encoder and decoder: (\d+)% of the words written backwards", 95),
    ],
)
def test_each_shape_learns_its_task(said, shape, least):
    assert int(re.search(shape, said)[1]) >= least


def test_long_sequences(said):
    assert float(re.search(r"long sequences: (\d\.\d\d) nats", said)[1]) < 0.3
    assert re.fullmatch(r"[a-z. ]{40}", said.splitlines()[-1])


def test_the_table_names_the_five_shapes():
    anchors = re.findall(r"^\| \[.*?\]\(#([a-z-]+)\)", PAGE, re.M)
    headings = re.findall(r"^## (.*)", PAGE, re.M)[:5]
    assert anchors == [h.lower().replace(",", "").replace(" ", "-") for h in headings]
    assert len(anchors) == 5
