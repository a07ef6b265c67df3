"""EarlyStopping, ModelCheckpoint, CSVLogger, History."""

import csv
import json

import numpy as np
import pytest

from fastnn import checkpoint, data, manual_seed, nn, optim
from fastnn.training import Callback, CSVLogger, EarlyStopping, History, ModelCheckpoint, fit


@pytest.fixture(scope="module")
def digits():
    train, test = data.load_digits()
    return train[:200], test[:60]


def net():
    manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))


class Scripted(Callback):
    """Overwrites val_loss by a given course, before the callbacks after it look."""

    def __init__(self, values):
        self.values, self.weights = values, []

    def on_epoch_end(self, run):
        run.logs["val_loss"] = self.values[run.epoch - 1]
        self.weights.append(run.model.state_dict()["1.weight"].copy())


def run(digits, course, **options):
    model, scripted = net(), Scripted(course)
    history = fit(
        model, digits[0], validation=digits[1], epochs=len(course), callbacks=[scripted],
        progress=False, **options,
    )  # fmt: skip
    return model.state_dict()["1.weight"], scripted.weights, history


def test_early_stopping_restores_the_best_epoch(digits):
    final, weights, history = run(digits, [3, 2, 2.5, 1, 1.2, 1.1, 0.5], early_stopping=2)
    assert history.epochs == 6
    np.testing.assert_array_equal(final, weights[3])


def test_early_stopping_without_restoring(digits):
    stopping = EarlyStopping(2, restore_best=False)
    final, weights, _ = run(digits, [1, 2, 3, 0], early_stopping=stopping)
    np.testing.assert_array_equal(final, weights[2])
    assert (stopping.best, stopping.best_epoch) == (1, 1)


def test_min_delta_and_nan(digits):
    nan = float("nan")
    stopping = EarlyStopping(2, min_delta=0.5)
    _, _, history = run(digits, [nan, 3, 2.8, 2.6, 0], early_stopping=stopping)
    assert history.epochs == 4 and stopping.best == 3


def test_monitor_by_name(digits):
    stopping = EarlyStopping(3, monitor="val_accuracy")
    _, _, history = run(digits, [1.0] * 6, early_stopping=stopping)
    assert stopping.best == max(history["val_accuracy"][: history.epochs])
    with pytest.raises(ValueError, match=r"EarlyStopping: nothing named 'val_acc' .* val_accuracy"):
        run(digits, [1.0], early_stopping=EarlyStopping(1, monitor="val_acc"))
    with pytest.raises(ValueError, match=r"ModelCheckpoint: .*fit got no validation set"):
        keeper = ModelCheckpoint("m.safetensors", monitor="val_loss")
        fit(net(), digits[0], epochs=1, checkpoint=keeper, progress=False)
    with pytest.raises(ValueError, match="mode must be 'min', 'max' or None, got 'up'"):
        EarlyStopping(1, monitor="loss", mode="up")
    with pytest.raises(ValueError, match="patience must be >= 1, got 0"):
        EarlyStopping(0)


def test_checkpoint_keeps_the_best_epoch_with_its_numbers(digits, tmp_path):
    path = tmp_path / "best.safetensors"
    keeper = ModelCheckpoint(path, last=False, metadata={"made by": "a test"})
    _, weights, history = run(digits, [3, 1, 2], checkpoint=keeper)
    arrays, metadata = checkpoint.load(path, with_metadata=True)
    np.testing.assert_array_equal(arrays["1.weight"], weights[1])
    assert metadata["made by"] == "a test" and metadata["epoch"] == "2"
    assert float(metadata["val_accuracy"]) == history["val_accuracy"][1]
    assert list(tmp_path.iterdir()) == [path]


def test_csv_logger_continues_after_resume(digits, tmp_path):
    log, last = tmp_path / "log.csv", tmp_path / "m.last.safetensors"

    def train(epochs, resume=None):
        return fit(net(), digits[0], epochs=epochs, callbacks=[CSVLogger(log)], seed=0,
                   checkpoint=tmp_path / "m.safetensors", progress=False,
                   resume=resume)  # fmt: skip

    train(2)
    history = train(3, last)
    with open(log, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [float(row["loss"]) for row in rows] == history["loss"]


def test_history_saves_and_loads(tmp_path):
    history = History()
    history.append({"loss": 0.3, "val_accuracy": 0.8}, 1.5)
    history.append({"loss": 0.2, "val_accuracy": 0.9}, 1.25)
    history.save(tmp_path / "h.json")
    again = History.load(tmp_path / "h.json")
    assert again == history and again.seconds == [1.5, 1.25] and again.epochs == 2
    assert json.loads((tmp_path / "h.json").read_text())["loss"] == [0.3, 0.2]
    assert history.row(0) == {"loss": 0.3, "val_accuracy": 0.8}
    assert (history.best_epoch("loss"), history.best_epoch("val_accuracy")) == (1, 1)
    assert repr(history) == "History(2 epochs; last: loss 0.2, val_accuracy 0.9)"
    with pytest.raises(KeyError, match="no 'val_loss'; it has loss, val_accuracy"):
        history.best_epoch()


def test_stop_can_be_asked_for_by_any_callback(digits):
    class Stop(Callback):
        def on_epoch_end(self, run):
            run.stop = run.epoch == 2

    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    history = fit(model, digits[0], optimizer=optimizer, callbacks=Stop(), progress=False)
    assert history.epochs == 2
