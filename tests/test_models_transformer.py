"""GPT and the Transformer that translates: shapes, what they may look at, cached keys and values,
learning."""

import numpy as np
import pytest

import fastnn
from fastnn import nn, optim
from fastnn.data import Vocabulary
from fastnn.models import seq2seq
from fastnn.models.gpt import GPT, write
from fastnn.models.transformer_translation import TransformerTranslator, stepper, translate
from fastnn.models.translation_task import pair_batch


def gpt(characters=11, **options):
    fastnn.manual_seed(1)
    return GPT(characters, **{"context": 8, "layers": 2, "width": 12, "heads": 3, **options})


def numbers(*shape, high=11):
    return np.random.default_rng(3).integers(0, high, shape)


def test_every_character_looks_at_those_before_it_alone():
    model, x = gpt().double(), numbers(2, 7)
    logits = model(x).data
    assert logits.shape == (2, 7, 11)
    other = x.copy()
    other[:, 4] = (x[:, 4] + 1) % 11
    changed = (model(other).data != logits).any((0, 2))
    assert changed.tolist() == [False] * 4 + [True] * 3


@pytest.mark.parametrize("pieces", [(8,), (1,) * 8, (3, 1, 4), (5, 3)])
def test_steps_give_what_the_whole_text_gives(pieces):
    model, x = gpt().double(), numbers(2, 8)
    model.eval()
    whole, found, state, at = model(x).data, [], None, 0
    for steps in pieces:
        with fastnn.no_grad():
            logits, state = model.step(x[:, at : at + steps], state)
        found.append(logits.data)
        at += steps
    np.testing.assert_allclose(np.concatenate(found, 1), whole, atol=1e-12)


def test_a_text_that_outgrows_the_context_goes_on_with_its_last_half():
    model, x = gpt().double().eval(), numbers(1, 9)
    with fastnn.no_grad():
        _, state = model.step(x[:, :8])
        logits, state = model.step(x[:, 8:], state)
        np.testing.assert_allclose(logits.data[0, 0], model(x[:, 5:]).data[0, -1], atol=1e-12)
    assert state[0].shape == (1, 4)
    with pytest.raises(ValueError, match="GPT: at most 8 characters at a time, got 9"):
        model.step(x)


def test_gpt_learns_a_rule_and_writes_by_it():
    vocabulary = Vocabulary.of("abc")
    model = gpt(3)
    rule = optim.Adam(model.parameters(), lr=0.02)
    text = np.tile([0, 1, 2], 20)
    for i in range(40):
        x = np.stack([text[(i + j) % 3 :][:9] for j in range(4)])
        loss = fastnn.functional.cross_entropy(
            model(x[:, :-1]).reshape(-1, 3), x[:, 1:].reshape(-1)
        )
        rule.zero_grad()
        loss.backward()
        rule.step()
    assert loss.item() < 0.3
    assert "".join(write(model, vocabulary, "ab", 12, temperature=0)) == "cabcabcabcab"
    assert model.training


def test_the_first_weights_and_the_loss_before_training():
    model = gpt(50, width=60, context=20)
    loss = fastnn.functional.cross_entropy(model(numbers(9, 20, high=50)).reshape(-1, 50),
                                           numbers(9, 20, high=50).reshape(-1))  # fmt: skip
    assert abs(loss.item() - np.log(50)) < 0.05
    spreads = {key: value.std() for key, value in model.state_dict().items() if value.ndim == 2}
    for key, spread in spreads.items():
        last = key.endswith(("out_proj.weight", "linear2.weight"))
        assert abs(spread / (0.01 if last else 0.02) - 1) < 0.1, key


# ---- translation --------------------------------------------------------------------------------


def translator():
    fastnn.manual_seed(2)
    return TransformerTranslator(13, 9, width=8, heads=2, layers=2, dropout=0.2)


def pairs(count, longest=6):
    """Sentences of numbers 3 to 8, and the same back to front; START and END around them."""
    rng = np.random.default_rng(0)
    rows = [rng.integers(3, 9, rng.integers(1, longest)) for _ in range(count)]
    return [(np.array([0, *row, 1]), np.array([0, *row[::-1], 1])) for row in rows]


def test_translator_sees_neither_what_comes_nor_what_fills_up():
    model = translator().double().eval()
    source, source_lengths, before, lengths, _ = pair_batch(pairs(5))
    logits = model(source, source_lengths, before, lengths).data
    assert logits.shape == (lengths.sum(), 9)
    for i, (pair, length) in enumerate(zip(pairs(5), lengths, strict=True)):
        one, one_length, own, own_length, _ = pair_batch([pair])
        assert own_length[0] == length
        alone = model(one, one_length, own, own_length).data
        step, row = np.nonzero(np.arange(len(before))[:, None] < lengths)
        np.testing.assert_allclose(logits[row == i], alone, atol=1e-12)
        assert step[row == i].tolist() == list(range(length))


def test_steps_give_what_teacher_forcing_gives():
    model = translator().double().eval()
    batch = pairs(4)
    source, source_lengths, before, lengths, _ = pair_batch(batch)
    logits = model(source, source_lengths, before, lengths).data
    with fastnn.no_grad():
        step, state = stepper(model, [s for s, _ in batch])
        found = []
        for t, row in enumerate(before):
            y, state = step(row, state)
            found.append(y.data[t < lengths])
    np.testing.assert_allclose(np.concatenate(found), logits, atol=1e-12)


def test_translator_learns_to_reverse():
    model = TransformerTranslator(9, 9, width=32, heads=2, layers=1, dropout=0.0)
    assert model.output.weight is model.target_embedding.weight
    rule = optim.Adam(model.parameters(), lr=3e-3)
    data = pairs(400, longest=4)
    for i in range(80):
        loss = seq2seq.loss(model, pair_batch([data[(i * 32 + j) % 400] for j in range(32)]))
        rule.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        rule.step()
    sources = [source for source, _ in data[:40]]
    found = translate(model, sources, beam=2)
    right = sum(
        np.array_equal(a, target[1:-1]) for a, (_, target) in zip(found, data, strict=False)
    )  # fmt: skip
    assert right > 30
