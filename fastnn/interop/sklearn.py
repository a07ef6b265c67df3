"""scikit-learn estimators: `MLPClassifier`, `MLPRegressor`, the same for any Module, and `RBM`.

They keep scikit-learn's rules (`check_estimator` passes), so that they work in Pipeline,
GridSearchCV and the like. Networks compute in the dtype of X: give float32 for speed. Needs
scikit-learn 1.6 or newer: ``pip install "fastnn[sklearn]"``.
"""

import copy
import math

import numpy as np

try:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        ClassNamePrefixFeaturesOutMixin,
        RegressorMixin,
        TransformerMixin,
    )
    from sklearn.utils import check_random_state
    from sklearn.utils.class_weight import compute_class_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        'fastnn.interop.sklearn needs scikit-learn >= 1.6: pip install "fastnn[sklearn]"'
    ) from error

from .. import functional as F
from .. import nn, optim, random
from ..models import rbm as _rbm
from ..training import predict

__all__ = [
    "RBM", "MLPClassifier", "MLPRegressor", "ModuleClassifier", "ModuleRegressor",
]  # fmt: skip

_DTYPES = [np.float64, np.float32]
_ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "logistic": nn.Sigmoid, "identity": None}
_OPTIMIZERS = {
    "adam": optim.Adam, "adamw": optim.AdamW, "sgd": optim.SGD, "adagrad": optim.Adagrad,
    "adadelta": optim.Adadelta, "rmsprop": optim.RMSprop,
}  # fmt: skip


class _seeded:
    """The package's random numbers inside `with` come from random_state, and go on after it as if
    nothing had happened."""

    def __init__(self, random_state):
        self.seed = int(check_random_state(random_state).randint(2**31 - 1))

    def __enter__(self):
        self.before = random.get_state()
        random.manual_seed(self.seed)

    def __exit__(self, *_):
        random.set_state(self.before)


class _Network(BaseEstimator):
    """What the four estimators of networks share: the training loop and its options."""

    def _train(self, x, y, loss, outputs):
        """Make `module_` for x (N, D) and train it on y."""
        if self.optimizer not in _OPTIMIZERS:
            raise ValueError(
                f"optimizer must be one of {sorted(_OPTIMIZERS)}, got {self.optimizer!r}"
            )
        batch = min(200, len(x)) if self.batch_size == "auto" else min(self.batch_size, len(x))
        if batch < 1 or self.max_iter < 1:
            raise ValueError(
                f"batch_size and max_iter must be >= 1, got {self.batch_size} and {self.max_iter}"
            )
        with _seeded(self.random_state):
            self.module_ = self._make(x.shape[1], outputs)
            self.module_.to(x.dtype)
            parameters = list(self.module_.parameters())
            optimizer = _OPTIMIZERS[self.optimizer](
                [
                    {"params": [p for p in parameters if p.data.ndim > 1],
                     "weight_decay": self.alpha / batch},
                    {"params": [p for p in parameters if p.data.ndim <= 1], "weight_decay": 0.0},
                ],
                lr=self.learning_rate_init,
                **({"momentum": 0.9, "nesterov": True} if self.optimizer == "sgd" else {}),
            )  # fmt: skip
            self._loop(x, y, loss, optimizer, batch)
        self.module_.eval()
        optimizer.zero_grad()

    def _loop(self, x, y, loss, optimizer, batch):
        rng = random.generator()
        self.module_.train()
        self.loss_curve_ = []
        best, waited = math.inf, 0
        for epoch in range(1, self.max_iter + 1):
            self.n_iter_ = epoch
            order = rng.permutation(len(x))
            total = 0.0
            for first in range(0, len(x), batch):
                rows = order[first : first + batch]
                optimizer.zero_grad()
                value = loss(self.module_(x.take(rows, axis=0)), y.take(rows, axis=0))
                value.backward()
                optimizer.step()
                total += value.item() * len(rows)
            self.loss_curve_.append(total / len(x))
            if not math.isfinite(total):
                raise FloatingPointError(
                    f"the loss became {total} in epoch {epoch}: lower learning_rate_init "
                    f"({self.learning_rate_init}) or scale X"
                )
            if self.verbose:
                print(f"epoch {epoch}: loss {self.loss_curve_[-1]:.6f}")
            waited = 0 if self.loss_curve_[-1] < best - self.tol else waited + 1
            best = min(best, self.loss_curve_[-1])
            if waited >= self.n_iter_no_change:
                break
        self.loss_ = self.loss_curve_[-1]

    def _output(self, x):
        check_is_fitted(self)
        x = validate_data(self, x, dtype=_DTYPES, reset=False)
        dtype = next(self.module_.parameters()).data.dtype
        return predict(self.module_, x.astype(dtype, copy=False), batch_size=1024)


class _Classifier(ClassifierMixin, _Network):
    def fit(self, X, y):
        """X (n_samples, n_features), y (n_samples,) of any labels. -> self"""
        X, y = validate_data(self, X, y, dtype=_DTYPES)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes in the data, but the "
                f"data contains only one class: {self.classes_[0]!r}"
            )
        weight = None
        if self.class_weight is not None:
            weight = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
            weight = weight.astype(X.dtype)

        def loss(output, target):
            return F.cross_entropy(output, target, weight=weight)

        self._train(X, labels.astype(np.int64), loss, len(self.classes_))
        return self

    def predict_proba(self, X):
        """(n_samples, n_classes), in the order of `classes_`."""
        return F.softmax(self._output(X), 1).data

    def predict(self, X):
        """The most probable class of each sample."""
        output = self._output(X)
        return self.classes_[output.argmax(1)]


class _Regressor(RegressorMixin, _Network):
    def fit(self, X, y):
        """X (n_samples, n_features), y (n_samples,) or (n_samples, n_outputs). -> self"""
        X, y = validate_data(self, X, y, dtype=_DTYPES, multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        targets = y.reshape(len(y), -1).astype(X.dtype)
        self._train(X, targets, F.mse_loss, targets.shape[1])
        return self

    def predict(self, X):
        """(n_samples,) or (n_samples, n_outputs), as y was."""
        output = self._output(X)
        return output[:, 0] if self._flat else output

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class MLPClassifier(_Classifier):
    """A fully connected network with a softmax over the classes; arguments as scikit-learn's
    MLPClassifier, where it has them.

    hidden_layer_sizes  units of each hidden layer
    activation          "relu", "tanh", "logistic", "identity"
    dropout             share of every hidden layer's units that training leaves out
    optimizer           "adam", "adamw", "sgd" (Nesterov momentum 0.9), "adagrad", "adadelta",
                        "rmsprop"
    alpha               L2 penalty of the weights
    batch_size          "auto": 200, or all samples where they are fewer
    learning_rate_init  of the optimiser
    max_iter            most epochs; training ends before them once n_iter_no_change epochs in turn
                        have not lowered the training loss by tol
    class_weight        None, "balanced" or {class: weight}: what each sample's loss counts
    random_state        initial weights, order of samples, dropout
    verbose             print the loss of every epoch

    Fitted: module_ (the network), classes_, n_features_in_, n_iter_, loss_, loss_curve_.
    """

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        dropout=0.0,
        optimizer="adam",
        alpha=1e-4,
        batch_size="auto",
        learning_rate_init=1e-3,
        max_iter=200,
        tol=1e-4,
        n_iter_no_change=10,
        class_weight=None,
        random_state=None,
        verbose=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.optimizer = optimizer
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def _make(self, inputs, outputs):
        return _mlp(self, inputs, outputs)


class MLPRegressor(_Regressor):
    """A fully connected network that minimizes the squared error, of one output or several.

    Arguments and what is fitted: as `MLPClassifier`, without classes.
    """

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        dropout=0.0,
        optimizer="adam",
        alpha=1e-4,
        batch_size="auto",
        learning_rate_init=1e-3,
        max_iter=200,
        tol=1e-4,
        n_iter_no_change=10,
        random_state=None,
        verbose=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.optimizer = optimizer
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    def _make(self, inputs, outputs):
        return _mlp(self, inputs, outputs)


class ModuleClassifier(_Classifier):
    """Any Module (N, n_features) -> logits (N, n_classes) as a classifier.

    module  a function (n_features, n_classes) -> Module, called by every fit; or a Module, of which
            every fit trains a copy

    The other arguments and what is fitted: as `MLPClassifier`.
    """

    def __init__(
        self,
        module=None,
        *,
        optimizer="adam",
        alpha=0.0,
        batch_size="auto",
        learning_rate_init=1e-3,
        max_iter=200,
        tol=1e-4,
        n_iter_no_change=10,
        class_weight=None,
        random_state=None,
        verbose=False,
    ):
        self.module = module
        self.optimizer = optimizer
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def _make(self, inputs, outputs):
        return _made(self, inputs, outputs)


class ModuleRegressor(_Regressor):
    """Any Module (N, n_features) -> (N, n_outputs) as a regressor of the squared error.

    Arguments and what is fitted: as `ModuleClassifier`, without classes.
    """

    def __init__(
        self,
        module=None,
        *,
        optimizer="adam",
        alpha=0.0,
        batch_size="auto",
        learning_rate_init=1e-3,
        max_iter=200,
        tol=1e-4,
        n_iter_no_change=10,
        random_state=None,
        verbose=False,
    ):
        self.module = module
        self.optimizer = optimizer
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.verbose = verbose

    def _make(self, inputs, outputs):
        return _made(self, inputs, outputs)


class RBM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A restricted Boltzmann machine (`fastnn.models.rbm`) whose hidden units' means are features.

    n_components   hidden units
    visible        "binary", for X in [0, 1], or "gaussian", for standardized X
    learning_rate, batch_size, n_iter (epochs), momentum, weight_decay, k, persistent
                   as `fastnn.models.rbm.train_rbm` says
    random_state   initial weights, order of samples, sampling

    Fitted: rbm_ (the machine), errors_ (of reconstruction, by epoch), n_features_in_.
    """

    def __init__(
        self,
        n_components=256,
        *,
        visible="binary",
        learning_rate=0.05,
        batch_size=100,
        n_iter=10,
        momentum=0.9,
        weight_decay=2e-4,
        k=1,
        persistent=False,
        random_state=None,
    ):
        self.n_components = n_components
        self.visible = visible
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.k = k
        self.persistent = persistent
        self.random_state = random_state

    def fit(self, X, y=None):
        """X (n_samples, n_features). -> self"""
        X = validate_data(self, X, dtype=_DTYPES)
        with _seeded(self.random_state):
            self.rbm_ = _rbm.RBM(X.shape[1], self.n_components, self.visible, dtype=X.dtype)
            self.errors_ = _rbm.train_rbm(
                self.rbm_, X, epochs=self.n_iter, batch_size=self.batch_size,
                lr=self.learning_rate, momentum=self.momentum, weight_decay=self.weight_decay,
                k=self.k, persistent=self.persistent,
            )  # fmt: skip
        return self

    def transform(self, X):
        """The means of the hidden units, (n_samples, n_components)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=_DTYPES, reset=False)
        return self.rbm_.hidden_mean(X.astype(self.rbm_.weight.data.dtype, copy=False))

    def score_samples(self, X):
        """Minus the free energy of each sample: log p(x) but for a constant."""
        check_is_fitted(self)
        return -self.rbm_.free_energy(validate_data(self, X, dtype=_DTYPES, reset=False))

    @property
    def _n_features_out(self):
        return self.rbm_.n_hidden


def _mlp(estimator, inputs, outputs):
    """The network that an MLP estimator's arguments describe, Glorot's weights."""
    name, sizes = estimator.activation, estimator.hidden_layer_sizes
    if name not in _ACTIVATIONS:
        raise ValueError(f"activation must be one of {sorted(_ACTIVATIONS)}, got {name!r}")
    layers = []
    for width in [sizes] if isinstance(sizes, int) else sizes:
        layers.append(nn.Linear(inputs, width))
        if _ACTIVATIONS[name] is not None:
            layers.append(_ACTIVATIONS[name]())
        if estimator.dropout:
            layers.append(nn.Dropout(estimator.dropout))
        inputs = width
    layers.append(nn.Linear(inputs, outputs))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def _made(estimator, inputs, outputs):
    """The module that a module estimator was given, or its function gives."""
    if isinstance(estimator.module, nn.Module):
        return copy.deepcopy(estimator.module)
    if not callable(estimator.module):
        raise ValueError(
            "module must be a Module, or a function (n_features, n_outputs) that returns one, "
            f"got {estimator.module!r}"
        )
    return estimator.module(inputs, outputs)
