"""Optimisers and learning-rate schedules, with PyTorch's names, arguments and defaults."""

from . import lr_scheduler
from .adam import Adam, AdamW
from .optimizer import Optimizer, flatten_state, unflatten_state
from .sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "flatten_state",
    "lr_scheduler",
    "unflatten_state",
]
