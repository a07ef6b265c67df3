"""The ``fastnn`` command, run as a user runs it: as a process."""

import json
import os
import re
import signal
import subprocess
import time

import numpy as np
import pytest
from command import command, error_line, fastnn

from fastnn import __version__, checkpoint, data
from fastnn.models import MODELS, TEXT_MODELS
from fastnn.models.pictures import write_pnm
from fastnn.training import History


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short training with the default data: (folder, its result)."""
    cwd = tmp_path_factory.mktemp("cli")
    result = fastnn("train", "lenet5", "--epochs", 2, "--seed", 3, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return cwd, result


def test_train_says_what_it_did(run):
    _, result = run
    out = result.stdout
    assert "LeNet-5 on digits: 1,2" in out and "360 test images of 10 classes" in out
    assert "every 5th image of each digit is for testing" in out
    assert "learning rate 0.002, batches of 32, 2 epochs, seed 3" in out
    accuracy, right = re.search(r"test accuracy (\d+\.\d\d)% \((\d+) of 360 right", out).groups()
    assert float(accuracy) == pytest.approx(100 * int(right) / 360, abs=0.006)
    assert float(accuracy) > 80
    assert "the test images were used this once" in out
    assert re.search(r"trained in \d+\.\d s", out)
    assert [line[:9] for line in result.stderr.splitlines()] == ["epoch 1/2", "epoch 2/2"]


def test_train_leaves_its_files(run):
    cwd, result = run
    folder = cwd / "runs" / "lenet5-digits"
    for name in ("best.safetensors", "last.safetensors", "history.json"):
        assert (folder / name).exists() and f"runs/lenet5-digits/{name}" in result.stdout
    history = History.load(folder / "history.json")
    assert history.epochs == 2 and set(history) >= {"loss", "val_loss", "val_accuracy", "lr"}
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        assert "pip install 'fastnn[plot]'" in result.stdout
    else:
        assert (folder / "training.png").read_bytes().startswith(b"\x89PNG")
    _, metadata = checkpoint.load(folder / "best.safetensors", with_metadata=True)
    assert metadata["model"] == "lenet5" and json.loads(metadata["classes"])[9] == "9"


def test_the_next_command_it_names_works(run):
    cwd, result = run
    line = result.stdout.splitlines()[-1].split()
    assert line[:2] == ["fastnn", "predict"]
    answer = fastnn(*line[1:], cwd=cwd)
    assert answer.returncode == 0, answer.stderr
    rows = [row.split() for row in answer.stdout.splitlines()]
    assert len(rows) == 3 and rows[0][1] == re.search(r"example-(\d)", line[3]).group(1)
    shares = [float(row[0].rstrip("%")) for row in rows]
    assert shares == sorted(shares, reverse=True) and sum(shares) <= 100.1


def test_predict_inverts_dark_on_light_and_takes_npy_and_png(run):
    cwd, _ = run
    _, test = data.load_digits()
    digit, label = test.arrays[0][5, 0], test.classes[test.arrays[1][5]]
    model = "runs/lenet5-digits/best.safetensors"
    np.save(cwd / "light.npy", digit)
    write_pnm(cwd / "dark.pgm", 1 - digit[None])
    pictures = ["light.npy", "dark.pgm"]
    try:
        from PIL import Image
    except ImportError:
        pass
    else:
        big = np.rint(255 * digit.repeat(20, axis=0).repeat(20, axis=1)).astype(np.uint8)
        Image.fromarray(big).save(cwd / "big.png")
        pictures.append("big.png")
    for picture in pictures:
        answer = fastnn("predict", model, picture, "--top", 1, cwd=cwd)
        assert answer.returncode == 0, answer.stderr
        lines = answer.stdout.splitlines()
        assert ("was inverted" in lines[0]) == (picture == "dark.pgm")
        assert lines[-1].split()[1] == label, picture


def test_same_seed_same_bits_on_any_number_of_threads(run):
    cwd, _ = run
    result = fastnn("train", "lenet5", "--epochs", 2, "--seed", 3, "--threads", 2, "--out", "two",
                    "--quiet", cwd=cwd)  # fmt: skip
    assert result.returncode == 0 and result.stderr == ""
    folders = ("runs/lenet5-digits", "two")
    a, b = (checkpoint.load(cwd / folder / "best.safetensors") for folder in folders)
    assert all(a[name].tobytes() == b[name].tobytes() for name in a)


def test_ctrl_c_then_resume_gives_the_same_bits(run):
    cwd, _ = run
    options = ("train", "lenet5", "--epochs", 6, "--batch-size", 16, "--out", "cut")
    process = subprocess.Popen(
        command(*options), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    first = process.stderr.readline()  # epoch 1 is over
    assert first.startswith("epoch 1/6")
    while not (cwd / "cut" / "last.safetensors").exists():
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    if process.returncode == 0:
        pytest.skip("the machine finished the run before the signal came")
    assert process.returncode == 130
    last = errors.splitlines()[-1]
    assert re.fullmatch(
        r"fastnn: interrupted; epoch [1-5] is saved, go on with: "
        r"fastnn train lenet5 --out cut --resume", last
    ), errors  # fmt: skip
    assert "Traceback" not in errors

    resumed = fastnn("train", "lenet5", "--out", "cut", "--resume", cwd=cwd)
    assert resumed.returncode == 0, resumed.stderr
    assert "epoch 1/6" not in resumed.stderr
    whole = fastnn(*options[:-1], "whole", cwd=cwd)
    assert whole.returncode == 0, whole.stderr
    for name in ("best.safetensors", "last.safetensors"):
        a, b = (checkpoint.load(cwd / folder / name) for folder in ("cut", "whole"))
        assert all(a[key].tobytes() == b[key].tobytes() for key in a)
    cut, uncut = (History.load(cwd / folder / "history.json") for folder in ("cut", "whole"))
    assert cut == uncut

    other = fastnn("train", "lenet5", "--out", "cut", "--resume", "--lr", "0.5", cwd=cwd)
    assert "was started with --lr 0.002" in error_line(other)


def test_a_folder_of_pictures(tmp_path):
    image = pytest.importorskip("PIL.Image")
    train, _ = data.load_digits()
    for i in range(60):
        picture, label = train[i]
        folder = tmp_path / "mine" / f"digit {label}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{i}.png"
        image.fromarray(np.rint(picture[0] * 255).astype(np.uint8)).save(file)
    result = fastnn("train", "lenet5", "--data", "mine", "--epochs", 1, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "LeNet-5 on mine" in result.stdout
    answer = fastnn("predict", "runs/lenet5-mine/best.safetensors", file, cwd=tmp_path)
    assert answer.returncode == 0 and "digit " in answer.stdout


def test_a_network_of_another_size_goes_on_with_the_same(tmp_path):
    options = ("train", "resnet20", "--size", 8, "--batch-size", 64)
    result = fastnn(*options, "--epochs", 1, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "ResNet-20 on digits" in result.stdout and "inputs of 1 x 8 x 8" in result.stdout
    resumed = fastnn(*options[:2], "--resume", "--size", 16, cwd=tmp_path)
    assert "was started with --size 8" in error_line(resumed)
    answer = fastnn(*result.stdout.splitlines()[-1].split()[1:], cwd=tmp_path)
    assert answer.returncode == 0 and len(answer.stdout.splitlines()) == 3


def test_coloured_pictures_keep_their_colours(tmp_path):
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for label, colour in (("red", (0.9, 0.3, 0.2)), ("blue", (0.2, 0.5, 1))):
        folder = tmp_path / "colours" / label
        folder.mkdir(parents=True)
        for i in range(30):
            pixels = 255 * rng.random((9, 11, 1)) * colour  # alike in grey
            image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    result = fastnn("train", "resnet20", "--data", "colours", "--size", 8, "--epochs", 4,
                    "--batch-size", 8, cwd=tmp_path)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "inputs of 3 x 8 x 8" in result.stdout and "100.00%" in result.stdout
    line = result.stdout.splitlines()[-1].split()
    assert line[-1].endswith(".ppm")
    answer = fastnn(*line[1:], cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split()[1] in line[-1]


def test_help_and_version(tmp_path):
    text = fastnn("--help", cwd=tmp_path).stdout
    assert "usage: fastnn" in text and "fastnn train lenet5 --data mnist" in text
    train = fastnn("train", "--help", cwd=tmp_path).stdout
    for option in ("--data", "--epochs", "--batch-size", "--lr", "--size", "--seed", "--threads",
                   "--out", "--resume"):  # fmt: skip
        assert option in train
    models = train[train.index("models:") :].split()
    assert {*MODELS, *TEXT_MODELS} < set(models)
    assert "--top" in fastnn("predict", "--help", cwd=tmp_path).stdout
    assert fastnn("--version", cwd=tmp_path).stdout == f"fastnn {__version__}\n"


def test_info(tmp_path):
    result = fastnn("info", cwd=tmp_path)
    assert result.returncode == 0 and "thread" in result.stdout


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "the following arguments are required: COMMAND"),
        (["trian"], "invalid choice: 'trian'"),
        (["train", "lenet6"], "argument MODEL: invalid choice: 'lenet6'"),
        (["train", "lenet5", "--epochs", "0"], "argument --epochs: must be >= 1, got 0"),
        (["train", "lenet5", "--epochs", "x"], "argument --epochs: invalid int value: 'x'"),
        (["train", "lenet5", "--lr", "nan"], "argument --lr: must be a number > 0, got nan"),
        (["train", "lenet5", "--data", "nowhere"], "expected digits, mnist or a folder"),
        (["train", "lenet5", "--data", "."], "expected MNIST-like IDX files, or subfolders"),
        (["train", "lenet5", "--units", "8"], "--units: lenet5 has no such option"),
        (["train", "lenet5", "--resume"], "there is no runs/lenet5-digits/last.safetensors"),
        (["predict", "none.safetensors", "x.png"], "none.safetensors: No such file or directory"),
        (["predict", "text.txt", "x.png"], "text.txt: "),
    ],
)
def test_errors_are_one_line_and_status_2(tmp_path, arguments, message):
    (tmp_path / "text.txt").write_text("these are no weights, just some text of some length")
    result = fastnn(*arguments, cwd=tmp_path)
    assert message in error_line(result)
    assert result.stdout == ""


def test_predict_errors(run):
    cwd, _ = run
    folder = "runs/lenet5-digits"
    result = fastnn("predict", f"{folder}/last.safetensors", "x.png", cwd=cwd)
    assert "is a training state: name best.safetensors" in error_line(result)
    result = fastnn("predict", f"{folder}/best.safetensors", "missing.png", cwd=cwd)
    assert error_line(result) == "fastnn: missing.png: No such file or directory\n"
    checkpoint.save({"a": np.zeros(3)}, cwd / "other.safetensors")
    result = fastnn("predict", "other.safetensors", "x.png", cwd=cwd)
    assert "is no model of pictures that `fastnn train` wrote" in error_line(result)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    assert "Permission denied" in error_line(fastnn("train", "lenet5", cwd=tmp_path))
