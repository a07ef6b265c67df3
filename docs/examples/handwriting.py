"""Digits written by a pen: an LSTM whose output is a mixture of Gaussians, after Graves 2013, is
told a digit and gives one pen movement after the other.

The strokes come from MNIST's pictures: thinned to lines one pixel wide and followed from their
ends. A step is a displacement of about two pixels, whether the stroke ends there, and whether the
drawing does. The log-likelihood of the test digits' steps is compared with that of models which
know nothing of the steps before: a single Gaussian with the flags' frequencies, and a mixture with
as many components as the network's. A LeNet-5 trained on MNIST's own pictures reads what was
written, drawn with a round pen, and for comparison the strokes of true test digits drawn alike.
"""

import numpy as np
from _example import BLUE, GREY, INK, ORANGE, curves, figure, legend, options, save

import fastnn
from fastnn import evaluate, fit, nn, optim
from fastnn.data import load_mnist, pad_sequences
from fastnn.data.strokes import draw_strokes, pen_steps, pen_strokes, thin, trace
from fastnn.models.handwriting import Handwriting, log_density, mixture_loss, write
from fastnn.models.lenet5 import LeNet5
from fastnn.training.callbacks import Callback
from fastnn.training.evaluate import inference

CENTRE = (13.5, 13.5)  # where the pen is before the first step
INKED = 100  # of 255: what is thinned
COMPONENTS = 20
BIASES = (0.0, 0.5, 1.0)


def drawings(part, count):
    """Steps (N, T, 4) in pixels, NaN behind a drawing's end, their lengths (N,), and labels."""
    images, labels = part[:count]
    lines = thin(images[:, 0] >= INKED)
    drawn = [i for i, line in enumerate(lines) if line.any()]
    steps = [pen_steps(trace(lines[i]), CENTRE) for i in drawn]
    return *pad_sequences(steps, np.float32(np.nan), batch_first=True), labels[drawn]


def rows_of(steps):
    """All drawings' steps one below the other."""
    return steps[~np.isnan(steps[..., 0])]


def gaussian_likelihood(train, test):
    """Mean log p of the test steps: one Gaussian, and the flags' frequencies, of the training
    steps."""
    mean, covariance = train[:, :2].mean(0), np.cov(train[:, :2].T)
    off = test[:, :2] - mean
    quadratic = np.einsum("ni,ij,nj->n", off, np.linalg.inv(covariance), off)
    log_p = -np.log(2 * np.pi) - np.log(np.linalg.det(covariance)) / 2 - quadratic / 2
    share = train[:, 2:].mean(0)
    return float((log_p + np.log(np.where(test[:, 2:] == 1, share, 1 - share)).sum(1)).mean())


class Always(nn.Module):
    """The same mixture at every step: parameters that depend on nothing."""

    def __init__(self, train):
        super().__init__()
        start = np.zeros(6 * COMPONENTS + 2, np.float32)
        centres = train[np.random.default_rng(0).choice(len(train), COMPONENTS), :2]
        start[COMPONENTS : 3 * COMPONENTS] = centres.T.reshape(-1)
        self.parameters_of_all = nn.Parameter(start)

    def forward(self, steps):
        return self.parameters_of_all + np.zeros((len(steps), 1), np.float32)


def fit_mixture(train, steps, seed):
    model = Always(train)
    optimizer = optim.Adam(model.parameters(), lr=0.03)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        batch = train[rng.integers(0, len(train), 1000)]
        optimizer.zero_grad()
        (-log_density(model(batch), batch).mean()).backward()
        optimizer.step()
        schedule.step()
    return model


def likelihood(model, batches):
    """Mean log p of all steps."""
    total, count = 0.0, 0
    with inference(model):
        for *inputs, steps in batches:
            there = len(rows_of(steps))
            total -= there * mixture_loss(model(*inputs), steps).item()
            count += there
    return total / count


class Report(Callback):
    """Prints and keeps the test digits' log-likelihood a step after every epoch."""

    def __init__(self, test):
        self.test, self.likelihoods = test, []

    def on_epoch_end(self, run):
        self.likelihoods.append(likelihood(run.model, self.test))
        print(f"epoch {run.epoch}: {self.likelihoods[-1]:.3f} nats a step", flush=True)


def in_pixels(steps, scale):
    """The strokes of a drawing (T, 4), where the pictures have them."""
    return pen_strokes(np.concatenate([scale * steps[:, :2], steps[:, 2:]], axis=1), CENTRE)


def pictures(drawings, scale):
    """(N, 1, 28, 28) of drawings, each (T, 4)."""
    return np.stack([draw_strokes(in_pixels(steps, scale)) for steps in drawings])[:, None]


def reader(count, seed):
    """A LeNet-5 after one epoch of MNIST's own pictures: a function (pictures, labels) -> the share
    that it reads rightly."""
    (images, labels), test = (part[:] for part in load_mnist())
    mean, std = images.mean(), images.std()
    fastnn.manual_seed(seed)
    model = LeNet5()
    fit(model, ((images[:count] - mean) / std, labels[:count]), epochs=1, progress=False)

    def read(drawn, told):
        return evaluate(model, ((drawn - mean) / std, told))["accuracy"]

    print(f"LeNet-5 reads {read(*test):.2%} of MNIST's test pictures")
    return read


def main(argv=None):
    arguments = options(
        __doc__, argv, epochs=(10, 3), digits=(20_000, 1_500), units=(256, 96), samples=(100, 20)
    )
    train_part, test_part = load_mnist(dtype="uint8")
    steps, lengths, labels = drawings(train_part, arguments.digits)
    tests, test_lengths, answers = drawings(test_part, arguments.digits // 10)
    scale = rows_of(steps)[:, :2].std()
    for part in (steps, tests):
        part[..., :2] /= scale
    train_rows, test_rows = rows_of(steps), rows_of(tests)
    print(f"{len(steps):,} digits, {lengths.mean():.1f} steps each; a unit is {scale:.2f} pixels")
    always = fit_mixture(train_rows, 300 if arguments.quick else 1500, arguments.seed)
    results = {
        "one Gaussian": gaussian_likelihood(train_rows, test_rows),
        "mixture": float(log_density(always(test_rows), test_rows).data.mean()),
    }

    fastnn.manual_seed(arguments.seed)
    model = Handwriting(COMPONENTS, classes=10, units=arguments.units)
    model.linear.weight.data *= (
        0.1  # so that training begins at the mixture that is always the same
    )
    model.linear.bias.data[...] = always.parameters_of_all.data
    test = fastnn.data.DataLoader((tests, test_lengths, answers, tests), 200, lengths=test_lengths)
    report = Report(test)
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    fit(
        model,
        fastnn.data.DataLoader(
            (steps, lengths, labels, steps), 50, True, seed=arguments.seed, lengths=lengths
        ),
        epochs=arguments.epochs, loss=mixture_loss, metrics=(), optimizer=optimizer,
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, arguments.epochs),
        grad_clip=5.0, callbacks=[report], progress=False,
    )  # fmt: skip
    results["LSTM"] = report.likelihoods[-1]
    for name in ("one Gaussian", "mixture", "LSTM"):
        print(f"{name}: {results[name]:.3f} nats a step")

    read = reader(6_000 if arguments.quick else 60_000, arguments.seed)
    strokes_of = [own[:n] for own, n in zip(tests, test_lengths, strict=True)]
    results["true strokes"] = read(pictures(strokes_of, scale), answers)
    print(f"read rightly: the test digits' strokes {results['true strokes']:.1%}")
    told = np.arange(10).repeat(arguments.samples)
    rng = np.random.default_rng(arguments.seed)
    written = {bias: write(model, told, bias=bias, rng=rng) for bias in BIASES}
    for bias in BIASES:
        results[bias] = read(pictures(written[bias], scale), told)
        print(f"read rightly: {len(told):,} written with bias {bias:g} {results[bias]:.1%}")

    picture = figure(11, 4.8, "Digits written by a pen")
    left, middle, right = picture.subplots(1, 3, width_ratios=(5, 5, 4))
    shown = [np.flatnonzero(answers == d)[:10] for d in range(10)]
    real = [[strokes_of[i] for i in own] for own in shown]
    own = [written[0.5][d * arguments.samples :][:10] for d in range(10)]
    for panel, rows, title in (
        (left, real, "strokes of MNIST's test digits"),
        (middle, own, f"written by the LSTM (bias 0.5, {results[0.5]:.0%} read rightly)"),
    ):
        draw_page(panel, rows, scale, title)
    curves(right, "log-likelihood of a test step, nats", "epoch")
    right.plot(range(1, len(report.likelihoods) + 1), report.likelihoods, color=BLUE,
               label=f"LSTM: {results['LSTM']:.2f}")  # fmt: skip
    for name, color in (("mixture", ORANGE), ("one Gaussian", GREY)):
        right.axhline(results[name], color=color, linestyle="--",
                      label=f"{name}, always the same: {results[name]:.2f}")  # fmt: skip
    legend(right, loc="center right")
    save(picture, arguments.out, "handwriting.png", colours=32)
    return results


def draw_page(panel, rows, scale, title):
    """Drawings (T, 4) in rows of ten."""
    for i, row in enumerate(rows):
        for j, steps in enumerate(row):
            for stroke in in_pixels(steps, scale):
                panel.plot(*np.add(stroke, (28 * j, 28 * i)).T, color=INK, linewidth=1)
    panel.set(xlim=(0, 280), ylim=(280, 0), xticks=[], yticks=[], aspect="equal")
    panel.set_title(title, loc="left", fontsize=10, color=INK)
    panel.spines[:].set_visible(False)


if __name__ == "__main__":
    main()
