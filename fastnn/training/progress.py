"""Progress of `fit` on standard error.

On a terminal (or in a notebook) a bar of the running epoch, drawn by tqdm where it is installed
and by one plain line, rewritten in place, where it is not; above it one line for every finished
epoch. Anywhere else (a log file, CI) only the lines of the finished epochs.
"""

import shutil
import sys
import time

from .callbacks import Callback

_REDRAW_SECONDS = 0.1


def make_progress(stream=None):
    """The progress callback that suits `stream` (default: standard error)."""
    stream = sys.stderr if stream is None else stream
    notebook = "ipykernel" in sys.modules
    if not notebook and not stream.isatty():
        return EpochLines(stream)
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return PlainLine(stream)
    return TqdmBar(stream, tqdm)


def duration(seconds):
    """ "0:42", "12:05", "1:02:33"."""
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def numbers(logs):
    """ "loss 0.1234  accuracy 0.9712"; the learning rate is left to the history."""
    return "  ".join(f"{name} {value:.4f}" for name, value in logs.items() if name != "lr")


class EpochLines(Callback):
    """One line a finished epoch: epoch, numbers, speed, time left."""

    def __init__(self, stream):
        self.stream = stream

    def on_fit_begin(self, run):
        self._first, self._started = run.epoch, time.perf_counter()

    def on_epoch_begin(self, run):
        self._epoch_started = time.perf_counter()

    def on_epoch_end(self, run):
        left = f"  {duration(self.seconds_left(run))} left" if run.epoch < run.epochs else ""
        self.write_line(
            f"{self.epoch_of(run)}  {numbers(run.logs)}  {self.speed(run)}"
            f"  {run.history.seconds[-1]:.1f} s{left}"
        )

    def write_line(self, text):
        self.stream.write(text + "\n")
        self.stream.flush()

    def epoch_of(self, run):
        return f"epoch {run.epoch:>{len(str(run.epochs))}}/{run.epochs}"

    def speed(self, run):
        """Training samples a second in this epoch, up to the last batch."""
        return f"{run.samples / max(run.train_seconds, 1e-9):,.0f} {run.sample_name}/s"

    def seconds_left(self, run):
        """Time so far, scaled by the share of batches still to do; validation time is in it."""
        done = run.epoch - self._first - 1 + run.batch / max(run.batches, 1)
        elapsed = time.perf_counter() - self._started
        total = run.epochs - self._first
        return elapsed * max(total - done, 0) / done if done > 0 else 0.0


class PlainLine(EpochLines):
    """A line rewritten in place during the epoch, on a terminal without tqdm."""

    def on_fit_begin(self, run):
        super().on_fit_begin(run)
        self._drawn, self._width = 0.0, 0

    def on_batch_end(self, run):
        now = time.perf_counter()
        if now - self._drawn < _REDRAW_SECONDS and run.batch < run.batches:
            return
        self._drawn = now
        text = (
            f"{self.epoch_of(run)}  {run.batch / max(run.batches, 1):4.0%}  {numbers(run.logs)}"
            f"  {self.speed(run)}  {duration(self.seconds_left(run))} left"
        )
        text = text[: shutil.get_terminal_size().columns - 1]  # a wrapped line can't be rewritten
        self.stream.write("\r" + text.ljust(self._width))
        self.stream.flush()
        self._width = len(text)

    def write_line(self, text):
        super().write_line("\r" + text.ljust(self._width))
        self._width = 0

    def on_fit_end(self, run):
        if self._width:  # the epoch was cut off: leave its line where it is
            self.stream.write("\n")
            self.stream.flush()
            self._width = 0


class TqdmBar(EpochLines):
    """A tqdm bar a running epoch."""

    def __init__(self, stream, tqdm):
        super().__init__(stream)
        self._tqdm, self._bar = tqdm, None

    def on_epoch_begin(self, run):
        super().on_epoch_begin(run)
        self._next_text = 0.0
        self._bar = self._tqdm(
            total=run.batches,
            bar_format=self.epoch_of(run) + "  {percentage:3.0f}%|{bar:24}| {desc}",
            file=self.stream,
            leave=False,
            dynamic_ncols=True,
            mininterval=_REDRAW_SECONDS,
        )

    def on_batch_end(self, run):
        bar = self._bar
        now = time.perf_counter()
        if now >= self._next_text:  # tqdm redraws no more often than this either
            self._next_text = now + _REDRAW_SECONDS
            bar.set_description_str(
                f"{numbers(run.logs)}  {self.speed(run)}  {duration(self.seconds_left(run))} left",
                refresh=False,
            )
        bar.update()

    def write_line(self, text):
        self._close()
        self._tqdm.write(text, file=self.stream)

    def on_fit_end(self, run):
        self._close()

    def _close(self):
        if self._bar is not None:
            self._bar.close()
            self._bar = None
