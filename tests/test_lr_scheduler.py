"""Learning-rate schedules: PyTorch's values, bit for bit, and their state."""

import json
import math
import warnings

import numpy as np
import pytest

from fastnn import Tensor, optim
from fastnn.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LRScheduler,
    MultiStepLR,
    ReduceLROnPlateau,
    StepLR,
)

SCHEDULES = [
    ("StepLR", {"step_size": 7, "gamma": 0.3}),
    ("StepLR", {"step_size": 1}),
    ("MultiStepLR", {"milestones": [30, 4, 4, 11], "gamma": 0.7}),
    ("ExponentialLR", {"gamma": 0.93}),
    ("CosineAnnealingLR", {"T_max": 50, "eta_min": 0.003}),
    ("CosineAnnealingLR", {"T_max": 13}),
    ("CosineAnnealingLR", {"T_max": 1, "eta_min": 0.01}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.95**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda e: 1 / (1 + e), lambda e: min(1, e / 10)]}),
]
PLATEAU = [
    {},
    {"patience": 2, "factor": 0.5},
    {"patience": 1, "mode": "max", "threshold": 0.05},
    {"patience": 1, "cooldown": 3, "threshold": 0.1, "threshold_mode": "abs"},
    {"patience": 0, "mode": "max", "threshold_mode": "abs", "min_lr": [0.002, 0.03]},
    {"patience": 0, "factor": 0.2, "min_lr": 1e-5, "eps": 1e-3},
]


def ours():
    a, b = Tensor(np.ones(3), True), Tensor(np.ones(2), True)
    return optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.05}], lr=0.3)


def theirs():
    torch = pytest.importorskip("torch")
    a, b = torch.ones(3, requires_grad=True), torch.ones(2, requires_grad=True)
    return torch.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.05}], lr=0.3)


def rates(optimizer):
    return [group["lr"] for group in optimizer.param_groups]


def history(optimizer, schedules, epochs=50):
    result = [rates(optimizer)]
    for _ in range(epochs):
        optimizer.step()
        for schedule in schedules:
            schedule.step()
        result.append(rates(optimizer))
        assert schedules[-1].get_last_lr() == result[-1]
    return result


@pytest.mark.parametrize("name, options", SCHEDULES)
def test_values_are_torchs(name, options):
    other = theirs()
    from torch.optim import lr_scheduler

    mine = ours()
    expected = history(other, [getattr(lr_scheduler, name)(other, **options)])
    assert history(mine, [getattr(optim.lr_scheduler, name)(mine, **options)]) == expected
    assert len({tuple(row) for row in expected}) > 1


@pytest.mark.parametrize("first", range(5))
@pytest.mark.parametrize("second", range(5))
def test_two_on_one_optimizer(first, second):
    """What the chainable form is for."""
    other = theirs()
    from torch.optim import lr_scheduler

    mine, chosen = ours(), [SCHEDULES[first], SCHEDULES[second]]
    expected = history(other, [getattr(lr_scheduler, n)(other, **o) for n, o in chosen], 20)
    assert history(mine, [getattr(optim.lr_scheduler, n)(mine, **o) for n, o in chosen], 20) == (
        expected
    )


@pytest.mark.parametrize("options", PLATEAU)
def test_plateau_is_torchs(options):
    other = theirs()
    from torch.optim.lr_scheduler import ReduceLROnPlateau as Torchs

    mine = ours()
    our_schedule, their_schedule = ReduceLROnPlateau(mine, **options), Torchs(other, **options)
    rng = np.random.default_rng(2)
    metrics = 1 + np.repeat(rng.random(20), 3) - np.linspace(0, 0.5, 60)
    metrics[[5, 30]] = np.nan
    seen = set()
    for metric in metrics:
        our_schedule.step(Tensor(metric))
        their_schedule.step(metric)
        assert rates(mine) == rates(other) == our_schedule.get_last_lr()
        for field in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch"):
            assert getattr(our_schedule, field) == getattr(their_schedule, field)
        seen.add(rates(mine)[0])
    assert len(seen) > 1


def build(name, options, optimizer):
    return getattr(optim.lr_scheduler, name)(optimizer, **options)


@pytest.mark.parametrize("name, options", [*SCHEDULES, ("ReduceLROnPlateau", {"patience": 2})])
def test_state_continues_exactly(name, options):
    def advance(optimizer, schedule, start, stop):
        result = []
        for epoch in range(start, stop):
            arguments = [math.sin(epoch)] if name == "ReduceLROnPlateau" else []
            schedule.step(*arguments)
            result.append(rates(optimizer))
        return result

    optimizer = ours()
    schedule = build(name, options, optimizer)
    advance(optimizer, schedule, 0, 9)
    state = json.loads(json.dumps([optimizer.state_dict(), schedule.state_dict()]))
    expected = advance(optimizer, schedule, 9, 30)

    resumed = ours()
    again = build(name, options, resumed)
    state[0]["state"] = {}
    resumed.load_state_dict(state[0])
    again.load_state_dict(state[1])
    assert advance(resumed, again, 9, 30) == expected


@pytest.mark.parametrize("name, options", SCHEDULES)
@pytest.mark.parametrize("last_epoch", [6, 8])
def test_starting_at_a_later_epoch(name, options, last_epoch):
    other = theirs()
    from torch.optim import lr_scheduler

    mine = ours()
    for optimizer in (mine, other):
        for group in optimizer.param_groups:
            group["initial_lr"] = 2 * group["lr"]
    expected = history(
        other, [getattr(lr_scheduler, name)(other, last_epoch=last_epoch, **options)]
    )
    schedule = build(name, {**options, "last_epoch": last_epoch}, mine)
    assert history(mine, [schedule]) == expected


def test_errors():
    optimizer = ours()
    with pytest.raises(TypeError, match="StepLR: str is not an Optimizer"):
        StepLR("optimizer", 3)
    with pytest.raises(TypeError, match="LambdaLR: int is not an Optimizer"):
        LambdaLR(3, abs)
    with pytest.raises(KeyError, match="'initial_lr' is not specified in param_groups"):
        StepLR(optimizer, 3, last_epoch=4)
    with pytest.raises(ValueError, match="Expected 2 lr_lambdas, but got 1"):
        LambdaLR(optimizer, [abs])
    for options, text in [
        ({"factor": 1.0}, "Factor should be < 1.0, got 1.0"),
        ({"mode": "least"}, "mode 'least' is unknown"),
        ({"threshold_mode": "x"}, "threshold mode 'x' is unknown"),
        ({"min_lr": [0.1]}, "expected 2 min_lrs, got 1"),
    ]:
        with pytest.raises(ValueError, match=text):
            ReduceLROnPlateau(optimizer, **options)
    with pytest.raises(NotImplementedError, match="LRScheduler has no get_lr"):
        LRScheduler(optimizer)


def test_first_rates_and_initial_lr():
    optimizer = ours()
    warmup = LambdaLR(optimizer, lambda epoch: (epoch + 1) / 10)
    assert rates(optimizer) == [0.3 * 0.1, 0.05 * 0.1]
    assert [group["initial_lr"] for group in optimizer.param_groups] == [0.3, 0.05]
    assert warmup.last_epoch == 0 and "lr_lambdas" not in warmup.state_dict()
    for kind, arguments in [
        (MultiStepLR, ([3],)),
        (ExponentialLR, (0.5,)),
        (CosineAnnealingLR, (9,)),
    ]:
        optimizer = ours()
        kind(optimizer, *arguments)
        assert rates(optimizer) == [0.3, 0.05]


def test_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history(optimizer := ours(), [StepLR(optimizer, 3)], 5)
