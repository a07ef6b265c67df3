"""Series of measurements: from a window of the past to the next values, by a recurrent network and
by least squares."""

import numpy as np

from .. import functional, nn
from .char_rnn import CELLS


def windows(series, steps, horizon):
    """(past (N, steps, D), future (N, horizon, D)): views of a series (T, D), cut at each of the
    N = T - steps - horizon + 1 places that has both (none where T is too short)."""
    series = np.asarray(series)
    if series.ndim != 2 or steps < 1 or horizon < 1:
        raise ValueError(
            "windows: a series (T, D), steps >= 1 and horizon >= 1 expected, got shape "
            f"{series.shape}, steps {steps}, horizon {horizon}"
        )
    if len(series) < steps + horizon:
        width = series.shape[1]
        return np.empty((0, steps, width), series.dtype), np.empty(
            (0, horizon, width), series.dtype
        )
    cut = np.lib.stride_tricks.sliding_window_view(series, steps + horizon, axis=0)
    cut = cut.swapaxes(1, 2)  # (N, steps + horizon, D)
    return cut[:, :steps], cut[:, steps:]


class VectorAutoregression:
    """y = c + sum over k of A_k x[t-k], with the A and c that least squares finds.

    In closed form what a recurrent layer with the identity for its activation learns too
    (tests/test_linear_recurrence.py); each step of y has coefficients of its own.

    coefficients (H, K, T, D) and intercept (H, K), after `fit`, float64. intercept=False: c is 0.

    C. Sims, "Macroeconomics and reality", Econometrica 48 (1980).
    """

    def __init__(self, intercept=True):
        self.with_intercept = intercept

    def fit(self, past, future):
        """past (N, T, D), future (N, H, K), K of any kind -> self"""
        x, y = _flat("fit", past), _flat("fit", future)
        if len(x) != len(y):
            raise ValueError(
                f"VectorAutoregression.fit: {len(x)} windows of the past, {len(y)} of the future"
            )
        if self.with_intercept:
            mean_x, mean_y = x.mean(0), y.mean(0)
            x, y = x - mean_x, y - mean_y
        weights, *_ = np.linalg.lstsq(x, y, rcond=None)
        self.coefficients = weights.T.reshape(*future.shape[1:], *past.shape[1:])
        self.intercept = np.zeros(future.shape[1:])
        if self.with_intercept:
            self.intercept += (mean_y - mean_x @ weights).reshape(self.intercept.shape)
        return self

    def predict(self, past):
        """past (N, T, D) -> (N, H, K)"""
        x = _flat("predict", past)
        weights = self.coefficients.reshape(self.intercept.size, -1)
        return (x @ weights.T).reshape(len(x), *self.intercept.shape) + self.intercept


def _flat(name, array):
    array = np.asarray(array, np.float64)
    if array.ndim != 3:
        raise ValueError(
            f"VectorAutoregression.{name}: windows (N, T, D) expected, got shape {array.shape}"
        )
    return array.reshape(len(array), -1)


class SeriesPredictor(nn.Module):
    """Recurrent layers over a window, and Linear from the last state to all next values at once.

    features   D, of each step of the window
    targets    K, to be foretold of each next step
    horizon    H, how many next steps
    cell       "lstm", "gru" or "rnn"
    dropout    of the outputs of every recurrent layer, in training
    shortcut   None, or a `VectorAutoregression` that was fitted: its sum is added to the output,
               which begins at 0, so that training begins at its answers and only has to find what
               is not linear. Its coefficients stay as they are (buffers slope and offset).

    forward(window (N, T, D)) -> (N, H, K).
    """

    def __init__(
        self, features, targets, horizon=1, *, cell="lstm", units=64, layers=1, dropout=0.0,
        shortcut=None,
    ):  # fmt: skip
        super().__init__()
        if cell not in CELLS:
            raise ValueError(
                f"SeriesPredictor: cell must be one of {', '.join(CELLS)}, got {cell!r}"
            )
        self.shape = horizon, targets
        self.rnn = CELLS[cell](features, units, layers, dropout=dropout if layers > 1 else 0.0)
        if cell == "lstm":
            nn.init.forget_gate_bias_(self.rnn)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(units, horizon * targets)
        self.register_buffer("slope", None)
        self.register_buffer("offset", None)
        if shortcut is not None:
            *shape, _, inputs = shortcut.coefficients.shape
            if (*shape, inputs) != (*self.shape, features):
                raise ValueError(
                    f"SeriesPredictor: the shortcut takes {inputs} features to {tuple(shape)}, "
                    f"expected {features} to {self.shape}"
                )
            dtype = self.linear.weight.dtype
            self.slope = shortcut.coefficients.reshape(horizon * targets, -1).astype(dtype)
            self.offset = shortcut.intercept.reshape(-1).astype(dtype)
            nn.init.zeros_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)

    def forward(self, window):
        window = np.ascontiguousarray(window)
        outputs, _ = self.rnn(window.swapaxes(0, 1))
        y = self.linear(self.dropout(outputs[-1]))
        if self.slope is not None:
            y = y + functional.linear(window.reshape(len(window), -1), self.slope, self.offset)
        return y.reshape(len(window), *self.shape)
