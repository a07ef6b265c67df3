"""Activations and losses: each with its derivative, as the tape gives it.

Twelve activations (blue) with their derivatives (orange), and the test accuracy of a network with
30 such hidden units on the digits; sign and step have the derivative 0 wherever they have one, so
that nothing can be learnt through them. Last row, for a target of 1: squared error and
cross-entropy of an output o; both of a sigmoid unit over its net input, where the squared error's
derivative vanishes just when the unit is most wrong; the softmax loss of ten classes over the right
one's input, the others' being 0. Its derivative is o - 1.
"""

import numpy as np
from _example import BLUE, GREY, INK, ORANGE, RED, curves, figure, legend, options, save

import fastnn.functional as F
from fastnn import Tensor, data, evaluate, fit, manual_seed, nn, optim

HIDDEN, PIECES = 30, ((-1.0, -1.5), (0.3, 0.0), (2.0, -2.0))  # maxout's, (weight, bias), to draw


def maxout(x):
    """The largest of three lines."""
    layer = nn.Maxout(1, 1, len(PIECES), dtype=np.float64)
    layer.weight.data[:, 0], layer.bias.data[:] = np.array(PIECES).T
    return layer(x.reshape(-1, 1)).reshape(-1)


# title: the function of a Tensor, and the hidden layer on the digits
ACTIVATIONS = {
    "linear": (lambda x: x * 1.0, nn.Identity),
    "sign": (lambda x: Tensor(np.sign(x.data)), None),
    "step": (lambda x: Tensor(np.heaviside(x.data, 1.0)), None),
    "sigmoid": (F.sigmoid, nn.Sigmoid),
    "tanh": (F.tanh, nn.Tanh),
    "1.7159 tanh(2x/3)": (F.scaled_tanh, nn.ScaledTanh),
    "ReLU": (F.relu, nn.ReLU),
    "leaky ReLU, 0.1": (lambda x: F.leaky_relu(x, 0.1), lambda: nn.LeakyReLU(0.1)),
    "noisy ReLU": (F.noisy_relu, nn.NoisyReLU),
    "softplus": (F.softplus, nn.Softplus),
    "ELU": (F.elu, nn.ELU),
    "maxout of three": (maxout, nn.Maxout),
}


def with_derivative(function, x):
    """Its values at x (N,) and their derivatives; 0 where no gradient comes back."""
    x = Tensor(x, requires_grad=True)
    y = function(x)
    if y.requires_grad:
        y.backward(np.ones(x.shape))
    return y.data, np.zeros(x.shape) if x.grad is None else x.grad


def learn_digits(activation, epochs, seed):
    """Test accuracy of one hidden layer with this activation."""
    manual_seed(seed)
    if activation is nn.Maxout:
        hidden = [nn.Maxout(64, HIDDEN, len(PIECES))]
    else:
        hidden = [nn.Linear(64, HIDDEN), activation()]
    model = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(HIDDEN, 10))
    train, test = data.load_digits()
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    fit(model, train, epochs=epochs, batch_size=32, optimizer=optimizer, progress=False)
    return evaluate(model, test)["accuracy"]


def numeric_difference(function, x, eps=1e-6):
    """The largest distance between the tape's derivatives and central differences."""
    numeric = (function(Tensor(x + eps)).data - function(Tensor(x - eps)).data) / (2 * eps)
    return float(np.abs(with_derivative(function, x)[1] - numeric).max())


def softmax_loss(x):
    """-log of the first of ten outputs, whose input is x and the others' 0: (N,)."""
    inputs = F.pad(x.reshape(-1, 1), (0, 9))
    return F.cross_entropy(inputs, np.zeros(x.shape[0], int), reduction="none")


def one(x):
    return np.ones(x.shape)


def squared(o):
    return 0.5 * F.mse_loss(o, one(o), reduction="none")


def cross_entropy(o):
    return F.binary_cross_entropy(o, one(o), reduction="none")


def draw_losses(panels):
    o, net = np.linspace(0.01, 0.99, 200), np.linspace(-6, 6, 200)
    over_net = {
        "squared error": lambda x: squared(F.sigmoid(x)),
        "cross-entropy": lambda x: F.binary_cross_entropy_with_logits(x, one(x), reduction="none"),
    }
    for panel, (title, loss) in zip(
        panels[:2], {"squared error": squared, "cross-entropy": cross_entropy}.items(), strict=True
    ):
        y, slope = with_derivative(loss, o)
        panel.plot(o, y, color=BLUE, linewidth=1.8)
        panel.plot(o, slope, color=ORANGE, linewidth=1.4)
        curves(panel, title, "output o").set_ylim(-4, 4)
    for (name, loss), color in zip(over_net.items(), (RED, INK), strict=True):
        panels[2].plot(net, with_derivative(loss, net)[1], color=color, linewidth=1.6, label=name)
    curves(panels[2], "derivatives, sigmoid unit", "net input").set_ylim(-1.1, 0.5)
    legend(panels[2], loc="upper left")
    y, slope = with_derivative(softmax_loss, net)
    panels[3].plot(net, y, color=BLUE, linewidth=1.8, label="loss")
    panels[3].plot(net, slope, color=ORANGE, linewidth=1.4, label="derivative")
    curves(panels[3], "softmax loss, ten classes", "net input of the right class")
    legend(panels[3], loc="upper right")


def main(argv=None):
    arguments = options(__doc__, argv, epochs=(30, 8))
    x, places = np.linspace(-4, 4, 401), np.array([-2.7, -1.1, -0.4, 0.6, 1.3, 2.9])
    picture = figure(10, 9, "Activations and losses (blue), and their derivatives (orange)")
    panels = picture.subplots(4, 4).ravel()
    results = {}
    for panel, (name, (function, activation)) in zip(panels, ACTIVATIONS.items(), strict=False):
        manual_seed(arguments.seed)
        y, slope = with_derivative(function, x)
        if name == "noisy ReLU":  # and its derivative as noisy
            panel.plot(x, y, ".", color=BLUE, markersize=2.5)
        else:
            panel.plot(x, y, color=BLUE, linewidth=1.8)
            panel.plot(x, slope, color=ORANGE, linewidth=1.4)
        curves(panel, name, "").set_ylim(-2.2, 4.2)
        panel.axhline(0, color=GREY, linewidth=0.6)
        result = results[name] = {"accuracy": None, "difference": None}
        if activation:
            result["accuracy"] = learn_digits(activation, arguments.epochs, arguments.seed)
            panel.text(-3.9, 3.5, f"digits: {result['accuracy']:.1%}", fontsize=8, color=INK)
        if name != "noisy ReLU":  # other noise at each call
            result["difference"] = numeric_difference(function, places)
        print(f"{name}:", result)
    draw_losses(panels[12:])
    for name, loss in (("squared error", squared), ("cross-entropy", cross_entropy)):
        results[name] = {"difference": numeric_difference(loss, np.linspace(0.1, 0.9, 9))}
    results["softmax loss"] = {"difference": numeric_difference(softmax_loss, places)}
    save(picture, arguments.out, "activations_and_losses.png")
    return results


if __name__ == "__main__":
    main()
