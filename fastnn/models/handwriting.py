"""Handwriting, one pen movement after the other: a recurrent network whose output is a mixture of
Gaussians for the next displacement of the pen, and probabilities of lifting it.

A. Graves, "Generating sequences with recurrent neural networks", 2013, arXiv:1308.0850, section 4;
its equations are quoted by number.
"""

import numpy as np

from .. import nn, random
from ..autograd import as_tensor, no_grad, record
from ..training.evaluate import evaluation_mode
from .char_rnn import CELLS

_LOG_2PI = float(np.log(2 * np.pi))


class Handwriting(nn.Module):
    """Recurrent layers that see each step of a pen and say how the next one is distributed.

    A step is dx, dy and E flags, each 0 or 1: the first, the stroke ends here; others as wanted
    (the drawing ends here).

    components  M, Gaussians in the mixture
    classes     K: what is to be written is told at every step; 0: it is not
    flags       E
    cell        "lstm", "gru" or "rnn"

    forward(steps (N, T, 2 + E), lengths (N,), labels (N,) or None) -> parameters
    (N, T', 6 M + E), T' the longest length, for `mixture_loss(parameters, steps)`: those at t are
    of step t, and made from the steps before it. Before the first step the pen is lifted: a step
    of 0, 0 whose first flag is 1.
    """

    def __init__(
        self, components=20, *, classes=0, flags=2, cell="lstm", units=256, layers=1, dropout=0.0
    ):  # fmt: skip
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"Handwriting: cell must be one of {', '.join(CELLS)}, got {cell!r}")
        self.components, self.classes, self.flags = components, classes, flags
        self.rnn = CELLS[cell](
            2 + flags + classes, units, layers, dropout=dropout if layers > 1 else 0.0
        )
        if cell == "lstm":
            nn.init.forget_gate_bias_(self.rnn)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(units, 6 * components + flags)

    def forward(self, steps, lengths, labels=None):
        lengths = np.asarray(lengths)
        steps = np.asarray(steps)[:, : lengths.max(initial=0)].swapaxes(0, 1)
        before = np.zeros((len(steps) + 1, *steps.shape[1:]), self.linear.weight.dtype)
        before[0, :, 2] = 1
        before[1:] = np.nan_to_num(steps)  # NaN: padding
        parameters, _ = self.advance(before[:-1], labels, lengths=lengths)
        return parameters.transpose(0, 1)

    def advance(self, before, labels=None, state=None, lengths=None):
        """before (T, N, 2 + E): the steps before those foretold -> parameters (T, N, 6 M + E), and
        the state after them."""
        if (labels is None) != (self.classes == 0):
            raise ValueError(
                f"Handwriting: labels expected {'' if self.classes else 'not '}to be given, with "
                f"classes={self.classes}"
            )
        if labels is not None:
            told = np.eye(self.classes, dtype=before.dtype)[np.asarray(labels)]
            before = np.concatenate(
                [before, np.broadcast_to(told, (len(before), *told.shape))], axis=2
            )
        outputs, state = self.rnn(before, state, lengths=lengths)
        return self.linear(self.dropout(outputs)), state


def log_density(parameters, steps):
    """log p(step | parameters) of each step: (..., 6 M + E), (..., 2 + E) -> a Tensor (...).

    parameters: weights pi^ (M), means mu (M for dx, M for dy), deviations sigma^ (M, M),
    correlations rho^ (M), flags e^ (E), and

        pi = softmax(pi^), sigma = exp(sigma^), rho = tanh(rho^), e = sigmoid(e^)         (18-22)
        p(dx, dy, flags) = sum_j pi_j N(dx, dy | mu_j, sigma_j, rho_j) prod of e or 1 - e (23-25)

    (Graves's e^ has the other sign.) Computed in float64, by

        log N = -log 2 pi - sum sigma^ - log(1 - rho^2) / 2 - q / 2,  z = (step - mu) / sigma,
        q = ((z1 - z2)^2 / (1 - rho) + (z1 + z2)^2 / (1 + rho)) / 2,

    equation 25's Z / (1 - rho^2) without its cancellation, where 1 / (1 -+ rho) is
    (1 + exp(+-2 rho^)) / 2, so that no rho rounds to 1. Differentiable in the parameters.
    """
    p = as_tensor(parameters)
    steps = np.asarray(steps, np.float64)
    flags = steps.shape[-1] - 2
    count, rest = divmod(p.data.shape[-1] - flags, 6)
    if rest or count < 1 or flags < 0 or p.data.shape[:-1] != steps.shape[:-1]:
        raise ValueError(
            "log_density: parameters (..., 6 M + E) and steps (..., 2 + E) expected, got shapes "
            f"{p.data.shape} and {steps.shape}"
        )
    pi_hat, mu_x, mu_y, s_x, s_y, r, e_hat = np.split(
        p.data.astype(np.float64), count * np.arange(1, 7), axis=-1
    )
    inverse_x, inverse_y = np.exp(-s_x), np.exp(-s_y)
    z_x = (steps[..., :1] - mu_x) * inverse_x
    z_y = (steps[..., 1:2] - mu_y) * inverse_y
    less, more = np.exp(2 * r), np.exp(-2 * r)  # 2 / (1 - rho) - 1, and 2 / (1 + rho) - 1
    minus, plus = z_x - z_y, z_x + z_y
    q = (minus * minus * (1 + less) + plus * plus * (1 + more)) / 4
    log_cosh = np.logaddexp(r, -r) - np.log(2)  # -log(1 - rho^2) / 2
    log_pi = pi_hat - np.logaddexp.reduce(pi_hat, axis=-1, keepdims=True)
    log_joint = log_pi - _LOG_2PI - s_x - s_y + log_cosh - q / 2
    log_mixture = np.logaddexp.reduce(log_joint, axis=-1, keepdims=True)
    # log sigmoid(e^) where the flag is 1, log(1 - sigmoid(e^)) where it is 0
    target = steps[..., 2:]
    log_flags = -np.logaddexp(0, (1 - 2 * target) * e_hat).sum(-1)
    y = (log_mixture[..., 0] + log_flags).astype(p.data.dtype)

    def backward(dy):  # y = log sum_j exp(log_joint_j) + log_flags
        share = np.exp(log_joint - log_mixture)  # gamma (28)
        d_zx = (minus * (1 + less) + plus * (1 + more)) / 4  # d(q / 2) / dz1
        d_zy = (plus * (1 + more) - minus * (1 + less)) / 4
        d_r = np.tanh(r) - (minus * minus * less - plus * plus * more) / 4
        parts = [
            share - np.exp(log_pi),  # (29)
            share * d_zx * inverse_x,
            share * d_zy * inverse_y,
            share * (d_zx * z_x - 1),
            share * (d_zy * z_y - 1),
            share * d_r,
            target - 1 / (1 + np.exp(-e_hat)),  # (27)
        ]
        return ((np.concatenate(parts, axis=-1) * dy[..., None]).astype(dy.dtype),)

    return record(y, (p,), backward)


def mixture_loss(parameters, steps):
    """Minus the mean of `log_density` over the steps that are there, in nats (26): parameters
    (N, T', 6 M + E), steps (N, T, 2 + E), T >= T', NaN where a drawing has no more."""
    steps = np.asarray(steps)[:, : parameters.shape[1]]
    there = ~np.isnan(steps[..., 0])
    log_p = log_density(parameters, np.nan_to_num(steps))
    return -(log_p * there.astype(log_p.dtype)).sum() / float(there.sum())


def write(model, labels, *, limit=100, bias=0.0, rng=None):
    """Drawings by a model whose last flag says that a drawing ends: a list of steps (T, 2 + E).

    labels  what to write, (N,), all at once; of a model without classes, how many drawings
    limit   most steps of a drawing
    bias    b >= 0: sigma exp(-b) and pi^ (1 + b) instead of sigma and pi^, for tidier writing than
            the model's own distribution (61, 62)
    rng     a `numpy.random.Generator`; None: fastnn's, which `manual_seed` seeds

    The model is in evaluation mode meanwhile. Raises ValueError for a negative bias.
    """
    if not 0 <= bias < float("inf"):
        raise ValueError(f"write: bias must be a number >= 0, got {bias}")
    rng = random.generator() if rng is None else rng
    told = np.asarray(labels) if model.classes else None
    count = len(told) if model.classes else int(labels)
    before = np.zeros((1, count, 2 + model.flags), model.linear.weight.dtype)
    before[..., 2] = 1
    state, written = None, []
    lengths = np.full(count, limit)
    with evaluation_mode(model), no_grad():
        for t in range(limit):
            parameters, state = model.advance(before, told, state)
            before[0] = draw(parameters.data[0], model.flags, bias, rng)
            written.append(before[0].copy())
            lengths[(before[0, :, -1] == 1) & (lengths == limit)] = t + 1
            if lengths.max() <= t + 1:
                break
    return [steps[:length] for steps, length in zip(np.stack(written, 1), lengths, strict=True)]


def draw(parameters, flags, bias, rng):
    """A step (N, 2 + E) from each row of parameters (N, 6 M + E)."""
    parameters = parameters.astype(np.float64)
    count = (parameters.shape[1] - flags) // 6
    *mixture, e_hat = np.split(parameters, count * np.arange(1, 7), axis=1)
    # The largest of logits plus Gumbel noise is a draw from their softmax.
    chosen = (mixture[0] * (1 + bias) + rng.gumbel(size=mixture[0].shape)).argmax(1)
    mu_x, mu_y, s_x, s_y, r = (part[np.arange(len(part)), chosen] for part in mixture[1:])
    noise_x, noise_y = rng.standard_normal((2, len(parameters)))
    rho = np.tanh(r)
    dx = mu_x + np.exp(s_x - bias) * noise_x
    dy = mu_y + np.exp(s_y - bias) * (rho * noise_x + np.sqrt(1 - rho * rho) * noise_y)
    on = rng.random(e_hat.shape) < 1 / (1 + np.exp(-e_hat))
    return np.column_stack([dx, dy, on])
