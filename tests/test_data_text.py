"""Text, vocabularies, and a long sequence in batches."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from fastnn.data import Poem, StreamLoader, Vocabulary, read_poems, read_text, split_text

TANG = Path(os.environ.get("FASTNN_DATA", "nowhere"), "tang-poems", "tang.tsv.gz")

# -- vocabulary ------------------------------------------------------------------------------------


def test_characters_and_their_numbers():
    vocabulary = Vocabulary.of("hello")
    assert vocabulary.symbols == ["e", "h", "l", "o"] and len(vocabulary) == 4
    numbers = vocabulary.encode("hello")
    assert numbers.dtype == np.int64 and numbers.tolist() == [1, 0, 2, 2, 3]
    assert vocabulary.decode(numbers) == "hello"
    assert vocabulary.decode(numbers[None, :2]) == "he" and vocabulary.decode([]) == ""
    assert vocabulary.encode("").shape == (0,)
    assert vocabulary.number("o") == 3 and "o" in vocabulary and "x" not in vocabulary


def test_words():
    words = "the cat and the dog".split()
    vocabulary = Vocabulary.of(words, min_count=2, special=("<pad>",), unknown="<unk>")
    assert vocabulary.symbols == ["<pad>", "<unk>", "the"]
    numbers = vocabulary.encode(words)
    assert numbers.tolist() == [2, 1, 1, 2, 1]
    assert vocabulary.decode(numbers, " ") == "the <unk> <unk> the <unk>"


def test_unknown_symbols_are_refused_or_have_a_number():
    with pytest.raises(ValueError, match=r"of 4 symbols has no 'p' \(position 3\)"):
        Vocabulary.of("hello").encode("help!")
    with pytest.raises(ValueError, match=r"has no '床'"):
        Vocabulary.of("hello").number("床")
    lenient = Vocabulary.of("hello", unknown="?")
    assert lenient.decode(lenient.encode("help!")) == "hel??"
    assert lenient.number("床") == lenient.number("?") == 0


def test_rare_characters_become_unknown():
    vocabulary = Vocabulary.of("aaabbc", min_count=2, unknown="<unk>")
    assert vocabulary.symbols == ["<unk>", "a", "b"]
    assert vocabulary.encode("abc").tolist() == [1, 2, 0]


def test_a_vocabulary_of_the_most_frequent():
    words = "a rose is a rose is a rose".split()
    assert Vocabulary.of(words, max_size=2).symbols == ["a", "rose"]
    assert Vocabulary.of(words, max_size=3, unknown="?").symbols == ["?", "a", "rose"]
    assert Vocabulary.of("ba", max_size=1).symbols == ["a"]
    assert Vocabulary.of(words, max_size=9).symbols == ["a", "is", "rose"]


def test_a_vocabulary_travels_as_json():
    for vocabulary in (Vocabulary.of("床前\n\"'\\ö"), Vocabulary.of("ab", unknown="<unk>")):
        again = Vocabulary.from_json(vocabulary.to_json())
        assert again == vocabulary and again.unknown == vocabulary.unknown
    assert Vocabulary(["a", "b"]) != Vocabulary(["b", "a"]) != ["b", "a"]
    assert repr(Vocabulary.of("ab", unknown="?")) == "Vocabulary(3 symbols, unknown='?')"


def test_what_is_no_vocabulary():
    with pytest.raises(ValueError, match="at least one symbol"):
        Vocabulary.of("")
    with pytest.raises(ValueError, match="'a' is there twice"):
        Vocabulary("aba")
    with pytest.raises(ValueError, match=r"unknown '\?' must be one of the symbols"):
        Vocabulary("ab", unknown="?")
    for numbers in ([-1], [2]):
        with pytest.raises(ValueError, match=r"must lie in \[0, 2\)"):
            Vocabulary("ab").decode(numbers)


# -- files -----------------------------------------------------------------------------------------


def test_text_is_read_as_utf8(tmp_path):
    text = "床前明月光\nälter als ein Jahr\n"
    for data in (
        text.encode(),
        b"\xef\xbb\xbf" + text.encode(),
        text.replace("\n", "\r\n").encode(),
        text.replace("\n", "\r").encode(),
        gzip.compress(text.encode()),
    ):
        (tmp_path / "text").write_bytes(data)
        assert read_text(tmp_path / "text") == text


@pytest.mark.parametrize(
    "data, message",
    [
        (b"caf\xe9", r"expected a text file in UTF-8, and byte 3 \(0xe9\) is none"),
        (b"", "the file is empty"),
        (gzip.compress(b"some text", mtime=0)[:-9], "damaged gzip file"),
        (b"\x1f\x8bnonsense", "damaged gzip file"),
    ],
)
def test_what_is_no_text(tmp_path, data, message):
    (tmp_path / "bad.txt").write_bytes(data)
    with pytest.raises(ValueError, match=f"bad.txt: {message}"):
        read_text(tmp_path / "bad.txt")
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "none.txt")


def test_the_end_of_a_text_validates():
    assert split_text("0123456789") == ("012345678", "9")
    assert split_text("0123456789", 0.25) == ("01234567", "89")
    train, validation = split_text(np.arange(1001))
    assert len(train) == 901 and validation.tolist() == list(range(901, 1001))
    with pytest.raises(ValueError, match="between 0 and 1, got 1"):
        split_text("ab", 1)


def test_poems(tmp_path, monkeypatch):
    path = tmp_path / "poems.tsv"
    path.write_text(
        "李白\t靜夜思\t床前看月光，疑是地上霜。\n王維\t鹿柴\t空山不見人，但聞人語響。\n"
    )
    poems = read_poems(path)
    assert poems[0] == Poem("李白", "靜夜思", "床前看月光，疑是地上霜。")
    assert [poem.author for poem in poems] == ["李白", "王維"]
    path.write_text("李白\t靜夜思\t床前看月光\n王維\t鹿柴\n")
    with pytest.raises(ValueError, match=r"poems.tsv: line 2: expected .* got '王維.t鹿柴'"):
        read_poems(path)
    path.write_text("李白\t靜夜思\t並序\t床前看月光\n")
    assert read_poems(path) == [Poem("李白", "靜夜思\t並序", "床前看月光")]
    path.write_text("床前看月光")
    with pytest.raises(ValueError, match=r"poems.tsv: line 1: "):
        read_poems(path)
    monkeypatch.setenv("FASTNN_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="tang"):
        read_poems()


@pytest.mark.skipif(not TANG.exists(), reason="the poems are not in $FASTNN_DATA/tang-poems")
def test_all_poems_of_the_tang():
    poems = read_poems()
    assert len(poems) == 57_607
    assert poems[0].author == "太宗皇帝" and poems[0].text.startswith("秦川雄帝宅，函谷壯皇居。")


# -- streams ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("length, streams, steps", [(23, 3, 2), (22, 3, 7), (8, 7, 4), (9, 1, 8)])
def test_batches_follow_one_another(length, streams, steps):
    loader = StreamLoader(np.arange(length), streams, steps)
    part = (length - 1) // streams
    batches = list(loader)
    assert len(batches) == len(loader) == -(-part // steps)
    assert all(x.shape == y.shape == (steps, streams) for x, y in batches[:-1])
    inputs, targets = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    # column n is part n, in order; every target is its input's successor
    assert inputs.T.reshape(-1).tolist() == list(range(part * streams))
    assert np.array_equal(targets, inputs + 1)
    assert 0 <= length - 1 - targets.max() < streams  # what falls off the end
    again = next(iter(loader))
    assert all(np.array_equal(a, b) for a, b in zip(again, batches[0], strict=True))


def test_batches_are_copies_and_elements_may_be_vectors():
    sequence = np.arange(30.0).reshape(10, 3)
    for x, y in StreamLoader(sequence, 2, 3):
        assert x.shape[1:] == y.shape[1:] == (2, 3) and x.flags.c_contiguous
        assert np.array_equal(x + 3, y)
        x[...] = y[...] = -1
    assert sequence.min() == 0


def test_streams_say_what_does_not_fit():
    with pytest.raises(ValueError, match="sequence of 4 is too short for 4 streams, which need 5"):
        StreamLoader(np.arange(4), 4, 2)
    with pytest.raises(ValueError, match="streams must be >= 1, got 0"):
        StreamLoader(np.arange(4), 0, 2)
    with pytest.raises(ValueError, match="steps must be >= 1, got -1"):
        StreamLoader(np.arange(4), 2, -1)
