"""The classifier of sequences: what it learns, and that padding changes nothing."""

import numpy as np
import pytest

from fastnn import evaluate, fit, functional, gradcheck, manual_seed, no_grad, optim
from fastnn.data import ArrayDataset, DataLoader, pad_sequences
from fastnn.models.char_rnn import CELLS
from fastnn.models.sequence_classifier import SUMMARIES, SequenceClassifier


def sequences(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 5, rng.integers(1, 9)) for _ in range(count)]


def double(model):
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(np.float64)
    return model


@pytest.mark.parametrize("summary", SUMMARIES)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_gives_what_each_sequence_gives_alone(cell, bidirectional, summary):
    manual_seed(1)
    model = SequenceClassifier(
        5, 3, cell=cell, units=6, layers=2, bidirectional=bidirectional, summary=summary,
        embedding=4,
    ).eval()  # fmt: skip
    rows = sequences(7)
    padded, lengths = pad_sequences(rows, value=4, batch_first=True)
    padded = np.pad(padded, ((0, 0), (0, 3)))  # columns that no row needs
    with no_grad():
        together = np.asarray(model(padded, lengths))
        for row, logits in zip(rows, together, strict=True):
            alone = np.asarray(model(row[None], [len(row)]))[0]
            np.testing.assert_allclose(alone, logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_summaries_are_made_of_the_outputs(bidirectional):
    rows = sequences(4)
    padded, lengths = pad_sequences(rows, batch_first=True)
    for summary in SUMMARIES:
        manual_seed(2)
        model = SequenceClassifier(
            5, 3, cell="gru", units=6, bidirectional=bidirectional, summary=summary
        ).eval()
        with no_grad():
            found = np.asarray(model(padded, lengths))
            for row, logits in zip(rows, found, strict=True):
                outputs = np.asarray(model.rnn(model.embedding(row[:, None]))[0])[:, 0]
                expected = {
                    "last": np.concatenate([outputs[-1, :6], outputs[0, 6:]]),
                    "mean": outputs.mean(0),
                    "max": outputs.max(0),
                }[summary]
                expected = model.linear.weight.data @ expected + model.linear.bias.data
                np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("summary", SUMMARIES)
def test_gradients(summary):
    manual_seed(3)
    model = SequenceClassifier(5, 2, units=3, bidirectional=True, summary=summary, embedding=2)
    double(model)
    padded, lengths = pad_sequences(sequences(3), batch_first=True)

    def loss(*_):
        return functional.cross_entropy(model(padded, lengths), np.array([0, 1, 1]))

    assert gradcheck(loss, list(model.parameters()))


@pytest.mark.parametrize("summary", SUMMARIES)
def test_it_learns_whether_a_symbol_was_there(summary):
    rows = sequences(600)
    labels = np.array([int(3 in row) for row in rows])
    padded, lengths = pad_sequences(rows, batch_first=True)
    data = ArrayDataset(padded, lengths, labels)
    manual_seed(0)
    model = SequenceClassifier(5, 2, units=16, summary=summary, embedding=8)
    fit(
        model, DataLoader(data, 32, shuffle=True, seed=0, lengths=lengths), epochs=10,
        optimizer=optim.Adam(model.parameters(), lr=0.01), progress=False,
    )  # fmt: skip
    assert evaluate(model, data)["accuracy"] > 0.97
    beliefs = model.beliefs(np.array([0, 1, 3, 2]))
    assert beliefs.shape == (4, 2) and model.training
    np.testing.assert_allclose(beliefs.sum(1), 1, rtol=1e-6)
    assert beliefs[:2, 1].max() < 0.5 < beliefs[2:, 1].min()


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="cell must be one of rnn, lstm, gru, got 'cnn'"):
        SequenceClassifier(5, 2, cell="cnn")
    with pytest.raises(ValueError, match="summary must be one of last, mean, max, got 'sum'"):
        SequenceClassifier(5, 2, summary="sum")
    model = SequenceClassifier(5, 2)
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(2,\), lengths from 0"):
        model(np.zeros((2, 3), int), [3, 0])
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(3,\)"):
        model(np.zeros((2, 3), int), [3, 1, 1])
