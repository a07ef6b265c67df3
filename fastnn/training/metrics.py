"""Losses and metrics as `fit` and `evaluate` take them: by name, or as a function."""

import numpy as np


def accuracy(output, target):
    """Share of rows whose largest output is the target class: mean(argmax_v output == target).

    output (N, V); target (N,) class numbers or (N, V) probabilities (their largest counts).
    """
    output, target = np.asarray(output), np.asarray(target)
    if output.ndim != 2 or target.ndim not in (1, 2):
        raise ValueError(
            f"accuracy: expected outputs (N, classes) and targets (N,) or (N, classes), got "
            f"{output.shape} and {target.shape}; for another task pass metrics=() or your own "
            "function (output, target) -> float"
        )
    if target.ndim == 2:
        target = target.argmax(axis=1)
    return float((output.argmax(axis=1) == target).mean())


_NAMED = {"accuracy": accuracy}


def resolve_metrics(metrics):
    """{name: function(output, target) -> float} from names, functions, or a dict of functions."""
    if isinstance(metrics, dict):
        return dict(metrics)
    if isinstance(metrics, str) or callable(metrics):
        metrics = (metrics,)
    resolved = {}
    for metric in metrics or ():
        if callable(metric):
            resolved[getattr(metric, "__name__", type(metric).__name__)] = metric
        elif metric in _NAMED:
            resolved[metric] = _NAMED[metric]
        else:
            raise ValueError(
                f"metrics: unknown metric {metric!r}; known: {', '.join(_NAMED)}, "
                "or a function (output, target) -> float"
            )
    return resolved


def resolve_loss(loss):
    """A function (output, target) -> scalar Tensor; None means softmax cross-entropy."""
    if loss is None:
        from ..functional import cross_entropy

        return cross_entropy
    if not callable(loss):
        raise TypeError(
            f"loss: expected a function (output, target) -> Tensor or None, "
            f"got {type(loss).__name__}"
        )
    return loss


class RunningMeans:
    """Means over samples of numbers that come as means over batches of varying size."""

    def __init__(self):
        self._sums, self.count = {}, 0

    def add(self, values, count):
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value * count
        self.count += count

    def means(self):
        return {name: total / self.count for name, total in self._sums.items()}
