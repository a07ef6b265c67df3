"""The models compute what PyTorch's layers compute: written out over the state dict alone, with
torchvision's names, strides, paddings and epsilons."""

import numpy as np
import pytest

import fastnn
from fastnn import models
from fastnn.training import predict

torch = pytest.importorskip("torch")
F = torch.nn.functional


class Layers:
    """PyTorch's functions with the arrays of a state dict, by name; evaluation mode."""

    def __init__(self, model, eps=1e-5):
        self.state = {name: torch.tensor(a) for name, a in model.state_dict().items()}
        self.eps = eps

    def conv(self, name, x, stride=1, padding=0):
        weight, bias = self.state[f"{name}.weight"], self.state.get(f"{name}.bias")
        return F.conv2d(x, weight, bias, stride, padding)

    def norm(self, name, x):
        parts = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(self.state[f"{name}.{part}"] for part in parts), eps=self.eps)

    def linear(self, name, x):
        return F.linear(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def has(self, name):
        return f"{name}.weight" in self.state


def resnet(layers, x):
    """torchvision's: a bottleneck where a block has a third convolution, its stride in the second;
    a projection where there is one, else option A."""
    stem = layers.state["conv1.weight"].shape[2] == 7
    x = layers.conv("conv1", x, 2 if stem else 1, 3 if stem else 1)
    x = F.relu(layers.norm("bn1", x))
    x = F.max_pool2d(x, 3, 2, 1) if stem else x
    for stage in range(1, 5):
        i = 0
        while layers.has(block := f"layer{stage}.{i}.conv1"):
            block = block.removesuffix(".conv1")
            stride = 2 if stage > 1 and i == 0 else 1
            i += 1
            y = x
            if layers.has(f"{block}.conv3"):
                steps = ((1, 0), (stride, 1), (1, 0))
            else:
                steps = ((stride, 1), (1, 1))
            for j, (step, padding) in enumerate(steps, 1):
                y = layers.norm(f"{block}.bn{j}", layers.conv(f"{block}.conv{j}", y, step, padding))
                y = F.relu(y) if j < len(steps) else y
            if layers.has(f"{block}.downsample.0"):
                x = layers.conv(f"{block}.downsample.0", x, stride)
                x = layers.norm(f"{block}.downsample.1", x)
            elif stride == 2:
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
            x = F.relu(y + x)
    return layers.linear("fc", x.mean((2, 3)))


def googlenet(layers, x):
    """torchvision's: the third branch has 3 x 3, the last pool between stages 2 x 2."""

    def basic(name, x, stride=1, padding=0):
        return F.relu(layers.norm(f"{name}.bn", layers.conv(f"{name}.conv", x, stride, padding)))

    def pool(x, size=3):
        return F.max_pool2d(x, size, 2, ceil_mode=True)

    x = pool(basic("conv1", x, 2, 3))
    x = pool(basic("conv3", basic("conv2", x), padding=1))
    for block in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        name = f"inception{block}"
        x = torch.cat(
            [
                basic(f"{name}.branch1", x),
                basic(f"{name}.branch2.1", basic(f"{name}.branch2.0", x), padding=1),
                basic(f"{name}.branch3.1", basic(f"{name}.branch3.0", x), padding=1),
                basic(f"{name}.branch4.1", F.max_pool2d(x, 3, 1, 1, ceil_mode=True)),
            ],
            1,
        )
        if block in ("3b", "4e"):
            x = pool(x, 3 if block == "3b" else 2)
    return layers.linear("fc", x.mean((2, 3)))


def lenet5_1998(layers, x):
    def squash(x):
        return 1.7159 * torch.tanh(2 / 3 * x)

    def subsample(name, x):
        weight, bias = (layers.state[f"{name}.{part}"] for part in ("weight", "bias"))
        return squash(4 * F.avg_pool2d(x, 2) * weight[:, None, None] + bias[:, None, None])

    x = subsample("s2", squash(layers.conv("c1", x)))
    weight, dense = list(layers.state["c3.weight"]), torch.zeros(16, 6, 5, 5)
    for k, seen in enumerate(models.lenet5_1998.CONNECTIONS):
        for c in seen:
            dense[k, c] = weight.pop(0)
    x = subsample("s4", squash(F.conv2d(x, dense, layers.state["c3.bias"])))
    x = squash(layers.linear("f6", squash(layers.conv("c5", x)).flatten(1)))
    return layers.linear("output", x)


CASES = [
    ("resnet18", resnet, (2, 3, 65, 50), {"width": 16}),
    ("resnet50", resnet, (2, 3, 65, 50), {"width": 8}),
    ("resnet20", resnet, (2, 3, 32, 32), {}),
    ("googlenet", googlenet, (2, 3, 65, 50), {}),
    ("lenet5_1998", lenet5_1998, (2, 1, 32, 32), {}),
]


@pytest.mark.parametrize("name, theirs, shape, options", CASES, ids=[case[0] for case in CASES])
def test_same_function_as_torch(name, theirs, shape, options):
    fastnn.manual_seed(0)
    model = models.MODELS[name][0](num_classes=5, in_channels=shape[1], **options)
    rng = np.random.default_rng(0)
    for key, a in model.state_dict().items():
        if "running" in key or "bn" in key:
            a[...] = rng.uniform(0.5, 1.5, a.shape)
    x = rng.standard_normal(shape).astype(np.float32)
    layers = Layers(model, 1e-3 if name == "googlenet" else 1e-5)
    with torch.no_grad():
        expected = theirs(layers, torch.tensor(x)).numpy()
    np.testing.assert_allclose(predict(model, x), expected, rtol=1e-3, atol=1e-3 * expected.std())
