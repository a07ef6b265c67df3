"""Training an MLP on MNIST: fastnn.interop.sklearn.MLPClassifier against scikit-learn's own.

    python bench/mlp_classifier.py [--layers 100] [--epochs 10] [--rounds 3] [--threads 1]

Same architecture, activation, optimiser and its settings, batch size, number of epochs and float32
data; each trains in turn, A B A B, and the quickest run of each counts. Prints the seconds, the
test accuracies and the ratio. Needs scikit-learn, and MNIST where `fastnn.data.load_mnist` finds
it.
"""

import argparse
import os
import time
import warnings

from machine import prepare_environment


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--layers", type=int, nargs="+", default=[100])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    prepare_environment(os.environ, arguments.threads)  # before NumPy is loaded
    from sklearn import neural_network

    import fastnn
    from fastnn.interop import sklearn as ours

    fastnn.set_num_threads(arguments.threads)
    train, test = fastnn.data.load_mnist()
    x, x_test = (part.arrays[0].reshape(-1, 784) for part in (train, test))
    x, y, y_test = x[: arguments.images], train.arrays[1][: arguments.images], test.arrays[1]
    settings = {
        "hidden_layer_sizes": tuple(arguments.layers), "batch_size": arguments.batch,
        "max_iter": arguments.epochs, "n_iter_no_change": arguments.epochs, "random_state": 0,
    }  # fmt: skip
    print(
        f"784-{'-'.join(map(str, arguments.layers))}-10, batch {arguments.batch}, "
        f"{arguments.epochs} epochs of {len(x):,} images, {arguments.threads} thread(s)"
    )
    best = {}
    for _ in range(arguments.rounds):
        for name, module in (("fastnn", ours), ("scikit-learn", neural_network)):
            model = module.MLPClassifier(**settings)
            started = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # scikit-learn's, that it has not converged
                model.fit(x, y)
            seconds = time.perf_counter() - started
            accuracy = model.score(x_test, y_test)
            print(f"{name:>12}: {seconds:7.2f} s, test accuracy {accuracy:.2%}", flush=True)
            best[name] = min(seconds, best.get(name, seconds))
    print(f"fastnn is {best['scikit-learn'] / best['fastnn']:.2f} times as fast")


if __name__ == "__main__":
    main()
