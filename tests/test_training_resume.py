"""A run that was stopped and resumed ends with the bits of one that never was."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from fastnn import checkpoint, data, manual_seed, nn, optim
from fastnn.training import Callback, EarlyStopping, ModelCheckpoint, TrainingInterrupted, fit
from fastnn.training.state import pack, unpack

EPOCHS = 4


@pytest.fixture(scope="module")
def digits():
    train, test = data.load_digits()
    return train[:200], test[:60]


class StopAt(Callback):
    """Raise KeyboardInterrupt at a batch of an epoch, as Ctrl-C does."""

    def __init__(self, epoch, batch):
        self.at = (epoch, batch)

    def on_batch_end(self, run):
        if (run.epoch, run.batch) == self.at:
            raise KeyboardInterrupt


OPTIMIZERS = {
    "adam": lambda p: optim.Adam(p, lr=3e-3),
    "adamw": lambda p: optim.AdamW(p, lr=3e-3),
    "sgd momentum": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
}


def train(digits, folder, optimizer="adam", *, own_loader=False, seed=0, **options):
    """One run with everything that has state: dropout, shuffling, shifts, schedule, callbacks.

    The model and the generator start from `seed`: a resumed run must not depend on it.
    """
    manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(0.3), nn.Linear(64, 10),
    )  # fmt: skip
    opt = OPTIMIZERS[optimizer](model.parameters())
    source = digits[0]
    if own_loader:
        source = data.DataLoader(source, 32, shuffle=True, drop_last=True, prefetch=2,
                                 transform=data.random_shift(1))  # fmt: skip
    else:
        options["transform"] = data.random_shift(1)
    history = fit(
        model, source, validation=digits[1], optimizer=opt, batch_size=32, epochs=EPOCHS,
        scheduler=optim.lr_scheduler.CosineAnnealingLR(opt, T_max=EPOCHS), grad_clip=1.0,
        early_stopping=EarlyStopping(3), progress=False,
        checkpoint=ModelCheckpoint(folder / "best.safetensors", last=folder / "last.safetensors"),
        **options,
    )  # fmt: skip
    return model, opt, history


def everything(model, optimizer):
    arrays = {f"model.{k}": v for k, v in model.state_dict().items()}
    packed = pack(optimizer.state_dict(), arrays, "optimizer")
    return json.dumps(packed), {k: v.tobytes() for k, v in arrays.items()}


@pytest.mark.parametrize("epoch, batch", [(2, 1), (3, 4), (4, 6)])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("own_loader", [False, True])
def test_resume_is_exact(digits, tmp_path, optimizer, epoch, batch, own_loader):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    model, opt, history = train(digits, whole, optimizer, own_loader=own_loader)
    with pytest.raises(TrainingInterrupted) as stop:
        train(digits, cut, optimizer, own_loader=own_loader, callbacks=StopAt(epoch, batch))
    last = str(cut / "last.safetensors")
    assert (stop.value.epoch, stop.value.path) == (epoch - 1, last)
    assert f"interrupted in epoch {epoch}; epoch {epoch - 1} is saved" in str(stop.value)
    assert f"resume={last!r}" in str(stop.value)

    again, again_opt, again_history = train(
        digits, cut, optimizer, own_loader=own_loader, seed=99, resume=last
    )
    assert again_history == history
    assert everything(again, again_opt) == everything(model, opt)
    for name in ("best.safetensors", "last.safetensors"):
        a, b = (checkpoint.load(folder / name) for folder in (whole, cut))
        assert a.keys() == b.keys()
        assert all(a[k].tobytes() == b[k].tobytes() for k in a)


def test_a_finished_run_resumes_to_itself(digits, tmp_path):
    model, opt, history = train(digits, tmp_path)
    last = tmp_path / "last.safetensors"
    again, again_opt, again_history = train(digits, tmp_path, seed=5, resume=last)
    assert again_history == history
    assert everything(again, again_opt) == everything(model, opt)


def test_an_interrupt_in_the_first_epoch_says_so(digits, tmp_path):
    with pytest.raises(TrainingInterrupted, match="no epoch was complete") as stop:
        train(digits, tmp_path, callbacks=StopAt(1, 2))
    assert isinstance(stop.value, KeyboardInterrupt) and stop.value.epoch == 0
    assert not (tmp_path / "last.safetensors").exists()
    with pytest.raises(TrainingInterrupted, match="nothing was saved"):
        fit(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), digits[0], progress=False,
            callbacks=StopAt(1, 2))  # fmt: skip


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_interrupt_during_the_save_of_an_epoch_lets_it_end(epoch, digits, tmp_path, monkeypatch):
    save, saves = ModelCheckpoint.save_last, []

    def interrupted(keeper, run):
        saves.append(run.epoch)
        if saves.count(epoch) == 1 and run.epoch == epoch:
            raise KeyboardInterrupt
        save(keeper, run)

    monkeypatch.setattr(ModelCheckpoint, "save_last", interrupted)
    with pytest.raises(TrainingInterrupted, match=f"epoch {epoch} is saved") as stop:
        train(digits, tmp_path)
    assert stop.value.epoch == epoch
    monkeypatch.undo()
    last = tmp_path / "last.safetensors"
    assert train(digits, tmp_path, resume=last)[2] == train(digits, tmp_path / "whole")[2]


def test_default_place_of_the_last_state(digits, tmp_path):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    fit(model, digits[0], epochs=1, progress=False, checkpoint=tmp_path / "runs" / "m.safetensors")
    assert sorted(os.listdir(tmp_path / "runs")) == ["m.last.safetensors", "m.safetensors"]
    best = checkpoint.load(tmp_path / "runs" / "m.safetensors")
    assert best.keys() == model.state_dict().keys()


def test_what_does_not_fit_is_refused(digits, tmp_path):
    train(digits, tmp_path)
    last = tmp_path / "last.safetensors"
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def resume(path=last, **options):
        fit(model, digits[0], progress=False, resume=path, **options)

    with pytest.raises(ValueError, match=r"another batch size \(32\) than this run \(50\)"):
        resume(batch_size=50)
    with pytest.raises(ValueError, match=r"set of callbacks .EarlyStopping, ModelCheckpoint"):
        resume(batch_size=32)
    with pytest.raises(ValueError, match="holds no training state"):
        resume(tmp_path / "best.safetensors")
    with pytest.raises(FileNotFoundError):
        resume(tmp_path / "none.safetensors")
    content = last.read_bytes()
    last.write_bytes(content[:-100])
    with pytest.raises(checkpoint.CheckpointError, match="truncated"):
        resume()


def test_callback_errors_leave_the_last_epochs_state_whole(digits, tmp_path):
    class Fails(Callback):
        def on_epoch_end(self, run):
            if run.epoch == 3:
                raise RuntimeError("disk of the logger is full")

    with pytest.raises(RuntimeError):
        train(digits, tmp_path, callbacks=Fails())
    _, metadata = checkpoint.load(tmp_path / "last.safetensors", with_metadata=True)
    assert json.loads(metadata["state"])["epoch"] == 2


def test_kill_between_epochs_then_resume_in_a_new_process(tmp_path):
    """os._exit in the middle of epoch 3: no handler runs, as with kill -9."""
    script = """
import os, sys
from fastnn import data, manual_seed, nn
from fastnn.training import Callback, fit

class Die(Callback):
    def on_batch_end(self, run):
        if (run.epoch, run.batch) == (3, 2) and sys.argv[2] == "die":
            os._exit(9)

manual_seed(int(sys.argv[3]))
train, test = data.load_digits()
model = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 10))
last = sys.argv[1].replace(".safetensors", ".last.safetensors")
history = fit(model, train[:150], epochs=4, checkpoint=sys.argv[1], callbacks=Die(),
              progress=False, resume=last if sys.argv[2] == "resume" else None)
print(repr(dict(history)), model.state_dict()["2.weight"].tobytes().hex())
"""

    def run(name, mode, seed):
        command = [sys.executable, "-c", script, str(tmp_path / name), mode, str(seed)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    whole = run("whole.safetensors", "whole", 1)
    assert whole.returncode == 0, whole.stderr
    assert run("cut.safetensors", "die", 1).returncode == 9
    resumed = run("cut.safetensors", "resume", 2)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == whole.stdout


def test_pack_keeps_types_and_bits():
    value = {
        "a": [1, 2.5, None, True, "x", (1, (2.0,))],
        3: {"n": np.arange(3), "f": np.float32(0.1)},
        "big": 2**127 + 1,
        "tiny": 5e-324,
        "inf": float("inf"),
        "$odd": 1,
    }
    arrays = {}
    packed = json.loads(json.dumps(pack(value, arrays, "v")))
    assert list(arrays) == ["v.3.n"]
    back = unpack(packed, arrays)
    assert back["a"] == value["a"] and isinstance(back["a"][5], tuple)
    assert back[3]["f"] == float(np.float32(0.1)) and back[3]["n"] is value[3]["n"]
    assert all(back[k] == value[k] for k in ("big", "tiny", "inf", "$odd"))
    with pytest.raises(TypeError, match=r"v\.s is a set"):
        pack({"s": {1}}, {}, "v")
