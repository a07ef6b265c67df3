"""Checkpoints meet crashes, full disks and damage: the file is whole, or load says why not."""

import errno
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from fastnn import checkpoint
from fastnn.checkpoint import CheckpointError, load, save


def small_checkpoint(path):
    arrays = {
        "weight": np.arange(6, dtype="f4").reshape(2, 3),
        "spaces": np.full(8, 0x20, "u1"),  # a header one byte too long would still be JSON
        "mask": np.array([True, False]),
        "empty": np.zeros(0, "f8"),
    }
    save(arrays, path, {"fastnn.crc3": "00000000", "format": '"}'})
    return path.read_bytes()


def assert_refused(path, raw):
    path.write_bytes(raw)
    with pytest.raises(CheckpointError) as info:
        load(path)
    assert str(info.value).startswith(f"{path}: ") and len(str(info.value)) > len(str(path)) + 10


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "a"
    raw = small_checkpoint(path)
    for length in range(len(raw)):
        assert_refused(path, raw[:length])
    path.write_bytes(raw)
    assert list(load(path)) == ["weight", "spaces", "mask", "empty"]


@pytest.mark.parametrize("empty", [False, True])
def test_every_flipped_bit_is_refused(tmp_path, empty):
    path = tmp_path / "a"
    if empty:
        save({}, path)
    raw = path.read_bytes() if empty else small_checkpoint(path)
    for bit in range(8 * len(raw)):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        assert_refused(path, bytes(damaged))


def test_zeroed_blocks_exchanged_blocks_and_extra_bytes_are_refused(tmp_path):
    path = tmp_path / "a"
    raw = small_checkpoint(path)
    for at in range(0, len(raw) - 16, 8):
        if any(raw[at : at + 16]):
            assert_refused(path, raw[:at] + bytes(16) + raw[at + 16 :])
        swapped = raw[:at] + raw[at + 8 : at + 16] + raw[at : at + 8] + raw[at + 16 :]
        if swapped != raw:
            assert_refused(path, swapped)
    assert_refused(path, raw + b"\0")
    assert_refused(path, b"")


def fail_at_fsync(monkeypatch):
    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint.os, "fsync", fsync)


def fail_at_second_write(monkeypatch):
    def full_disk(path, mode, opened=open):
        file = opened(path, mode, buffering=0) if "x" in mode else opened(path, mode)
        return FullDisk(file) if "x" in mode else file

    monkeypatch.setattr(checkpoint, "open", full_disk, raising=False)


class FullDisk:
    def __init__(self, file):
        self.file, self.writes = file, 0

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, data):
        self.writes += 1
        if self.writes == 2:
            self.file.write(bytes(data)[:5])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)


def fail_at_replace(monkeypatch):
    def replace(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.os, "replace", replace)


@pytest.mark.parametrize("fail", [fail_at_second_write, fail_at_fsync, fail_at_replace])
def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, fail):
    path = tmp_path / "a"
    raw = small_checkpoint(path)
    with monkeypatch.context() as patch:
        fail(patch)
        with pytest.raises((OSError, KeyboardInterrupt)):
            save({"new": np.ones(1000)}, path)
    assert os.listdir(tmp_path) == ["a"] and path.read_bytes() == raw
    save({"new": np.ones(3)}, path)
    assert list(load(path)) == ["new"]


# The subprocesses load checkpoint.py alone: it needs nothing else of the package.
PREAMBLE = """
import importlib.util, os, random, resource, signal, sys, time
import numpy as np
spec = importlib.util.spec_from_file_location("checkpoint", sys.argv[1])
checkpoint = importlib.util.module_from_spec(spec)
spec.loader.exec_module(checkpoint)
folder = sys.argv[2]
path = os.path.join(folder, "model")
"""

FULL = """
checkpoint.save({"old": np.ones(10)}, path)
before = open(path, "rb").read()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in (0, 10, 200, 5000, 100_000, 399_999):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        checkpoint.save({"a": np.ones(25_000), "b": np.ones(25_000)}, path)
    except OSError:
        pass
    else:
        sys.exit(f"no error at {limit}")
    assert os.listdir(folder) == ["model"] and open(path, "rb").read() == before, limit
"""

KILLED = """
def arrays(i):
    return {"a": np.full(60_000 + i % 7, i, "i8"), "b": np.full(11, i, "f4")}

checkpoint.save(arrays(0), path)
random.seed(1)
seen = set()
for round in range(80):
    ready, started = os.pipe()
    child = os.fork()
    if child == 0:
        i = 1000 * round
        while True:
            checkpoint.save(arrays(i), path)
            os.write(started, b".")
            i += 1
    os.read(ready, 1)
    time.sleep(random.random() * 0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready), os.close(started)
    loaded = checkpoint.load(path)
    i = int(loaded["b"][0])
    assert i // 1000 == round, (i, round)
    seen.add(i)
    for name, array in arrays(i).items():
        assert (loaded[name] == array).all()
    left = [name for name in os.listdir(folder) if name != "model"]
    assert len(left) <= 1, left  # one killed writer; those before it were cleared away
    seen |= set(left)
print(len([s for s in seen if isinstance(s, str)]), "killed in the middle of a save")
checkpoint.save(arrays(0), path)
assert os.listdir(folder) == ["model"]
"""


def run_script(script, folder):
    command = [sys.executable, "-c", PREAMBLE + script, checkpoint.__file__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_disk_that_fills_up(tmp_path):
    run_script(FULL, tmp_path)


def test_kill_during_save(tmp_path):
    killed = int(run_script(KILLED, tmp_path).split()[0])
    assert killed >= 5  # of 80, or the test proves nothing


def test_leftovers_go_and_live_temporaries_stay(tmp_path):
    dead = tmp_path / ".fastnn-0123456789abcdef.tmp"
    dead.write_bytes(b"half a checkpoi")
    other = tmp_path / ".fastnn-notes.tmp"
    other.write_bytes(b"not ours")
    alive, file = checkpoint._create_temporary(str(tmp_path))
    with file:
        save({"x": np.ones(2)}, tmp_path / "a")
        assert not dead.exists() and other.exists() and os.path.exists(alive)
    save({"x": np.ones(2)}, tmp_path / "a")
    assert sorted(os.listdir(tmp_path)) == [".fastnn-notes.tmp", "a"]


def test_many_writers_and_a_reader_of_one_file(tmp_path):
    path = tmp_path / "a"
    save({"x": np.zeros(5000)}, path)
    errors = []

    def write(value):
        try:
            for _ in range(30):
                save({"x": np.full(5000 + value, value)}, path)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        x = load(path)["x"]
        assert (x == x[0]).all() and len(x) == 5000 + x[0]
    assert errors == [] and os.listdir(tmp_path) == ["a"]
