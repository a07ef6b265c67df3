"""The readers of questions to vectors of words, on small files and on the real ones."""

import os
from pathlib import Path

import pytest

from fastnn.data import load_analogies, load_simlex999, load_wordsim353


def test_pairs(tmp_path):
    (tmp_path / "wordsim353.tsv").write_text("# title\n# Word 1\tWord 2\nlove\tsex\t6.77\n\n")
    (tmp_path / "simlex999.txt").write_text("old\tnew\t1.58\r\nsmart\tintelligent\t9.2\r\n")
    assert load_wordsim353(tmp_path) == [("love", "sex", 6.77)]
    assert load_simlex999(tmp_path) == [("old", "new", 1.58), ("smart", "intelligent", 9.2)]
    for line in ("love sex 6.77", "love\tsex\thigh", "love\tsex"):
        (tmp_path / "wordsim353.tsv").write_text(f"tiger\tcat\t7.35\n{line}\n")
        with pytest.raises(ValueError, match=r"wordsim353\.tsv: line 2: expected two words and a"):
            load_wordsim353(tmp_path)


def test_analogies(tmp_path):
    path = tmp_path / "questions-words.txt"
    path.write_text(": family\nboy girl man woman\nking queen man woman\n: gram\na b c d\n")
    assert load_analogies(tmp_path) == {
        "family": [("boy", "girl", "man", "woman"), ("king", "queen", "man", "woman")],
        "gram": [("a", "b", "c", "d")],
    }
    for text, line in (("a b c d", 1), (": family\na b c", 2)):
        path.write_text(text)
        with pytest.raises(ValueError, match=f"line {line}: expected 4 words"):
            load_analogies(tmp_path)


@pytest.mark.parametrize("load", [load_analogies, load_simlex999, load_wordsim353])
def test_missing(load, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=f"{load.__name__}: .* must hold"):
        load(tmp_path)
    monkeypatch.delenv("FASTNN_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="set FASTNN_DATA"):
        load()


@pytest.mark.skipif(
    not Path(os.environ.get("FASTNN_DATA", "nowhere"), "wordvec-eval").is_dir(),
    reason="wordvec-eval is not in $FASTNN_DATA",
)
def test_real_files():
    pairs, similar, sections = load_wordsim353(), load_simlex999(), load_analogies()
    assert len(pairs) == 353 and len(similar) == 999
    assert ("tiger", "cat", 7.35) in pairs and ("old", "new", 1.58) in similar
    assert len(sections) == 14 and sum(map(len, sections.values())) == 19_544
    assert ("boy", "girl", "brother", "sister") in sections["family"]
