"""Card payments, review sentences, the Brown corpus, bags of words."""

import gzip
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fastnn.data import BagOfWords, load_brown, load_creditcard, load_rt_polarity


def needs(name):
    return pytest.mark.skipif(
        not Path(os.environ.get("FASTNN_DATA", "nowhere"), name).is_dir(),
        reason=f"{name} is not in $FASTNN_DATA; it may not be passed on",
    )


def write_creditcard(folder, lines):
    with gzip.open(folder / "creditcard_union6448.csv.gz", "wt") as file:
        file.write("\n".join(lines))


def test_creditcard_is_split_by_time(tmp_path):
    rows = [f"{time},{time / 2},{10 + time},{int(time in (2, 8))}" for time in (5, 2, 8, 0, 9)]
    rows += [f"{time},1,2,0" for time in (1, 3, 4, 6, 7)]
    write_creditcard(tmp_path, ["Time,V1,Amount,Class", *rows])
    train, test = load_creditcard(tmp_path)
    assert train.arrays[0][:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert test.arrays[0].tolist() == [[7, 1, 2], [8, 4, 18], [9, 4.5, 19]]
    assert test.arrays[1].tolist() == [0, 1, 0] and train.arrays[1].sum() == 1
    assert train.features == ["Time", "V1", "Amount"] and train.classes == ["normal", "fraud"]
    assert [a.dtype for a in train.arrays] == [np.float32, np.int64]


def test_another_table(tmp_path):
    write_creditcard(tmp_path, ["a,b", "1,2"])
    with pytest.raises(ValueError, match=r"columns Time, \.\.\., Class expected, got a, b"):
        load_creditcard(tmp_path)


@pytest.mark.parametrize("load", [load_brown, load_creditcard, load_rt_polarity])
def test_data_that_is_not_there(load, tmp_path, monkeypatch):
    name = load.__name__
    with pytest.raises(FileNotFoundError, match=rf"{name}: .* must hold .*; no "):
        load(tmp_path)
    monkeypatch.setenv("FASTNN_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=rf"{name}: {tmp_path}/\S+ must hold"):
        load()
    monkeypatch.delenv("FASTNN_DATA")
    with pytest.raises(FileNotFoundError, match="or set FASTNN_DATA to the folder above"):
        load()


@needs("creditcard-fraud")
def test_the_real_payments():
    train, test = load_creditcard()
    assert len(train) == 4514 and len(test) == 1934
    assert train.arrays[1].sum() + test.arrays[1].sum() == 473
    assert train.arrays[0][-1, 0] <= test.arrays[0][0, 0]
    assert len(train.features) == train.arrays[0].shape[1] == 30


def test_rt_polarity_is_split_by_class(tmp_path):
    for name, words in (("neg", "bad"), ("pos", "good")):
        lines = [f"{words} caf\xe9 {i} ." for i in range(20)]
        (tmp_path / f"rt-polarity.{name}").write_bytes("\n".join(lines).encode("latin-1"))
    (sentences, labels), (held_out, answers) = load_rt_polarity(tmp_path)
    assert held_out == [
        "bad caf\xe9 0 .", "bad caf\xe9 10 .", "good caf\xe9 0 .", "good caf\xe9 10 .",
    ]  # fmt: skip
    assert answers.tolist() == [0, 0, 1, 1] and len(sentences) == len(labels) == 36
    assert all(("good" in s) == label for s, label in zip(sentences, labels, strict=True))


@needs("rt-polarity")
def test_the_real_reviews():
    (sentences, labels), (held_out, answers) = load_rt_polarity()
    assert (len(sentences), len(held_out)) == (9595, 1067)
    assert labels.mean() == pytest.approx(0.5, abs=1e-3) == answers.mean()
    assert held_out[0].startswith("simplistic , silly and tedious")


def test_brown_reads_words_without_their_tags(tmp_path):
    with zipfile.ZipFile(tmp_path / "brown.zip", "w") as archive:
        archive.writestr("brown/cats.txt", "cb01 news\nca01 humor\n")
        archive.writestr("brown/cb01", "\n\tThe/at 1/2/cd end/nn ./.\n\nSo/rb\n")
        archive.writestr("brown/ca01", "Ha/uh")
    texts, labels, classes = load_brown(tmp_path)
    assert texts == [["the", "1/2", "end", ".", "so"], ["ha"]]
    assert labels.tolist() == [1, 0] and classes == ["humor", "news"]


@needs("brown")
def test_the_real_corpus():
    texts, labels, classes = load_brown()
    assert len(texts) == len(labels) == 500 and len(classes) == 15
    assert sum(map(len, texts)) == 1_161_192


def test_bag_of_words():
    texts = ["b a b", "a c", ["d", "a", "c", "x y"], ""]
    bag = BagOfWords(texts, size=3)
    assert bag.words == ["a", "c", "b"]  # of three texts, of two, of one, first of b, d and x y
    assert len(bag) == 4 and bag[:].dtype == np.float32
    assert bag[:].tolist() == [[1, 0, 1], [1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert bag[np.array([1, 0])].tolist() == [[1, 1, 0], [1, 0, 1]]
    assert BagOfWords(texts, ["x y", "b"], binary=False)[:2].tolist() == [[0, 2], [0, 0]]
    assert BagOfWords(["new c"], bag.words)[:].tolist() == [[0, 1, 0]]
