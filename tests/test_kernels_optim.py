import itertools
from itertools import chain

import numpy as np
import pytest
import reference
from kernelcheck import DTYPES, assert_near, draw, odd_arrays, same_for_any_threads

from fastnn import kernels

SHAPES = [(), (1,), (7,), (0, 3), (16,), (67,), (6, 1, 5, 5), (130, 129), (40_000,)]


def draw_all(dtype, seed, shapes=SHAPES):
    return [np.asarray(draw(*s, dtype=dtype, seed=seed + i)) for i, s in enumerate(shapes)]


def copies(lists):
    """The same for `reference`, in float64 arrays that hold the same numbers."""
    return [[a.astype(np.float64) for a in group] for group in lists]


SGD = [
    dict(lr=0.1, momentum=momentum, dampening=dampening, weight_decay=decay, nesterov=nesterov,
         maximize=maximize, grad_scale=scale)
    for momentum, dampening, decay, nesterov, maximize, scale in itertools.product(
        (0.0, 0.9), (0.0, 0.25), (0.0, 0.01), (False, True), (False, True), (1.0, 0.3))
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_sgd_step(dtype):
    for options in SGD:
        ours = [draw_all(dtype, 0), draw_all(dtype, 100), draw_all(dtype, 200)]
        grads = [g.copy() for g in ours[1]]
        theirs = copies(ours)
        first = [i % 2 == 0 for i in range(len(SHAPES))]
        if options["momentum"]:
            for buffer, begins in zip(ours[2], first, strict=True):
                if begins:
                    buffer[...] = np.nan  # may hold anything
        kernels.sgd_step(*ours, **options, first=first)
        reference.sgd_step(*theirs, **options, first=first)
        if not options["momentum"]:
            theirs[2] = ours[2]
        for a, b in zip(chain(*ours), chain(*theirs), strict=True):
            assert a.dtype == dtype
            assert_near(a, b, ulps=4)
        for a, b in zip(ours[1], grads, strict=True):
            np.testing.assert_array_equal(a, b)


ADAM = [
    dict(lr=0.01, weight_decay=decay, decoupled=decoupled, maximize=maximize, grad_scale=scale)
    for decay, decoupled, maximize, scale in itertools.product(
        (0.0, 0.1), (False, True), (False, True), (1.0, 0.3))
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam_step(amsgrad, dtype):
    steps = [1 + 3 * i for i in range(len(SHAPES))]
    for options in ADAM:
        ours = [draw_all(dtype, s) for s in (0, 100, 200, 300, 400)]
        for state in ours[3] + ours[4]:
            np.abs(state, out=state)
        theirs = copies(ours)
        for op, lists in ((kernels.adam_step, ours), (reference.adam_step, theirs)):
            largest = lists[4] if amsgrad else None
            op(*lists[:4], steps=steps, max_exp_avg_sqs=largest, **options)
        for a, b in zip(chain(*ours), chain(*theirs), strict=True):
            assert a.dtype == dtype
            assert_near(a, b, ulps=8)


SHARED = [
    dict(weight_decay=decay, maximize=maximize, grad_scale=scale)
    for decay, maximize, scale in itertools.product((0.0, 0.1), (False, True), (1.0, 0.3))
]


def positive(arrays):
    return [np.asarray(np.abs(a)) for a in arrays]


def compare(name, lists, call, ulps=8):
    """call(op, lists) with the kernel and with the reference, which update the lists."""
    theirs = copies(lists)
    dtype = lists[0][0].dtype
    call(getattr(kernels, name), lists)
    call(getattr(reference, name), theirs)
    for a, b in zip(chain(*lists), chain(*theirs), strict=True):
        assert a.dtype == dtype
        assert_near(a, b, ulps=ulps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_adagrad_step(dtype):
    steps = [1 + 3 * i for i in range(len(SHAPES))]
    for options, decay in itertools.product(SHARED, (0.0, 0.2)):
        lists = [draw_all(dtype, 0), draw_all(dtype, 100), positive(draw_all(dtype, 200))]
        options = dict(options, lr=0.1, lr_decay=decay, eps=0.01, steps=steps)
        compare("adagrad_step", lists, lambda op, lists, o=options: op(*lists, **o))


@pytest.mark.parametrize("dtype", DTYPES)
def test_adadelta_step(dtype):
    for options, rho in itertools.product(SHARED, (0.0, 0.9, 1.0)):
        states = [positive(draw_all(dtype, seed)) for seed in (200, 300)]
        lists = [draw_all(dtype, 0), draw_all(dtype, 100), *states]
        options = dict(options, lr=0.7, rho=rho, eps=1e-3)
        compare("adadelta_step", lists, lambda op, lists, o=options: op(*lists, **o))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop_step(centered, dtype):
    for options, momentum in itertools.product(SHARED, (0.0, 0.9)):
        lists = [draw_all(dtype, 0), draw_all(dtype, 100), draw_all(dtype, 200)]
        lists += [draw_all(dtype, 300), draw_all(dtype, 400)]
        for v, m in zip(lists[2], lists[3], strict=True):
            v[...] = m * m + np.abs(v) + 0.1  # a mean of squares and a mean that go together
        options = dict(options, lr=0.1, alpha=0.9, eps=1e-3, momentum=momentum)

        def call(op, lists, o=options):
            op(*lists[:3], grad_avgs=lists[3] if centered else None,
               momentum_buffers=lists[4] if o["momentum"] else None, **o)  # fmt: skip

        # v - m^2 cancels: of up to 20 to 0.1
        compare("rmsprop_step", lists, call, ulps=200 if centered else 8)


def test_against_torch():
    torch = pytest.importorskip("torch")
    shapes = [(7,), (30, 20)]
    cases = [
        (torch.optim.SGD, dict(lr=0.1)),
        (torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True)),
        (torch.optim.SGD, dict(lr=0.1, momentum=0.9, dampening=0.5, maximize=True)),
        (torch.optim.Adam, dict(lr=0.01)),
        (torch.optim.Adam, dict(lr=0.01, weight_decay=0.1, amsgrad=True, eps=1e-3)),
        (torch.optim.AdamW, dict(lr=0.01, weight_decay=0.1, betas=(0.5, 0.8))),
    ]
    for optimizer, options in cases:
        params = draw_all(np.float64, 0, shapes)
        tensors = [torch.nn.Parameter(torch.tensor(p)) for p in params]
        steps = optimizer(tensors, **options)
        state = [[np.zeros(s) for s in shapes] for _ in range(3)]
        ours = dict(options)
        beta1, beta2 = ours.pop("betas", (0.9, 0.999))
        amsgrad = ours.pop("amsgrad", False)
        for t in range(1, 6):
            grads = draw_all(np.float64, 10 * t, shapes)
            for p, g in zip(tensors, grads, strict=True):
                p.grad = torch.tensor(g)
            steps.step()
            if optimizer is torch.optim.SGD:
                kernels.sgd_step(params, grads, state[0], first=[t == 1] * 2, **ours)
            else:
                kernels.adam_step(
                    params, grads, state[0], state[1], steps=[t] * 2, beta1=beta1, beta2=beta2,
                    decoupled=optimizer is torch.optim.AdamW,
                    max_exp_avg_sqs=state[2] if amsgrad else None, **ours,
                )  # fmt: skip
        for a, b in zip(params, tensors, strict=True):
            assert_near(a, b.detach().numpy(), ulps=8)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5, 1, 7), (37, 45), (16, 6, 5, 3)])
def test_odd_gradients(shape, dtype):
    """A gradient of any layout; every parameter and its state stay as they lie."""
    g = draw(*shape, dtype=dtype, seed=1)
    expected = draw(*shape, dtype=dtype)
    kernels.sgd_step([expected], [g], None, lr=0.1)
    for name, odd in odd_arrays(g):
        p = draw(*shape, dtype=dtype)
        before = odd.copy()
        kernels.sgd_step([p], [odd], None, lr=0.1)
        np.testing.assert_array_equal(p, expected, err_msg=name)
        np.testing.assert_array_equal(odd, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_odd_parameters_and_states(dtype):
    shape = (9, 40, 3, 5)
    layouts = [
        lambda a: a,
        np.asfortranarray,
        lambda a: np.ascontiguousarray(a.transpose(2, 3, 1, 0)).transpose(3, 2, 0, 1),
        lambda a: a[::-1, :, ::-1].copy()[::-1, :, ::-1],
        lambda a: np.repeat(a, 2, axis=3)[..., ::2],
    ]
    plain = [np.abs(draw(*shape, dtype=dtype, seed=s)) for s in range(4)]
    expected = [a.copy() for a in plain]
    kernels.adam_step(*[[a] for a in expected], steps=[2], lr=0.1)
    rms = [a.copy() for a in (plain[0], plain[1], plain[2] + 9, plain[2] / 9, plain[3])]
    rms_expected = [a.copy() for a in rms]

    def rmsprop(p, g, v, m, b):
        kernels.rmsprop_step(
            [p], [g], [v], lr=0.1, momentum=0.9, grad_avgs=[m], momentum_buffers=[b]
        )

    rmsprop(*rms_expected)  # five arrays, the most that a step has
    for odd in itertools.product(layouts, repeat=2):
        arrays = [make(a.copy()) for make, a in zip([*odd, *odd, odd[0]], rms, strict=True)]
        rmsprop(*arrays)
        for a, b in zip(arrays, rms_expected, strict=True):
            np.testing.assert_array_equal(a, b)
        kinds = [odd[0], odd[1], odd[0], odd[1]]
        arrays = [make(a.copy()) for make, a in zip(kinds, plain, strict=True)]
        kernels.adam_step(*[[a] for a in arrays], steps=[2], lr=0.1)
        for a, b in zip(arrays, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_parameters_of_both_dtypes_in_one_call():
    params, grads = [np.ones(3, t) for t in DTYPES], [np.ones(3, t) for t in DTYPES]
    kernels.sgd_step(params, grads, None, lr=0.5)
    assert [p.dtype for p in params] == DTYPES and all((p == 0.5).all() for p in params)
    kernels.sgd_step([], [], None, lr=0.5)


def test_any_number_of_threads():
    shapes = [(300_000,), (3,), (64, 3, 7, 7), (1000, 500)]

    def run():
        lists = [draw_all(np.float32, s, shapes) for s in (0, 10, 20, 30)]
        lists[3] = [np.abs(a) for a in lists[3]]
        kernels.adam_step(*lists, steps=[1, 2, 3, 4], lr=0.1)
        kernels.sgd_step(*lists[:3], lr=0.1, momentum=0.5)
        kernels.adagrad_step(lists[0], lists[1], lists[3], steps=[1, 2, 3, 4], lr=0.1)
        kernels.rmsprop_step(lists[0], lists[1], lists[3], lr=0.1, grad_avgs=lists[2])
        kernels.adadelta_step(lists[0], lists[1], lists[3], [np.abs(a) for a in lists[2]])
        return [*chain(*lists), np.array(kernels.global_norm(lists[0]))]

    same_for_any_threads(run)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_numbers_in_every_lane(special, dtype):
    ones = np.ones(67, dtype)
    for i in range(67):
        g = ones.copy()
        g[i] = special
        for amsgrad in (False, True):
            p, m, v, x = (ones.copy() for _ in range(4))
            kernels.adam_step(
                [p], [g], [m], [v], steps=[1], lr=0.1, max_exp_avg_sqs=[x] if amsgrad else None
            )
            assert np.isnan(p[i]) and np.isfinite(np.delete(p, i)).all()
            assert amsgrad <= (not np.isfinite(x[i]))
        for step, states, options in [
            (kernels.adagrad_step, 1, {"lr": 0.1, "steps": [1]}),
            (kernels.adadelta_step, 2, {}),
            (kernels.rmsprop_step, 1, {"lr": 0.1}),
            (kernels.rmsprop_step, 1, {"lr": 0.1, "grad_avgs": [ones.copy()]}),
        ]:
            p, *rest = (ones.copy() for _ in range(1 + states))
            step([p], [g], *([a] for a in rest), **options)
            assert np.isnan(p[i]) and np.isfinite(np.delete(p, i)).all()
            assert not np.isfinite(rest[0][i])
        p = ones.copy()
        kernels.sgd_step([p], [g], None, lr=0.1)
        assert not np.isfinite(p[i]) and np.isfinite(np.delete(p, i)).all()


def test_an_infinite_parameter_without_decay_leaves_the_moments_alone():
    p, m, v = np.full(20, np.inf), np.zeros(20), np.zeros(20)
    kernels.adam_step([p], [np.ones(20)], [m], [v], steps=[1], lr=0.1)
    assert np.isfinite(m).all() and np.isfinite(v).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_global_norm(dtype):
    arrays = draw_all(dtype, 5)
    norm = kernels.global_norm(arrays)
    assert type(norm) is float
    assert abs(norm - reference.global_norm(arrays)) <= 1e-13 * norm
    for _, odd in odd_arrays(arrays[6]):
        assert abs(kernels.global_norm([odd]) - reference.global_norm([arrays[6]])) < 1e-12
    assert kernels.global_norm([]) == 0
    assert np.isnan(kernels.global_norm([arrays[0], np.array([np.nan], dtype)]))
    assert kernels.global_norm([np.full(9, 1e30, np.float32)]) == pytest.approx(3e30, rel=1e-6)


P, G = np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)
FROZEN = P.copy()
FROZEN.flags.writeable = False
UNALIGNED = np.zeros(25, np.uint8)[1:].view(np.float32).reshape(2, 3)
sgd, adam = kernels.sgd_step, kernels.adam_step
ERRORS = [
    (
        lambda p: sgd([p, FROZEN], [G, G], None, lr=1),
        ValueError,
        r"sgd_step: params\[1\] is read-only",
    ),
    (lambda p: sgd([p, UNALIGNED], [G, G], None, lr=1), ValueError, r"params\[1\] is not aligned"),
    (
        lambda p: sgd([p, [1.0]], [G, G], None, lr=1),
        TypeError,
        r"params\[1\] must be a NumPy array",
    ),
    (
        lambda p: sgd([p, p.astype(int)], [G, G], None, lr=1),
        TypeError,
        r"params\[1\] must be float32",
    ),
    (
        lambda p: sgd([p, p.astype(">f4")], [G, G], None, lr=1),
        TypeError,
        r"params\[1\] must be float32",
    ),
    (lambda p: sgd([p, p], [G, G[:1]], None, lr=1), ValueError, r"grads\[1\] must have the shape"),
    (
        lambda p: sgd([p, p], [G, G.astype(float)], None, lr=1),
        TypeError,
        r"grads\[1\] must be float32",
    ),
    (
        lambda p: sgd([p, p], [G], None, lr=1),
        ValueError,
        "grads must have 2 entries like params, got 1",
    ),
    (
        lambda p: sgd([p], [G], None, lr=1, momentum=0.9),
        ValueError,
        "momentum_buffers must be given",
    ),
    (lambda p: sgd([p], [G], [None], lr=1, momentum=0.9), TypeError, r"momentum_buffers\[0\] must"),
    (
        lambda p: sgd([p], [G], [G[0]], lr=1, momentum=0.9),
        ValueError,
        "must have its parameter's shape",
    ),
    (lambda p: sgd([p], [G], None, lr="a"), TypeError, "sgd_step: lr must be a number, got 'a'"),
    (lambda p: sgd([p], [G], None, lr=1, first=[True] * 2), ValueError, "first must have 1 flags"),
    (
        lambda p: adam([p], [G], [P], [P], steps=[0], lr=1),
        ValueError,
        "adam_step: steps must be >= 1",
    ),
    (
        lambda p: adam([p], [G], [P], [P], steps=[1, 2], lr=1),
        ValueError,
        "steps must have 1 entries",
    ),
    (
        lambda p: adam([p], [G], [P], [P], steps=["x"], lr=1),
        TypeError,
        r"steps\[0\] must be a number",
    ),
    (
        lambda p: adam([p], [G], [P], [P], steps=[1], lr=1, beta2=1),
        ValueError,
        r"must be in \[0, 1\)",
    ),
    (lambda p: adam([p], [G], [P], [P], steps=[1], lr=None), TypeError, "lr must be a number"),
    (
        lambda p: adam([p], [G], [P], [FROZEN], steps=[1], lr=1),
        ValueError,
        r"exp_avg_sqs\[0\] is read-",
    ),
    (
        lambda p: kernels.adagrad_step([p], [G], [P], steps=[0], lr=1),
        ValueError,
        "adagrad_step: steps must be >= 1, got 0",
    ),
    (
        lambda p: kernels.adagrad_step([p], [G], [P], steps=[1], lr=1, lr_decay="a"),
        TypeError,
        "adagrad_step: lr_decay must be a number, got 'a'",
    ),
    (
        lambda p: kernels.adagrad_step([p], [G], [FROZEN], steps=[1], lr=1),
        ValueError,
        r"adagrad_step: sums\[0\] is read-only",
    ),
    (
        lambda p: kernels.adadelta_step([p], [G], [P], [P], rho=1.5),
        ValueError,
        r"adadelta_step: rho must be in \[0, 1\], got 1.5",
    ),
    (
        lambda p: kernels.adadelta_step([p], [G], [P], [P, P]),
        ValueError,
        "adadelta_step: acc_deltas must have 1 entries like params, got 2",
    ),
    (
        lambda p: kernels.adadelta_step([p], [G], [P], [P[0]]),
        ValueError,
        r"acc_deltas\[0\] must have its parameter's shape",
    ),
    (
        lambda p: kernels.rmsprop_step([p], [G], [P], lr=1, momentum=0.9),
        ValueError,
        "rmsprop_step: momentum_buffers must be given",
    ),
    (
        lambda p: kernels.rmsprop_step([p], [G], [P], lr=1, alpha=-1),
        ValueError,
        r"rmsprop_step: alpha must be in \[0, 1\], got -1",
    ),
    (
        lambda p: kernels.rmsprop_step([p], [G], [P], lr=1, grad_avgs=[FROZEN]),
        ValueError,
        r"rmsprop_step: grad_avgs\[0\] is read-only",
    ),
    (
        lambda p: kernels.rmsprop_step([p], [G], [P], lr=1, eps=None),
        TypeError,
        "rmsprop_step: eps must be a number, got None",
    ),
    (
        lambda p: kernels.global_norm([G, G.astype(int)]),
        TypeError,
        r"global_norm: arrays\[1\] must be",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors_change_nothing(call, error, message):
    p = P.copy()
    with pytest.raises(error, match=message):
        call(p)
    np.testing.assert_array_equal(p, 1)
    np.testing.assert_array_equal(G, 1)
