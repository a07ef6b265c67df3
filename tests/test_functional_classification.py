"""functional: cross_entropy and nll_loss."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn.functional as F
from fastnn import Tensor

DTYPES = [np.float32, np.float64]
REDUCTIONS = ["mean", "sum", "none"]
V = 5
WEIGHT = np.random.default_rng(0).uniform(0.2, 2.0, V)
SHAPES = [(7, V), (V,), (3, V, 4), (2, V, 3, 4)]
OPTIONS = [
    {},
    {"weight": WEIGHT},
    {"label_smoothing": 0.1},
    {"weight": WEIGHT, "ignore_index": 2, "label_smoothing": 0.3},
]


def rows(a):
    """(N, V, d1, ...) or (V,) -> (M, V)."""
    return np.moveaxis(a, min(1, a.ndim - 1), -1).reshape(-1, V)


def class_numbers(shape, dtype=np.int64):
    shape = shape[1:] if len(shape) == 1 else (shape[0], *shape[2:])
    t = np.random.default_rng(4).integers(0, V, shape)
    if t.ndim:
        t.flat[0], t.flat[-1] = 2, 1  # one ignored (where 2 is), one not
    else:
        t = np.array(1)
    return t.astype(dtype)


def class_probabilities(shape):
    return np.moveaxis(F.softmax(rows(draw(*shape, seed=1)), 1).data.reshape(
        *class_numbers(shape).shape, V
    ), -1, min(1, len(shape) - 1))  # fmt: skip


def applicable(options, target):
    """Probabilities take no ignore_index (as in torch)."""
    kept = dict(options)
    if target.dtype.kind == "f":
        kept.pop("ignore_index", None)
    return kept


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("make_target", [class_numbers, class_probabilities])
def test_cross_entropy_matches_the_reference(make_target, shape, options, reduction, dtype):
    t = make_target(shape)
    options = applicable(options, t)
    (x,), y, dy, (dx,) = run(
        lambda x: F.cross_entropy(x, t, **options, reduction=reduction), [draw(*shape)], dtype
    )
    t_rows = rows(t) if t.dtype.kind == "f" else t.reshape(-1)
    options = {**options, "reduction": reduction}
    expected, log_probs = reference.softmax_cross_entropy(rows(x), t_rows, **options)
    assert_near(y.reshape(-1), np.reshape(expected, -1))
    assert y.shape == (class_numbers(shape).shape if reduction == "none" else ())
    d_rows = dy.reshape(-1) if reduction == "none" else dy
    expected = reference.softmax_cross_entropy_backward(d_rows, log_probs, t_rows, **options)
    assert dx.shape == x.shape
    assert_near(rows(dx), expected)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("make_target", [class_numbers, class_probabilities])
def test_cross_entropy_gradients(make_target, shape, options, reduction):
    t = make_target(shape)
    options = applicable(options, t)
    check_gradient(lambda x: F.cross_entropy(x, t, **options, reduction=reduction), draw(*shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", [{}, {"weight": WEIGHT}, {"weight": WEIGHT, "ignore_index": 2}])
@pytest.mark.parametrize("shape", SHAPES)
def test_nll_loss_of_log_softmax_is_cross_entropy(shape, options, reduction, dtype):
    t, axis, options = (
        class_numbers(shape),
        min(1, len(shape) - 1),
        {**options, "reduction": reduction},
    )
    x = draw(*shape)
    _, y, _, (dx,) = run(lambda x: F.nll_loss(F.log_softmax(x, axis), t, **options), [x], dtype)
    _, expected, _, (d_expected,) = run(lambda x: F.cross_entropy(x, t, **options), [x], dtype)
    assert_near(y, expected)
    assert_near(dx, d_expected)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_nll_loss_gradients(shape, reduction):
    t = class_numbers(shape)
    check_gradient(lambda x: F.nll_loss(x, t, WEIGHT, reduction=reduction), draw(*shape))


@pytest.mark.parametrize("op", [F.cross_entropy, F.nll_loss])
def test_every_row_ignored(op):
    x = Tensor(draw(3, V), requires_grad=True)
    assert np.isnan(op(x, [2, 2, 2], ignore_index=2).item())  # 0 / 0, as torch's
    y = op(x, [2, 2, 2], ignore_index=2, reduction="sum")
    y.backward()
    assert y.item() == 0.0
    np.testing.assert_array_equal(x.grad, 0.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.uint64])
@pytest.mark.parametrize("op", [F.cross_entropy, F.nll_loss])
def test_any_integer_dtype(op, dtype):
    x = draw(7, V)
    assert op(x, class_numbers((7, V), dtype)).item() == op(x, class_numbers((7, V))).item()


@pytest.mark.parametrize("op", [F.cross_entropy, F.nll_loss])
def test_target_is_not_differentiated_and_weight_is_cast(op):
    x = Tensor(draw(7, V).astype(np.float32), requires_grad=True)
    y = op(x, class_numbers((7, V)), Tensor(WEIGHT))
    y.backward()
    assert y.dtype == x.grad.dtype == np.float32


def test_cross_entropy_errors():
    x, t = draw(3, V), np.array([0, 1, 2])
    cases = [
        ((x, t[:2]), r"cross_entropy: target of class numbers must have shape \(3,\) .*got \(2,\)"),
        ((x, x[:, :2]), r"cross_entropy: target of probabilities \(float\) must have the input's"),
        ((x, t * 1.0), r"cross_entropy: target of probabilities .*class numbers must be integers"),
        (
            (x, t, np.ones(3)),
            r"cross_entropy: weight must have shape \(5,\), one a class, got \(3,\)",
        ),
        ((x[0, 0], 0), r"cross_entropy: input must have a class axis"),
        ((x, Tensor(x, requires_grad=True)), r"cross_entropy: target gets no gradient"),
    ]
    for args, message in cases:
        with pytest.raises(ValueError, match=message):
            F.cross_entropy(*args)
    with pytest.raises(ValueError, match="cross_entropy: reduction must be"):
        F.cross_entropy(x, t, reduction="batchmean")
    with pytest.raises(ValueError, match="cross_entropy"):
        F.cross_entropy(x, t + V)


def test_nll_loss_errors():
    x, t = draw(3, V), np.array([0, 1, 2])
    cases = [
        ((x, t[:2]), r"nll_loss: target of class numbers must have shape \(3,\)"),
        ((x, t + 3), r"nll_loss: target must lie in \[0, 5\) or be ignore_index -100, got 3 to 5"),
        ((x, t - 1), r"nll_loss: target must lie in \[0, 5\)"),
    ]
    for args, message in cases:
        with pytest.raises(ValueError, match=message):
            F.nll_loss(*args)
    with pytest.raises(TypeError, match="nll_loss: target must be integers, got dtype float64"):
        F.nll_loss(x, t * 1.0)
