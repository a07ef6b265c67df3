"""nn.Module: registration, walking, modes, dtype, state dicts, hooks."""

import copy

import numpy as np
import pytest

import fastnn
from fastnn import Tensor, nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.scale = nn.Parameter(np.ones(3, np.float32))
        self.body = nn.Sequential(nn.ReLU(), nn.Dropout(), nn.Linear(3, 2, bias=False))
        self.register_buffer("mean", np.zeros(4, np.float32))
        self.register_buffer("steps", np.array(0))
        self.register_buffer("cache", np.zeros(2), persistent=False)

    def forward(self, x):
        return self.body(self.first(x) * self.scale)


KEYS = ["scale", "mean", "steps", "first.weight", "first.bias", "body.2.weight"]


def test_registration_follows_assignment():
    net = Net()
    assert list(net.state_dict()) == KEYS
    assert [n for n, _ in net.named_parameters()] == ["scale", *KEYS[3:]]
    assert [n for n, _ in net.named_buffers()] == ["mean", "steps", "cache"]
    assert [n for n, _ in net.named_children()] == ["first", "body"]
    assert [n for n, _ in net.named_modules()] == [
        "",
        "first",
        "body",
        "body.0",
        "body.1",
        "body.2",
    ]
    assert list(net.parameters(recurse=False)) == [net.scale]
    assert isinstance(net.mean, Tensor) and not net.mean.requires_grad
    net.mean = np.ones(4, np.float32)  # stays a buffer
    assert isinstance(net.mean, Tensor)
    net.first = nn.Linear(4, 5)
    assert net.state_dict()["first.weight"].shape == (5, 4)
    net.first.bias = None
    assert list(net.first.state_dict()) == ["weight"]
    del net.body
    assert list(net.state_dict()) == ["scale", "mean", "steps", "first.weight"]


def test_an_attribute_may_change_its_kind():
    net = nn.Module()
    net.x = 3
    net.x = nn.Parameter(np.ones(2))
    assert [n for n, _ in net.named_parameters()] == ["x"]
    del net.x
    net.x = nn.ReLU()
    assert not list(net.parameters()) and [n for n, _ in net.named_children()] == ["x"]


def test_shared_parts_come_once():
    layer = nn.Linear(3, 3)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    assert [n for n, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    assert len(list(net.modules())) == 3
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    other = nn.Linear(3, 3)
    other.weight = layer.weight
    pair = nn.ModuleList([layer, other])
    assert len(list(pair.parameters())) == 3
    assert len(list(pair.named_parameters(remove_duplicate=False))) == 4


def test_registration_errors():
    net = Net()
    cases = [
        (
            lambda: setattr(net, "scale", np.ones(3)),
            TypeError,
            "Net.scale: expected a Parameter or None, got ndarray",
        ),
        (
            lambda: setattr(net, "first", 3),
            TypeError,
            "Net.first: expected a Module or None, got int",
        ),
        (
            lambda: net.register_parameter("a.b", None),
            ValueError,
            "register_parameter: name must be",
        ),
        (
            lambda: net.register_parameter("first", None),
            ValueError,
            "already has an attribute 'first'",
        ),
        (
            lambda: net.register_parameter("w", Tensor([1.0])),
            TypeError,
            "must be a Parameter or None, got Tensor",
        ),
        (
            lambda: net.register_buffer("forward", None),
            ValueError,
            "already has an attribute 'forward'",
        ),
        (
            lambda: net.add_module("x", 3),
            TypeError,
            "add_module: 'x' must be a Module or None, got int",
        ),
        (
            lambda: net.add_module(3, nn.ReLU()),
            TypeError,
            "add_module: name must be a str, got int",
        ),
        (lambda: net.train("yes"), TypeError, "train: mode must be a bool, got str"),
        (
            lambda: net.to("int64"),
            TypeError,
            "Module.to: dtype must be float32 or float64, got 'int64'",
        ),
        (
            lambda: net.to("cuda"),
            TypeError,
            "Module.to: dtype must be float32 or float64, got 'cuda'",
        ),
        (lambda: nn.Module()(1), NotImplementedError, "Module has no forward method"),
    ]
    for call, error, message in cases:
        with pytest.raises(error, match=message):
            call()


def test_forgotten_init_is_named():
    class Bad(nn.Module):
        def __init__(self):
            self.layer = nn.ReLU()

    with pytest.raises(
        AttributeError, match=r"Bad: call super\(\).__init__\(\) before assigning 'layer'"
    ):
        Bad()


def test_train_and_eval_reach_every_module():
    net = Net()
    assert net.training and net.body[1].training
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    x = np.ones((5, 4))
    np.testing.assert_array_equal(net(x).data, net(x).data)
    net.train()
    assert all(m.training for m in net.modules())


def test_zero_grad_and_requires_grad():
    net = Net()
    net.eval()
    net(np.ones((2, 4))).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all((p.grad == 0).all() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not net(np.ones((2, 4))).requires_grad


def test_to_casts_floats_in_place():
    net = Net().eval()
    params = list(net.parameters())
    net(np.ones((2, 4))).sum().backward()
    assert net.double() is net
    assert [id(p) for p in net.parameters()] == [id(p) for p in params]
    assert all(p.dtype == p.grad.dtype == np.float64 for p in params)
    assert net.mean.dtype == np.float64 and net.steps.dtype.kind == "i"
    assert net(np.ones((2, 4), np.float32)).dtype == np.float64  # plain input follows
    assert net.float()(np.ones((2, 4), np.uint8)).dtype == np.float32
    assert net.to("float64").scale.dtype == np.float64


def test_state_dict_shares_memory_and_loading_copies_into_it():
    net, other = Net(), Net()
    state = net.state_dict()
    assert all(isinstance(a, np.ndarray) for a in state.values())
    assert state["scale"] is net.scale.data
    assert list(net.state_dict(prefix="net.")) == ["net." + key for key in KEYS]
    arrays = other.state_dict()
    assert other.load_state_dict(state) == ([], [])
    for key, array in other.state_dict().items():
        assert array is arrays[key] and not np.shares_memory(array, state[key])
        np.testing.assert_array_equal(array, state[key])
    other.load_state_dict(
        {k: Tensor(a.astype(np.float64)) for k, a in state.items() if a.ndim}, strict=False
    )
    assert other.scale.dtype == np.float32


def test_load_state_dict_errors_leave_the_module_alone():
    net = Net()
    before = {k: a.copy() for k, a in net.state_dict().items()}
    good = {k: a + 1 for k, a in before.items()}
    missing = {k: a for k, a in good.items() if k != "scale"}
    with pytest.raises(ValueError, match="load_state_dict: Net: missing keys: scale"):
        net.load_state_dict(missing)
    with pytest.raises(ValueError, match="unexpected keys: extra, more"):
        net.load_state_dict({**good, "extra": 0, "more": 1})
    with pytest.raises(
        ValueError, match=r"first.weight has shape \(4, 3\), the module's has \(3, 4\)"
    ):
        net.load_state_dict({**good, "first.weight": good["first.weight"].T}, strict=False)
    with pytest.raises(
        TypeError, match="scale must be an array of numbers, got dtype <U1 from str"
    ):
        net.load_state_dict({**good, "scale": "a"})
    for key, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[key])
    keys = net.load_state_dict({**missing, "extra": 0}, strict=False)
    assert keys.missing_keys == ["scale"] and keys.unexpected_keys == ["extra"]
    np.testing.assert_array_equal(net.first.bias.data, before["first.bias"] + 1)


def test_apply_visits_children_first():
    names = []
    net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))
    assert net.apply(lambda m: names.append(type(m).__name__)) is net
    assert names == ["ReLU", "Tanh", "Sequential", "Sequential"]


def test_forward_hooks():
    net, seen = nn.Sequential(nn.Linear(3, 2), nn.ReLU()), []
    handle = net[0].register_forward_hook(lambda m, args, out: seen.append((m, args[0], out.shape)))
    x = np.ones((4, 3))
    net(x)
    assert len(seen) == 1 and seen[0][0] is net[0] and seen[0][1] is x and seen[0][2] == (4, 2)
    handle.remove()
    handle.remove()
    with net.register_forward_hook(lambda m, args, out: out * 0 + 7):
        assert (net(x).data == 7).all()
    net(x)
    assert len(seen) == 1 and not (net(x).data == 7).any()


def test_deepcopy_is_independent():
    net = Net()
    twin = copy.deepcopy(net)
    twin.scale.data += 1
    assert (net.scale.data == 1).all() and list(twin.state_dict()) == KEYS
    assert isinstance(twin.scale, nn.Parameter) and twin.scale.requires_grad


def test_parameter():
    p = nn.Parameter([1.0, 2.0])
    assert isinstance(p, Tensor) and p.requires_grad and p.dtype == np.float32
    assert repr(p).startswith("Parameter containing:\nTensor(")
    frozen = nn.Parameter(Tensor(np.ones(2)), requires_grad=False)
    assert not frozen.requires_grad and frozen.dtype == np.float64
    assert type(p * 2) is Tensor


def test_functional_is_one_module():
    import fastnn.nn.functional as F

    assert F is fastnn.functional is nn.functional
