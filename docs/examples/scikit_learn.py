"""fastnn within scikit-learn: a grid search over a pipeline with an MLP, and an RBM's features for
a linear classifier, on the 8 x 8 digits.

Left, the accuracy that 3-fold cross-validation on the training images finds for each width and
rate; the best of them is then tried on the test images, beside scikit-learn's own MLPClassifier.
Right, how many labels are needed: a restricted Boltzmann machine learns all training images without
labels, and a logistic regression on its hidden units, or on the pixels, learns those with labels.
"""

import warnings

import numpy as np
from _example import BLUE, INK, ORANGE, curves, figure, legend, options, save
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier as TheirMLP
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastnn
from fastnn.interop.sklearn import RBM, MLPClassifier

WIDTHS, RATES = (10, 30, 100), (3e-4, 1e-3, 3e-3, 1e-2)


def main(argv=None):
    arguments = options(__doc__, argv, epochs=(60, 15), repeats=(10, 3))
    train, test = fastnn.data.load_digits()
    (x, y), (x_test, y_test) = (
        (images.reshape(len(images), -1), labels) for images, labels in (train.arrays, test.arrays)
    )
    settings = {"max_iter": arguments.epochs, "batch_size": 50, "random_state": arguments.seed}
    search = GridSearchCV(
        make_pipeline(StandardScaler(), MLPClassifier(**settings)),
        {
            "mlpclassifier__hidden_layer_sizes": [(width,) for width in WIDTHS],
            "mlpclassifier__learning_rate_init": list(RATES),
        },
        cv=3,
    ).fit(x, y)
    found = search.cv_results_["mean_test_score"].reshape(len(WIDTHS), len(RATES))
    width = search.best_params_["mlpclassifier__hidden_layer_sizes"]
    rate = search.best_params_["mlpclassifier__learning_rate_init"]
    theirs = make_pipeline(
        StandardScaler(),
        TheirMLP(hidden_layer_sizes=width, learning_rate_init=rate, **settings),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        theirs.fit(x, y)
    results = {"accuracy": search.score(x_test, y_test), "theirs": theirs.score(x_test, y_test)}
    print(f"best: {width[0]} units, rate {rate:g}; test accuracy {results['accuracy']:.1%}, "
          f"scikit-learn's MLPClassifier {results['theirs']:.1%}")  # fmt: skip

    rbm = RBM(150, learning_rate=0.1, n_iter=arguments.epochs, batch_size=20,
              random_state=arguments.seed).fit(x)  # fmt: skip
    inputs = {
        "pixels": (x, x_test),
        "RBM's hidden units": (rbm.transform(x), rbm.transform(x_test)),
    }
    rng = np.random.default_rng(arguments.seed)
    chosen = [rng.permutation(len(x)) for _ in range(arguments.repeats)]
    counts = (30, 60, 120, 240, 480, len(x))
    for name, (own, own_test) in inputs.items():
        results[name] = []
        for count in counts:
            scores = [
                LogisticRegression(max_iter=2000, C=10).fit(own[rows[:count]], y[rows[:count]])
                .score(own_test, y_test)
                for rows in chosen
            ]  # fmt: skip
            results[name].append(float(np.mean(scores)))
        shown = ", ".join(f"{a:.1%}" for a in results[name])
        print(f"logistic regression on {name} with {counts} labels: {shown}")

    picture = figure(9, 3.6, "fastnn's estimators within scikit-learn, on the digits")
    left, right = picture.subplots(1, 2)
    left.imshow(found, cmap="Blues", vmin=found.min() - 0.1, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(found):
        best = value == found.max()
        left.text(j, i, f"{value:.1%}", ha="center", va="center", fontsize=9,
                  color="white" if value > 0.85 else INK,
                  fontweight="bold" if best else "normal")  # fmt: skip
    left.set_title("accuracy in 3-fold cross-validation", loc="left", fontsize=10, color=INK)
    left.set_xticks(range(len(RATES)), [f"{rate:g}" for rate in RATES], fontsize=8)
    left.set_yticks(range(len(WIDTHS)), WIDTHS, fontsize=8)
    left.set_xlabel("rate", fontsize=9, color=INK)
    left.set_ylabel("hidden units", fontsize=9, color=INK)
    left.tick_params(length=0)
    left.spines[:].set_visible(False)
    curves(right, "logistic regression: test accuracy by labels", "labels", "%")
    for name, color in zip(inputs, (ORANGE, BLUE), strict=True):
        right.plot(counts, 100 * np.array(results[name]), "o-", color=color, markersize=4,
                   linewidth=1.6, label=f"on {name}")  # fmt: skip
    right.set_xscale("log")
    right.set_xticks(counts, counts)
    right.minorticks_off()
    legend(right, loc="lower right")
    save(picture, arguments.out, "scikit_learn.png")
    return results


if __name__ == "__main__":
    main()
