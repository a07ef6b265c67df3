"""models.translation_task: sentences as numbers, batches of pairs, BLEU."""

import sys

import numpy as np
import pytest

from fastnn.models import translation_task as task

ENGLISH = ["a dog runs.", "two dogs run.", "a cat (black) sleeps."]
GERMAN = ["Ein Hund läuft.", "Zwei Hunde laufen.", "Eine (schwarze) Katze schläft."]


def test_a_side_encodes_and_decodes():
    side = task.Side.of(GERMAN)
    assert side.vocabulary.symbols[:3] == ["<start>", "<end>", "<unk>"]
    for sentence in GERMAN:
        numbers = side.encode(sentence)
        assert numbers[0] == 0 and numbers[-1] == 1 and (numbers[1:-1] > 2).all()
        assert side.decode(numbers) == sentence
        assert side.decode([*numbers, 5, 6]) == sentence  # nothing beyond the end
    assert side.encode("Hund bellt").tolist()[1:] == [side.vocabulary.number("Hund"), 2, 1]
    assert len(task.Side.of(ENGLISH, min_count=2)) == 3 + len(["a", "."])


def test_sides_of_characters():
    side = task.Side.of(["你好。", "嗨。"], tokenize=list, detokenize="".join)
    assert side.vocabulary.symbols[3:] == sorted("你好嗨。")
    assert side.decode(side.encode("嗨你。")) == "嗨你。"


def test_batches_shift_the_target():
    sources = [np.array([0, 5, 1]), np.array([0, 6, 7, 1])]
    targets = [np.array([0, 3, 4, 5, 1]), np.array([0, 8, 1])]
    source, source_lengths, before, lengths, after = task.pair_batch(
        list(zip(sources, targets, strict=True))
    )
    assert source.T.tolist() == [[0, 5, 1, 0], [0, 6, 7, 1]] and source_lengths.tolist() == [3, 4]
    assert before.T.tolist() == [[0, 3, 4, 5], [0, 8, 0, 0]]
    assert after.T.tolist() == [[3, 4, 5, 1], [8, 1, 0, 0]] and lengths.tolist() == [4, 2]


def test_the_loader_gives_every_pair_once_and_like_lengths_together():
    rng = np.random.default_rng(0)
    targets = [np.r_[0, rng.integers(3, 9, n), 1] for n in rng.integers(1, 30, 64)]
    loader = task.PairLoader(targets[::-1], targets, 8, seed=0)
    batches = list(loader)
    assert sum(len(batch[3]) for batch in batches) == 64
    widths = [np.ptp(batch[3]) for batch in batches]
    assert np.mean(widths) < 8  # of 29
    in_order = list(task.PairLoader(targets, targets, 8, shuffle=False))
    assert in_order[0][3].tolist() == [len(t) - 1 for t in targets[:8]]
    with pytest.raises(ValueError, match="PairLoader: 63 sources, 64 targets"):
        task.PairLoader(targets[1:], targets)


def test_bleu():
    pytest.importorskip("sacrebleu")
    assert task.bleu(GERMAN, GERMAN) == pytest.approx(100)
    shuffled = [" ".join(sorted(s.split())) for s in GERMAN]
    assert task.bleu(shuffled, GERMAN) < 50
    assert task.bleu([s.lower() for s in GERMAN], GERMAN) < 70
    assert task.bleu([s.lower() for s in GERMAN], GERMAN, lowercase=True) == pytest.approx(100)


def test_bleu_by_length():
    pytest.importorskip("sacrebleu")
    rows = task.bleu_by_length(
        ["nichts davon"] * 2 + GERMAN, GERMAN[:2] + GERMAN, [9, 12, 3, 4, 5], [0, 5, 8, 20]
    )  # fmt: skip
    assert [row[:3] for row in rows] == [(0, 4, 2), (5, 7, 1), (8, 19, 2)]
    assert rows[0][3] == pytest.approx(100) and rows[2][3] < 5


def test_bleu_without_sacrebleu(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(ImportError, match=r"fastnn\[translation\]"):
        task.bleu(["a"], ["a"])
