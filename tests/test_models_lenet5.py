"""LeNet-5: its size, its function against PyTorch's layers, its recipe on real digits."""

import numpy as np
import pytest

from fastnn import manual_seed, models
from fastnn.models import MODELS, LeNet5
from fastnn.models.task import load_task
from fastnn.training import evaluate, fit, predict


def test_parameters_and_names():
    shapes = {name: value.shape for name, value in LeNet5().state_dict().items()}
    assert shapes == {
        "conv1.weight": (6, 1, 5, 5), "conv1.bias": (6,),
        "conv2.weight": (16, 6, 5, 5), "conv2.bias": (16,),
        "fc1.weight": (120, 400), "fc1.bias": (120,),
        "fc2.weight": (84, 120), "fc2.bias": (84,),
        "fc3.weight": (10, 84), "fc3.bias": (10,),
    }  # fmt: skip
    assert sum(np.prod(shape) for shape in shapes.values()) == 61_706
    assert predict(LeNet5(7, 3), np.zeros((2, 3, 28, 28), np.float32)).shape == (2, 7)


def test_same_function_as_the_torch_layers():
    torch = pytest.importorskip("torch")
    manual_seed(0)
    ours = LeNet5()
    t = torch.nn
    theirs = t.Sequential(
        t.Conv2d(1, 6, 5, padding=2), t.ReLU(), t.MaxPool2d(2), t.Conv2d(6, 16, 5), t.ReLU(),
        t.MaxPool2d(2), t.Flatten(), t.Linear(400, 120), t.ReLU(), t.Linear(120, 84), t.ReLU(),
        t.Linear(84, 10),
    )  # fmt: skip
    weights = ours.state_dict().values()
    theirs.load_state_dict(
        {k: torch.tensor(v) for k, v in zip(theirs.state_dict(), weights, strict=True)}
    )
    x = np.random.default_rng(0).standard_normal((5, 1, 28, 28)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.tensor(x)).numpy()
    np.testing.assert_allclose(predict(ours, x), expected, rtol=1e-4, atol=1e-5)


def test_digits_task():
    task = load_task("digits", MODELS["lenet5"][1].preparation)
    parts = [len(part[1]) for part in (task.train, task.validation, task.test)]
    assert parts == [1293, 144, 360]
    pixels = task.train[0]
    assert pixels.shape[1:] == (1, 28, 28) and pixels.dtype == np.float32
    assert 0.0 <= pixels.min() and pixels.max() <= 1.0
    inputs = task.preparation.standardize(pixels)
    assert abs(inputs.mean()) < 1e-3 and abs(inputs.std() - 1) < 1e-3
    assert task.classes == [str(d) for d in range(10)]
    # no picture is in two parts
    seen = set()
    for part, _ in (task.validation, task.test, (inputs, None)):
        seen |= {row.tobytes() for row in part}
    assert len(seen) >= 1790  # a few digits of the data set itself are equal


def test_recipe_learns_digits():
    _, recipe = MODELS["lenet5"]
    task = load_task("digits", recipe.preparation)
    manual_seed(0)
    model = LeNet5()
    optimizer = recipe.optimizer(model, 2e-3)
    fit(
        model, task.train, optimizer=optimizer, scheduler=recipe.scheduler(optimizer, 4), epochs=4,
        batch_size=32, transform=recipe.transform(task.preparation), progress=False,
    )  # fmt: skip
    assert evaluate(model, task.test)["accuracy"] > 0.93


def test_unknown_data_is_named():
    with pytest.raises(ValueError, match="expected digits, mnist or a folder, and 'x' is none"):
        load_task("x", models.Preparation((28, 28)))
