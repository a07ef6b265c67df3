"""``fastnn train charrnn`` and ``fastnn sample``, run as a user runs them."""

import json
import math
import re
import signal
import subprocess
import time

import numpy as np
import pytest
from command import command, error_line, fastnn

from fastnn import checkpoint
from fastnn.data import Vocabulary
from fastnn.training import History

TEXT = "the cat sat on the mat.\nthe dog sat on the log.\n" * 30
SMALL = ("--units", 24, "--layers", 1, "--batch-size", 4, "--steps", 16, "--lr", 0.02)
BEST = "runs/charrnn-cats/best.safetensors"


def train(cwd, *options, data="cats.txt"):
    return fastnn("train", "charrnn", "--data", data, *SMALL, *options, cwd=cwd)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short training: (folder, its result)."""
    cwd = tmp_path_factory.mktemp("text")
    (cwd / "cats.txt").write_text(TEXT)
    result = train(cwd, "--epochs", 4, "--seed", 1)
    assert result.returncode == 0, result.stderr
    return cwd, result


def test_train_says_what_it_did(run):
    _, result = run
    out = result.stdout
    assert "CharRNN on cats: 1,296 training and 144 validation characters, 15 different" in out
    assert "the last 10% of the text validate" in out
    assert "1 x 24 lstm, dropout" in out and "4 streams in steps of 16, 4 epochs, seed 1" in out
    nats, bits = map(float, re.search(r"loss (\d\.\d+) nats, (\d\.\d+) bits", out).groups())
    assert nats < 1.0 and bits == pytest.approx(nats / math.log(2), abs=2e-4)
    assert re.search(r"trained in \d+\.\d s \([\d,]+ characters/s", out)


def test_it_shows_what_the_model_writes_after_every_epoch(run):
    _, result = run
    epochs = re.findall(r"^epoch (\d)/4  loss \d\.\d+  val_loss (\d\.\d+)", result.stderr, re.M)
    assert [epoch for epoch, _ in epochs] == ["1", "2", "3", "4"]
    shown = re.findall(r"^  validation (\d\.\d+) nats, \d\.\d+ bits per character; it writes\n"
                       r"((?:  \| .*\n)+)", result.stderr, re.M)  # fmt: skip
    assert [loss for _, loss in epochs] == [loss for loss, _ in shown]
    assert all(set(text) <= set(TEXT + "|") for _, text in shown)


def test_train_leaves_its_files(run):
    cwd, result = run
    for name in ("best.safetensors", "last.safetensors", "history.json"):
        assert (cwd / "runs/charrnn-cats" / name).exists() and name in result.stdout
    history = History.load(cwd / "runs/charrnn-cats/history.json")
    assert history.epochs == 4 and list(history) == ["loss", "val_loss", "lr"]
    weights, metadata = checkpoint.load(cwd / BEST, with_metadata=True)
    assert Vocabulary.from_json(metadata["vocabulary"]) == Vocabulary.of(TEXT)
    config = json.loads(metadata["config"])
    assert (config["cell"], config["units"], config["layers"]) == ("lstm", 24, 1)
    assert weights["rnn.weight_hh_l0"].shape == (96, 24)
    best = history.best_epoch()
    assert metadata["epoch"] == str(best + 1)
    assert f"validation loss {history['val_loss'][best]:.4f} nats" in result.stdout


def test_the_next_command_it_names_works(run):
    cwd, result = run
    line = result.stdout.splitlines()[-1].split()
    assert line[:2] == ["fastnn", "sample"]
    answer = fastnn(*line[1:], cwd=cwd)
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout) == 501 and set(answer.stdout) <= set(TEXT)


def test_sample(run):
    cwd, _ = run

    def sample(*options):
        answer = fastnn("sample", BEST, *options, cwd=cwd)
        assert answer.returncode == 0 and answer.stderr == ""
        return answer.stdout

    greedy = ("--prime", "the cat", "--length", 16, "--temperature", 0)
    assert sample(*greedy).startswith("the cat sat on the ")
    drawn = ("--length", 60, "--temperature", 1.5)
    texts = [sample(*drawn, "--seed", seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert sample(*drawn) != sample(*drawn)


@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_other_cells_and_a_vocabulary_of_frequent_characters(run, cell):
    cwd, _ = run
    result = train(cwd, "--cell", cell, "--epochs", 1, "--min-count", 61, "--clip", 0.5,
                   "--dropout", 0, "--out", cell, "--quiet")  # fmt: skip
    assert result.returncode == 0 and result.stderr == ""
    assert f"1 x 24 {cell}, dropout 0;" in result.stdout
    answer = fastnn("sample", f"{cell}/best.safetensors", "--prime", "a zebra", cwd=cwd)
    assert answer.returncode == 0 and answer.stdout.startswith("a zebra")
    assert "c" not in answer.stdout[7:] and "<unk>" not in answer.stdout


def test_same_seed_same_bits_on_any_number_of_threads(run):
    cwd, _ = run
    result = train(cwd, "--epochs", 4, "--seed", 1, "--threads", 2, "--out", "two", "--quiet")
    assert result.returncode == 0 and result.stderr == ""
    a, b = (checkpoint.load(cwd / path) for path in (BEST, "two/best.safetensors"))
    assert all(a[name].tobytes() == b[name].tobytes() for name in a)


def test_ctrl_c_then_resume_gives_the_same_bits(run):
    cwd, _ = run
    (cwd / "long.txt").write_text(TEXT * 8)
    options = ("train", "charrnn", "--data", "long.txt", *SMALL, "--dropout", 0.3, "--epochs", 5)
    process = subprocess.Popen(
        command(*options, "--out", "cut"), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stderr.readline().startswith("epoch 1/5")
    while not (cwd / "cut" / "last.safetensors").exists():
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    if process.returncode == 0:
        pytest.skip("the machine finished the run before the signal came")
    assert process.returncode == 130 and "Traceback" not in errors
    assert re.fullmatch(
        r"fastnn: interrupted; epoch [1-4] is saved, go on with: "
        r"fastnn train charrnn --data long.txt --out cut --resume", errors.splitlines()[-1]
    )  # fmt: skip

    resumed = fastnn("train", "charrnn", "--data", "long.txt", "--out", "cut", "--resume", cwd=cwd)
    assert resumed.returncode == 0, resumed.stderr
    whole = fastnn(*options, "--out", "whole", "--quiet", cwd=cwd)
    assert whole.returncode == 0, whole.stderr
    for name in ("best.safetensors", "last.safetensors"):
        a, b = (checkpoint.load(cwd / folder / name) for folder in ("cut", "whole"))
        assert all(a[key].tobytes() == b[key].tobytes() for key in a)

    other = fastnn("train", "charrnn", "--data", "long.txt", "--out", "cut", "--resume",
                   "--units", 25, cwd=cwd)  # fmt: skip
    assert "was started with --units 24" in error_line(other)
    (cwd / "long.txt").write_text(TEXT * 8 + "a zebra")
    changed = fastnn("train", "charrnn", "--data", "long.txt", "--out", "cut", "--resume", cwd=cwd)
    assert "long.txt has changed since the run was started" in error_line(changed)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["train", "charrnn"], "train charrnn: name a text file: --data FILE"),
        (["train", "charrnn", "--data", "none.txt"], "none.txt: No such file or directory"),
        (["train", "charrnn", "--data", "."], ".: Is a directory"),
        (["train", "charrnn", "--data", "latin.txt"], "expected a text file in UTF-8, and byte 3"),
        (["train", "charrnn", "--data", "empty.txt"], "empty.txt: the file is empty"),
        (["train", "charrnn", "--data", "tiny.txt"], "3 characters are too few"),
        (["train", "charrnn", "--data", "short.txt"], "too short for 32 streams, which need 33"),
        (["train", "charrnn", "--data", "short.txt", "--size", "9"], "charrnn has no such option"),
        (["train", "charrnn", "--data", "short.txt", "--cell", "x"], "argument --cell: invalid"),
        (["train", "charrnn", "--dropout", "1"], "must be at least 0 and below 1, got 1"),
        (["train", "charrnn", "--clip", "0"], "argument --clip: must be a number > 0, got 0"),
        (["train", "charrnn", "--data", "short.txt", "--resume"], "there is no runs/charrnn-short"),
        (["sample", "none.safetensors"], "none.safetensors: No such file or directory"),
        (["sample", "short.txt"], "short.txt: "),
        (["sample"], "the following arguments are required: CHECKPOINT"),
        (["sample", "x", "--temperature", "-1"], "argument --temperature: must be >= 0, got -1"),
        (["sample", "x", "--temperature", "nan"], "argument --temperature: must be >= 0, got nan"),
        (["sample", "x", "--length", "0"], "argument --length: must be >= 1, got 0"),
    ],
)
def test_errors_are_one_line_and_status_2(tmp_path, arguments, message):
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 au lait")
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "tiny.txt").write_bytes(b"abc")
    (tmp_path / "short.txt").write_bytes(b"these are few characters")
    result = fastnn(*arguments, cwd=tmp_path)
    assert message in error_line(result)
    assert result.stdout == ""


def test_sample_errors(run):
    cwd, _ = run
    result = fastnn("sample", BEST, "--prime", "the zebra", cwd=cwd)
    assert "has no 'z' (position 4)" in error_line(result) and result.stdout == ""
    result = fastnn("sample", BEST.replace("best", "last"), cwd=cwd)
    assert "is a training state: name best.safetensors" in error_line(result)
    checkpoint.save({"a": np.zeros(3)}, cwd / "other.safetensors")
    result = fastnn("sample", "other.safetensors", cwd=cwd)
    assert "is no character model that `fastnn train charrnn` wrote" in error_line(result)
    result = fastnn("predict", BEST, "x.png", cwd=cwd)
    assert "is no model of pictures" in error_line(result)
