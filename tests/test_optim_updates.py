"""Every optimiser step by step: against float64 references and against PyTorch."""

import itertools

import numpy as np
import pytest
import reference

from fastnn import Tensor, kernels, optim

# Odd sizes, a matrix, a convolution's weights, one element, none; the tails of every vector width.
SHAPES = [(17,), (5, 7), (4, 3, 3, 3), (), (0, 3), (1,), (33, 31)]
STEPS = 12


def draw(step, i, shape):
    return np.random.default_rng([step, i]).standard_normal(shape)


def parameters(dtype):
    return [Tensor(np.asarray(draw(0, i, s), dtype), True) for i, s in enumerate(SHAPES)]


def gradients(step, dtype):
    """None now and then: parameter i sits out where step and i say so."""
    return [
        None if (step + i) % 4 == 0 and i % 3 else np.asarray(draw(step, i, s), dtype)
        for i, s in enumerate(SHAPES)
    ]


def groups(params, **second):
    return [{"params": params[::2]}, {"params": params[1::2], **second}]


def product(**options):
    keys = list(options)
    return [dict(zip(keys, values, strict=True)) for values in itertools.product(*options.values())]


SGD = [
    o
    for o in product(
        momentum=[0, 0.9],
        dampening=[0, 0.3],
        weight_decay=[0, 0.05],
        nesterov=[False, True],
        maximize=[False, True],
    )
    if not o["nesterov"] or (o["momentum"] and not o["dampening"])
]
ADAM = product(
    betas=[(0.9, 0.999), (0.5, 0.75)],
    weight_decay=[0, 0.05],
    amsgrad=[False, True],
    maximize=[False, True],
)
ADAGRAD = product(
    lr_decay=[0, 0.1],
    weight_decay=[0, 0.05],
    initial_accumulator_value=[0, 0.3],
    maximize=[False, True],
)
ADADELTA = product(rho=[0.9, 0.5], eps=[1e-6, 1e-2], weight_decay=[0, 0.05], maximize=[False, True])
RMSPROP = product(
    alpha=[0.99, 0.6],
    momentum=[0, 0.9],
    weight_decay=[0, 0.05],
    centered=[False, True],
    maximize=[False, True],
)
CASES = [
    *(("Adagrad", o, {"lr": 0.2, "eps": 1e-3}) for o in ADAGRAD),
    *(("Adadelta", o, {"lr": 0.7, "rho": 0.8}) for o in ADADELTA),
    *(("RMSprop", o, {"lr": 0.02, "eps": 1e-3}) for o in RMSPROP),
    *(("SGD", o, {"lr": 0.2, "weight_decay": 0.01}) for o in SGD),
    *(("Adam", o, {"lr": 0.02, "eps": 1e-3}) for o in ADAM),
    *(("AdamW", o, {"lr": 0.02, "weight_decay": 0.1}) for o in ADAM),
]
TOLERANCE = {"f4": 2e-5, "f8": 1e-12}


def name_of(case):
    return case if isinstance(case, str) else None


def close(actual, expected, dtype):
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name, options, second", CASES, ids=name_of)
def test_against_torch(name, options, second, dtype):
    torch = pytest.importorskip("torch")
    ours = parameters(dtype)
    theirs = [torch.tensor(p.data, requires_grad=True) for p in ours]
    mine = getattr(optim, name)(groups(ours, **second), lr=0.05, **options)
    other = getattr(torch.optim, name)(groups(theirs, **second), lr=0.05, **options)
    for step in range(1, STEPS + 1):
        for p, q, g in zip(ours, theirs, gradients(step, dtype), strict=True):
            p.grad, q.grad = g, None if g is None else torch.from_numpy(g.copy())
        mine.step()
        other.step()
        for p, q in zip(ours, theirs, strict=True):
            close(p.data, q.detach().numpy(), dtype)
    state, their_state = mine.state_dict()["state"], other.state_dict()["state"]
    assert state.keys() == {i for i, values in their_state.items() if values}
    for i, values in state.items():
        assert values.keys() == their_state[i].keys()
        for key, value in values.items():
            close(value, np.asarray(their_state[i][key]), dtype)


def reference_step(name, options, p, g, state, grad_scale):
    if name == "SGD":
        first = "buffer" not in state
        buffer = state.setdefault("buffer", np.zeros_like(p))
        reference.sgd_step([p], [g], [buffer], first=[first], grad_scale=grad_scale, **options)
        return
    state["step"] = state.get("step", 0) + 1
    options = dict(options)

    def buffer(key, initial=0.0):
        return [state.setdefault(key, np.full_like(p, initial))]

    if name == "Adagrad":
        sums = buffer("sum", options.pop("initial_accumulator_value"))
        options["steps"] = [state["step"]]
        reference.adagrad_step([p], [g], sums, grad_scale=grad_scale, **options)
        return
    if name == "Adadelta":
        states = buffer("square_avg"), buffer("acc_delta")
        reference.adadelta_step([p], [g], *states, grad_scale=grad_scale, **options)
        return
    if name == "RMSprop":
        options["grad_avgs"] = buffer("grad_avg") if options.pop("centered") else None
        options["momentum_buffers"] = buffer("momentum_buffer")
        reference.rmsprop_step([p], [g], buffer("square_avg"), grad_scale=grad_scale, **options)
        return
    options["beta1"], options["beta2"] = options.pop("betas")
    maxima = buffer("max") if options.pop("amsgrad") else None
    reference.adam_step(
        [p],
        [g],
        buffer("m"),
        buffer("v"),
        steps=[state["step"]],
        max_exp_avg_sqs=maxima,
        decoupled=name == "AdamW",
        grad_scale=grad_scale,
        **options,
    )


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name, options, second", CASES[::3], ids=name_of)
def test_against_float64_one_parameter_at_a_time(name, options, second, dtype):
    params = parameters(dtype)
    optimizer = getattr(optim, name)(groups(params, **second), lr=0.05, **options)
    exact = [(p.data.astype(np.float64), {}) for p in params]
    for step in range(1, STEPS + 1):
        scale = 1.0 if step % 2 else 0.37
        grads = gradients(step, dtype)
        for p, g in zip(params, grads, strict=True):
            p.grad = g
        before = [None if g is None else g.copy() for g in grads]
        optimizer.step(grad_scale=scale)
        for i, (g, (p, state)) in enumerate(zip(grads, exact, strict=True)):
            if g is not None:
                np.testing.assert_array_equal(g, before[i])  # gradients are only read
                group = {**optimizer.defaults, **options, **(second if i % 2 else {})}
                reference_step(name, group, p, g, state, scale)
            close(params[i].data, p, dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_any_layout_of_parameter_and_gradient(dtype):
    torch = pytest.importorskip("torch")
    base = draw(0, 0, (6, 5, 4, 3)).astype(dtype)
    layouts = [base.transpose(0, 3, 1, 2), base[::-1, ::2], np.asfortranarray(base)]
    ours = [Tensor(a.copy(order="K"), True) for a in layouts]
    ours[1].data = base.copy()[::-1, ::2]  # strided, as a view into one vector of all may be
    theirs = [torch.tensor(p.data.copy(), requires_grad=True) for p in ours]
    pairs = [
        (optim.SGD(ours, 0.1, 0.9), torch.optim.SGD(theirs, 0.1, 0.9)),
        (optim.Adam(ours, 0.01), torch.optim.Adam(theirs, 0.01)),
    ]
    for step, (mine, other) in itertools.product(range(4), pairs):
        for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
            g = draw(step, i, p.shape).astype(dtype)
            q.grad = torch.from_numpy(g.copy())
            p.grad = np.broadcast_to(g, (2, *g.shape))[1] if step % 2 else np.asfortranarray(g)
            p.grad.flags.writeable = False
        mine.step()
        other.step()
        for p, q in zip(ours, theirs, strict=True):
            close(p.data, q.detach().numpy(), dtype)


@pytest.mark.parametrize(
    "optimizer, kernel",
    [
        (optim.SGD, "sgd_step"),
        (optim.Adagrad, "adagrad_step"),
        (optim.Adadelta, "adadelta_step"),
        (optim.RMSprop, "rmsprop_step"),
        (optim.Adam, "adam_step"),
        (optim.AdamW, "adam_step"),
    ],
)
def test_one_kernel_call_a_group(monkeypatch, optimizer, kernel):
    calls = []
    real = getattr(kernels, kernel)

    def counted(params, *arguments, **options):
        calls.append(len(params))
        return real(params, *arguments, **options)

    monkeypatch.setattr(kernels, kernel, counted)
    params = parameters("f4")
    for p in params[:5]:
        p.grad = np.ones_like(p.data)
    optimizer(groups(params, lr=0.1)).step()
    assert calls == [3, 2]
    calls.clear()
    optimizer(params).step()
    assert calls == [5]
    calls.clear()
    for p in params:
        p.grad = None
    optimizer(params).step()
    assert calls == []


def test_a_group_of_two_dtypes():
    params = [Tensor(np.ones(3, "f4"), True), Tensor(np.ones(5, "f8"), True)]
    for p in params:
        p.grad = np.ones_like(p.data)
    optim.SGD(params, lr=0.25, momentum=0.5).step()
    for p, dtype in zip(params, ("f4", "f8"), strict=True):
        assert p.data.dtype == dtype and (p.data == 0.75).all()


def test_centered_rmsprop_of_an_unchanging_gradient_stays_finite():
    """v - m^2 is then 0 but for rounding, which is as often negative (NaN in PyTorch)."""
    p = Tensor(np.zeros(500, "f4"), True)
    optimizer = optim.RMSprop([p], lr=1e-6, alpha=0.5, eps=1e-3, centered=True)
    p.grad = draw(0, 0, 500).astype("f4")
    for _ in range(100):
        optimizer.step()
    assert np.isfinite(p.data).all()
    np.testing.assert_array_equal(np.sign(p.data), -np.sign(p.grad))
