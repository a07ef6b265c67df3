"""Ctrl-C is answered within 200 ms, however long the kernel.

SIGINT comes a fixed time into one long call, so that a kernel that looks for it too seldom fails
every time. The best of a few tries counts: other processes may hold up any one of them.
"""

import os
import signal
import time

import pytest
from child import kill, start

PROMISE = 0.2
TRIES = 4

PREPARE = """
import sys, time
import numpy as np
import fastnn
from fastnn import kernels
fastnn.set_num_threads(1)

def ones(*shape):
    return np.broadcast_to(np.float32(1), shape)  # no memory, no time

def ready():
    print("ready", flush=True)

try:
    {setup}
    ready()
    {call}
    print("finished", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""

# Each takes a second or more on one quick core.
CALLS = {
    "gemm": ("a = ones(8000, 6000)", "kernels.gemm(a, a.T)"),
    "gemm, few rows": ("a = ones(64, 20000)", "kernels.gemm(a, ones(20000, 100000))"),
    "gemm, one column of tiles": ("a = ones(2000000, 768)", "kernels.gemm(a, ones(768, 64))"),
    "gemm, packed": ("b = kernels.pack(ones(1151, 60000))", "kernels.gemm(ones(1344, 1151), b)"),
    "gemm, a row": (
        "b = np.ones((30000, 8000), np.float32)",
        "for _ in range(50): kernels.gemm(ones(1, 30000), b)",
    ),
    "conv2d": ("x, w = ones(16, 256, 56, 56), ones(256, 256, 7, 7)", "kernels.conv2d(x, w)"),
    "conv2d, one image": (
        "x, w = ones(1, 384, 256, 256), ones(384, 384, 3, 3)",
        "kernels.conv2d(x, w)",
    ),
    "conv2d_backward, data": (
        "x, w, dy = ones(16, 256, 56, 56), ones(256, 256, 7, 7), ones(16, 256, 50, 50)",
        "kernels.conv2d_backward(dy, x, w, needs=(True, False, False))",
    ),
    "conv2d_backward, weights": (
        "x, w, dy = ones(16, 256, 56, 56), ones(256, 256, 7, 7), ones(16, 256, 50, 50)",
        "kernels.conv2d_backward(dy, x, w, needs=(False, True, False))",
    ),
    "conv2d_backward, weights, one image": (
        "x, w, dy = ones(1, 384, 256, 256), ones(384, 384, 3, 3), ones(1, 384, 254, 254)",
        "kernels.conv2d_backward(dy, x, w, needs=(False, True, False))",
    ),
    "lstm": (
        "x, w = ones(100, 2000, 64), [np.zeros((4096, n), np.float32) for n in (64, 1024)]",
        "kernels.lstm(x, None, None, *w)",
    ),
    "lstm, one row": (
        "x, w = ones(20000, 1, 64), [np.zeros((2048, n), np.float32) for n in (64, 512)]",
        "kernels.lstm(x, None, None, *w)",
    ),
    "gru_backward": (
        "x, w = ones(20, 2000, 64), [np.zeros((3072, n), np.float32) for n in (64, 1024)]; "
        "y, _, saved = kernels.gru(x, None, *w)",
        "kernels.gru_backward(y, None, x, *w, saved)",
    ),
    "training": (
        "import training; training.train_lenet(2)",
        "training.train_lenet(10**6, batch=256)",
    ),
}


def seconds_to_answer(setup, call):
    process = start(PREPARE.format(setup=setup, call=call))
    try:
        assert process.stdout.readline() == "ready\n", process.communicate(timeout=10)
        time.sleep(0.1)
        began = time.perf_counter()
        os.kill(process.pid, signal.SIGINT)
        answer = process.stdout.readline()
        took = time.perf_counter() - began
        assert answer == "interrupted\n", answer or process.communicate(timeout=10)[1]
        return took
    finally:
        kill(process)


@pytest.mark.parametrize("name", CALLS)
def test_answered_in_time(name):
    best = float("inf")
    for _ in range(TRIES):
        best = min(best, seconds_to_answer(*CALLS[name]))
        if best < PROMISE:
            return
    pytest.fail(f"Ctrl-C was answered after {best * 1e3:.0f} ms at best")
