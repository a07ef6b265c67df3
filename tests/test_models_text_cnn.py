"""models.text_cnn: what a sentence's result depends on, the four variants, learning."""

import numpy as np
import pytest

import fastnn
from fastnn import fit, nn, optim
from fastnn.models.text_cnn import VARIANTS, MaxNorm, TextCNN, shortened

SIZES = dict(widths=(2, 3), filters=5)
VECTORS = np.random.default_rng(0).standard_normal((12, 8)).astype(np.float32)
NUMBERS = np.array([[3, 1, 4, 1, 5], [9, 2, 0, 0, 0], [6, 5, 3, 5, 0], [8, 0, 0, 0, 0]])
LENGTHS = np.array([5, 2, 4, 1])


def make(variant="rand", **options):
    fastnn.manual_seed(0)
    options = {**SIZES, **({"size": 8} if variant == "rand" else {"vectors": VECTORS}), **options}
    return TextCNN(12, 3, variant=variant, **options)


@pytest.mark.parametrize("variant", VARIANTS)
def test_forward_by_hand(variant):
    """Filters, ReLU, maximum over time and Linear of each sentence alone, in plain NumPy."""
    model = make(variant).eval()
    logits = model(NUMBERS, LENGTHS).data
    state = model.state_dict()
    channels = len(model.embeddings)
    assert channels == (2 if variant == "multichannel" else 1)
    for numbers, length, row in zip(NUMBERS, LENGTHS, logits, strict=True):
        x = np.concatenate(
            [state[f"embeddings.{i}.weight"][numbers[:length]] for i in range(channels)], 1
        )
        features = []
        for i, width in enumerate(SIZES["widths"]):
            padded = np.pad(x, ((width - 1, width - 1), (0, 0)))
            w, b = (state[f"convolutions.{i}.{name}"] for name in ("weight", "bias"))
            outputs = [
                np.einsum("kcs,sc->k", w, padded[t : t + width]) + b
                for t in range(length + width - 1)
            ]
            features.append(np.maximum(outputs, 0).max(0))
        expected = state["linear.weight"] @ np.concatenate(features) + state["linear.bias"]
        np.testing.assert_allclose(row, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_which_vectors_are_trained(variant):
    model = make(variant, dropout=0.0)
    before = {key: value.copy() for key, value in model.state_dict().items()}
    optimizer = optim.Adam([p for p in model.parameters() if p.requires_grad])
    model(NUMBERS, LENGTHS).sum().backward()
    optimizer.step()
    after = model.state_dict()
    same = [
        np.array_equal(before[f"embeddings.{i}.weight"], after[f"embeddings.{i}.weight"])
        for i in range(len(model.embeddings))
    ]
    assert same == {"static": [True], "multichannel": [True, False]}.get(variant, [False])
    for i in range(len(same)):
        assert not after[f"embeddings.{i}.weight"][0].any()  # the padding's
    if variant != "rand":
        np.testing.assert_array_equal(before["embeddings.0.weight"][1:], VECTORS[1:])


def test_a_sentence_depends_on_nothing_else():
    model = make().eval()
    together = model(NUMBERS, LENGTHS).data
    longer = np.concatenate([NUMBERS, np.full((4, 3), 7)], 1)  # what pads is not looked at
    np.testing.assert_allclose(model(longer, LENGTHS).data, together, rtol=1e-5, atol=1e-6)
    for n, length in enumerate(LENGTHS):
        alone = model(NUMBERS[n : n + 1, :length]).data[0]
        np.testing.assert_allclose(alone, together[n], rtol=1e-5, atol=1e-6)


def test_shortened():
    numbers, lengths, labels = shortened((NUMBERS[1:], LENGTHS[1:], np.arange(3)))
    np.testing.assert_array_equal(numbers, NUMBERS[1:, :4])
    np.testing.assert_array_equal(lengths, LENGTHS[1:])
    np.testing.assert_array_equal(labels, np.arange(3))


def test_max_norm():
    weight = nn.Parameter(np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0], [-30.0, 40.0]], np.float32))
    MaxNorm(weight, 2.0).on_batch_end(None)
    expected = [[1.2, 1.6], [0.3, 0.4], [0, 0], [-1.2, 1.6]]
    np.testing.assert_allclose(weight.data, expected, rtol=1e-6)


def test_it_learns_what_no_bag_of_words_shows():
    """Whether 1 stands right before 2, in sentences that all have both."""
    rng = np.random.default_rng(0)
    count, length = 600, 10
    numbers = rng.integers(3, 12, (count, length))
    first = rng.integers(0, length - 3, count)
    labels = rng.integers(0, 2, count)
    rows = np.arange(count)
    numbers[rows, first] = 1 + (1 - labels)
    numbers[rows, first + 1] = 1 + labels
    lengths = rng.integers(first + 2, length + 1)
    fastnn.manual_seed(1)
    model = TextCNN(12, 2, size=8, **SIZES, dropout=0.2)
    fit(model, (numbers, lengths, labels), epochs=6, batch_size=20, progress=False, seed=0,
        optimizer=optim.Adam(model.parameters(), lr=1e-2),
        callbacks=MaxNorm(model.linear.weight))  # fmt: skip
    assert fastnn.evaluate(model, (numbers, lengths, labels))["accuracy"] > 0.95
    assert np.linalg.norm(model.linear.weight.data, axis=1).max() <= 3.001


ERRORS = [
    (dict(variant="both"), "TextCNN: variant must be one of rand, static, .*, got 'both'"),
    (dict(vectors=VECTORS), "variant 'rand' takes no vectors"),
    (dict(variant="static"), "variant 'static' needs vectors"),
    (dict(variant="static", vectors=VECTORS[:5]), r"vectors must have shape \(12, D\), got \(5, 8"),
]


@pytest.mark.parametrize(("options", "message"), ERRORS)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        TextCNN(12, **options)
