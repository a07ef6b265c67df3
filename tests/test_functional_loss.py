"""functional: losses between input and target of one shape."""

import numpy as np
import pytest
from opcheck import assert_near, check_gradient, draw, run

import fastnn.functional as F
from fastnn import Tensor

DTYPES = [np.float32, np.float64]
REDUCTIONS = ["mean", "sum", "none"]
LOSSES = [F.mse_loss, F.l1_loss, F.binary_cross_entropy, F.binary_cross_entropy_with_logits]


def probabilities(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).uniform(0.05, 0.95, shape)


def log_sigmoid(x):
    return -np.logaddexp(0.0, -x)


W, P = probabilities(3, 1, seed=7), probabilities(5, seed=8) * 4

# op, keywords, x, t, l(x, t) in float64
CASES = [
    (F.mse_loss, {}, draw(3, 5), draw(3, 5, seed=1), lambda x, t: (x - t) ** 2),
    (F.mse_loss, {}, draw(7), draw(7, seed=1), lambda x, t: (x - t) ** 2),
    (F.l1_loss, {}, draw(2, 3, 5), draw(2, 3, 5, seed=1), lambda x, t: abs(x - t)),
    (
        F.binary_cross_entropy, {}, probabilities(3, 5), probabilities(3, 5, seed=1),
        lambda x, t: -t * np.log(x) - (1 - t) * np.log1p(-x),
    ),
    (
        F.binary_cross_entropy, {"weight": W}, probabilities(3, 5), probabilities(3, 5, seed=1),
        lambda x, t: -W * (t * np.log(x) + (1 - t) * np.log1p(-x)),
    ),
    (
        F.binary_cross_entropy_with_logits, {}, 3 * draw(3, 5), probabilities(3, 5),
        lambda x, t: -t * log_sigmoid(x) - (1 - t) * log_sigmoid(-x),
    ),
    (
        F.binary_cross_entropy_with_logits, {"weight": W, "pos_weight": P}, 3 * draw(3, 5),
        probabilities(3, 5), lambda x, t: -W * (P * t * log_sigmoid(x) + (1 - t) * log_sigmoid(-x)),
    ),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("op", "keywords", "x", "t", "formula"), CASES)
def test_matches_the_formula(op, keywords, x, t, formula, reduction, dtype):
    (x, t), y, _, _ = run(lambda x, t: op(x, t, **keywords, reduction=reduction), [x, t], dtype)
    loss = formula(x.astype(np.float64), t.astype(np.float64))
    assert_near(y, {"mean": loss.mean(), "sum": loss.sum(), "none": loss}[reduction])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("op", "keywords", "x", "t", "formula"), CASES)
def test_gradients_of_input_and_target(op, keywords, x, t, formula, reduction):
    check_gradient(lambda x, t: op(x, t, **keywords, reduction=reduction), x, t)


@pytest.mark.parametrize("op", LOSSES)
def test_only_the_input_gets_a_gradient(op):
    x = Tensor(probabilities(3, 5), requires_grad=True)
    t = Tensor(probabilities(3, 5, seed=1))
    op(x, t).backward()
    assert x.grad.shape == (3, 5) and t.grad is None


@pytest.mark.parametrize("op", LOSSES)
def test_plain_target_is_cast_to_the_input(op):
    x = Tensor(probabilities(4).astype(np.float32), requires_grad=True)
    y = op(x, np.array([0, 1, 1, 0], np.uint8))
    assert y.dtype == np.float32
    y.backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("op", LOSSES)
def test_errors(op):
    x = probabilities(4)
    with pytest.raises(
        ValueError, match=rf"{op.__name__}: input and target must have the same shape"
    ):
        op(x, x[:, None])
    with pytest.raises(
        ValueError, match=rf"{op.__name__}: reduction must be 'mean', 'sum' or 'none'"
    ):
        op(x, x, reduction="avg")


def test_bce_of_certain_predictions_is_finite():
    x = Tensor(np.array([0.0, 1.0, 0.0, 1.0]), requires_grad=True)
    y = F.binary_cross_entropy(x, [0.0, 1.0, 1.0, 0.0], reduction="none")
    assert y.tolist() == [0.0, 0.0, 100.0, 100.0]
    y.sum().backward()
    assert np.isfinite(x.grad).all()


@pytest.mark.parametrize("op", [F.mse_loss, F.l1_loss])
def test_weighted_mean_divides_by_the_weights(op):
    x, t, w = draw(3, 5), draw(3, 5, seed=1), probabilities(3, 5)
    loss = op(x, t, reduction="none").data * w
    assert_near(op(x, t, weight=w).data, loss.sum() / w.sum())
    assert_near(op(x, t, weight=w, reduction="sum").data, loss.sum())
    check_gradient(lambda x, t: op(x, t, weight=w), x, t)
    with pytest.raises(
        ValueError, match=r"weight must have the input's shape \(3, 5\), got \(5,\)"
    ):
        op(x, t, weight=w[0])


def test_bce_errors():
    with pytest.raises(
        ValueError, match=r"input must be probabilities in \[0, 1\], got -1 to 2; .*_with_logits"
    ):
        F.binary_cross_entropy([-1.0, 2.0], [0.0, 1.0])
    with pytest.raises(ValueError, match=r"weight must broadcast to \(2,\), got shape \(3,\)"):
        F.binary_cross_entropy([0.5, 0.5], [0.0, 1.0], weight=np.ones(3))
    with pytest.raises(
        ValueError, match=r"pos_weight must broadcast to \(2,\), got shape \(2, 1\)"
    ):
        F.binary_cross_entropy_with_logits([1.0, 2.0], [0.0, 1.0], pos_weight=np.ones((2, 1)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_bce_with_logits_is_stable(dtype):
    x = np.array([-1e4, -200.0, -30.0, 30.0, 200.0, 1e4], dtype)
    for target, slope in ((0.0, x > 0), (1.0, x < 0)):
        leaf = Tensor(x, requires_grad=True)
        y = F.binary_cross_entropy_with_logits(leaf, np.full(6, target), reduction="none")
        expected = np.logaddexp(0.0, x.astype(np.float64) * (1 if target == 0 else -1))
        np.testing.assert_allclose(y.data, expected, rtol=1e-6, atol=1e-40)
        y.sum().backward()
        np.testing.assert_allclose(np.abs(leaf.grad), slope, atol=1e-6)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("op", LOSSES)
def test_scalars_and_nothing(op, reduction):
    check_gradient(lambda x, t: op(x, t, reduction=reduction), np.array(0.3), np.array(0.8))
    x = Tensor(np.empty((0, 3)), requires_grad=True)
    y = op(x, np.empty((0, 3)), reduction=reduction)
    assert y.tolist() == [] if reduction == "none" else (y.item() == 0) == (reduction == "sum")
    y.sum().backward()
    assert x.grad.shape == (0, 3)


def test_nan_propagates():
    for op in LOSSES:
        assert np.isnan(op([np.nan, 0.5], [0.0, 1.0]).item())
