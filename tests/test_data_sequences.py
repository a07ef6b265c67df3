"""Padding, batches of about equal length, and sentences as words."""

import numpy as np
import pytest

from fastnn.data import DataLoader, detokenize, pad_sequences, tokenize


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("inner", [(), (2,)])
def test_what_stands_after_a_sequence_is_padding(batch_first, inner):
    lengths = [3, 0, 1]
    sequences = [np.full((n, *inner), n, np.float32) for n in lengths]
    padded, found = pad_sequences(sequences, -1, batch_first=batch_first)
    assert found.dtype == np.int64 and found.tolist() == lengths
    assert padded.dtype == np.float32 and padded.flags.c_contiguous
    rows = padded if batch_first else padded.swapaxes(0, 1)
    assert rows.shape == (3, 3, *inner)
    for row, n in zip(rows, lengths, strict=True):
        assert (row[:n] == n).all() and (row[n:] == -1).all()


def test_lists_of_numbers_are_int64():
    padded, _ = pad_sequences([[1, 2], [3]])
    np.testing.assert_array_equal(padded, np.array([[1, 3], [2, 0]]), strict=True)


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "got none"),
        ([np.zeros(2), np.float64(1)], "got a scalar"),
        ([np.zeros((1, 2)), np.zeros((1, 3))], r"same shape, got \[\(2,\), \(3,\)\]"),
    ],
)
def test_what_cannot_be_padded(sequences, message):
    with pytest.raises(ValueError, match=f"pad_sequences: .*{message}"):
        pad_sequences(sequences)


LENGTHS = np.random.default_rng(0).integers(1, 40, 803)


def by_length(**options):
    return DataLoader(np.arange(803), 10, lengths=LENGTHS, **options)


def test_batches_are_of_about_equal_length():
    batches = list(by_length(shuffle=True, seed=3))
    assert sorted(np.concatenate(batches)) == list(range(803))
    assert [len(batch) for batch in batches] == [10] * 80 + [3]
    spread = np.mean([np.ptp(LENGTHS[batch]) for batch in batches[:-1]])
    shuffled = list(DataLoader(np.arange(803), 10, shuffle=True, seed=3))
    assert spread < np.mean([np.ptp(LENGTHS[batch]) for batch in shuffled]) / 10
    # and yet neither batches nor what is in them come in an order
    means = [LENGTHS[batch].mean() for batch in batches]
    assert abs(np.corrcoef(means, np.arange(81))[0, 1]) < 0.4


def test_each_epoch_has_batches_of_its_own():
    loader = by_length(shuffle=True, seed=3)
    first, second = list(loader), list(loader)
    assert not {tuple(sorted(b)) for b in first[:-1]} & {tuple(sorted(b)) for b in second[:-1]}
    loader.set_epoch(0)
    for ours, theirs in zip(loader, first, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_unshuffled_batches_go_by_length():
    order = np.concatenate(list(by_length()))
    np.testing.assert_array_equal(order, np.argsort(LENGTHS, kind="stable"))


def test_one_length_a_sample():
    with pytest.raises(ValueError, match=r"lengths must have shape \(803,\).*got \(5,\)"):
        DataLoader(np.arange(803), 10, lengths=np.ones(5))


def test_no_sample_at_all():
    assert list(DataLoader(np.empty(0), 10, lengths=[])) == []


def test_words_and_marks():
    assert tokenize('He said: "A well-kept (3.5 m) wall, isn\'t it?"') == [
        "He", "said", ":", '"', "A", "well-kept", "(", "3.5", "m", ")", "wall", ",", "isn't", "it",
        "?", '"',
    ]  # fmt: skip
    assert tokenize("  ") == []
    assert tokenize("Zwei M\u00e4nner.") == ["Zwei", "M\u00e4nner", "."]


@pytest.mark.parametrize(
    "text",
    [
        'He said: "A well-kept (3.5 m) wall, isn\'t it?"',
        "Two men, one in red; the other sits.",
        '"Yes", she said, "no".',
        "",
    ],
)
def test_sentences_come_back(text):
    assert detokenize(tokenize(text)) == text
