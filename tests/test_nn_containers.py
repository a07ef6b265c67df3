"""nn: Sequential, ModuleList, ModuleDict."""

import numpy as np
import pytest

from fastnn import nn


def test_sequential_from_modules_and_from_a_dict():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x = np.ones((5, 3))
    np.testing.assert_array_equal(net(x).data, net[2](net[1](net[0](x))).data)
    named = nn.Sequential({"a": net[0], "b": net[1]})
    assert list(named.state_dict()) == ["a.weight", "a.bias"]
    assert named.a is net[0]
    assert [n for n, _ in named[:1].named_children()] == ["a"]


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
