"""Windows, least squares, and the recurrent predictor that starts at its answers."""

import numpy as np
import pytest

from fastnn import fit, gradcheck, manual_seed, no_grad, optim, predict
from fastnn.functional import mse_loss
from fastnn.models.char_rnn import CELLS
from fastnn.models.series import SeriesPredictor, VectorAutoregression, windows


def oscillation(count, noise=0.0, seed=0):
    """x[t] = 0.5 + 1.6 x[t-1] - 0.9 x[t-2], and its square beside it: (count, 2)."""
    rng = np.random.default_rng(seed)
    x = [1.0, 0.0]
    for _ in range(count - 2):
        x.append(0.5 + 1.6 * x[-1] - 0.9 * x[-2] + noise * rng.standard_normal())
    return np.column_stack([x, np.square(x)])


def test_windows():
    series = np.arange(14.0).reshape(7, 2)
    past, future = windows(series, 3, 2)
    assert past.shape == (3, 3, 2) and future.shape == (3, 2, 2)
    for i in range(3):
        np.testing.assert_array_equal(past[i], series[i : i + 3])
        np.testing.assert_array_equal(future[i], series[i + 3 : i + 5])
    assert np.shares_memory(past, series)
    assert [part.shape for part in windows(series[:4], 3, 2)] == [(0, 3, 2), (0, 2, 2)]
    with pytest.raises(ValueError, match=r"got shape \(7,\), steps 3, horizon 2"):
        windows(series[:, 0], 3, 2)


def test_least_squares_finds_what_made_the_series():
    past, future = windows(oscillation(60)[:, :1], 2, 2)
    model = VectorAutoregression().fit(past, future)
    first, second = model.coefficients[:, 0, :, 0]  # of x[t-2] and x[t-1]
    np.testing.assert_allclose(first, [-0.9, 1.6], atol=1e-9)
    np.testing.assert_allclose(second, [1.6 * -0.9, 1.6**2 - 0.9], atol=1e-9)
    np.testing.assert_allclose(model.intercept[:, 0], [0.5, 0.5 * 2.6], atol=1e-9)
    np.testing.assert_allclose(model.predict(past), future, atol=1e-9)


def test_its_residuals_are_orthogonal_to_what_it_saw():
    past, future = windows(oscillation(200, noise=0.3), 3, 2)
    model = VectorAutoregression().fit(past, future[:, :, :1])
    assert model.coefficients.shape == (2, 1, 3, 2) and model.intercept.shape == (2, 1)
    residual = future[:, :, 0] - model.predict(past)[:, :, 0]
    seen = np.column_stack([past.reshape(len(past), -1), np.ones(len(past))])
    np.testing.assert_allclose(seen.T @ residual, 0, atol=1e-8)
    through_zero = VectorAutoregression(intercept=False).fit(past, future[:, :, :1])
    assert not through_zero.intercept.any()
    assert ((future[:, :, :1] - through_zero.predict(past)) ** 2).sum() > (residual**2).sum()


@pytest.mark.parametrize("cell", CELLS)
def test_the_shortcut_is_where_training_begins(cell):
    past, future = (np.float32(part) for part in windows(oscillation(80, noise=0.1), 4, 3))
    regression = VectorAutoregression().fit(past, future[:, :, :1])
    model = SeriesPredictor(2, 1, 3, cell=cell, units=5, layers=2, shortcut=regression)
    found = predict(model, past)
    assert found.shape == (len(past), 3, 1)
    np.testing.assert_allclose(found, regression.predict(past), rtol=1e-4, atol=1e-4)
    assert {"slope", "offset"} <= set(model.state_dict())
    assert not {"slope", "offset"} & {name for name, _ in model.named_parameters()}
    with pytest.raises(ValueError, match=r"takes 2 features to \(3, 1\), expected 2 to \(2, 1\)"):
        SeriesPredictor(2, 1, 2, shortcut=regression)


def test_gradients():
    manual_seed(0)
    past, future = windows(oscillation(9, noise=0.1), 3, 2)
    model = SeriesPredictor(2, 2, 2, units=3)
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(np.float64)
    assert gradcheck(lambda *_: mse_loss(model(past), future), list(model.parameters()))


def test_it_learns_what_is_not_linear():
    """x' = 1 - 1.4 x^2 + y, y' = 0.3 x (Henon): least squares on one step of x, y is left with the
    square, the network is not."""
    points = [np.zeros(2)]
    for _ in range(600):
        x, y = points[-1]
        points.append(np.array([1 - 1.4 * x * x + y, 0.3 * x]))
    past, future = (np.float32(part) for part in windows(points, 1, 1))
    regression = VectorAutoregression().fit(past, future)
    manual_seed(0)
    model = SeriesPredictor(2, 2, units=16, shortcut=regression)
    fit(
        model, (past, future), epochs=30, batch_size=32, loss=mse_loss, metrics=(),
        optimizer=optim.Adam(model.parameters(), lr=0.01), progress=False,
    )  # fmt: skip
    with no_grad():
        ours = ((predict(model, past) - future) ** 2).mean()
    assert ours < 0.02 * ((regression.predict(past) - future) ** 2).mean()


def test_what_does_not_fit():
    with pytest.raises(ValueError, match="cell must be one of rnn, lstm, gru, got 'arma'"):
        SeriesPredictor(2, 1, cell="arma")
    with pytest.raises(ValueError, match=r"fit: windows \(N, T, D\) expected, got shape \(3, 2\)"):
        VectorAutoregression().fit(np.zeros((3, 2)), np.zeros((3, 1, 1)))
    with pytest.raises(ValueError, match="3 windows of the past, 4 of the future"):
        VectorAutoregression().fit(np.zeros((3, 2, 1)), np.zeros((4, 1, 1)))
