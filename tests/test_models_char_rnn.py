"""The character model: what it learns, what it writes, and Karpathy's equations."""

import math
import os
import re
from pathlib import Path

import numpy as np
import pytest
from reference.char_rnn import char_rnn

from fastnn import Tensor, checkpoint, functional, manual_seed, nn, optim
from fastnn.data import StreamLoader, Vocabulary, read_poems, split_text
from fastnn.models.char_rnn import (
    CELLS,
    CharRNN,
    load_char_rnn,
    metadata_of,
    next_character_loss,
    write,
)
from fastnn.training import evaluate, fit

TANG = Path(os.environ.get("FASTNN_DATA", "nowhere"), "tang-poems", "tang.tsv.gz")


def learn(model, numbers, *, epochs, streams=1, steps=32, lr=0.01, validation=None):
    """Truncated backpropagation through time along `numbers`."""
    optimizer = optim.Adam(model.parameters(), lr=lr)
    if validation is not None:
        validation = StreamLoader(validation, 4, steps)
    return fit(
        model, StreamLoader(numbers, streams, steps), validation=validation, epochs=epochs,
        loss=next_character_loss, metrics=(), optimizer=optimizer, grad_clip=1.0, stateful=True,
        progress=False,
    )  # fmt: skip


def written(*arguments, **options):
    return "".join(write(*arguments, **options))


# -- what it learns --------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_hello(cell):
    """The lecture's example: of h, e, l, o, after "hel" comes an l, and after "hell" an o."""
    vocabulary = Vocabulary.of("hello")
    assert len(vocabulary) == 4
    manual_seed(0)
    model = CharRNN(4, cell=cell, units=12, layers=1)
    word = vocabulary.encode("hello")
    history = learn(model, word, epochs=60, steps=4, lr=0.05)
    assert history["loss"][0] > 1.0 and history["loss"][-1] < 0.1
    assert written(model, vocabulary, "h", 4, temperature=0) == "ello"
    assert written(model, vocabulary, "hel", 2, temperature=0) == "lo"


PHRASES = [  # the same words go on in another way where others came before
    "我出生在中国，我会说中文。",
    "我出生在法国，我会说法文。",
    "我出生在德国，我会说德文。",
    "他住在海边，所以常常去游泳。",
    "他住在山里，所以常常去爬山。",
    "他住在城里，所以常常去看戏。",
    "天上下雨了，出门要带伞。",
    "天上下雪了，出门要穿靴。",
]


def test_a_chinese_phrase_is_completed_from_its_context():
    vocabulary = Vocabulary.of("".join(PHRASES) + "\n")
    manual_seed(0)
    model = CharRNN(len(vocabulary), units=48, layers=1)
    orders = [np.random.default_rng(seed).permutation(PHRASES) for seed in range(30)]
    numbers = vocabulary.encode("\n" + "\n".join("\n".join(order) for order in orders) + "\n")
    learn(model, numbers, epochs=10, streams=4, steps=28, lr=0.02)
    for phrase in PHRASES:
        seen = phrase.index("，") + 1
        ending = written(model, vocabulary, "\n" + phrase[:seen], len(phrase) - seen, temperature=0)
        assert phrase[:seen] + ending == phrase


@pytest.mark.skipif(not TANG.exists(), reason="the poems are not in $FASTNN_DATA/tang-poems")
def test_poems_of_the_tang():
    """From some hundred quatrains of five characters a line it learns their form."""
    quatrains = [p.text for p in read_poems() if len(p.text) == 24 and p.text[5::6] == "，。，。"]
    train, validation = split_text("\n" + "\n".join(quatrains[:400]) + "\n")
    vocabulary = Vocabulary.of(train, min_count=2, unknown="<unk>")
    numbers, held_out = vocabulary.encode(train), vocabulary.encode(validation)
    manual_seed(0)
    model = CharRNN(len(vocabulary), cell="gru", units=64, layers=1, embedding=32)
    history = learn(model, numbers, epochs=2, streams=4, steps=25, lr=0.01, validation=held_out)

    counts = np.bincount(numbers, minlength=len(vocabulary)) + 1
    alone = -np.log(counts / counts.sum())[held_out].mean()  # of each character by itself
    assert history["val_loss"][-1] < 0.95 * alone
    poems = written(model, vocabulary, "\n", 1000, rng=np.random.default_rng(0))
    lines, marks = re.findall("[^，。]+", poems), re.findall("[，。]", poems)
    assert "".join(marks).count("，。") > 0.45 * len(marks)  # they take turns
    assert sum(len(line.strip()) == 5 for line in lines) > 0.6 * len(lines)
    assert "<unk>" not in poems and not set(poems.split("\n")[:-1]) & set(quatrains)


# -- Karpathy's equations --------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", ["one-hot vectors", "an embedding"])
def test_loss_and_gradients_are_those_of_min_char_rnn(inputs):
    rng = np.random.default_rng(1)
    characters, units, steps = 11, 9, 25  # min-char-rnn's sequences have 25
    x, y = rng.integers(0, characters, (2, steps))
    h0, w_xh, w_hh, w_hy, b_h, b_y = (
        rng.normal(scale=0.5, size=size)
        for size in [
            units, (units, characters), (units, units), (characters, units), units, characters
        ]
    )  # fmt: skip
    loss, h, gradients = char_rnn(x, y, h0, w_xh, w_hh, w_hy, b_h, b_y)

    if (
        inputs == "an embedding"
    ):  # its rows are w_xh's columns, and the layer's own weight does nothing
        embedding = nn.Embedding.from_pretrained(w_xh.T.copy(), freeze=False)
        seen, w_ih = embedding(x), np.eye(units)
    else:
        seen, w_ih = functional.one_hot(x, characters).data.astype(np.float64), w_xh
    rnn = nn.RNN(w_ih.shape[1], units, dtype=np.float64)
    linear = nn.Linear(units, characters, dtype=np.float64)
    rnn.load_state_dict({"weight_ih_l0": w_ih, "weight_hh_l0": w_hh, "bias_ih_l0": b_h,
                         "bias_hh_l0": np.zeros(units)})  # fmt: skip
    linear.load_state_dict({"weight": w_hy, "bias": b_y})
    outputs, last = rnn(seen, h0[None])
    ours = functional.cross_entropy(linear(outputs), y, reduction="sum")
    ours.backward()

    np.testing.assert_allclose(ours.item(), loss, rtol=1e-12)
    np.testing.assert_allclose(last.data[0], h, rtol=1e-10)
    dw_xh = embedding.weight.grad.T if inputs == "an embedding" else rnn.weight_ih_l0.grad
    found = (dw_xh, rnn.weight_hh_l0.grad, linear.weight.grad, rnn.bias_ih_l0.grad,
             linear.bias.grad)  # fmt: skip
    for a, b in zip(found, gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


# -- the module ------------------------------------------------------------------------------------


def model_of(cell="lstm", **options):
    manual_seed(5)
    return CharRNN(7, cell=cell, units=6, **options)


@pytest.mark.parametrize("cell", CELLS)
def test_a_text_may_be_read_in_pieces(cell):
    model = model_of(cell, layers=2)
    numbers = np.random.default_rng(0).integers(0, 7, (9, 3))
    whole, last = model(numbers)
    assert whole.shape == (9, 3, 7)
    first, state = model(numbers[:4])
    second, state = model(numbers[4:], state)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.asarray(state[0]), np.asarray(last[0]), rtol=1e-5, atol=1e-6)


def test_the_loss_is_in_nats_a_character():
    logits = Tensor(np.zeros((3, 2, 7)))
    target = np.arange(6).reshape(3, 2)
    assert next_character_loss(logits, target).item() == pytest.approx(math.log(7))
    assert next_character_loss(logits, target, "sum").item() == pytest.approx(6 * math.log(7))
    assert next_character_loss(logits, target, "none").shape == (6,)


def test_dropout_is_for_training_alone():
    model = model_of(dropout=0.5, layers=1)  # and with one layer there is nothing to warn of
    numbers = np.zeros((4, 1), int)
    assert not np.array_equal(model(numbers)[0].data, model(numbers)[0].data)
    vocabulary = Vocabulary("abcdefg")
    assert written(model, vocabulary, temperature=0) == written(model, vocabulary, temperature=0)
    assert model.training and model.dropout.training


def test_a_model_and_its_vocabulary_are_one_file(tmp_path):
    model, vocabulary = model_of("gru", layers=1, embedding=3), Vocabulary('a\n床"\\é?', "?")
    path = tmp_path / "model.safetensors"
    checkpoint.save(model.state_dict(), path, metadata=metadata_of(model, vocabulary))
    again, its_vocabulary = load_char_rnn(path)
    assert its_vocabulary == vocabulary and again.config == model.config
    texts = [written(m, vocabulary, "床", rng=np.random.default_rng(1)) for m in (model, again)]
    assert texts[0] == texts[1]
    checkpoint.save(model.state_dict(), path)
    with pytest.raises(ValueError, match="is no character model"):
        load_char_rnn(path)
    with pytest.raises(ValueError, match="cell must be one of rnn, lstm, gru, got 'elman'"):
        CharRNN(7, cell="elman")


# -- writing ---------------------------------------------------------------------------------------


class Fixed(nn.Module):
    """Says the same of every character; counts what it is shown."""

    def __init__(self, logits):
        super().__init__()
        self.logits, self.shown = np.array(logits, np.float32), []

    def forward(self, numbers, state=None):
        self.shown.append((numbers.tolist(), state))
        shape = (*numbers.shape, len(self.logits))
        return Tensor(np.broadcast_to(self.logits, shape)), len(self.shown)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_characters_are_drawn_from_the_softmax(temperature):
    logits = [0.0, 1.0, -1.0, 2.0]
    text = written(Fixed(logits), Vocabulary("abcd"), length=6000, temperature=temperature,
                   rng=np.random.default_rng(0))  # fmt: skip
    expected = np.exp(np.array(logits) / temperature)
    expected /= expected.sum()
    found = np.array([text.count(c) for c in "abcd"]) / 6000
    assert np.abs(found - expected).max() < 0.02


def test_temperature_0_takes_the_likeliest_and_a_tiny_one_does_not_overflow():
    model = Fixed([0.0, 3.0, 2.9])
    for temperature in (0, 1e-6):
        assert written(model, Vocabulary("abc"), length=20, temperature=temperature) == "b" * 20


def test_the_unknown_symbol_is_never_written():
    text = written(Fixed([50.0, 1.0, 1.0]), Vocabulary("?ab", "?"), length=50)
    assert set(text) == {"a", "b"}
    assert written(Fixed([50.0, 1.0, 2.0]), Vocabulary("?ab", "?"), length=2, temperature=0) == "bb"


def test_one_character_at_a_time_with_the_state_carried():
    model = Fixed([0.0, 9.0, 0.0])
    characters = write(model, Vocabulary("abc"), "cab", 4, temperature=0)
    assert model.shown == [] and next(characters) == "b"
    assert model.shown == [([[2], [0], [1]], None)]
    assert list(characters) == ["b"] * 3
    assert model.shown[1:] == [([[1]], i) for i in (1, 2, 3)]


def test_the_caller_may_record_operations_while_it_writes():
    x = Tensor(np.ones(2), requires_grad=True)
    for _ in write(model_of(), Vocabulary("abcdefg"), length=2):
        assert (x * 2.0).requires_grad
    assert (x * 2.0).requires_grad


@pytest.mark.parametrize("symbols, first", [("ab", 0), ("b\na", 1)])
def test_an_empty_prime_is_the_beginning_of_a_line(symbols, first):
    model = Fixed([0.0] * len(symbols))
    written(model, Vocabulary(symbols), length=1)
    assert model.shown[0][0] == [[first]]


def test_the_same_seed_writes_the_same():
    model, vocabulary = model_of(), Vocabulary("abcdefg")
    texts = []
    for seed in (1, 1, 2):
        manual_seed(seed)
        texts.append(written(model, vocabulary))
    assert texts[0] == texts[1] != texts[2] and len(texts[0]) == 200


def test_what_cannot_be_written():
    model, vocabulary = model_of(), Vocabulary("abcdefg")
    with pytest.raises(ValueError, match=r"no 'x' \(position 1\)"):
        write(model, vocabulary, "ax")
    for temperature in (-1, math.nan, math.inf):
        with pytest.raises(ValueError, match="temperature must be a number >= 0"):
            write(model, vocabulary, temperature=temperature)


def test_evaluation_by_streams_agrees_with_one_pass():
    model = model_of()
    numbers = np.random.default_rng(0).integers(0, 7, 41)
    whole = next_character_loss(model(numbers[:-1, None])[0], numbers[1:, None]).item()
    pieces = evaluate(model, StreamLoader(numbers, 1, 8), loss=next_character_loss, metrics=(),
                      stateful=True)  # fmt: skip
    assert pieces["loss"] == pytest.approx(whole, rel=1e-5)
