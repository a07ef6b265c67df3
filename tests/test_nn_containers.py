"""nn: Sequential, ModuleList, ModuleDict."""

import numpy as np
import pytest

from fastnn import Tensor, nn


def test_sequential_from_modules_and_from_a_dict():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x = np.ones((5, 3))
    np.testing.assert_array_equal(net(x).data, net[2](net[1](net[0](x))).data)
    named = nn.Sequential({"a": net[0], "b": net[1]})
    assert list(named.state_dict()) == ["a.weight", "a.bias"]
    assert named.a is net[0]
    assert [n for n, _ in named[:1].named_children()] == ["a"]


FUSING = [
    (lambda: nn.Linear(5, 4), (3, 5)),
    (lambda: nn.Conv2d(2, 4, 3, padding=1), (2, 2, 5, 6)),
    (lambda: nn.Conv1d(2, 4, 4, padding="same"), (2, 2, 7)),
]


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Sigmoid, nn.Tanh])
@pytest.mark.parametrize(("layer", "shape"), FUSING)
def test_sequential_fuses_an_activation(layer, shape, activation, monkeypatch):
    layer, act = layer(), activation()
    x = Tensor(np.random.default_rng(0).standard_normal(shape, dtype=np.float32), True)
    plain = act(layer(x))
    plain.backward(np.ones_like(plain.data))
    expected = [x.grad, *(p.grad for p in layer.parameters())]
    x.grad = None
    layer.zero_grad()
    monkeypatch.setattr(act, "forward", None)  # must not be called
    fused = nn.Sequential(layer, act, nn.Identity())(x)
    fused.backward(np.ones_like(fused.data))
    np.testing.assert_allclose(fused.data, plain.data, rtol=1e-6)
    for grad, want in zip([x.grad, *(p.grad for p in layer.parameters())], expected, strict=True):
        np.testing.assert_allclose(grad, want, rtol=1e-5, atol=1e-6)


def test_sequential_runs_hooks_and_other_forwards():
    class Doubled(nn.Linear):
        def forward(self, input):
            return super().forward(input) * 2

    x = np.ones((2, 3), np.float32)
    relu, linear, doubled = nn.ReLU(), nn.Linear(3, 3), Doubled(3, 3)
    expected = relu(doubled(relu(linear(relu(x))))).data
    net = nn.Sequential(relu, linear, relu, doubled, relu)  # one module in three places
    np.testing.assert_allclose(net(x).data, expected, rtol=1e-6)
    seen = []
    for module in (linear, relu):
        handle = module.register_forward_hook(lambda m, args, y: seen.append(type(m)))
        np.testing.assert_allclose(net(x).data, expected, rtol=1e-6)
        handle.remove()
    assert seen == [nn.Linear, nn.ReLU, nn.ReLU, nn.ReLU]


def test_a_slice_of_a_named_sequential():
    class Named(nn.Sequential):
        def __init__(self):
            super().__init__({"a": nn.Linear(3, 4), "b": nn.ReLU()})

    part = Named()[:1]
    assert type(part) is nn.Sequential and list(part.state_dict()) == ["a.weight", "a.bias"]


@pytest.mark.parametrize("kind", [lambda *m: nn.Sequential(*m), lambda *m: nn.ModuleList(m)])
def test_behaves_like_a_list(kind):
    a, b, c, d = nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.ELU()
    seq = kind(a, b)
    assert seq.append(c) is seq and list(seq) == [a, b, c] and len(seq) == 3
    assert seq[0] is a and seq[-1] is c and list(seq[1:]) == [b, c]
    assert type(seq[1:]) is type(seq)
    seq[1] = d
    assert list(seq) == [a, d, c]
    seq.insert(1, b)
    assert list(seq) == [a, b, d, c]
    assert [n for n, _ in seq.named_children()] == ["0", "1", "2", "3"]
    del seq[0]
    del seq[-2:]
    assert list(seq) == [b] and [n for n, _ in seq.named_children()] == ["0"]
    assert list(seq.extend([c, d])) == [b, c, d]
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"index {index} is out of range for 3 modules"):
            seq[index]
    with pytest.raises(TypeError, match="index must be an int or a slice, got str"):
        seq["0"]
    with pytest.raises(TypeError, match="expected a Module, got int"):
        seq[0] = 3
    with pytest.raises(TypeError, match="expected a Module, got int"):
        seq.insert(0, 3)
    with pytest.raises(TypeError, match="add_module: '3' must be a Module"):
        seq.append("relu")
    assert list(seq) == [b, c, d]


def test_module_dict():
    d = nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.ReLU()})
    assert list(d) == list(d.keys()) == ["a", "b"] and len(d) == 2 and "a" in d
    assert d["a"] is d.values()[0] and dict(d.items())["b"] is d["b"]
    assert list(d.state_dict()) == ["a.weight", "a.bias"]
    d["c"] = nn.Tanh()
    d.update([("b", nn.Sigmoid())])
    assert isinstance(d["b"], nn.Sigmoid) and list(d) == ["a", "b", "c"]
    assert isinstance(d.pop("c"), nn.Tanh)
    del d["b"]
    with pytest.raises(KeyError):
        d["b"]
    with pytest.raises(ValueError, match="ModuleDict already has an attribute 'train'"):
        d["train"] = nn.ReLU()
    d.clear()
    assert len(d) == 0 and not list(d.parameters())


def test_lists_have_no_forward():
    with pytest.raises(NotImplementedError, match="ModuleList has no forward"):
        nn.ModuleList()(1)
