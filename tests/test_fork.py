"""A forked child computes, serially and right, and never hangs."""

import os

import pytest
from child import run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")

# What parents and children run: kernels large enough for all threads, and a training step.
WORK = """
import os, signal
import numpy as np
import fastnn
from fastnn import kernels
from kernel_table import digest
from training import train_lenet

fastnn.set_num_threads(4)
rng = np.random.default_rng(0)
a = rng.standard_normal((160, 160), dtype=np.float32)
x = rng.standard_normal((4, 8, 20, 20), dtype=np.float32)
w = rng.standard_normal((9, 8, 3, 3), dtype=np.float32)

def work():
    y = kernels.conv2d(x, w)
    results = [kernels.gemm(a, a), y, *kernels.conv2d_backward(y, x, w), kernels.softmax(a)]
    return digest(results)

def in_child(expected, task=work):
    '''Fork; the child's exit status says whether its result is right and it is serial.'''
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)  # a hang ends in a death by SIGALRM
        try:
            good = fastnn.get_num_threads() == 1 and task() == expected
        except BaseException:
            good = False
        os._exit(0 if good else 1)
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the child ended with status {status}"

expected = work()
"""


def test_two_hundred_forks():
    code = """
for i in range(200):
    in_child(expected)
    if i % 20 == 0:
        assert work() == expected and fastnn.get_num_threads() == 4  # the parent goes on as before
"""
    run(WORK + code)


def test_training_in_the_child_and_the_grandchild():
    code = """
def train():
    return digest(train_lenet(4))

def train_and_fork():
    assert train() == trained
    in_child(trained, train)
    fastnn.set_num_threads(4)  # stays serial: the pool is gone for good
    assert fastnn.get_num_threads() == 1
    return train()

trained = train()
for _ in range(3):
    in_child(trained, train_and_fork)
"""
    run(WORK + code)


def test_forks_while_another_thread_is_in_a_kernel():
    code = """
import threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: forks of a process of threads
stop = threading.Event()
def busy():
    while not stop.is_set():
        work()
threads = [threading.Thread(target=busy) for _ in range(2)]
for t in threads: t.start()
for _ in range(30):
    in_child(expected)
stop.set()
for t in threads: t.join()
"""
    run(WORK + code)


def test_forks_from_another_thread():
    code = """
import threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
failures = []
def forks():
    try:
        work()
        for _ in range(10):
            in_child(expected)
    except BaseException as error:
        failures.append(error)
t = threading.Thread(target=forks); t.start(); t.join()
assert not failures, failures
"""
    run(WORK + code)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing(method, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        WORK
        + f"""
import multiprocessing

def task(_):
    return work(), fastnn.get_num_threads()

if __name__ == "__main__":
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        for result, threads in pool.map(task, range(8 if {method!r} == "fork" else 3)):
            assert result == expected
            assert threads == {1 if method == "fork" else 4}
"""
    )
    run(script)
