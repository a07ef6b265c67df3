"""Running a model without training it: `evaluate` on labelled data, `predict` on inputs."""

import math
from contextlib import contextmanager

import numpy as np

from ..autograd import Tensor, no_grad
from ..nn.utils import detach_state
from .batches import as_loader, split_batch
from .metrics import RunningMeans, resolve_loss, resolve_metrics


@contextmanager
def evaluation_mode(model):
    """Evaluation mode inside; afterwards every module is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def inference(model):
    """Evaluation mode and no tape inside."""
    with evaluation_mode(model), no_grad():
        yield


class Forward:
    """A model's outputs, batch by batch; with `stateful`, ``model(*inputs, state)`` returns
    (output, state), and its state goes to the next batch, cut off from the tape."""

    def __init__(self, model, stateful=False):
        self.model, self.stateful = model, stateful
        self.reset()

    def reset(self):
        """The next batch begins a sequence."""
        self._state = None

    def __call__(self, inputs):
        if not self.stateful:
            return self.model(*inputs)
        output, self._state = self.model(*inputs, detach_state(self._state))
        return output

    def samples(self, target):
        """How many a batch counts for: those of its first axis; of the first two, steps and
        streams, where batches follow one another."""
        return math.prod(target.shape[:2]) if self.stateful else len(target)


def evaluate(model, data, *, loss=None, metrics=("accuracy",), batch_size=256, stateful=False):
    """Mean loss and metrics of `model` over `data`, as a dict of floats.

    data: a DataLoader, a dataset, or a tuple of arrays (inputs, targets); loss, metrics and
    stateful as in `fit`. The model runs in evaluation mode, without a tape, and returns to its own
    mode.
    """
    loader = as_loader(data, batch_size, False, "evaluate")
    return run_evaluation(model, loader, resolve_loss(loss), resolve_metrics(metrics), stateful)


def run_evaluation(model, loader, loss, metrics, stateful=False):
    """`evaluate` with everything resolved; `fit` calls it once an epoch."""
    means, forward = RunningMeans(), Forward(model, stateful)
    with inference(model):
        for batch in loader:
            inputs, target = split_batch(batch, "evaluate")
            output = forward(inputs)
            row = batch_numbers(loss(output, target), output, target, metrics)
            means.add(row, forward.samples(target))
    if not means.count:
        raise ValueError("evaluate: the data has no samples")
    return means.means()


def batch_numbers(loss, output, target, metrics):
    """{"loss": ..., metric: ...} of one batch as Python floats. Of several outputs (a tuple), the
    first is what the metrics judge."""
    numbers = {"loss": float(loss)}
    if metrics:
        output = output[0] if isinstance(output, tuple) else output
        output = output.data if isinstance(output, Tensor) else output
        for name, metric in metrics.items():
            numbers[name] = float(metric(output, target))
    return numbers


def predict(model, x, *, batch_size=256):
    """The model's outputs for inputs `x`, as one array: ``concatenate(model(x_batch))``.

    x: an array (N, ...), or a tuple of such arrays for a model of several inputs. Evaluation
    mode, no tape; the model returns to its own mode. Class numbers: ``predict(...).argmax(1)``.
    """
    inputs = tuple(np.asarray(a) for a in x) if isinstance(x, tuple) else (np.asarray(x),)
    lengths = {len(a) if a.ndim else None for a in inputs}
    if len(lengths) != 1 or None in lengths:
        raise ValueError(
            f"predict: inputs need a common first axis, got {[a.shape for a in inputs]}"
        )
    if batch_size < 1:
        raise ValueError(f"predict: batch_size must be >= 1, got {batch_size}")
    with inference(model):
        outputs = [
            np.asarray(model(*(a[i : i + batch_size] for a in inputs)))
            for i in range(0, max(lengths.pop(), 1), batch_size)
        ]
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
