"""Models on MNIST (in $FASTNN_DATA/mnist): a taste always, the goals themselves on request."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fastnn import data, manual_seed
from fastnn.models import MODELS, LeNet5
from fastnn.training import evaluate, fit

FOLDER = Path(os.environ.get("FASTNN_DATA", "nowhere"), "mnist")
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="MNIST is not in $FASTNN_DATA/mnist; fastnn.data.load_mnist() downloads it (pooch)",
)


def test_a_tenth_of_mnist():
    train, test = data.load_mnist()
    _, recipe = MODELS["lenet5"]
    images, labels = train[:6000]
    prepare = recipe.preparation.fitted(images)
    manual_seed(0)
    model = LeNet5()
    optimizer = recipe.optimizer(model, 2e-3)
    fit(
        model, (images, labels), optimizer=optimizer, scheduler=recipe.scheduler(optimizer, 2),
        epochs=2, batch_size=32, transform=recipe.transform(prepare), progress=False,
    )  # fmt: skip
    pictures, labels = test[:2000]
    assert evaluate(model, (prepare(pictures), labels))["accuracy"] > 0.93


@pytest.mark.skipif(
    "FASTNN_SLOW_TESTS" not in os.environ, reason="minutes long: set FASTNN_SLOW_TESTS=1"
)
@pytest.mark.parametrize(
    "model, most_epochs, most_error",
    [("lenet5", 20, 0.95), ("resnet20", 5, 0.5)],  # the former is the error of LeCun et al. 1998
)
def test_the_whole_of_mnist(model, most_epochs, most_error, tmp_path):
    command = [sys.executable, "-m", "fastnn", "train", model, "--data", "mnist", "--quiet"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "10,000 test images" in result.stdout
    epochs = int(re.search(r"(\d+) epochs", result.stdout).group(1))
    error = float(re.search(r"of 10,000 right, (\d+\.\d\d)% error", result.stdout).group(1))
    assert epochs <= most_epochs and error <= most_error
