"""How far back a gradient reaches: for a loss at step t, the length of its gradient at the state of
step t - k, against the distance k.

In the linear recurrence h[t] = W h[t-1] + x[t] the gradient at h[t-k] is W^T, to the power k, times
the one at h[t]; so it is at most |W|^k times as long, where |W| is W's largest singular value. It
vanishes where |W| < 1 and may explode where |W| > 1 (Pascanu et al. 2013, arXiv:1211.5063). Where W
is a multiple of an orthogonal matrix it is exactly that long; a random matrix has smaller singular
values beside its largest, and stays far below.

Through tanh, whose slope is at most 1, the bound holds too. The gradient of an RNN with PyTorch's
initial weights is gone after a few steps; with large weights it explodes, although tanh saturates.
The IRNN, ReLUs with the identity for W (Le et al. 2015, arXiv:1504.00941), begins where |W|^k = 1.
In an LSTM the way back through the cell is a product of forget gates. PyTorch's initial weights
make them about 1/2, and the gradient vanishes as well; a bias of 2 keeps them near 0.9 (Jozefowicz
et al. 2015, "An empirical exploration of recurrent network architectures").
"""

import numpy as np
from _example import BLUE, GREEN, GREY, INK, ORANGE, RED, curves, figure, legend, options, save

import fastnn
from fastnn import nn

BATCH = 16


def lengths(layer, steps):
    """|d loss / d state[t-k]| over |d loss / d h[t]| for k = 1 ... steps: of a loss that is h[t]'s
    share of a random direction; an LSTM's state is both h and c."""
    rng = np.random.default_rng(0)
    units = layer.hidden_size
    x = rng.standard_normal((2 * steps, BATCH, units))
    direction = rng.standard_normal((BATCH, units))
    state, states = None, []
    with fastnn.no_grad():
        for now in x:
            _, state = layer(now[None], state)
            states.append(state)

    found = []
    for k in range(1, steps + 1):
        parts = states[-1 - k] if isinstance(state, tuple) else (states[-1 - k],)
        parts = tuple(fastnn.Tensor(part.data, requires_grad=True) for part in parts)
        outputs, _ = layer(x[-k:], parts if isinstance(state, tuple) else parts[0])
        (outputs[-1] * direction).sum().backward()
        found.append(np.sqrt(sum((part.grad**2).sum() for part in parts)))
    return np.array(found) / np.linalg.norm(direction)


def rnn(nonlinearity, weight):
    """h[t] = act(weight h[t-1] + x[t])."""
    units = len(weight)
    layer = nn.RNN(units, units, nonlinearity=nonlinearity, bias=False, dtype=np.float64)
    layer.weight_ih_l0.data[...] = np.eye(units)
    layer.weight_hh_l0.data[...] = weight
    return layer


def lstm(units, forget_bias=None):
    layer = nn.LSTM(units, units, dtype=np.float64)
    if forget_bias is not None:
        nn.init.forget_gate_bias_(layer, forget_bias)
    return layer


def main(argv=None):
    arguments = options(__doc__, argv, steps=(100, 50), units=(64, 32))
    steps, units = arguments.steps, arguments.units
    k = np.arange(1, steps + 1)
    orthogonal = nn.init.orthogonal_(np.empty((units, units)))
    random = nn.init.normal_(np.empty((units, units))) / np.sqrt(units)
    matrices = {
        "orthogonal, |W| = 1.1": (1.1 * orthogonal, 1.1, RED),
        "orthogonal, |W| = 1": (orthogonal, 1.0, GREEN),
        "orthogonal, |W| = 0.9": (0.9 * orthogonal, 0.9, BLUE),
        "random, |W| = 1.1": (1.1 / np.linalg.norm(random, 2) * random, 1.1, ORANGE),
    }
    layers = {
        "RNN, large random weights": (rnn("tanh", 3 * random), RED),
        "IRNN": (rnn("relu", np.eye(units)), GREEN),
        "LSTM, forget gates biased by 2": (lstm(units, forget_bias=2), BLUE),
        "LSTM, PyTorch's initial weights": (lstm(units), GREY),
        "RNN, PyTorch's initial weights": (nn.RNN(units, units, dtype=np.float64), ORANGE),
    }

    picture = figure(8, 3.9, "How far back the gradient of a loss at step t reaches")
    panels = picture.subplots(1, 2, sharey=True)
    panels[0].set_yscale("log")
    panels[0].set_ylim(1e-8, 1e8)
    results = {}
    curves(panels[0], "linear: h[t] = W h[t-1] + x[t]", "k, steps back", "length, 1 at step t")
    for name, (weight, norm, color) in matrices.items():
        results[name] = lengths(rnn("identity", weight), steps)
        panels[0].plot(k, results[name], color=color, linewidth=1.8, label=name)
        panels[0].plot(k, norm**k, ":", color=INK, linewidth=1.4)
    panels[0].plot([], [], ":", color=INK, linewidth=1.4, label="the bound $|W|^k$")
    curves(panels[1], "layers before training", "k, steps back")
    for name, (layer, color) in layers.items():
        results[name] = lengths(layer, steps)
        panels[1].plot(k, results[name], color=color, linewidth=1.8, label=name)
    legend(panels[0], loc="upper left")
    legend(panels[1], loc="lower right")
    for name, found in results.items():
        print(f"{name}: {found[9]:.2g} after 10 steps, {found[-1]:.2g} after {steps}")
    save(picture, arguments.out, "gradients_through_time.png")
    return results


if __name__ == "__main__":
    main()
