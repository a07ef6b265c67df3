"""Optimizer: groups, checks, state, closures; the numbers are in test_optim_updates."""

import json

import numpy as np
import pytest

import fastnn
from fastnn import Tensor, optim

NAMES = ["SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW"]


def parameters(seed=0, dtype="f4"):
    rng = np.random.default_rng(seed)
    return [Tensor(rng.standard_normal(s).astype(dtype), True) for s in [(3, 5), (7,), (2, 1, 3)]]


def make(name, params, **options):
    if name in ("SGD", "RMSprop"):
        options.setdefault("momentum", 0.9)
    return getattr(optim, name)(params, **{"lr": 0.05, **options})


def run(optimizer, steps, seed):
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = rng.standard_normal(p.shape).astype(p.dtype)
        optimizer.step()


def values(params):
    return [p.data.copy() for p in params]


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def test_defaults_are_torchs():
    torch = pytest.importorskip("torch")
    for name in NAMES:
        ours = getattr(optim, name)(parameters()).defaults
        theirs = getattr(torch.optim, name)([torch.zeros(2, requires_grad=True)]).defaults
        for key, value in ours.items():
            assert theirs[key] == value, (name, key)


@pytest.mark.parametrize(
    "name, options, text",
    [
        ("SGD", {"lr": -1}, "Invalid learning rate: -1"),
        ("SGD", {"lr": float("nan")}, "Invalid learning rate: nan"),
        ("SGD", {"momentum": -0.5}, "Invalid momentum value: -0.5"),
        ("SGD", {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        ("SGD", {"nesterov": True}, "Nesterov momentum requires a momentum and zero dampening"),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "Nesterov momentum"),
        ("Adam", {"lr": -1}, "Invalid learning rate: -1"),
        ("Adam", {"eps": -1}, "Invalid epsilon value: -1"),
        ("Adam", {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
        ("Adam", {"betas": (0.9, -0.1)}, "Invalid beta parameter at index 1: -0.1"),
        ("Adam", {"betas": (0.9,)}, "Invalid betas, two numbers expected"),
        ("AdamW", {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        ("Adagrad", {"lr": -1}, "Invalid learning rate: -1"),
        ("Adagrad", {"lr_decay": -1}, "Invalid lr_decay value: -1"),
        ("Adagrad", {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        ("Adagrad", {"initial_accumulator_value": -1}, "Invalid initial_accumulator_value value"),
        ("Adagrad", {"eps": -1}, "Invalid epsilon value: -1"),
        ("Adadelta", {"lr": -1}, "Invalid learning rate: -1"),
        ("Adadelta", {"rho": 1.1}, "Invalid rho value: 1.1"),
        ("Adadelta", {"eps": -1}, "Invalid epsilon value: -1"),
        ("Adadelta", {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        ("RMSprop", {"lr": -1}, "Invalid learning rate: -1"),
        ("RMSprop", {"alpha": 1.5}, "Invalid alpha value: 1.5"),
        ("RMSprop", {"eps": -1}, "Invalid epsilon value: -1"),
        ("RMSprop", {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        ("RMSprop", {"momentum": -1}, "Invalid momentum value: -1"),
    ],
)
def test_hyper_parameters_out_of_range(name, options, text):
    params = parameters()
    with pytest.raises(ValueError, match=text):
        getattr(optim, name)(params, **options)
    with pytest.raises(ValueError, match=text):  # a group's own, which PyTorch lets pass
        getattr(optim, name)([{"params": params, **options}])


def test_bad_parameters():
    p, q = parameters()[:2]
    for bad, error, text in [
        ([], ValueError, "empty parameter list"),
        (p, TypeError, "should be an iterable of Tensors"),
        ([np.ones(2)], TypeError, "can only optimize Tensors, but one of the params is"),
        ([p * 2.0], ValueError, "can't optimize a non-leaf Tensor"),
        ([p, p], ValueError, r"parameter of shape \(3, 5\) appears more than once"),
        ([{"params": p}, {"params": [q, p]}], ValueError, "more than once"),
        ([{"params": {p, q}}], TypeError, "ordered collection"),
        ([{"lr": 1.0}], ValueError, "param_group has no 'params'"),
        ([{"params": p, "lrr": 1.0}], ValueError, r"param_group has \['lrr'\], which SGD has not"),
        ([{"params": p}, q], TypeError, "param_group must be a dict"),
    ]:
        with pytest.raises(error, match=text):
            optim.SGD(bad)


def test_groups():
    a, b, c = parameters()
    optimizer = optim.SGD([{"params": a}, {"params": iter([b]), "lr": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": c, "momentum": 0.9, "name": "last"})
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.5, 0.1]
    assert [g["momentum"] for g in optimizer.param_groups] == [0, 0, 0.9]
    assert optimizer.param_groups[1]["params"][0] is b
    before = values([a, b, c])
    for p in (a, b, c):
        p.grad = np.ones_like(p.data)
    optimizer.step()
    for p, old, lr in zip((a, b, c), before, (0.1, 0.5, 0.1), strict=True):
        np.testing.assert_allclose(p.data, old - lr, rtol=1e-6)
    assert repr(optimizer).startswith("SGD (\nParameter Group 0\n    dampening: 0\n    lr: 0.1\n")


def test_a_changed_rate_counts_at_once():
    (p, *_) = parameters()
    optimizer = optim.SGD([p], lr=0.1)
    p.grad = np.ones_like(p.data)
    optimizer.param_groups[0]["lr"] = 0.0
    before = p.data.copy()
    optimizer.step()
    np.testing.assert_array_equal(p.data, before)


def test_zero_grad():
    params = parameters()
    params[0].grad, params[1].grad = np.ones((3, 5), "f4"), np.ones(7, "f4")
    optimizer = optim.SGD(params)
    optimizer.zero_grad(set_to_none=False)
    assert not params[0].grad.any() and params[2].grad is None
    optimizer.zero_grad()
    assert all(p.grad is None for p in params)


def test_closure():
    p = Tensor(np.array([3.0, -4.0]), True)
    optimizer = optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with fastnn.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 25.0
    np.testing.assert_array_equal(p.data, [0.0, 0.0])
    assert optimizer.step() is None


@pytest.mark.parametrize("name", NAMES)
def test_descends(name):
    rng = np.random.default_rng(0)
    a, x = rng.standard_normal((20, 4)), rng.standard_normal(4)
    p = Tensor(np.zeros(4), True)
    rate = {"Adagrad": 0.5, "Adadelta": 2.0}.get(name, 0.05)
    optimizer = make(name, [p], weight_decay=0.0, lr=rate)
    for _ in range(300):
        optimizer.zero_grad()
        loss = ((Tensor(a) @ p - Tensor(a @ x)) ** 2).mean()
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(p.data, x, atol=0.02)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("through_file", [False, True])
def test_state_continues_exactly(tmp_path, name, through_file):
    options = {"Adam": {"amsgrad": True}, "RMSprop": {"centered": True}}.get(name, {})
    ours = parameters()
    optimizer = make(name, [{"params": ours[:2]}, {"params": ours[2:], "lr": 0.01}], **options)
    run(optimizer, 3, seed=1)
    optimizer.param_groups[0]["initial_lr"] = 0.05
    state = optimizer.state_dict()
    if through_file:
        arrays, rest = optim.flatten_state(state)
        fastnn.save(arrays, tmp_path / "a", {"optimizer": json.dumps(rest)})
        arrays, metadata = fastnn.load(tmp_path / "a", with_metadata=True)
        state = optim.unflatten_state(arrays, json.loads(metadata["optimizer"]))
    theirs = [Tensor(v, True) for v in values(ours)]
    resumed = make(name, [{"params": theirs[:2]}, {"params": theirs[2:]}], lr=9.0)
    resumed.load_state_dict(state)
    for group, other in zip(optimizer.param_groups, resumed.param_groups, strict=True):
        assert {k: v for k, v in group.items() if k != "params"} == {
            k: v for k, v in other.items() if k != "params"
        }
        assert type(group.get("betas")) is type(other.get("betas"))
    run(optimizer, 3, seed=2)
    run(resumed, 3, seed=2)  # were the loaded arrays not copies, they'd have moved twice
    assert_same(values(ours), values(theirs))


def test_state_dict_is_numbered_over_all_groups():
    a, b, c = parameters()
    optimizer = optim.Adam([{"params": [a]}, {"params": [b, c]}])
    c.grad = np.ones_like(c.data)
    optimizer.step()
    state = optimizer.state_dict()
    assert [g["params"] for g in state["param_groups"]] == [[0], [1, 2]]
    assert state["state"].keys() == {2}
    assert state["state"][2].keys() == {"step", "exp_avg", "exp_avg_sq"}
    assert state["state"][2]["step"] == 1
    arrays, rest = optim.flatten_state(state)
    assert arrays.keys() == {"2.exp_avg", "2.exp_avg_sq"}
    assert json.loads(json.dumps(rest))["state"] == {"2": {"step": 1}}


@pytest.mark.parametrize("name", NAMES)
def test_torchs_state_moves_over(name):
    torch = pytest.importorskip("torch")
    ours = parameters()
    theirs = [torch.tensor(p.data, requires_grad=True) for p in ours]
    options = {"momentum": 0.9} if name == "SGD" else {}
    other = getattr(torch.optim, name)(theirs, lr=0.03, **options)
    rng = np.random.default_rng(0)

    def step(params, optimizer, grads, wrap):
        for p, g in zip(params, grads, strict=True):
            p.grad = wrap(g)
        optimizer.step()

    draws = [[rng.standard_normal(p.shape).astype("f4") for p in ours] for _ in range(4)]
    for grads in draws[:2]:
        step(theirs, other, grads, torch.from_numpy)
    mine = make(name, ours)
    mine.load_state_dict(other.state_dict())
    assert mine.param_groups[0]["lr"] == 0.03 and "foreach" not in mine.param_groups[0]
    for p, q in zip(ours, theirs, strict=True):
        p.data = q.detach().numpy().copy()
    for grads in draws[2:]:
        step(ours, mine, grads, np.array)
        step(theirs, other, grads, torch.from_numpy)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_state_that_does_not_fit_changes_nothing():
    source = make("Adam", parameters())
    run(source, 2, seed=1)
    state = source.state_dict()
    params = parameters(seed=3)
    for broken, text in [
        ({**state, "param_groups": state["param_groups"] * 2}, "different number of parameter"),
        ({**state, "state": {**state["state"], 7: {}}}, "parameter 7 of no group"),
        (
            {**state, "state": {0: state["state"][1]}},
            r"exp_avg of parameter 0 has shape \(7,\), not \(3, 5\)",
        ),
        (
            make("Adam", params[:2]).state_dict(),
            "has 2 parameters in group 0, this optimizer has 3",
        ),
        (
            {**state, "param_groups": [{**state["param_groups"][0], "lr": -1}]},
            "Invalid learning rate: -1",
        ),
    ]:
        optimizer = make("Adam", params)
        run(optimizer, 1, seed=2)
        before = optimizer.state_dict()
        with pytest.raises(ValueError, match=text):
            optimizer.load_state_dict(broken)
        after = optimizer.state_dict()
        assert after["param_groups"] == before["param_groups"]
        assert all(after["state"][i]["exp_avg"] is before["state"][i]["exp_avg"] for i in range(3))


def test_momentum_switched_on_later():
    (p, *_) = parameters()
    optimizer = optim.SGD([p], lr=0.1)
    run(optimizer, 1, seed=1)
    assert optimizer.state_dict()["state"] == {}
    optimizer.param_groups[0]["momentum"] = 0.9
    run(optimizer, 1, seed=2)
    np.testing.assert_array_equal(optimizer.state[p]["momentum_buffer"], p.grad)


def test_a_subclass_of_ones_own():
    class SignSGD(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def _update(self, group, params, grad_scale):
            for p in params:
                p.data -= group["lr"] * np.sign(p.grad)

    (p, *_) = parameters()
    before = p.data.copy()
    p.grad = -np.ones_like(p.data)
    SignSGD([p], 0.5).step()
    np.testing.assert_array_equal(p.data, before + np.float32(0.5))
