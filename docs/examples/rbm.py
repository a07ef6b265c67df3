"""Restricted Boltzmann machines: learning rules by their exact likelihood, and MNIST's strokes.

Left, a machine of 16 + 16 units learns the 30 bars and stripes of 4 x 4 pixels. So few units can
be enumerated: the log-likelihood is exact, and at best -log 30. Contrastive divergence of one step
(CD-1) first raises it and then lets it fall, though its reconstructions get ever better; ten steps
(CD-10) do not; persistent chains (PCD) keep on rising with a small rate. After Fischer and Igel
2010, "Empirical analysis of the divergence of Gibbs sampling based learning algorithms for
restricted Boltzmann machines" (ICANN).

Right, a machine of 784 + 256 units learns MNIST by persistent CD. Its weights are strokes. What its
chains draw, hundreds of steps after a test image, still looks like digits, but of few kinds. The
baseline for the reconstructions is the mean of the training images.
"""

from itertools import product

import numpy as np
from _example import BLUE, GREEN, GREY, INK, ORANGE, curves, figure, legend, options, save

import fastnn
from fastnn.models.rbm import RBM, train_rbm

RULES = {
    "CD-1": (ORANGE, {"lr": 0.05}),
    "CD-10": (BLUE, {"lr": 0.05, "k": 10}),
    "PCD, a fifth of the rate": (GREEN, {"lr": 0.01, "persistent": True}),
}
POINTS = 50  # of a curve
STEPS = 300  # of the chains that are drawn


def bars_and_stripes(side):
    """All pictures whose rows, or whose columns, are of one colour each, (N, side^2)."""
    colours = np.array(list(product([0, 1], repeat=side)), np.float32)
    rows = np.repeat(colours[:, :, None], side, axis=2)
    both = np.concatenate([rows, rows.transpose(0, 2, 1)])
    return np.unique(both.reshape(-1, side * side), axis=0)


def likelihoods(epochs, seed):
    """{rule: (epochs, mean log p of the patterns after each)}."""
    patterns = bars_and_stripes(4)
    x = np.repeat(patterns, 10, axis=0)
    results = {}
    for rule, (_, settings) in RULES.items():
        fastnn.manual_seed(seed)
        rbm = RBM(16, 16)
        points = [(0, rbm.log_likelihood(patterns).mean())]

        def note(epoch, _, rbm=rbm, points=points):
            if epoch % max(1, epochs // POINTS) == 0:
                points.append((epoch, rbm.log_likelihood(patterns).mean()))

        train_rbm(rbm, x, epochs=epochs, batch_size=30, momentum=0.5, weight_decay=0.0,
                  report=note, **settings)  # fmt: skip
        results[rule] = np.array(points).T
        best, last = results[rule][1].max(), results[rule][1][-1]
        print(f"{rule}: log-likelihood at best {best:.2f}, in the end {last:.2f}")
    return results


def tiles(pictures, columns):
    """Pictures (N, 28, 28) side by side, a line between them."""
    framed = np.pad(pictures, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    rows = [np.concatenate(framed[i : i + columns], axis=1) for i in range(0, len(framed), columns)]
    return np.concatenate(rows)[:-1, :-1]


def draw(panel, pictures, title, columns, **colours):
    panel.imshow(tiles(pictures.reshape(-1, 28, 28), columns), interpolation="nearest", **colours)
    panel.set_title(title, loc="left", fontsize=9, color=INK)
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_color(GREY)


def main(argv=None):
    arguments = options(__doc__, argv, steps=(2_000, 200), images=(60_000, 4_000), epochs=(15, 4))
    exact = likelihoods(arguments.steps, arguments.seed)

    train, test = fastnn.data.load_mnist()
    x, pictures = (part.arrays[0].reshape(-1, 784) for part in (train, test))
    x = x[: arguments.images]
    fastnn.manual_seed(arguments.seed)
    rbm = RBM(784, 256)
    rate = np.clip(x.mean(0), 0.01, 0.99)
    rbm.visible_bias.data[...] = np.log(rate / (1 - rate))
    train_rbm(
        rbm, x, epochs=arguments.epochs, lr=0.02, persistent=True,
        report=lambda epoch, error: print(f"epoch {epoch}: squared error {error:.2f}"),
    )  # fmt: skip
    error = np.sum((pictures - rbm.visible_mean(rbm.hidden_mean(pictures))) ** 2, 1).mean()
    baseline = np.sum((pictures - x.mean(0)) ** 2, 1).mean()
    print(f"test images' reconstruction: squared error {error:.2f}; the mean's: {baseline:.2f}")
    last = rbm.sample_hidden(rbm.gibbs(pictures[:48], STEPS))
    drawn = rbm.visible_mean(last)

    picture = figure(10, 4.4, "Restricted Boltzmann machines")
    left, middle, right = picture.subplots(1, 3, width_ratios=(1.15, 1, 1))
    curves(left, "bars and stripes: exact log-likelihood", "epoch", "nats a pattern")
    for rule, (epochs, values) in exact.items():
        left.plot(epochs, values, color=RULES[rule][0], linewidth=1.6, label=rule)
    left.axhline(-np.log(30), color=GREY, linewidth=1, linestyle="--")
    left.text(0, -np.log(30) + 0.1, "the patterns' own, -log 30", fontsize=8, color=GREY)
    left.set_ylim(top=-np.log(30) + 0.8)
    legend(left, loc="lower right")
    largest = np.quantile(np.abs(rbm.weight.data[:48]), 0.998)
    draw(middle, rbm.weight.data[:48], "MNIST: weights of 48 of 256 hidden units", 6, cmap="RdBu",
         vmin=-largest, vmax=largest)  # fmt: skip
    draw(right, drawn, f"after {STEPS} steps from test images", 6, cmap="gray_r", vmin=0, vmax=1)
    save(picture, arguments.out, "rbm.png")
    return {
        "likelihood": {rule: values for rule, (_, values) in exact.items()},
        "error": float(error), "baseline": float(baseline),
        "ink": (float(drawn.mean()), float(x.mean())),
    }  # fmt: skip


if __name__ == "__main__":
    main()
