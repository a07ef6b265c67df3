"""`summary` against hand-counted numbers, and the plot of a history."""

import sys

import numpy as np
import pytest

from fastnn import nn
from fastnn.models import LeNet5
from fastnn.training import History, plot_history, summary


def test_lenet5_by_hand():
    table = summary(LeNet5(), (1, 28, 28))
    assert table.parameters == table.trainable_parameters == 61_706
    assert table.parameter_bytes == 4 * 61_706
    rows = {row.name: (row.output_shape, row.parameters, row.flops) for row in table.layers}
    # multiply-adds: 6*28*28*25, 16*10*10*150, 400*120, 120*84, 84*10, each counted as 2
    assert rows == {
        "conv1": ((6, 28, 28), 156, 2 * 117_600),
        "relu1": ((6, 28, 28), 0, 4_704),
        "pool1": ((6, 14, 14), 0, 4_704),
        "conv2": ((16, 10, 10), 2_416, 2 * 240_000),
        "relu2": ((16, 10, 10), 0, 1_600),
        "pool2": ((16, 5, 5), 0, 1_600),
        "flatten": ((400,), 0, 0),
        "fc1": ((120,), 48_120, 2 * 48_000),
        "relu3": ((120,), 0, 120),
        "fc2": ((84,), 10_164, 2 * 10_080),
        "relu4": ((84,), 0, 84),
        "fc3": ((10,), 850, 2 * 840),
    }
    assert table.flops == 2 * 416_520 + 2 * 4_704 + 2 * 1_600 + 120 + 84


def test_the_table_is_aligned_and_says_what_it_counts():
    lines = str(summary(LeNet5(), (1, 28, 28))).split("\n")
    assert lines[0] == "LeNet5"
    width = len(lines[1])
    assert set(lines[1]) == {"-"} and lines[1] == lines[3]
    assert lines[2].split() == ["Layer", "Kind", "Output", "shape", "Parameters", "FLOPs"]
    body = lines[5:-4]
    assert len(body) == 12 and all(len(line) == width for line in body)
    assert body[0].split() == ["conv1", "Conv2d", "6", "x", "28", "x", "28", "156", "235,200"]
    assert lines[-3].split() == ["total", "61,706", "845,852"]
    assert "a multiply-add counts as 2" in lines[-1]


def test_convolutions_of_sequences_and_transposed_ones():
    model = nn.Sequential(
        nn.Conv1d(3, 8, 5, stride=2, padding=2), nn.ConvTranspose1d(8, 2, 4, 2, 1), nn.Flatten(),
    )  # fmt: skip
    down, up, _ = summary(model, (3, 10)).layers
    assert (down.output_shape, down.flops) == ((8, 5), 2 * 8 * 5 * 3 * 5)
    assert (up.output_shape, up.flops) == ((2, 10), 2 * 8 * 5 * 2 * 4)
    (image,) = summary(nn.ConvTranspose2d(4, 3, (2, 3)), (4, 5, 6)).layers
    assert image.flops == 2 * 4 * 5 * 6 * 3 * 6


def test_a_model_of_numbers_of_rows():
    model = nn.Sequential(nn.Embedding(100, 8), nn.Flatten(), nn.Linear(40, 3))
    table = summary(model, (5,), int)
    rows = [(row.output_shape, row.parameters, row.flops) for row in table.layers]
    assert rows == [((5, 8), 800, 0), ((40,), 0, 0), ((3,), 123, 2 * 40 * 3)]
    with pytest.raises(TypeError, match="embedding: index must be integers, got float32"):
        summary(model, (5,))


@pytest.mark.parametrize(
    ("layer", "outputs", "weights"),
    [
        (nn.RNN(7, 5, batch_first=True), 5, 5 * 7 + 5 * 5),
        (nn.GRU(7, 5, 2, batch_first=True), 5, 15 * 7 + 15 * 5 + 2 * 15 * 5),
        (nn.LSTM(7, 5, bidirectional=True, batch_first=True), 10, 2 * (20 * 7 + 20 * 5)),
        (nn.LSTM(7, 5, proj_size=2, batch_first=True), 2, 20 * 7 + 20 * 2 + 2 * 5),
        (nn.LSTM(7, 5, bias=False, peephole=True, coupled=True), 5, 15 * 7 + 15 * 5 + 2 * 5),
    ],
    ids=repr,
)
def test_recurrent_layers(layer, outputs, weights):
    """Every weight is used once a step."""
    (row,) = summary(layer, (50, 7)).layers
    biases = sum(p.size for name, p in layer.named_parameters() if name.startswith("bias_"))
    assert row.output_shape == (50, outputs)
    assert (row.parameters, row.flops) == (weights + biases, 2 * 50 * weights)
    assert "50 x" in str(summary(layer, (50, 7)))


def test_cells_and_integers():
    (row,) = summary(nn.LSTMCell(7, 5), (7,)).layers
    assert (row.output_shape, row.flops) == ((5,), 2 * (20 * 7 + 20 * 5))
    (row,) = summary(nn.RNN(7, 5, batch_first=True), (50,), int).layers
    assert (row.output_shape, row.flops) == ((50, 5), 2 * 50 * (5 * 7 + 5 * 5))


class Shared(nn.Module):
    """One layer used twice, and a layer of an unknown kind."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
        self.own = Own()

    def forward(self, x):
        return self.own(self.body(self.body(x)))


class Own(nn.Module):
    def forward(self, x):
        return x


def test_shared_layers_count_their_parameters_once_and_their_work_each_time():
    model = Shared()
    model.body[0].bias.requires_grad = False
    table = summary(model, [4])
    assert [row.name for row in table.layers] == ["body.0", "body.1"] * 2 + ["own"]
    assert [row.parameters for row in table.layers] == [20, 0, 0, 0, 0]
    assert (table.parameters, table.trainable_parameters) == (20, 16)
    assert table.flops == 2 * (2 * 16 + 4)
    assert "not known for this kind of layer" in str(table)


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5)).double()
    summary(model, (3,))
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    with pytest.raises(ValueError, match="linear"):
        summary(model, (4,))
    assert not any(module._forward_hooks for module in model.modules())
    with pytest.raises(TypeError, match="input_shape must be a sequence of ints, got 3"):
        summary(model, 3)


def history_of(epochs, validation=True):
    history = History()
    for epoch in range(epochs):
        row = {"loss": 2.0 * 0.7**epoch, "accuracy": 1 - 0.5 * 0.8**epoch}
        if validation:
            row |= {f"val_{name}": value * 0.97 for name, value in row.items()}
        history.append({**row, "lr": 1e-3}, 1.0)
    return history


@pytest.mark.parametrize("history", [history_of(20), history_of(1), history_of(3, False)])
def test_plot_draws_lines_without_pyplot(tmp_path, history):
    pytest.importorskip("matplotlib")
    image = pytest.importorskip("PIL.Image")
    before = "matplotlib.pyplot" in sys.modules
    plot_history(history, tmp_path / "p.png", title="a title")
    assert ("matplotlib.pyplot" in sys.modules) == before
    pixels = np.asarray(image.open(tmp_path / "p.png").convert("RGB"))
    assert pixels.shape[0] > 400 and pixels.shape[1] > 1000
    blue = np.all(pixels == (0x15, 0x65, 0xC0), axis=2).sum()
    assert (blue > 50) == ("val_loss" in history)


def test_plot_of_only_a_loss_and_of_nothing(tmp_path):
    pytest.importorskip("matplotlib")
    plot_history({"loss": [1.0, 0.5]}, tmp_path / "p.svg")
    assert b"<svg" in (tmp_path / "p.svg").read_bytes()
    with pytest.raises(ValueError, match="history is empty"):
        plot_history(History(), tmp_path / "q.png")


def test_plot_without_matplotlib_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(ImportError, match=r"needs matplotlib: pip install 'fastnn\[plot\]'"):
        plot_history(history_of(2), tmp_path / "p.png")
