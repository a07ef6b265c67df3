"""The scikit-learn estimators: its own checks, Pipeline, GridSearchCV, and what is ours."""

import pickle
import warnings

import numpy as np
import pytest
from child import run

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import fastnn
from fastnn import nn
from fastnn.interop.sklearn import (
    RBM,
    MLPClassifier,
    MLPRegressor,
    ModuleClassifier,
    ModuleRegressor,
)


def network(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 20), nn.Tanh(), nn.Linear(20, outputs))


@pytest.fixture(scope="module")
def digits():
    train, test = fastnn.data.load_digits()
    return tuple(
        (images.reshape(len(images), -1), labels) for images, labels in (train.arrays, test.arrays)
    )


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(max_iter=100),
        MLPRegressor(),
        ModuleClassifier(network),
        ModuleRegressor(network),
        RBM(n_components=5),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_scikit_learns_checks(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_fail=None, on_skip=None)
    assert len(results) > 40
    failed = {r["check_name"]: repr(r["exception"]) for r in results if r["status"] == "failed"}
    assert not failed


def test_pipeline_and_grid_search(digits):
    (x, y), (x_test, y_test) = digits
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((32,), max_iter=15, random_state=0))
    search = GridSearchCV(
        pipeline,
        {"mlpclassifier__learning_rate_init": [1e-7, 3e-3], "mlpclassifier__dropout": [0.0, 0.2]},
        cv=2,
    )
    search.fit(x, y)
    assert search.best_params_["mlpclassifier__learning_rate_init"] == 3e-3
    assert search.score(x_test, y_test) > 0.93


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "adagrad", "adadelta", "rmsprop"])
def test_every_optimizer_learns_the_digits(digits, optimizer):
    (x, y), (x_test, y_test) = digits
    rate = {"sgd": 0.05, "adadelta": 1.0, "adagrad": 0.03}.get(optimizer, 3e-3)
    model = MLPClassifier(
        (40,), optimizer=optimizer, learning_rate_init=rate, max_iter=25, batch_size=50,
        random_state=0,
    ).fit(x, y)  # fmt: skip
    assert model.score(x_test, y_test) > 0.93
    assert model.n_iter_ == len(model.loss_curve_) and model.loss_ == model.loss_curve_[-1]
    probabilities = model.predict_proba(x_test)
    assert probabilities.shape == (len(x_test), 10) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(probabilities.argmax(1), model.predict(x_test))


def test_labels_of_any_kind():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 2))
    y = np.array(["left", "right"])[(x[:, 0] > 0).astype(int)]
    model = MLPClassifier((8,), learning_rate_init=0.05, max_iter=60, random_state=0).fit(x, y)
    assert model.classes_.tolist() == ["left", "right"] and model.score(x, y) > 0.95


def test_balanced_class_weights_find_the_rare_class():
    rng = np.random.default_rng(0)
    y = (np.arange(600) % 30 == 0).astype(int)
    x = rng.standard_normal((600, 2)) + 1.2 * y[:, None]

    def found(class_weight):
        model = MLPClassifier(
            (), class_weight=class_weight, learning_rate_init=0.02, random_state=0
        )
        return model.fit(x, y).predict(x)[y == 1].mean()

    assert found("balanced") > 0.7 > 0.4 > found(None)
    assert found({0: 1, 1: 1}) == found(None)


def test_regression_of_one_and_of_several_outputs():
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (400, 1))
    y = np.column_stack([np.sin(2 * x[:, 0]), x[:, 0] ** 2])
    options = {"learning_rate_init": 0.01, "max_iter": 300, "random_state": 0}
    both = MLPRegressor((40, 40), **options).fit(x, y)
    assert both.predict(x).shape == (400, 2) and both.score(x, y) > 0.98
    one = MLPRegressor((40, 40), **options).fit(x, y[:, 0])
    assert one.predict(x).shape == (400,) and one.score(x, y[:, 0]) > 0.98


def test_a_module_is_copied_and_a_function_called():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    module = network(3, 2)
    before = {key: value.copy() for key, value in module.state_dict().items()}
    estimator = ModuleClassifier(module, learning_rate_init=0.01, max_iter=50, random_state=0)
    assert estimator.fit(x, y).score(x, y) > 0.95
    for key, value in module.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    called = []

    def make(inputs, outputs):
        called.append((inputs, outputs))
        return network(inputs, outputs)

    ModuleClassifier(make, max_iter=1).fit(x, y)
    ModuleRegressor(make, max_iter=1).fit(x, x[:, :2])
    assert called == [(3, 2), (3, 2)]


def test_rbm_features_help_a_linear_classifier(digits):
    (x, y), (x_test, y_test) = digits
    model = make_pipeline(
        RBM(100, n_iter=30, batch_size=20, random_state=0), LogisticRegression(max_iter=1000)
    )
    few = slice(0, 1437, 4)
    plain = LogisticRegression(max_iter=1000).fit(x[few], y[few]).score(x_test, y_test)
    model[0].fit(x)  # all images, few labels
    features = model[0].transform(x[few])
    score = (
        LogisticRegression(max_iter=1000)
        .fit(features, y[few])
        .score(model[0].transform(x_test), y_test)
    )
    assert features.shape == (len(features), 100)
    assert score > plain
    noise = np.random.default_rng(0).permuted(x_test, axis=1)
    assert model[0].score_samples(x_test).mean() > model[0].score_samples(noise).mean() + 10
    assert model[0].get_feature_names_out()[:2].tolist() == ["rbm0", "rbm1"]


def test_random_state_decides_and_the_packages_generator_goes_on(digits):
    (x, y), _ = digits
    x, y = x[:300], y[:300]

    def weights(seed):
        model = MLPClassifier((9,), dropout=0.3, max_iter=2, random_state=seed).fit(x, y)
        return model.module_[0].weight.data

    fastnn.manual_seed(1)
    first = fastnn.random.next_seed()
    fastnn.manual_seed(1)
    np.testing.assert_array_equal(weights(3), weights(3))
    assert not np.array_equal(weights(3), weights(4))
    assert fastnn.random.next_seed() == first


def test_clone_and_pickle(digits):
    (x, y), _ = digits
    model = MLPClassifier((9,), max_iter=2, random_state=0).fit(x, y)
    with pytest.raises(NotFittedError):
        clone(model).predict(x)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))


def test_training_ends_when_the_loss_stands_still():
    x = np.zeros((20, 2))
    model = MLPClassifier((3,), n_iter_no_change=4, tol=1e9, random_state=0).fit(x, [0, 1] * 10)
    assert model.n_iter_ == 5


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"optimizer": "lbfgs"}, ValueError, "optimizer must be one of .* got 'lbfgs'"),
        ({"activation": "sin"}, ValueError, "activation must be one of .* got 'sin'"),
        ({"batch_size": 0}, ValueError, "batch_size and max_iter must be >= 1, got 0 and 200"),
        ({"max_iter": 0}, ValueError, "batch_size and max_iter must be >= 1, got auto and 0"),
        ({"learning_rate_init": -1}, ValueError, "Invalid learning rate: -1"),
    ],
)
def test_bad_options(options, error, text):
    with pytest.raises(error, match=text):
        MLPClassifier(**options).fit(np.eye(4), [0, 1, 0, 1])


def test_other_errors():
    with pytest.raises(ValueError, match="module must be a Module, or a function"):
        ModuleClassifier().fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(FloatingPointError, match="lower learning_rate_init"):
        with np.errstate(all="ignore"):
            MLPRegressor(optimizer="sgd", learning_rate_init=1e6).fit(np.eye(4), [0, 1e6, 0, 1])


def test_without_scikit_learn_the_error_says_what_to_install():
    code = """
import sys
sys.modules["sklearn"] = None
try:
    import fastnn.interop.sklearn
except ImportError as error:
    print(error)
"""
    assert 'pip install "fastnn[sklearn]"' in run(code)
