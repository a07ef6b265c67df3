"""Named entity recognition on sentences made here: batches, both outputs, spelling."""

from itertools import pairwise

import numpy as np
import pytest
from opcheck import draw

import fastnn
from fastnn.models import ner
from fastnn.training import entity_scores

SENTENCES = [["Ann", "met", "Bob", "42"], ["it", "rained"], ["Ann"]]
TAGS = [["B-per", "O", "B-per", "O"], ["O", "O"], ["B-per"]]


def made_up(count, seed=0):
    """Sentences of small words, in which a word of capitals is a name, and what follows it too
    where it is a numeral; the words of one seed are hardly those of another."""
    rng = np.random.default_rng(seed)
    sentences, tags = [], []
    for _ in range(count):
        sentence, own = [], []
        while len(sentence) < rng.integers(2, 9):
            word = "".join(rng.choice(list("abcdefgh"), 5))
            name = rng.random() < 0.4
            sentence.append(word.upper() if name else word)
            own.append("B-name" if name else "O")
            if rng.random() < 0.5:
                sentence.append(str(rng.integers(10)))
                own.append("I-name" if name else "O")
        sentences.append(sentence)
        tags.append(own)
    return sentences, tags


def tagger(text, **options):
    fastnn.manual_seed(0)
    letters = len(text.letters) if text.letters else 0
    return ner.Tagger(
        len(text.words), len(text.tags), letters=letters, embedding=8, units=12,
        letter_embedding=6, letter_units=8, dropout=0.1, **options,
    )  # fmt: skip


def test_a_batch():
    text = ner.TaggedText(SENTENCES, TAGS, letters=True)
    assert text.words.symbols == [ner.UNKNOWN, "00", "ann", "bob", "it", "met", "rained"]
    assert text.tags.symbols == ["B-per", "O"]
    batch = text.batch([["ann", "Met", "17", "ann"], ["New", "Bob"]], [["O"] * 4, ["B-per"] * 2])
    words, lengths, spellings, letter_lengths, which, tags = batch
    assert words.tolist() == [[2, 5, 1, 2], [0, 3, 0, 0]] and lengths.tolist() == [4, 2]
    assert tags.tolist() == [[1, 1, 1, 1], [0, 0, ner.NO_TAG, ner.NO_TAG]]
    assert which.tolist()[0] == [0, 1, 2, 0] and which.tolist()[1][:2] == [3, 4]
    assert letter_lengths.tolist() == [3, 3, 2, 3, 3]
    assert text.letters.decode(spellings[4]) == "Bob"
    assert len(text.batch([["ann"]])) == 5
    assert len(ner.TaggedText(SENTENCES, TAGS).batch(SENTENCES, TAGS)) == 3


def test_rare_words_are_forgotten_at_times():
    text = ner.TaggedText(SENTENCES, TAGS)
    often = text.words.number("ann")  # twice
    for forget, gone in ((0.0, set()), (1.0, {0})):
        seen = {
            number
            for words, lengths, _ in text.loader(SENTENCES, TAGS, 2, forget=forget)
            for row, length in zip(words, lengths, strict=True)
            for number in row[:length].tolist()
        }
        assert seen == (gone | {often} if forget else set(range(1, len(text.words))))


@pytest.mark.parametrize("crf", [True, False])
def test_padding_takes_no_part(crf):
    text = ner.TaggedText(SENTENCES, TAGS, letters=True)
    model = tagger(text, crf=crf).eval()
    *inputs, tags = text.batch(SENTENCES, TAGS)
    emissions = model(*inputs)
    assert emissions.shape == (3, 4, 2)
    losses = []
    for i, (sentence, own) in enumerate(zip(SENTENCES, TAGS, strict=True)):
        *alone, numbers = text.batch([sentence], [own])
        single = model(*alone)
        np.testing.assert_allclose(single.data[0], emissions.data[i, : len(sentence)], atol=1e-6)
        losses.append(model.loss(single, numbers).item() * (1 if crf else len(sentence)))
    mean = sum(losses) / (3 if crf else 7)
    assert model.loss(emissions, tags).item() == pytest.approx(mean, rel=1e-5)
    decoded = model.decode(emissions, inputs[1])
    assert [len(numbers) for numbers in decoded] == [4, 2, 1]


def test_the_field_weighs_what_follows_what():
    text = ner.TaggedText(*made_up(20))
    emissions = fastnn.Tensor(draw(2, 6, 3).astype(np.float32))
    model = tagger(text)
    inside, outside = text.tags.number("I-name"), text.tags.number("O")
    assert any(
        (outside, inside) in pairwise(y) for y in tagger(text, crf=False).decode(emissions, [6, 6])
    )
    model.crf.transitions.data[outside, inside] = -np.inf
    for y in model.decode(emissions, [6, 6]):
        assert (outside, inside) not in pairwise(y)


def test_learning_to_tag_words_never_seen():
    """By their spelling, and by what stands before."""
    train, held_out, new = made_up(150), made_up(30, 1), made_up(30, 2)
    text = ner.TaggedText(*train, letters=True)
    model, told = tagger(text), []
    scores = ner.train_tagger(
        model, text, train, held_out, epochs=5, batch_size=8, lr=0.02,
        report=lambda *numbers: told.append(numbers),
    )  # fmt: skip
    assert len(scores) == len(told) == 5 and told[0][1] > told[-1][1]
    assert entity_scores(ner.tag(model, text, held_out[0]), held_out[1])["f1"] == max(scores)
    assert entity_scores(ner.tag(model, text, new[0]), new[1])["f1"] > 0.95
