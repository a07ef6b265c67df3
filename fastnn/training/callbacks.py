"""Callbacks: what happens around an epoch besides training."""

import math
import os
from operator import gt, lt

from .state import save_training_state


class Callback:
    """Base class; override what you need. Every method gets the `Run` in progress.

    A run has: model, optimizer, scheduler, history, epoch (1-based), epochs, batch (1-based, 0
    before the first), batches, logs (the numbers so far: during an epoch running means; at its end
    the epoch's row of the history), and stop: set it to True to end training after this epoch.

    A callback whose own state must survive `resume` returns it from `state_dict` (dicts, lists,
    numbers, strings, arrays) and takes it back in `load_state_dict`.
    """

    def on_fit_begin(self, run):
        pass

    def on_epoch_begin(self, run):
        pass

    def on_batch_end(self, run):
        pass

    def on_epoch_end(self, run):
        pass

    def on_fit_end(self, run):
        """Also called when training ends by an exception: close files here."""

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


def better(monitor, mode=None, min_delta=0.0):
    """The comparison ``is_better(new, best)`` for a monitored quantity.

    `mode` "min" or "max"; None chooses by name: accuracies rise, everything else falls. A value
    that is not a number is never better; anything is better than one.
    """
    if mode not in (None, "min", "max"):
        raise ValueError(f"monitor {monitor!r}: mode must be 'min', 'max' or None, got {mode!r}")
    rises = "acc" in monitor if mode is None else mode == "max"
    ahead, delta = (gt, min_delta) if rises else (lt, -min_delta)

    def is_better(new, best):
        if math.isnan(new):
            return False
        return best is None or math.isnan(best) or ahead(new, best + delta)

    return is_better


def monitored(run, monitor, owner):
    """``run.logs[monitor]``, or a ValueError that lists what there is."""
    try:
        return run.logs[monitor]
    except KeyError:
        raise ValueError(
            f"{owner}: nothing named {monitor!r} is recorded; this run records "
            f"{', '.join(run.logs)}" + ("" if run.validates else " (fit got no validation set)")
        ) from None


class _Monitor(Callback):
    """Shared by the callbacks that watch one quantity; None: val_loss, or loss without one."""

    def __init__(self, monitor, mode, min_delta):
        self.monitor, self.mode, self.min_delta = monitor, mode, float(min_delta)
        better(monitor or "loss", mode)  # report a wrong mode now, not after the first epoch
        self.best, self.best_epoch = None, 0

    def improved(self, run):
        """True, and remembered, if this epoch is the best so far."""
        name = self.monitor or ("val_loss" if run.validates else "loss")
        value = monitored(run, name, type(self).__name__)
        if not better(name, self.mode, self.min_delta)(value, self.best):
            return False
        self.best, self.best_epoch = value, run.epoch
        return True

    def state_dict(self):
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state):
        self.best, self.best_epoch = state["best"], state["best_epoch"]


class EarlyStopping(_Monitor):
    """Stop when `monitor` has not improved by more than `min_delta` for `patience` epochs.

    monitor: a key of the history; None watches val_loss (loss without a validation set).
    mode: "min" or "max"; None goes by the name (accuracies rise, the rest falls).
    restore_best: put the best epoch's parameters back into the model when training ends.
    """

    def __init__(self, patience=5, *, monitor=None, mode=None, min_delta=0.0, restore_best=True):
        super().__init__(monitor, mode, min_delta)
        if patience < 1:
            raise ValueError(f"EarlyStopping: patience must be >= 1, got {patience}")
        self.patience, self.restore_best = patience, restore_best
        self.waited, self._weights = 0, None

    def on_epoch_end(self, run):
        if self.improved(run):
            self.waited = 0
            if self.restore_best:
                self._weights = {k: v.copy() for k, v in run.model.state_dict().items()}
        else:
            self.waited += 1
            run.stop = run.stop or self.waited >= self.patience

    def on_fit_end(self, run):
        if self._weights is not None and run.completed:
            run.model.load_state_dict(self._weights)

    def state_dict(self):
        return {**super().state_dict(), "waited": self.waited, "weights": self._weights}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.waited, self._weights = state["waited"], state["weights"]


class ModelCheckpoint(_Monitor):
    """Keep the best model, and the state to resume from, on disk.

    path: the parameters of the epoch with the best `monitor` (`fastnn.load` reads them).
    last: after every epoch the whole training state, for ``fit(..., resume=last)``; None puts it
        beside `path` ("best.safetensors" -> "best.last.safetensors"), False writes none.
    metadata: a dict of str to str that goes into both files.
    monitor, mode, min_delta: as in `EarlyStopping`.

    Each file is replaced in one step: a run killed while saving leaves the previous file whole.
    """

    def __init__(self, path, *, last=None, monitor=None, mode=None, min_delta=0.0, metadata=None):
        super().__init__(monitor, mode, min_delta)
        self.path = os.fspath(path)
        if last is None:
            stem, suffix = os.path.splitext(self.path)
            last = f"{stem}.last{suffix}"
        self.last = os.fspath(last) if last is not False else None
        self.metadata = dict(metadata or {})

    def on_fit_begin(self, run):
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)

    def on_epoch_end(self, run):
        from .. import checkpoint

        if self.improved(run):
            about = {"epoch": str(run.epoch), **{k: repr(v) for k, v in run.logs.items()}}
            checkpoint.save(run.model.state_dict(), self.path, metadata={**about, **self.metadata})

    def save_last(self, run):
        """Called by `fit` when every callback has finished the epoch, so that all state is in."""
        if self.last is not None:
            save_training_state(self.last, run, self.metadata)


class CSVLogger(Callback):
    """Append one line an epoch to a CSV file, flushed at once; a new run starts a new file.

    A resumed run keeps the lines of the epochs before it.
    """

    def __init__(self, path):
        self.path, self._file = os.fspath(path), None

    def on_fit_begin(self, run):
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
        self._file = open(self.path, "w", encoding="utf-8")
        for epoch in range(run.history.epochs):
            self._write(epoch + 1, run.history.row(epoch))

    def on_epoch_end(self, run):
        self._write(run.epoch, run.logs)

    def on_fit_end(self, run):
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, epoch, row):
        if epoch == 1:
            self._file.write(",".join(["epoch", *row]) + "\n")
        self._file.write(",".join([str(epoch), *map(repr, row.values())]) + "\n")
        self._file.flush()
