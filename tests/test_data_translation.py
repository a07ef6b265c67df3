"""Sentences and their translations: multi30k and Tatoeba's Chinese."""

import gzip
import os
from pathlib import Path

import pytest

from fastnn.data import load_multi30k, load_tatoeba_cmn


def needs(name):
    return pytest.mark.skipif(
        not Path(os.environ.get("FASTNN_DATA", "nowhere"), name).is_dir(),
        reason=f"{name} is not in $FASTNN_DATA; it may not be passed on",
    )


def write_multi30k(folder, **lines):
    for part in ("train", "val", "test_2016_flickr"):
        for language, sentences in lines.items():
            with gzip.open(folder / f"{part}.{language}.gz", "wt", encoding="utf-8") as file:
                file.write("".join(f"{part} {s}\n" for s in sentences))


def test_multi30k_pairs_lines(tmp_path):
    write_multi30k(tmp_path, fr=["un\xa0chat. ", "deux"], de=["eine K\xe4tze.", "zwei"])
    train, validation, test = load_multi30k(tmp_path, source="fr", target="de")
    assert train == (["train un\xa0chat.", "train deux"], ["train eine K\xe4tze.", "train zwei"])
    assert validation[0][1] == "val deux" and test[1][1] == "test_2016_flickr zwei"


def test_multi30k_refuses(tmp_path):
    write_multi30k(tmp_path, en=["a", "b"], de=["eins"])
    with pytest.raises(ValueError, match=r"train.en.gz has 2 sentences, \S+train.de.gz 1"):
        load_multi30k(tmp_path)
    with pytest.raises(ValueError, match="target must be one of en, de, fr, got 'cs'"):
        load_multi30k(tmp_path, target="cs")
    with pytest.raises(FileNotFoundError, match=r"load_multi30k: .* no train.fr.gz"):
        load_multi30k(tmp_path, target="fr")


@needs("multi30k")
def test_the_real_captions():
    train, validation, test = load_multi30k()
    assert [len(part[0]) for part in (train, validation, test)] == [29_000, 1_014, 1_000]
    assert train[0][0] == "Two young, White males are outside near many bushes."
    assert train[1][0].startswith("Zwei junge weiße Männer")
    assert all(line and line == line.strip() for part in (train, test) for side in part
               for line in side)  # fmt: skip


def test_tatoeba_keeps_an_english_sentence_in_one_part(tmp_path):
    lines = [f"{i // 2}\tzh {i}" for i in range(40)]  # each English sentence twice
    lines.append("0\tonce more\tCC-BY")
    (tmp_path / "cmn.txt").write_text("\n".join(lines), encoding="utf-8")
    parts = load_tatoeba_cmn(tmp_path, every=10)
    train, validation, test = (set(sources) for sources, _ in parts)
    assert test == {"0", "10"} and validation == {"5", "15"} and len(train) == 16
    assert sum(len(sources) for sources, _ in parts) == 41
    assert parts[2][1] == ["zh 0", "zh 1", "zh 20", "zh 21", "once more"]


def test_tatoeba_refuses(tmp_path):
    (tmp_path / "cmn.txt").write_text("Hi.\t嗨。\nno tab\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 2: expected English and Chinese.*'no tab'"):
        load_tatoeba_cmn(tmp_path)
    with pytest.raises(ValueError, match="every must be >= 3, got 2"):
        load_tatoeba_cmn(tmp_path, every=2)
    with pytest.raises(FileNotFoundError, match=r"load_tatoeba_cmn: .* no cmn.txt"):
        load_tatoeba_cmn(tmp_path / "elsewhere")


@needs("tatoeba-cmn-eng")
def test_the_real_course():
    parts = load_tatoeba_cmn()
    assert sum(len(sources) for sources, _ in parts) == 20_133
    english = [set(sources) for sources, _ in parts]
    assert not english[0] & english[1] and not english[0] & english[2] and english[2]
    assert parts[2][0][:2] == ["Hi.", "Hi."] and parts[2][1][:2] == ["嗨。", "你好。"]
