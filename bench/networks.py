"""Convolutional networks as a whole: a training step with SGD and momentum, and the answer for one
picture. Every implementation starts with the same weights."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from cases import FORMATS, Case, images, torch, torch_format, torch_images
from steps import labels, training_step

import fastnn
from fastnn import models


class Network(NamedTuple):
    """torch_name: of the class in torch_networks.py. batch: of a training step."""

    title: str
    build: Callable
    torch_name: str
    image: tuple[int, int, int]
    classes: int
    batch: int | None = None


LR = 1e-9  # the weights stay as they are, for a whole measurement

NETWORKS = {
    "lenet5": Network("LeNet-5", models.LeNet5, "LeNet5", (1, 28, 28), 10),
    "resnet20": Network("ResNet-20", models.resnet20, "ResNet20", (3, 32, 32), 10, 128),
    "resnet18": Network("ResNet-18", models.resnet18, "ResNet18", (3, 224, 224), 1000, 4),
    # Dropout is left out: the masks would differ.
    "vgg11": Network(
        "VGG-11", lambda: models.vgg11(dropout=0.0), "VGG11", (3, 224, 224), 1000, 4
    ),
}  # fmt: skip
TRAINING = ("resnet20", "resnet18", "vgg11")
INFERENCE = ("lenet5", "resnet20", "resnet18")
TORCH_TRAINING = tuple(f"torch {layout}{sgd}" for layout in FORMATS for sgd in ("", ", fused SGD"))


def training(name, impls=("fastnn", *TORCH_TRAINING), batch=None):
    """-> loss and the gradient of the first weight, to which all layers contribute. impls: only
    these are made; batch: the network's own, unless given."""
    network, model, state = _made(name)
    batch = batch or network.batch
    x, target = images(batch, *network.image), labels(batch, network.classes)
    steps = {}
    if "fastnn" in impls:
        optimizer = fastnn.optim.SGD(model.parameters(), LR, momentum=0.9)
        cross_entropy = fastnn.functional.cross_entropy
        steps["fastnn"] = training_step(model, optimizer, cross_entropy, x, target)
    for layout in FORMATS if torch else ():
        wanted = [impl for impl in impls if impl.startswith(f"torch {layout}")]
        t_model = _torch_model(network, state, layout) if wanted else None
        for impl in wanted:  # one model, for its memory's sake
            fused = impl.endswith("fused SGD")
            optimizer = torch.optim.SGD(t_model.parameters(), LR, momentum=0.9, fused=fused)
            steps[impl] = _torch_step(t_model, optimizer, torch_images(x, layout), target)

    def expected():
        """In float64, by torch or, without it, by fastnn."""
        if torch:
            model = _torch_model(network, state).double()
            optimizer = torch.optim.SGD(model.parameters(), LR)
            return _torch_step(model, optimizer, torch_images(x, "NCHW").double(), target)()
        model = network.build().double()
        model.load_state_dict(state)
        optimizer = fastnn.optim.SGD(model.parameters(), LR)
        cross_entropy = fastnn.functional.cross_entropy
        return training_step(model, optimizer, cross_entropy, np.float64(x), target)()

    # The tolerance: where a ReLU's input is close to zero, rounding decides whether gradients pass.
    return Case(_label(network, batch), steps, expected, batch, "images/s", tolerance=0.02)


def inference(name):
    """One picture, in evaluation mode, nothing recorded: -> its logits."""
    network, model, state = _made(name)
    x = images(1, *network.image)
    model.eval()
    impls = {"fastnn": fastnn.no_grad()(lambda: model(x))}
    for layout in FORMATS if torch else ():
        t_model, t_x = _torch_model(network, state, layout).eval(), torch_images(x, layout)
        impls[f"torch {layout}"] = torch.inference_mode()(lambda m=t_model, t_x=t_x: m(t_x))
        if any(isinstance(m, torch.nn.BatchNorm2d) for m in t_model.modules()):
            fused = _torch_fuse(t_model)
            impls[f"torch {layout}, fused"] = torch.inference_mode()(
                lambda m=fused, t_x=t_x: m(t_x)
            )

    def expected():
        if torch:
            reference = _torch_model(network, state).double().eval()
            return reference(torch_images(x, "NCHW").double())
        reference = network.build().double().eval()
        reference.load_state_dict(state)
        return reference(np.float64(x))

    return Case(_label(network, 1), impls, expected, 1, "images/s")


def _made(name):
    """The network, fastnn's model of it, and its state: running statistics as after training."""
    fastnn.manual_seed(0)
    network, rng = NETWORKS[name], np.random.default_rng(0)
    model = network.build()
    for key, value in model.state_dict().items():
        if key.endswith("running_mean"):
            value[...] = rng.uniform(-0.5, 0.5, value.shape)
        elif key.endswith("running_var"):
            value[...] = rng.uniform(0.5, 1.5, value.shape)
    return network, model, {key: value.copy() for key, value in model.state_dict().items()}


def _torch_model(network, state, layout="NCHW"):
    import torch_networks

    model = getattr(torch_networks, network.torch_name)(network.classes)
    model.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()})
    return model.to(memory_format=torch_format(layout))


def _torch_fuse(model):
    """Batch normalisation in the convolutions before it, as fastnn has it."""
    from torch.fx.experimental.optimization import fuse

    return fuse(model)


def _torch_step(model, optimizer, x, target):
    cross_entropy = torch.nn.functional.cross_entropy
    return training_step(model, optimizer, cross_entropy, x, torch.from_numpy(target))


def _label(network, batch):
    return f"{network.title}, batch {batch}, {network.image[1]} x {network.image[2]}"
