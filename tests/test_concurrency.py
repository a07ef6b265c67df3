"""Python threads: several train at once, and no kernel holds the GIL."""

import sys
import threading
import time

import numpy as np
import pytest
from kernel_table import LARGE, TABLE, arguments, digest, run
from training import batches, lenet, steps

import fastnn
from fastnn import nn, optim


def join(threads, seconds=120):
    for t in threads:
        t.start()
    for t in threads:
        t.join(seconds)
        assert not t.is_alive()


def perceptron(seed):
    fastnn.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.Sigmoid(), nn.Linear(256, 10))
    return model, optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def test_four_models_at_once():
    """Each ends with the bits that it has when it trains alone."""
    data = list(batches(8, 32))

    def make():
        return [lenet(0), perceptron(1), lenet(2), perceptron(3)]

    def train(model, optimizer):
        losses = steps(model, optimizer, data)
        return digest([*model.state_dict().values(), np.array(losses)])

    alone = [train(*pair) for pair in make()]
    together = [None] * 4
    barrier = threading.Barrier(4)

    def work(i, pair):
        barrier.wait()
        together[i] = train(*pair)

    with fastnn.num_threads(2):
        join([threading.Thread(target=work, args=(i, pair)) for i, pair in enumerate(make())])
    assert together == alone
    assert len(set(alone)) == 4


def test_all_kernels_at_once():
    calls = {name: arguments(name, np.float32, n=4001) for name in TABLE}
    expected = {name: digest(run(name, *call)) for name, call in calls.items()}
    wrong = []

    def work(names):
        wrong.extend(n for n in names if digest(run(n, *calls[n])) != expected[n])

    names = list(TABLE)
    turns = [names[i * 15 :] + names[: i * 15] for i in range(4)]
    join([threading.Thread(target=work, args=(turn,)) for turn in turns])
    assert not wrong


def test_one_model_predicts_in_many_threads():
    model, _ = lenet()
    x, _ = next(batches(1, 40))
    with fastnn.no_grad():
        expected = model(fastnn.Tensor(x)).numpy().tobytes()
    found = []

    def work():
        with fastnn.no_grad():
            found.extend(model(fastnn.Tensor(x)).numpy().tobytes() for _ in range(10))

    join([threading.Thread(target=work) for _ in range(4)])
    assert found == [expected] * 40


@pytest.fixture
def ticks():
    """A count that another thread raises whenever this one leaves it the GIL of its own accord."""
    count, stop, interval = [0], threading.Event(), sys.getswitchinterval()

    def tick():
        while not stop.is_set():
            count[0] += 1
            stop.wait(1e-6)  # leaves the GIL, and soon asks for it again

    thread = threading.Thread(target=tick)
    thread.start()
    sys.setswitchinterval(60)  # nobody is asked to leave it
    yield count
    sys.setswitchinterval(interval)
    stop.set()
    thread.join()


@pytest.mark.parametrize("name", TABLE)
def test_the_gil_is_released(ticks, name):
    args, kwargs = arguments(name, np.float32, n=LARGE)
    kernel = getattr(fastnn.kernels, name.split()[0])
    # A kernel may be over before the other thread's sleep is: ask until they meet.
    end = time.monotonic() + 10
    while time.monotonic() < end:
        before = ticks[0]
        kernel(*args, **kwargs)
        if ticks[0] > before:
            return
    pytest.fail("another thread never ran while the kernel did")
