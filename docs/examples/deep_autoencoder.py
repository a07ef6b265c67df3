"""A deep auto-encoder 784-1000-500-250-2 on MNIST against principal components, after Hinton and
Salakhutdinov 2006 ("Reducing the dimensionality of data with neural networks", Science 313).

Every image becomes two numbers. The two principal components are the best linear code; an
auto-encoder's is not linear, and loses far less. Three are trained alike: sigmoid units that begin
as a stack of restricted Boltzmann machines, the same from random weights, and rectified units from
random weights, which need no pre-training. The maps show the test images' codes, coloured by digit,
which no network was told.
"""

from _codes import (
    PrincipalComponents,
    draw_map,
    nearest_neighbour_accuracy,
    reconstruction_error,
    run,
    train,
)
from _example import BLUE, GREEN, GREY, INK, ORANGE, curves, figure, legend, options, save

import fastnn
from fastnn import nn
from fastnn.models.autoencoder import Autoencoder
from fastnn.models.dbn import DBN

COLOURS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
    "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
)  # fmt: skip
LINES = {"ReLU": BLUE, "sigmoid, pre-trained": GREEN, "sigmoid": ORANGE}


def main(argv=None):
    arguments = options(__doc__, argv, images=(60_000, 6_000), epochs=(8, 3), pretrain=(4, 1))
    train_set, test_set = fastnn.data.load_mnist()
    x, test = (part.arrays[0].reshape(-1, 784) for part in (train_set, test_set))
    digits = test_set.arrays[1]
    x = x[: arguments.images]
    sizes = [784, 1000, 500, 250, 2]
    if arguments.quick:
        sizes, test, digits = [784, 250, 100, 2], test[::5], digits[::5]

    pca = PrincipalComponents(x, 2)
    codes = {"two principal components": pca.encode(test)}
    linear = reconstruction_error(pca.decode(codes["two principal components"]), test)
    print(f"two principal components: test error {linear:.2f}")

    errors = {}
    for name in LINES:
        fastnn.manual_seed(arguments.seed)
        if name == "ReLU":
            model = Autoencoder(sizes)
        elif name == "sigmoid":
            model = Autoencoder(sizes, nn.Sigmoid)
        else:
            dbn = DBN(sizes, code="gaussian")
            dbn.pretrain(x, epochs=arguments.pretrain, report=lambda layer, epoch, error: print(
                f"RBM {layer}, epoch {epoch}: squared error {error:.2f}", flush=True
            ))  # fmt: skip
            model = Autoencoder.from_rbms(dbn.rbms)
        errors[name] = train(name, model, x, test, epochs=arguments.epochs)
        codes[name] = run(model.encoder, test)

    results = {"pca": linear, **{name: series[-1] for name, series in errors.items()}}
    picture = figure(11, 6.6, f"Images as two numbers: auto-encoder {'-'.join(map(str, sizes))}")
    left, right = picture.subfigures(1, 2, width_ratios=(1, 2.1))
    panel = curves(left.subplots(), "squared error of a test image", "epoch")
    panel.axhline(linear, color=GREY, linewidth=1.2, linestyle="--")
    panel.text(0.6, linear + 0.2, f"two principal components: {linear:.1f}", fontsize=8, color=INK)
    for name, series in errors.items():
        less = 100 * (1 - series[-1] / linear)
        print(f"{name}: test error {series[-1]:.2f}, {less:.1f} % below principal components'")
        panel.plot(range(1, len(series) + 1), series, color=LINES[name], linewidth=1.6,
                   label=f"{name}: {series[-1]:.1f}")  # fmt: skip
    legend(panel, loc="upper right", bbox_to_anchor=(1, 0.93))
    for panel, (name, code) in zip(right.subplots(2, 2).flat, codes.items(), strict=True):
        neighbours = nearest_neighbour_accuracy(code, digits)
        results[f"neighbours, {name}"] = neighbours
        print(f"{name}: the nearest other code is of the same digit for {neighbours:.1%}")
        draw_map(panel, code, digits, COLOURS, f"{name}: {neighbours:.0%} next to their like")
    save(picture, arguments.out, "deep_autoencoder.png")
    return results


if __name__ == "__main__":
    main()
