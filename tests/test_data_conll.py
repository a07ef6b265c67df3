"""Tagged sentences: columns, and the two data sets."""

import os
from pathlib import Path

import pytest

from fastnn.data import load_resume_ner, load_wnut17, read_conll


def needs(name):
    return pytest.mark.skipif(
        not Path(os.environ.get("FASTNN_DATA", "nowhere"), name).is_dir(),
        reason=f"{name} is not in $FASTNN_DATA",
    )


def test_columns(tmp_path):
    path = tmp_path / "a.conll"
    path.write_bytes("\n Ann\tNNP B-per\ncaf\u00e9 O\r\n\t\n\n\u00e9l\u00e8ve O".encode())
    assert read_conll(path) == (
        [["Ann", "caf\u00e9"], ["\u00e9l\u00e8ve"]],
        [["B-per", "O"], ["O"]],
    )
    path.write_text("")
    assert read_conll(path) == ([], [])
    path.write_text("a O\n\nb\n")
    with pytest.raises(ValueError, match=r"a\.conll, line 3: expected a word and its tag, got 'b"):
        read_conll(path)


@pytest.mark.parametrize(
    ("load", "files"),
    [
        (load_wnut17, ["wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"]),
        (load_resume_ner, ["train.char.bmes", "dev.char.bmes", "test.char.bmes"]),
    ],
)
def test_three_parts(load, files, tmp_path, monkeypatch):
    for name in files:
        (tmp_path / name).write_text(f"{name} O\n\n")
    assert load(tmp_path) == tuple(([[name]], [["O"]]) for name in files)
    monkeypatch.delenv("FASTNN_DATA", raising=False)
    (tmp_path / files[2]).unlink()
    with pytest.raises(FileNotFoundError, match=load.__name__):
        load(tmp_path)


@needs("wnut17")
def test_the_real_tweets():
    train, dev, test = load_wnut17()
    assert [len(part[0]) for part in (train, dev, test)] == [3394, 1009, 1287]
    assert sum(map(len, train[0])) == 62_730
    assert {tag for own in test[1] for tag in own} == {tag for own in train[1] for tag in own}


@needs("resume-ner-zh")
def test_the_real_resumes():
    train, dev, test = load_resume_ner()
    assert [len(part[0]) for part in (train, dev, test)] == [3821, 463, 477]
    assert train[0][0][:2] == ["\u9ad8", "\u52c7"] and train[1][0][:3] == ["B-NAME", "E-NAME", "O"]
    assert {tag[0] for own in train[1] for tag in own} == set("OBMES")
