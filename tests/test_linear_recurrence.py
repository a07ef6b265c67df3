"""With the identity for its activation an RNN is a vector autoregression,

    h[t] = B x[t] + A h[t-1],

and what it learns are the coefficients that least squares finds."""

import numpy as np
import pytest

from fastnn import functional, manual_seed, nn, optim
from fastnn.models.series import VectorAutoregression

STEPS, D, U = 300, 2, 3
A = np.array([[0.6, -0.3, 0.0], [0.2, 0.7, 0.1], [0.0, 0.2, -0.4]])
B = np.array([[1.0, 0.0], [0.5, -1.0], [0.0, 0.8]])


def series(noise):
    """x (T, D), and h (T + 1, U), which begins with h[-1]."""
    rng = np.random.default_rng(0)
    x, h = rng.standard_normal((STEPS, D)), [rng.standard_normal(U)]
    for xt in x:
        h.append(B @ xt + A @ h[-1] + noise * rng.standard_normal(U))
    return x, np.stack(h)


def least_squares(x, h):
    """A and B that minimise sum_t |h[t] - B x[t] - A h[t-1]|^2."""
    seen = np.concatenate([h[:-1], x], axis=1)
    model = VectorAutoregression(intercept=False).fit(seen[:, None], h[1:, None])
    found = model.coefficients[0, :, 0]
    return found[:, :U], found[:, U:]


def linear_rnn():
    manual_seed(0)
    return nn.RNN(D, U, nonlinearity="identity", bias=False, dtype=np.float64)


def descend(rnn, x, first, target, steps, lr):
    """Minimise the squared error of the RNN's states, from `first` on."""
    optimizer = optim.Adam(rnn.parameters(), lr=lr)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = functional.mse_loss(rnn(x, first)[0], target)
        loss.backward()
        optimizer.step()
        schedule.step()
    return rnn.weight_hh_l0.data, rnn.weight_ih_l0.data, loss.item()


def test_a_step_at_a_time_both_fit_the_same_coefficients():
    """Every step from the state that was observed before it, as least squares has it: with noise,
    the minimum is the same one, and is not the A and B that made the series."""
    x, h = series(noise=0.3)
    a, b = least_squares(x, h)
    assert np.abs(a - A).max() > 1e-3
    ours_a, ours_b, loss = descend(linear_rnn(), x[None], h[None, :-1], h[None, 1:], 1500, 0.02)
    np.testing.assert_allclose(ours_a, a, atol=1e-6)
    np.testing.assert_allclose(ours_b, b, atol=1e-6)
    residual = h[1:] - x @ b.T - h[:-1] @ a.T
    assert loss == pytest.approx((residual**2).mean(), rel=1e-6)


def test_through_time_both_find_what_made_the_series():
    """The RNN sees its first state and the inputs alone, and its gradient goes back through all the
    steps."""
    x, h = series(noise=0.0)
    a, b = least_squares(x, h)
    np.testing.assert_allclose(a, A, atol=1e-12)
    ours_a, ours_b, _ = descend(
        linear_rnn(), x[:, None], h[:1, None], h[1:, None], 1500, 0.02
    )  # fmt: skip
    np.testing.assert_allclose(ours_a, a, atol=1e-5)
    np.testing.assert_allclose(ours_b, b, atol=1e-5)


def test_its_states_are_a_sum_of_powers():
    """h[T-1] = A^T h[-1] + sum_k A^k B x[T-1-k]."""
    x, h = series(noise=0.0)
    rnn = linear_rnn()
    rnn.load_state_dict({"weight_hh_l0": A, "weight_ih_l0": B})
    _, last = rnn(x[:20, None], h[:1, None])
    power, expected = np.eye(U), np.zeros(U)
    for k in range(20):
        expected += power @ B @ x[19 - k]
        power = power @ A
    np.testing.assert_allclose(last.data[0, 0], expected + power @ h[0], rtol=1e-10)
