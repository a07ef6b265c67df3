"""Optimisers and learning-rate schedules, with PyTorch's names, arguments and defaults."""

from . import lr_scheduler
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .optimizer import Optimizer, flatten_state, unflatten_state
from .rmsprop import RMSprop
from .sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "flatten_state",
    "lr_scheduler",
    "unflatten_state",
]
