"""`fit`: the training loop, and the `Run` that its callbacks see."""

import math
import time
from numbers import Real

from .. import nn, optim, random
from .batches import as_loader, split_batch
from .callbacks import Callback, EarlyStopping, ModelCheckpoint
from .evaluate import Forward, batch_numbers, run_evaluation
from .history import History
from .metrics import RunningMeans, resolve_loss, resolve_metrics
from .progress import make_progress
from .state import load_training_state


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during `fit`. epoch: the last complete one; path: its state, or None."""

    def __init__(self, epoch, path):
        self.epoch, self.path = epoch, path
        if path is None:
            kept = "nothing was saved: fit(..., checkpoint=PATH) saves every epoch"
        elif epoch == 0:
            kept = "no epoch was complete, so there is nothing to resume"
        else:
            kept = f"epoch {epoch} is saved: go on with fit(..., resume={path!r})"
        super().__init__(f"training was interrupted in epoch {epoch + 1}; {kept}")


class Run:
    """One call of `fit` in progress: what callbacks read, and `stop`, which they may set.

    `Callback` describes the public attributes; model, loss and so on are those given to `fit`.
    """

    def __init__(self, model, loader, validation, loss, optimizer, scheduler, epochs, metrics,
                 grad_clip, grad_clip_value, stateful):  # fmt: skip
        self.model, self.loader, self.validation = model, loader, validation
        self.loss, self.optimizer, self.scheduler = loss, optimizer, scheduler
        self.epochs, self.metrics = epochs, metrics
        self.grad_clip, self.grad_clip_value = grad_clip, grad_clip_value
        self.forward = Forward(model, stateful)
        self.callbacks = []
        self.history = History()
        self.epoch = self.batch = self.samples = 0
        self.batches = len(loader)
        self.batch_size = getattr(loader, "batch_size", None)
        self.train_seconds = 0.0
        self.sample_name = "steps" if stateful else "samples"
        self.logs = {}
        self.stop = self.completed = False

    @property
    def validates(self):
        return self.validation is not None

    def tell(self, event):
        """Call the method named `event` of every callback, in order."""
        for callback in self.callbacks:
            getattr(callback, event)(self)

    def run_epoch(self):
        """Train on every batch once, validate, record, and let schedule and callbacks act."""
        started = time.perf_counter()
        lr = self.optimizer.param_groups[0]["lr"]
        self.epoch, self.batch, self.samples, self.logs = self.epoch + 1, 0, 0, {}
        self.model.train()
        self.forward.reset()
        self.tell("on_epoch_begin")
        means = RunningMeans()
        for batch in self.loader:
            self.batch += 1
            self.train_batch(batch, means)
            self.train_seconds = time.perf_counter() - started
            self.tell("on_batch_end")
        if not means.count:
            raise ValueError("fit: the training data gave no batch")
        if self.validates:
            measured = run_evaluation(
                self.model, self.validation, self.loss, self.metrics, self.forward.stateful
            )
            self.logs |= {f"val_{name}": value for name, value in measured.items()}
        self.logs = {**self.logs, "lr": float(lr)}
        self.history.append(self.logs, time.perf_counter() - started)
        self.step_scheduler()
        self.tell("on_epoch_end")

    def train_batch(self, batch, means):
        """One step: zero_grad, forward, loss, backward, clip, step."""
        inputs, target = split_batch(batch, "fit")
        self.optimizer.zero_grad()
        output = self.forward(inputs)
        loss = self.loss(output, target)
        row = batch_numbers(loss, output, target, self.metrics)
        if not math.isfinite(row["loss"]):
            raise FloatingPointError(
                f"fit: the loss became {row['loss']} in epoch {self.epoch}, batch {self.batch} "
                f"(learning rate {self.optimizer.param_groups[0]['lr']:g}); lower the learning "
                "rate, clip gradients (grad_clip=1.0), or look for NaN and infinity in the data"
            )
        loss.backward()
        if self.grad_clip_value is not None:
            nn.utils.clip_grad_value_(self.model.parameters(), self.grad_clip_value)
        if self.grad_clip is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.grad_clip)
        self.optimizer.step()
        if not self.samples and len(inputs[0].shape) == 4 and not self.forward.stateful:
            self.sample_name = "images"
        means.add(row, self.forward.samples(target))
        self.samples = means.count
        self.logs = means.means()

    def step_scheduler(self):
        if isinstance(self.scheduler, optim.lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(self.logs["val_loss" if self.validates else "loss"])
        elif self.scheduler is not None:
            self.scheduler.step()


def fit(model, train, *, validation=None, loss=None, optimizer=None, scheduler=None, epochs=10,
        batch_size=64, metrics=("accuracy",), callbacks=(), seed=None, progress=True,
        early_stopping=None, checkpoint=None, resume=None, grad_clip=None, grad_clip_value=None,
        transform=None, stateful=False):  # fmt: skip
    """Train `model` and return the `History`.

    train           a DataLoader, a dataset, or a tuple of arrays (inputs, targets); the latter two
                    are shuffled anew each epoch and cut into batches of `batch_size`. A batch of
                    more than two parts is (input, ..., input, target).
    validation      the same, measured after every epoch in evaluation mode; None: not measured.
    loss            function (output, target) -> scalar Tensor; None: softmax cross-entropy.
    optimizer       None: ``optim.Adam(model.parameters(), lr=1e-3)``.
    scheduler       stepped once an epoch; a ReduceLROnPlateau gets val_loss (or loss).
    metrics         names ("accuracy") or functions (output, target) -> float, averaged over
                    samples; a dict names them. Of a model's several outputs they get the first.
    callbacks       `Callback` objects, called in order, before those below.
    seed            ``manual_seed(seed)`` before the first batch: order of samples, dropout,
                    transform. (The model's initial weights were drawn before.)
    progress        False: silent. See `fastnn.training.progress`.
    early_stopping  a patience in epochs, or an `EarlyStopping`.
    checkpoint      path of the best model, or a `ModelCheckpoint`; the state to resume from goes
                    beside it, after every epoch ("best.safetensors", "best.last.safetensors").
    resume          path of such a state: training goes on after its last epoch, up to `epochs`
                    in all, and ends with the same bits as a run that was never interrupted. Give
                    the same model, data, optimiser class and callbacks as then.
    grad_clip       largest total 2-norm of the gradients; longer ones are scaled down.
    grad_clip_value largest absolute value of each gradient element; larger ones are cut to it.
    transform       augmentation, function (batch, rng) -> batch as in `DataLoader`, on training
                    batches only: ``transform=fastnn.data.random_shift(2)``.
    stateful        truncated backpropagation through time, on batches that follow one another
                    (`fastnn.data.StreamLoader`), steps first: the model is called as
                    ``model(*inputs, state)`` and returns (output, state). The state goes from batch
                    to batch, cut off from the tape; it is None at the first batch of every epoch
                    and of the validation data.

    Raises FloatingPointError, naming epoch and batch, when the loss is no longer finite, and on
    Ctrl-C `TrainingInterrupted` (a KeyboardInterrupt), whose message says how to resume.
    """
    _check(epochs=epochs, batch_size=batch_size)
    _check_clip(grad_clip=grad_clip, grad_clip_value=grad_clip_value)
    if seed is not None:
        random.manual_seed(seed)
    loader = as_loader(train, batch_size, True, "fit: train", transform)
    if validation is not None:
        validation = as_loader(validation, max(batch_size, 256), False, "fit: validation")
    if optimizer is None:
        optimizer = optim.Adam(model.parameters(), lr=1e-3)
    run = Run(model, loader, validation, resolve_loss(loss), optimizer, scheduler, epochs,
              resolve_metrics(metrics), grad_clip, grad_clip_value, stateful)  # fmt: skip
    run.callbacks = _callbacks(callbacks, early_stopping, checkpoint)
    keepers = [c for c in run.callbacks if isinstance(c, ModelCheckpoint) and c.last]
    if resume is not None:
        load_training_state(resume, run)
    if progress:
        run.callbacks.insert(0, make_progress())
    _loop(run, keepers)
    return run.history


def _loop(run, keepers):
    """Epochs until `run.epochs` or a callback stops; on_fit_end whatever happens."""
    complete = run.epoch
    try:
        run.tell("on_fit_begin")
        while run.epoch < run.epochs and not run.stop:
            run.run_epoch()
            try:
                _save_last(keepers, run)
            except KeyboardInterrupt:  # the epoch is complete: save it after all, then stop
                _save_last(keepers, run)
                complete = run.epoch
                raise
            complete = run.epoch
        run.completed = True
    except KeyboardInterrupt:
        raise TrainingInterrupted(complete, keepers[0].last if keepers else None) from None
    finally:
        run.tell("on_fit_end")


def _save_last(keepers, run):
    for keeper in keepers:
        keeper.save_last(run)


def _callbacks(callbacks, early_stopping, checkpoint):
    """All callbacks as one list, the shorthand arguments turned into objects."""
    callbacks = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
    if early_stopping is not None:
        if not isinstance(early_stopping, EarlyStopping):
            early_stopping = EarlyStopping(early_stopping)
        callbacks.append(early_stopping)
    if checkpoint is not None:
        if not isinstance(checkpoint, ModelCheckpoint):
            checkpoint = ModelCheckpoint(checkpoint)
        callbacks.append(checkpoint)
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"fit: callbacks must be Callback objects, got {type(callback).__name__}"
            )
    return callbacks


def _check(**counts):
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"fit: {name} must be an int >= 1, got {value!r}")


def _check_clip(**limits):
    for name, value in limits.items():
        if value is not None and (not isinstance(value, Real) or not value > 0):
            raise ValueError(f"fit: {name} must be a number > 0 or None, got {value!r}")
