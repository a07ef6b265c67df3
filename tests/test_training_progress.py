"""What `fit` prints: one line an epoch into a file, a living line on a terminal."""

import io
import re
import sys

import numpy as np
import pytest

from fastnn import manual_seed, nn
from fastnn.training import Callback, fit
from fastnn.training.progress import EpochLines, PlainLine, TqdmBar, duration, make_progress

EPOCH = (
    r"epoch {}/{}  loss \d+\.\d{{4}}  accuracy [01]\.\d{{4}}  val_loss \d+\.\d{{4}}"
    r"  val_accuracy [01]\.\d{{4}}  [\d,]+ samples/s  \d+\.\d s"
)
LEFT = r"  \d+:\d\d left"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def train(monkeypatch, stream, epochs=2, **options):
    monkeypatch.setattr(sys, "stderr", stream)
    manual_seed(0)
    x = np.random.default_rng(0).standard_normal((40, 5)).astype(np.float32)
    data = (x, (x[:, 0] > 0).astype(np.int64))
    fit(nn.Linear(5, 2), data, validation=data, epochs=epochs, batch_size=8, **options)
    return stream.getvalue()


def test_a_file_gets_one_line_an_epoch(monkeypatch):
    lines = train(monkeypatch, io.StringIO()).split("\n")
    assert len(lines) == 3 and lines[2] == ""
    assert re.fullmatch(EPOCH.format(1, 2) + LEFT, lines[0]), lines[0]
    assert re.fullmatch(EPOCH.format(2, 2), lines[1]), lines[1]


def test_silence(monkeypatch):
    assert train(monkeypatch, Terminal(), progress=False) == ""


def test_terminal_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)  # makes its import fail
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    text = train(monkeypatch, Terminal())
    finished = [line.split("\r")[-1].rstrip() for line in text.split("\n")[:-1]]
    assert re.fullmatch(EPOCH.format(1, 2) + LEFT, finished[0]), finished[0]
    assert re.fullmatch(EPOCH.format(2, 2), finished[1]), finished[1]
    living = r"epoch 1/2  100%  loss \d\.\d{4}  accuracy [01]\.\d{4}  [\d,]+ samples/s" + LEFT
    assert re.search(r"\r" + living, text), text
    assert max(map(len, re.split(r"[\r\n]", text))) < 120


def test_a_narrow_terminal_never_wraps_the_living_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setenv("COLUMNS", "30")
    text = train(monkeypatch, Terminal())
    living = [part for part in text.split("\n")[0].split("\r") if "%" in part]
    assert living and all(len(part) <= 29 for part in living)


def test_a_cut_off_epoch_leaves_the_cursor_on_a_new_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)

    class Cut(Callback):
        def on_batch_end(self, run):
            if run.batch == 3:
                raise KeyboardInterrupt

    stream = Terminal()
    with pytest.raises(KeyboardInterrupt):
        train(monkeypatch, stream, callbacks=Cut())
    assert stream.getvalue().endswith("\n")


def test_terminal_with_tqdm(monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr("fastnn.training.progress._REDRAW_SECONDS", 0.0)
    text = train(monkeypatch, Terminal())
    assert re.search(r"epoch 1/2\s+\d+%\|.{24}\| loss \d\.\d{4}.* samples/s" + LEFT, text), text
    for epoch, left in ((1, LEFT), (2, "")):
        assert re.search(r"(?m)(^|\r)" + EPOCH.format(epoch, 2) + left + "$", text), text


def test_the_kind_is_chosen_by_the_stream(monkeypatch):
    assert type(make_progress(io.StringIO())) is EpochLines
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert type(make_progress(Terminal())) is PlainLine
    monkeypatch.undo()
    pytest.importorskip("tqdm")
    assert type(make_progress(Terminal())) is TqdmBar


def test_pictures_are_called_images(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    x = np.zeros((4, 1, 3, 3), np.float32)
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 2))
    fit(model, (x, np.zeros(4, np.int64)), epochs=1)
    assert " images/s" in stream.getvalue()


@pytest.mark.parametrize("seconds, text", [(0.4, "0:00"), (42, "0:42"), (725, "12:05"),
                                           (3753.6, "1:02:34")])  # fmt: skip
def test_duration(seconds, text):
    assert duration(seconds) == text
