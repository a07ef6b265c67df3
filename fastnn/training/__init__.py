"""Training without writing the loop: `fit`, `evaluate`, `predict`, and what belongs to them."""

from .callbacks import Callback, CSVLogger, EarlyStopping, ModelCheckpoint
from .entities import entities, entity_scores
from .evaluate import evaluate, predict
from .fit import Run, TrainingInterrupted, fit
from .history import History
from .metrics import accuracy
from .plot import plot_history
from .summary import summary

__all__ = [
    "CSVLogger", "Callback", "EarlyStopping", "History", "ModelCheckpoint", "Run",
    "TrainingInterrupted", "accuracy", "entities", "entity_scores", "evaluate", "fit",
    "plot_history", "predict", "summary",
]  # fmt: skip
