"""The networks of the ImageNet ladder: sizes, state dicts, and that every one of them runs."""

import inspect

import numpy as np
import pytest
from torchvision_state import STATES, googlenet

import fastnn
import fastnn.functional as F
from fastnn import models, nn
from fastnn.models import FAMILIES, MODELS
from fastnn.models.initial import he_normal_
from fastnn.training import evaluate, fit, predict, summary

# name, classes, input channels, trained parameters, as published (or as torchvision documents)
PARAMETERS = {
    "lenet5": (10, 1, 61_706),
    "lenet5_1998": (10, 1, 60_000 + 850),  # the paper's 60,000, and a linear layer for its RBFs
    "alexnet": (1000, 3, 61_100_840),
    "vgg11": (1000, 3, 132_863_336),
    "vgg13": (1000, 3, 133_047_848),
    "vgg16": (1000, 3, 138_357_544),
    "vgg19": (1000, 3, 143_667_240),
    "vgg11_bn": (1000, 3, 132_868_840),
    "vgg13_bn": (1000, 3, 133_053_736),
    "vgg16_bn": (1000, 3, 138_365_992),
    "vgg19_bn": (1000, 3, 143_678_248),
    "googlenet": (1000, 3, 13_004_888),
    "resnet18": (1000, 3, 11_689_512),
    "resnet34": (1000, 3, 21_797_672),
    "resnet50": (1000, 3, 25_557_032),
    "resnet101": (1000, 3, 44_549_160),
    "resnet152": (1000, 3, 60_192_808),
    "plain18": (1000, 3, 11_689_512 - 173_824),  # without the three projections
    "plain34": (1000, 3, 21_797_672 - 173_824),
    "resnet20": (10, 3, 269_722),
    "resnet32": (10, 3, 464_154),
    "resnet44": (10, 3, 658_586),
    "resnet56": (10, 3, 853_018),
    "resnet110": (10, 3, 1_727_962),
    "plain20": (10, 3, 269_722),  # the shortcuts have none
    "plain32": (10, 3, 464_154),
    "plain44": (10, 3, 658_586),
    "plain56": (10, 3, 853_018),
}


@pytest.fixture
def uninitialised(monkeypatch):
    """Models without random weights: hundreds of megabytes are then reserved but never written."""
    for name in ("uniform_", "normal_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *args, **kwargs: tensor)


def build(name):
    classes, channels, _ = PARAMETERS[name]
    return MODELS[name][0](num_classes=classes, in_channels=channels)


def count(model):
    return sum(parameter.size for parameter in model.parameters())


@pytest.mark.parametrize("name", MODELS)
def test_published_parameter_counts(name, uninitialised):
    assert count(build(name)) == PARAMETERS[name][2]


def test_googlenet_without_its_heads(uninitialised):
    model = models.googlenet(aux_logits=False)
    assert count(model) == 6_624_904
    state = {name: a.shape for name, a in model.state_dict().items()}
    assert list(state.items()) == list(googlenet(aux_logits=False).items())


@pytest.mark.parametrize("name", STATES)
def test_state_dicts_are_torchvisions(name, uninitialised):
    model = build(name)
    state = {name: a.shape for name, a in model.state_dict().items()}
    assert list(state.items()) == list(STATES[name].items())


@pytest.mark.parametrize("name", ["googlenet", "resnet18", "resnet50"])
def test_arrays_of_torchvisions_names_and_shapes_load(name, uninitialised):
    model, rng = build(name), np.random.default_rng(0)
    arrays = {
        key: np.broadcast_to(np.float32(rng.random()), shape) if shape else np.array(7)
        for key, shape in STATES[name].items()
    }
    missing, unexpected = model.load_state_dict(arrays, strict=True)
    assert not missing and not unexpected
    state = model.state_dict()
    assert all((state[key] == a).all() for key, a in arrays.items())
    arrays["fc.extra"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"unexpected keys: fc\.extra"):
        model.load_state_dict(arrays)


@pytest.mark.parametrize("name, macs", [
    ("alexnet", 0.714e9), ("vgg11", 7.609e9), ("googlenet", 1.498e9), ("resnet18", 1.814e9),
    ("resnet50", 4.089e9),
])  # fmt: skip
def test_published_work_at_224(name, macs, uninitialised):
    """Multiply-adds of convolutions and linear layers, which shows each layer's output size."""
    rows = summary(build(name), (3, 224, 224)).layers
    work = sum(row.flops for row in rows if row.kind in ("Conv2d", "Linear")) / 2
    assert work == pytest.approx(macs, rel=1e-3)


# name, input, options that make the net small
SMALL = [
    ("lenet5_1998", (2, 1, 32, 32), {}),
    ("alexnet", (2, 1, 63, 63), {}),
    ("vgg11", (2, 1, 32, 32), {}),
    ("vgg11_bn", (2, 3, 33, 40), {}),
    ("googlenet", (2, 3, 33, 33), {}),
    ("resnet18", (2, 3, 33, 31), {"width": 8}),
    ("resnet50", (2, 1, 33, 33), {"width": 4}),
    ("plain18", (2, 3, 33, 31), {"width": 8}),
    ("resnet20", (2, 3, 13, 9), {}),
    ("plain20", (2, 1, 13, 9), {}),
    ("resnet110", (2, 1, 8, 8), {"width": 4}),
]


@pytest.mark.parametrize("name, shape, options", SMALL, ids=[case[0] for case in SMALL])
def test_forward_and_backward(name, shape, options, request):
    make, _ = MODELS[name]
    if name.startswith(("alexnet", "vgg")):  # most of their weights are in the head: another one
        request.getfixturevalue("uninitialised")
        model = make(num_classes=5, in_channels=shape[1])
        request.getfixturevalue("monkeypatch").undo()
        inputs = next(layer for layer in model.classifier if isinstance(layer, nn.Linear))
        model.classifier = nn.Linear(inputs.in_features, 5)
        he_normal_(model)
    else:
        model = make(num_classes=5, in_channels=shape[1], **options)
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal(shape).astype(np.float32), np.array([1, 4])
    before = {key: a.copy() for key, a in model.state_dict().items()}
    loss = (MODELS[name][1].loss or F.cross_entropy)(model(x), target)
    loss.backward()
    assert np.isfinite(loss.item())
    for key, parameter in model.named_parameters():
        assert parameter.grad.shape == parameter.shape and parameter.grad.any(), key
    for key, a in model.state_dict().items():  # only statistics have moved
        assert (a == before[key]).all() != ("running" in key or "tracked" in key), key
    logits = predict(model, x)
    assert logits.shape == (2, 5) and np.isfinite(logits).all()
    alone = np.concatenate([predict(model, x[:1]), predict(model, x[1:])])
    np.testing.assert_allclose(alone, logits, rtol=1e-4, atol=1e-5)


def test_constructors_are_torchvisions():
    for name in STATES:
        parameters = inspect.signature(getattr(models, name)).parameters
        assert parameters["num_classes"].default == 1000
        assert parameters["in_channels"].default == 3
    assert set(MODELS) == set(PARAMETERS)
    assert list(MODELS) == [name for family in FAMILIES.values() for name in family]


@pytest.mark.parametrize("name", MODELS)
def test_every_registered_model_has_what_train_needs(name, uninitialised):
    make, recipe = MODELS[name]
    assert recipe.defaults.keys() == {"digits", "mnist", "folder"}
    for kind in recipe.defaults:
        assert all(value > 0 for value in recipe.options(kind).values())
    model = make(num_classes=3, in_channels=recipe.preparation.channels or 1)
    optimizer = recipe.optimizer(model, 0.1)
    recipe.scheduler(optimizer, 5).step()
    assert optimizer.param_groups[0]["lr"] < 0.1


def test_googlenets_loss():
    """0.3 for each head; in evaluation there are none."""
    fastnn.manual_seed(0)
    model = models.googlenet(4, 1)
    x, target = np.random.default_rng(0).standard_normal((3, 1, 32, 32)), np.array([0, 2, 3])
    output = model(x.astype(np.float32))
    assert output._fields == ("logits", "aux_logits2", "aux_logits1")
    main, aux2, aux1 = (F.cross_entropy(logits, target).item() for logits in output)
    loss = models.googlenet_loss(output, target).item()
    assert loss == pytest.approx(main + 0.3 * aux2 + 0.3 * aux1, rel=1e-6)
    model.eval()
    output = model(x.astype(np.float32))
    expected = F.cross_entropy(output, target).item()
    assert models.googlenet_loss(output, target).item() == expected


class TwoHeads(nn.Module):
    """The first head knows the answer, the second always says 0."""

    def forward(self, x):
        return (x, 0 * x) if self.training else x


def test_of_several_outputs_the_first_is_judged():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), TwoHeads())
    model[0].weight.data[...] = np.eye(3)
    x = np.eye(3, dtype=np.float32)[[0, 1, 2, 2]]
    data = x, x.argmax(1)

    def loss(output, target):
        return F.cross_entropy(output[0] if isinstance(output, tuple) else output, target)

    history = fit(model, data, validation=data, epochs=1, loss=loss, progress=False)
    assert history["accuracy"] == [1.0] and evaluate(model, data)["accuracy"] == 1.0


def test_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match=r"VGG: depth must be one of \(11, 13, 16, 19\), got 12"):
        models.VGG(12)
    with pytest.raises(ValueError, match=r"CifarResNet: depth must be 6 n \+ 2, n >= 1, got 18"):
        models.CifarResNet(18)
    with pytest.raises(ValueError, match=r"CifarResNet: shortcut must be one of .* got 'none'"):
        models.CifarResNet(20, shortcut="none")
    with pytest.raises(ValueError, match=r"ResNet: shortcut must be one of .* got 'none'"):
        models.resnet18(shortcut="none")
