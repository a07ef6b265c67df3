"""models.translation_task: sentences as numbers, batches of pairs, BLEU; models.seq2seq."""

import sys

import numpy as np
import pytest

import fastnn
from fastnn.models import seq2seq
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


# ---- seq2seq ------------------------------------------------------------------------------------

MODELS = [
    {}, {"attention": None}, {"attention": "dot"}, {"attention": "general", "bidirectional": True},
    {"bidirectional": True, "tied": True},
]  # fmt: skip


def backwards(count, rng):
    """Words of 1 to 6 letters and the same words written backwards, as numbers."""
    words = [rng.integers(3, 9, rng.integers(1, 7)) for _ in range(count)]
    return [np.r_[0, w, 1] for w in words], [np.r_[0, w[::-1], 1] for w in words]


def small(**options):
    fastnn.manual_seed(0)
    return seq2seq.Seq2Seq(9, 9, embedding=24, units=24, **options)


@pytest.mark.parametrize("options", MODELS, ids=str)
def test_padding_changes_nothing(options):
    model = small(**options)
    sources, targets = backwards(5, np.random.default_rng(0))
    batch = task.pair_batch(list(zip(sources, targets, strict=True)))
    logits = model(*batch[:-1])
    assert logits.shape == (batch[3].sum(), 9)
    assert (seq2seq.words_that_come(batch[4], batch[3]) > 0).all()
    rows = np.argwhere(np.arange(len(batch[2]))[:, None] < batch[3])[:, 1]  # whose each row is
    for n, pair in enumerate(zip(sources, targets, strict=True)):
        alone = model(*task.pair_batch([pair])[:-1])
        np.testing.assert_allclose(logits.data[rows == n], alone.data, atol=2e-6)


@pytest.mark.parametrize("options", MODELS, ids=str)
def test_steps_say_what_the_whole_sentence_says(options):
    model = small(**options).eval()
    sources, targets = backwards(4, np.random.default_rng(1))
    batch = task.pair_batch([(s, targets[0]) for s in sources])
    logits = model(*batch[:-1]).data.reshape(-1, 4, 9)
    step, state = seq2seq.stepper(model, sources)
    with fastnn.no_grad():
        for t, numbers in enumerate(batch[2]):
            found, state = step(numbers, state)
            np.testing.assert_allclose(found.data, logits[t], atol=2e-6)


def test_learns_to_write_backwards():
    model = small(attention="additive", bidirectional=True)
    rng = np.random.default_rng(0)
    sources, targets = backwards(2000, rng)
    optimizer = fastnn.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(4):
        for batch in task.PairLoader(sources, targets, 50, seed=0):
            optimizer.zero_grad()
            seq2seq.loss(model, batch).backward()
            optimizer.step()
    sources, targets = backwards(100, rng)
    for beam in (1, 4):
        found = seq2seq.translate(model, sources, beam=beam, batch_size=30)
        right = [np.array_equal(f, t[1:-1]) for f, t in zip(found, targets, strict=True)]
        assert np.mean(right) > 0.8
    weights = seq2seq.attention_map(model, np.r_[0, 3:9, 1], np.r_[0, 8:2:-1, 1])
    assert weights.shape == (7, 8)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
    limited = seq2seq.translate(model, sources, beam=2, limit=2)
    assert max(map(len, limited)) == 2


def test_models_that_cannot_be():
    with pytest.raises(ValueError, match="attention must be None or one of additive, dot, general"):
        small(attention="sharp")
    with pytest.raises(ValueError, match="'dot' needs an encoder as wide as the decoder"):
        small(attention="dot", bidirectional=True)
