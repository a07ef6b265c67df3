"""The mixture density output against its equations, and what a handwriting model learns."""

import numpy as np
import pytest

from fastnn import Tensor, fit, gradcheck, manual_seed, no_grad, optim
from fastnn.models.handwriting import Handwriting, draw, log_density, mixture_loss, write


def parameters_and_steps(rng, shape=(2, 3), count=4, flags=2, scale=1.0):
    parameters = scale * rng.standard_normal((*shape, 6 * count + flags))
    steps = rng.standard_normal((*shape, 2 + flags))
    steps[..., 2:] = rng.random((*shape, flags)) < 0.5
    return parameters, steps


def plain(parameters, steps):
    """Equations 18 to 25 of one step as they stand, e^ with the other sign."""
    flags = len(steps) - 2
    count = (len(parameters) - flags) // 6
    pi, mu, sigma, rho, e = np.split(parameters, count * np.array([1, 3, 5, 6]))
    pi, sigma, rho = np.exp(pi) / np.exp(pi).sum(), np.exp(sigma), np.tanh(rho)
    total = 0.0
    for j in range(count):
        deviations = np.array([sigma[j], sigma[count + j]])
        covariance = np.outer(deviations, deviations) * [[1, rho[j]], [rho[j], 1]]
        off = steps[:2] - [mu[j], mu[count + j]]
        exponent = -0.5 * off @ np.linalg.inv(covariance) @ off
        total += pi[j] * np.exp(exponent) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
    for value, on in zip(e, steps[2:], strict=True):
        total *= 1 / (1 + np.exp(-value if on else value))
    return np.log(total)


@pytest.mark.parametrize(("count", "flags"), [(1, 0), (4, 2), (3, 1)])
def test_density_is_that_of_the_equations(count, flags):
    parameters, steps = parameters_and_steps(
        np.random.default_rng(0), (3, 2), count=count, flags=flags
    )
    found = log_density(parameters, steps).data
    expected = [[plain(*pair) for pair in zip(*row, strict=True)] for row in
                zip(parameters, steps, strict=True)]  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_density_integrates_to_one():
    parameters, _ = parameters_and_steps(
        np.random.default_rng(1), (1,), count=3, flags=1, scale=0.5
    )
    axis = np.linspace(-20, 20, 401)
    x, y = np.meshgrid(axis, axis)
    total = 0.0
    for flag in (0, 1):
        steps = np.stack([x, y, np.full_like(x, flag)], -1)
        wide = np.broadcast_to(parameters[0], (*x.shape, parameters.shape[1]))
        total += np.exp(log_density(wide, steps).data).sum() * 0.1**2
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_gradients(scale):
    parameters, steps = parameters_and_steps(np.random.default_rng(2), scale=scale)
    p = Tensor(parameters, requires_grad=True)
    assert gradcheck(lambda p: log_density(p, steps), p)
    steps[1, 2] = np.nan
    assert gradcheck(lambda p: mixture_loss(p, steps), p)


@pytest.mark.parametrize(("size", "dtype"), [(20.0, np.float32), (60.0, np.float64)])
def test_extreme_parameters_stay_finite(size, dtype):
    """Sure weights, deviations of exp(-size) and exp(size), rho that rounds to +-1, sure flags,
    right and wrong ones."""
    rng = np.random.default_rng(3)
    parameters, steps = parameters_and_steps(rng, (200,), count=3)
    p = Tensor((size * np.sign(parameters)).astype(dtype), requires_grad=True)
    y = log_density(p, steps)
    y.sum().backward()
    assert np.isfinite(y.data).all() and np.isfinite(p.grad).all()
    on_the_line = np.zeros(8)
    on_the_line[5:7] = size, 0  # one component, rho = tanh(size)
    along, across = (log_density(on_the_line, [1.0, y, 0, 0]).data for y in (1.0, 0.9))
    assert along > size - 6 and across < -1e10


def test_draws_have_the_density_s_moments():
    rng = np.random.default_rng(4)
    row = np.array([0.0, np.log(3), -2, 1, 0, 2, np.log(0.5), 0, 0, np.log(0.1), 0.8, -0.3, 1.0])
    drawn = draw(np.tile(row, (200_000, 1)), 1, 0.0, rng)
    np.testing.assert_allclose(drawn.mean(0), [0.25, 1.5, 1 / (1 + np.exp(-1))], atol=0.01)
    second = drawn[:, 0] > 0  # the first has mean -2, and is narrow
    first = drawn[drawn[:, 0] < -1.5]
    assert np.cov(drawn[drawn[:, 1] > 1.5][:, :2].T)[1, 1] < 0.05 and second.mean() > 0.5
    assert np.corrcoef(first[:, :2].T)[0, 1] > 0.2
    tidy = draw(np.tile(row, (50_000, 1)), 1, 3.0, rng)
    assert (tidy[:, 0] > 0).mean() > 0.97 and tidy[:, 0].std() < 0.4  # pi^ (1 + b): 3 to 1 -> 81


def squares(count, rng):
    """Class 0 goes round a square to the right, class 1 to the left, a side a step; the pen is
    lifted after the second."""
    labels = np.arange(count) % 2
    sides = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], float)
    steps = np.zeros((count, 5, 4), np.float32)
    steps[:, :4, :2] = sides + 0.05 * rng.standard_normal((count, 4, 2))
    steps[labels == 1, :, 0] *= -1
    steps[:, 1, 2] = steps[:, 3, 2] = steps[:, 3, 3] = 1
    steps[:, 4] = np.nan
    return steps, np.full(count, 4), labels


def test_it_learns_to_draw_what_it_is_told():
    rng = np.random.default_rng(5)
    steps, lengths, labels = squares(256, rng)
    manual_seed(0)
    model = Handwriting(3, classes=2, units=24)
    history = fit(
        model, (steps, lengths, labels, steps), epochs=25, batch_size=32, loss=mixture_loss,
        metrics=(), optimizer=optim.Adam(model.parameters(), lr=0.01), grad_clip=1.0,
        progress=False,
    )  # fmt: skip
    assert history["loss"][-1] < -1.5 < 1.5 < history["loss"][0]
    drawn = write(model, [0, 1, 1, 0], limit=9, bias=2.0, rng=rng)
    assert model.training and [len(d) for d in drawn] == [4] * 4
    for steps, sign in zip(drawn, (1, -1, -1, 1), strict=True):
        np.testing.assert_allclose(
            steps[:, :2], [[sign, 0], [0, 1], [-sign, 0], [0, -1]], atol=0.35
        )
        assert steps[:, 2:].tolist() == [[0, 0], [1, 0], [0, 0], [1, 1]]


def test_a_batch_gives_what_each_drawing_gives_alone():
    manual_seed(1)
    model = Handwriting(2, flags=1, units=5, layers=2, cell="gru").eval()
    rng = np.random.default_rng(6)
    rows = [np.float32(rng.standard_normal((t, 3))) for t in (2, 5, 3)]
    padded = np.full((3, 7, 3), np.nan, np.float32)
    for row, own in zip(padded, rows, strict=True):
        row[: len(own)] = own
    with no_grad():
        together = np.asarray(model(padded, [2, 5, 3]))
        assert together.shape == (3, 5, 13)
        for row, found in zip(rows, together, strict=True):
            alone = np.asarray(model(row[None], [len(row)]))[0]
            np.testing.assert_allclose(found[: len(row)], alone, rtol=1e-5, atol=1e-6)
    changed = padded.copy()
    changed[:, 1] = 9  # what is foretold of step 1 does not depend on step 1
    with no_grad():
        np.testing.assert_array_equal(np.asarray(model(changed, [2, 5, 3]))[:, :2], together[:, :2])
    assert len(write(model, 3, limit=4)) == 3


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="cell must be one of rnn, lstm, gru, got 'pen'"):
        Handwriting(cell="pen")
    with pytest.raises(ValueError, match=r"shapes \(2, 14\) and \(2, 3\)"):
        log_density(np.zeros((2, 14)), np.zeros((2, 3)))
    steps, lengths, labels = squares(2, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"labels expected to be given, with classes=2"):
        Handwriting(2, classes=2, units=4)(steps, lengths)
    with pytest.raises(ValueError, match=r"labels expected not to be given, with classes=0"):
        Handwriting(2, units=4)(steps, lengths, labels)
    with pytest.raises(ValueError, match="bias must be a number >= 0, got -1"):
        write(Handwriting(2, units=4), 1, bias=-1)
