"""The same bits on any number of threads, and the ways to set that number."""

import os
import sys
import threading
import time

import numpy as np
import pytest
from kernel_table import LARGE, TABLE, arguments, digest, run
from training import train_lenet

import fastnn
from fastnn._kernels import threads

COUNTS = [1, 2, 3, 8]
SERIAL = {"batch_norm_fold"}  # a few operations a channel: no network has enough channels


@pytest.fixture(autouse=True)
def restore():
    before = fastnn.get_num_threads()
    yield
    fastnn.set_num_threads(before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TABLE)
def test_every_kernel(name, dtype):
    args, kwargs = arguments(name, dtype, n=LARGE)
    bits = {}
    for n in COUNTS:
        with fastnn.num_threads(n):
            bits[n] = digest(run(name, args, kwargs))
    assert len(set(bits.values())) == 1, bits


@pytest.mark.skipif(
    not (
        sys.platform == "linux"
        and threads.openmp_version()
        and threads.compiler().startswith("gcc")
    ),
    reason="counts on Linux's /proc, and on GCC's OpenMP, which ends the threads it does not need",
)
@pytest.mark.parametrize("name", TABLE)
def test_eight_threads_have_work(name):
    """Else `test_every_kernel` would compare a kernel with itself."""
    args, kwargs = arguments(name, np.float32, n=LARGE)
    expected = 1 if name in SERIAL else 8
    with fastnn.num_threads(8):
        # Another try where a thread of an earlier pool ended meanwhile: it is missing in the count.
        teams = [team(lambda: run(name, args, kwargs))]
        while expected not in teams and len(teams) < 5:
            teams.append(team(lambda: run(name, args, kwargs)))
    assert expected in teams


def team(call):
    """How many threads work on the last of call()'s parallel loops: OpenMP keeps a pool for each
    thread that calls it, and makes it as large as a loop's team."""
    counts = []

    def work():
        counts.append(_threads())
        call()
        time.sleep(0.01)  # threads that a last, smaller loop does not need are on their way out
        counts.append(_threads())

    before = _threads()
    caller = threading.Thread(target=work)
    caller.start()
    caller.join()
    while _threads() > before:  # the pool ends after its thread
        time.sleep(1e-3)
    return 1 + counts[1] - counts[0]


def _threads():
    return len(os.listdir("/proc/self/task"))


def test_training():
    bits = {}
    for n in COUNTS:
        with fastnn.num_threads(n):
            bits[n] = digest(train_lenet())
    assert len(set(bits.values())) == 1, bits


def test_setting_the_number():
    fastnn.set_num_threads(3)
    assert fastnn.get_num_threads() == 3
    with fastnn.num_threads(5):
        assert fastnn.get_num_threads() == 5
        with fastnn.num_threads(1):
            assert fastnn.get_num_threads() == 1
        assert fastnn.get_num_threads() == 5
    assert fastnn.get_num_threads() == 3
    with pytest.raises(RuntimeError, match="inside"), fastnn.num_threads(2):
        raise RuntimeError("inside")
    assert fastnn.get_num_threads() == 3
    fastnn.set_num_threads(np.int64(4))
    assert fastnn.get_num_threads() == 4


@pytest.mark.parametrize("op", [fastnn.set_num_threads, fastnn.num_threads])
def test_errors(op):
    for n in (0, -1, 1025):
        with pytest.raises(
            ValueError, match=f"{op.__name__}: n must be between 1 and 1024, got {n}"
        ):
            op(n)
    for n in (2.0, "2", None, True):
        with pytest.raises(
            TypeError, match=f"{op.__name__}: n must be an int, got {type(n).__name__}"
        ):
            op(n)


def test_called_from_python_threads():
    """Kernels that go parallel, called from several threads at once."""
    args, kwargs = arguments("gemm", np.float32, n=LARGE)
    expected = digest(run("gemm", args, kwargs))
    found = []
    fastnn.set_num_threads(2)

    def work():
        for _ in range(5):
            found.append(digest(run("gemm", args, kwargs)))

    callers = [threading.Thread(target=work) for _ in range(4)]
    for t in callers:
        t.start()
    for t in callers:
        t.join(60)
        assert not t.is_alive()
    assert found == [expected] * 20
