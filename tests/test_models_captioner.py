"""The captioners: their equations, what they learn and write; alignment of regions and words."""

import numpy as np
import pytest

from fastnn import Tensor, functional, manual_seed, nn, no_grad, optim
from fastnn.data import tokenize
from fastnn.models import alignment
from fastnn.models.alignment import Alignment, ranking_loss, recall, scores
from fastnn.models.captioner import (
    AttentionCaptioner,
    Captioner,
    PictureEncoder,
    WordSpotter,
    caption_loss,
    describe,
    log_likelihood,
    numbered,
    sample,
    spotting_loss,
)
from fastnn.models.translation_task import END_NUMBER, START_NUMBER, sentence_vocabulary

COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
PLACES = {"left": (slice(None), slice(0, 4)), "right": (slice(None), slice(8, 12))}


def bars():
    """Pictures of a bar, (6, 3, 12, 12), and what is to be seen: lists of words."""
    images, names = [], []
    for colour, rgb in COLOURS.items():
        for place, where in PLACES.items():
            image = np.zeros((3, 12, 12), np.float32)
            image[(slice(None), *where)] = np.reshape(rgb, (3, 1, 1))
            images.append(image)
            names.append(tokenize(f"{colour} bar" + f", {place}" * (place == "left")))
    return np.stack(images), names


IMAGES, NAMES = bars()
VOCABULARY = sentence_vocabulary(NAMES)
NUMBERS = numbered(VOCABULARY, NAMES)


def small(kind, **options):
    manual_seed(1)
    encoder = PictureEncoder((6, 8), (2, 1))
    return kind(len(VOCABULARY), encoder=encoder, dropout=0.0, **options)


KINDS = {
    "lstm": (Captioner, {"grid": 2, "embedding": 7}),
    "rnn": (Captioner, {"cell": "rnn", "grid": 2, "embedding": 7}),
    "attention": (AttentionCaptioner, {"attention": 6, "grid": 2, "embedding": 7}),
}


def made(name, **options):
    kind, own = KINDS[name]
    return small(kind, **own, **options)


# -- captions --------------------------------------------------------------------------------------


def test_numbers_of_sentences():
    before, lengths, after = NUMBERS
    assert lengths.tolist() == [5, 3] * 3
    assert before[:2, 0].tolist() == [START_NUMBER] * 2
    assert after[0, 4] == after[1, 2] == END_NUMBER
    for i, length in enumerate(lengths):
        assert before[i, 1:length].tolist() == after[i, : length - 1].tolist()
        assert [VOCABULARY.symbols[n] for n in before[i, 1:length]] == NAMES[i]
    assert not before[1, 3:].any() and not after[1, 3:].any()


@pytest.mark.parametrize("name", KINDS)
def test_it_learns_to_say_what_it_sees(name):
    model = made(name, units=16)
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        loss = caption_loss(model(IMAGES, *NUMBERS[:2]), NUMBERS[2])
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    assert describe(model, VOCABULARY, IMAGES, batch_size=4) == NAMES
    assert describe(model, VOCABULARY, IMAGES, beam=1) == NAMES
    drawn = sample(model, VOCABULARY, IMAGES, temperature=0.2, rng=np.random.default_rng(0))
    assert drawn == NAMES
    true, other = (log_likelihood(model, x, *NUMBERS, batch_size=4) for x in (IMAGES, IMAGES[::-1]))
    assert np.all(true > -1) and np.all(other < true - 1)


def test_the_picture_enters_in_the_first_step_of_the_rnn_alone():
    """h = tanh(W_xh x + W_hh h + W_ih v), then without v; word by word in float64."""
    model = made("rnn", units=5).double().eval()
    p = {name: value.data for name, value in model.named_parameters()}
    w_x, w_h = p["rnn.weight_ih_l0"], p["rnn.weight_hh_l0"]
    bias = p["rnn.bias_ih_l0"] + p["rnn.bias_hh_l0"]
    maps = functional.adaptive_avg_pool2d(model.encoder(np.float64(IMAGES)), 2).data
    v = maps.reshape(6, -1) @ p["look.weight"].T + p["look.bias"]
    h, expected = np.zeros((6, 5)), []
    for t in range(5):
        h = np.tanh(p["embedding.weight"][NUMBERS[0][:, t]] @ w_x.T + h @ w_h.T + bias + v)
        expected.append(h @ p["linear.weight"].T + p["linear.bias"])
        v = 0
    expected = np.stack(expected, 1)[NUMBERS[2] != 0]
    np.testing.assert_allclose(model(np.float64(IMAGES), *NUMBERS[:2]).data, expected, atol=1e-12)


def test_the_picture_is_the_lstm_s_first_word():
    model = made("lstm", units=5).double().eval()
    maps = functional.adaptive_avg_pool2d(model.encoder(np.float64(IMAGES)), 2)
    v = model.look(maps.flatten(1)).data
    words = model.embedding(NUMBERS[0].T).data
    outputs, _ = model.rnn(np.concatenate([v[None], words]))
    expected = model.linear(outputs).data[1:].transpose(1, 0, 2)[NUMBERS[2] != 0]
    np.testing.assert_allclose(model(np.float64(IMAGES), *NUMBERS[:2]).data, expected, atol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_steps_are_the_whole_sentence(name):
    model = made(name, units=5).eval()
    whole = np.zeros((6, 5, len(VOCABULARY)), np.float32)
    with no_grad():
        whole[NUMBERS[2] != 0] = model(IMAGES, *NUMBERS[:2]).data
        state = model.begin(IMAGES)
        for t in range(3):
            logits, state = model.step(NUMBERS[0][:, t], state)
            np.testing.assert_allclose(logits.data, whole[:, t], atol=1e-5)


def test_attention_is_a_mean_over_positions():
    """Xu et al., equations 4 to 6 and 13, the first word in float64."""
    model = made("attention", units=5).double().eval()
    images, (before, lengths, _) = np.float64(IMAGES), NUMBERS
    p = {name: value.data for name, value in model.named_parameters()}
    maps = model.encoder(images)
    a = maps.data.reshape(6, 8, -1).transpose(0, 2, 1)
    means = functional.adaptive_avg_pool2d(maps, 2).data.reshape(6, -1)
    h, c = np.split(np.tanh(means @ p["look.weight"].T + p["look.bias"]), 2, axis=1)
    a = (a - a.mean(2, keepdims=True)) / np.sqrt(a.var(2, keepdims=True) + 1e-5)
    query = h @ p["rnn.attention.query.weight"].T
    scores = np.tanh(a @ p["rnn.attention.key.weight"].T + query[:, None]) @ p["rnn.attention.v"]
    weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    context = (weights[:, :, None] * a).sum(1)
    x = np.concatenate([np.tile(p["embedding.weight"][0], (6, 1)), context], axis=1)
    weight = np.concatenate([p["rnn.weight_ih"], p["rnn.weight_hh"]], axis=1)
    gates = np.concatenate([x, h], 1) @ weight.T + p["rnn.bias_ih"] + p["rnn.bias_hh"]
    i, f, g, o = np.split(gates, 4, axis=1)
    i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
    h = o * np.tanh(f * c + i * np.tanh(g))
    expected = np.concatenate([h, context], 1) @ p["linear.weight"].T + p["linear.bias"]
    first = np.cumsum(lengths) - lengths
    logits = model(images, before, lengths).data
    np.testing.assert_allclose(logits[first], expected, atol=1e-10)
    maps = model.attention_maps(images, before, lengths)
    assert maps.shape == (6, 5, 6, 6) and not maps[1, 3:].any()
    np.testing.assert_allclose(maps[:, 0].reshape(6, -1), weights, atol=1e-10)
    np.testing.assert_allclose(maps[:, :3].sum((2, 3)), 1)


def test_words_are_spotted_whatever_their_order():
    model = small(WordSpotter, grid=2)
    shares = np.zeros((6, len(VOCABULARY)))
    for row, name in zip(shares, NAMES, strict=True):
        row[[VOCABULARY.number(word) for word in name]] = 1 / len(name)
    logits = model(IMAGES)
    expected = functional.cross_entropy(logits, np.float32(shares))
    assert spotting_loss(logits, NUMBERS[2]).item() == pytest.approx(expected.item())


def test_a_captioner_starts_from_a_spotter():
    """An RNN that reads nothing, but for the picture: its first word is what the spotter sees."""
    spotter = small(WordSpotter, grid=2, units=5).eval()
    model = made("rnn", units=5).start_from(spotter).eval()
    model.encoder.load_state_dict(spotter.encoder.state_dict())
    for parameter in model.rnn.parameters():
        parameter.data[...] = 0
    logits, _ = model.step(np.zeros(6, np.int64), model.begin(IMAGES))
    np.testing.assert_allclose(logits.data, spotter(IMAGES).data, atol=1e-5)


def test_a_captioner_with_attention_starts_from_a_spotter():
    """Its first h and c are what the spotter's last layer reads, and so does its own."""
    spotter = small(WordSpotter, grid=2, units=5).eval()
    model = made("attention", units=5).start_from(spotter).eval()
    model.encoder.load_state_dict(spotter.encoder.state_dict())
    weight = model.linear.weight.data[:, :5]
    for state in model.begin(IMAGES)[:2]:
        logits = state.data[0] @ weight.T + model.linear.bias.data
        np.testing.assert_allclose(logits, spotter(IMAGES).data, atol=1e-5)


def test_likelihoods_are_those_of_the_words():
    model = made("lstm", units=5).eval()
    before, lengths, after = NUMBERS
    logits = functional.log_softmax(model(IMAGES, before, lengths), 1).data
    sentence = np.repeat(np.arange(6), lengths)
    word = logits[np.arange(len(logits)), after[after != 0]]
    expected = [word[sentence == i].sum() for i in range(6)]
    np.testing.assert_allclose(log_likelihood(model, IMAGES, *NUMBERS), expected, rtol=1e-5)


def test_the_encoder_s_map():
    encoder = PictureEncoder()
    assert encoder(np.zeros((2, 3, 48, 48), np.float32)).shape == (2, encoder.channels, 6, 6)
    assert isinstance(encoder.norms[0], nn.BatchNorm2d)


def test_an_unknown_cell():
    with pytest.raises(ValueError, match=r"Captioner: cell must be .*, got 'gru'"):
        Captioner(5, cell="gru")


# -- alignment -------------------------------------------------------------------------------------


def test_scores_are_sums_over_words_of_the_best_region():
    rng = np.random.default_rng(0)
    lengths = np.array([2, 1, 3])
    regions, words = rng.standard_normal((4, 5, 6)), rng.standard_normal((6, 6))
    expected = np.zeros((4, 3))
    for k in range(4):
        for m, (start, length) in enumerate(zip((0, 2, 3), lengths, strict=True)):
            for t in range(start, start + length):
                expected[k, m] += max(regions[k, i] @ words[t] for i in range(5))
    np.testing.assert_allclose(scores(Tensor(regions), Tensor(words), lengths).data, expected)


def test_the_ranking_loss_wants_a_margin_both_ways():
    given = np.array([[3.0, 2.5, 0.0], [0.0, 1.0, 0.0], [2.2, 0.9, 2.0]])
    expected = 0
    for k in range(3):
        for m in range(3):
            if m != k:
                expected += max(0, given[k, m] - given[k, k] + 1)
                expected += max(0, given[m, k] - given[k, k] + 1)
    assert ranking_loss(Tensor(given)).item() == pytest.approx(expected / 3)
    assert ranking_loss(Tensor(np.eye(4) * 2)).item() == 0


def test_words_hear_of_one_another_and_stay_in_their_sentence():
    model = small(Alignment, size=6, grid=3, embedding=7).eval()
    sentences, lengths = NUMBERS[2], NUMBERS[1] - 1
    words = model.words(sentences, lengths).data
    assert words.shape == (lengths.sum(), 6)
    alone = model.words(sentences[1:2, :3], lengths[1:2]).data
    np.testing.assert_allclose(words[lengths[0] : lengths[0] + lengths[1]], alone, atol=1e-6)
    states, _ = model.rnn(model.embedding(sentences[:1, : lengths[0]].T))
    s = model.linear(states[:, 0, :6] + states[:, 0, 6:]).relu().data
    np.testing.assert_allclose(words[: lengths[0]], s, atol=1e-6)


@pytest.mark.parametrize("grid", [1, 3])
def test_it_learns_which_sentence_belongs_to_which_picture(grid):
    model = small(Alignment, size=16, grid=grid, embedding=7)
    sentences, lengths = NUMBERS[2], NUMBERS[1] - 1
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(80):
        optimizer.zero_grad()
        loss = ranking_loss(model(IMAGES, sentences, lengths))
        loss.backward()
        optimizer.step()
    found = alignment.score_all(model, IMAGES, sentences, lengths, batch_size=4)
    model.eval()
    assert model.regions(IMAGES).shape[1] == (1 if grid == 1 else 10)
    whole = model(IMAGES, sentences, lengths).data
    np.testing.assert_allclose(found, whole, rtol=1e-4, atol=1e-4)
    assert recall(alignment.ranks(found))["R@1"] == 1.0


def test_ranks_and_recall():
    found = alignment.ranks(np.array([[1.0, 2.0, 0.0], [0.0, 5.0, 4.0], [3.0, 3.0, 3.0]]))
    assert found.tolist() == [2, 1, 3]
    assert recall(found, at=(1, 2)) == {"R@1": 1 / 3, "R@2": 2 / 3, "median rank": 2.0}
