"""DataLoader: order, batches, exact resume, and the prefetch thread's manners."""

import gc
import json
import os
import subprocess
import sys
import threading
import time
import traceback

import numpy as np
import pytest

import fastnn
from fastnn.data import ArrayDataset, DataLoader, default_collate, random_shift


def dataset(n=23):
    x = np.arange(n * 12, dtype=np.float32).reshape(n, 1, 4, 3)
    return ArrayDataset(x, np.arange(n))


class Samples:
    """A dataset that is no array."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if not 0 <= i < self.n:
            raise IndexError(i)
        return np.full((2, 2), i, np.float32), i


def noise(batch, rng):
    x, y = batch
    return x + rng.standard_normal(x.shape, np.float32), y


def labels(batches):
    return [batch[1].tolist() for batch in batches]


def visited(loader):
    return [label for batch in loader for label in batch[1].tolist()]


def assert_equal_batches(ours, theirs):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b, strict=True)


def prefetch_threads():
    return [t for t in threading.enumerate() if t.name.startswith("fastnn-prefetch")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert prefetch_threads() == []


def test_in_order():
    loader = DataLoader(dataset(), 5)
    batches = list(loader)
    assert len(loader) == len(batches) == 5
    assert labels(batches)[0] == [0, 1, 2, 3, 4] and labels(batches)[-1] == [20, 21, 22]
    x, y = batches[4]
    assert x.shape == (3, 1, 4, 3) and x.dtype == np.float32 and y.dtype == np.int64
    np.testing.assert_array_equal(np.concatenate([b[0] for b in batches]), dataset().arrays[0])


def test_drop_last_and_sizes():
    assert len(list(DataLoader(dataset(), 5, drop_last=True))) == 4
    assert len(DataLoader(dataset(), 5, drop_last=True)) == 4
    assert len(list(DataLoader(dataset(), 100))) == 1
    assert len(list(DataLoader(dataset(), 100, drop_last=True))) == 0
    assert len(list(DataLoader(dataset()))) == 23
    assert list(DataLoader(dataset(0), 5, shuffle=True)) == []


def test_batches_are_copies():
    data = dataset()
    for x, _ in DataLoader(data, 5):
        x[:] = -1
    assert data.arrays[0].min() == 0


def test_shuffled_epochs_are_permutations_fixed_by_the_seed():
    loader = DataLoader(dataset(), 5, True, seed=3)
    epochs = [visited(loader) for _ in range(3)]
    for epoch in epochs:
        assert sorted(epoch) == list(range(23))
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0] != list(range(23))
    again = DataLoader(dataset(), 4, True, seed=3)
    assert [visited(again) for _ in range(3)] == epochs  # whatever the batch size
    assert visited(DataLoader(dataset(), 5, True, seed=4)) != epochs[0]
    again.set_epoch(1)
    assert visited(again) == epochs[1]
    for x, y in loader:
        np.testing.assert_array_equal(x, dataset().arrays[0][y])


def test_the_order_is_the_documented_one():
    # stated here so that a stored seed means the same order in later versions
    loader = DataLoader(np.arange(8), 8, True, seed=3)
    assert next(iter(loader)).tolist() == [0, 1, 5, 6, 4, 3, 2, 7]


def test_seed_comes_from_manual_seed():
    def order():
        return labels(DataLoader(dataset(), 5, True))

    fastnn.manual_seed(7)
    first = order()
    assert order() != first
    fastnn.manual_seed(7)
    assert order() == first
    state = fastnn.random.get_state()
    DataLoader(dataset(), 5)  # needs no randomness and must not use any up
    assert fastnn.random.get_state() == state


def test_tuple_array_list_and_samples():
    data = dataset()
    expected = list(DataLoader(data, 4, True, seed=1))
    assert_equal_batches(list(DataLoader(data.arrays, 4, True, seed=1)), expected)
    rows = list(zip(*data.arrays, strict=True))
    assert_equal_batches(list(DataLoader(rows, 4, True, seed=1)), expected)
    collated = DataLoader(data, 4, True, seed=1, collate_fn=default_collate)
    assert_equal_batches(list(collated), expected)
    single = list(DataLoader(data.arrays[0], 4, True, seed=1))
    assert_equal_batches([(x,) for x in single], [(x,) for x, _ in expected])
    batches = list(DataLoader(Samples(10), 4))
    assert batches[2][0].shape == (2, 2, 2) and batches[2][1].tolist() == [8, 9]


def test_collate_fn_gets_the_samples():
    loader = DataLoader(Samples(5), 2, collate_fn=lambda samples: [i for _, i in samples])
    assert list(loader) == [[0, 1], [2, 3], [4]]


def test_default_collate():
    samples = [{"x": np.ones(3) * i, "n": i, "name": f"s{i}", "p": (i, [0.5])} for i in range(3)]
    batch = default_collate(samples)
    assert batch["x"].shape == (3, 3) and batch["n"].tolist() == [0, 1, 2]
    assert batch["name"] == ["s0", "s1", "s2"]
    assert batch["p"][0].tolist() == [0, 1, 2] and batch["p"][1][0].tolist() == [0.5] * 3
    with pytest.raises(ValueError, match=r"different shapes: \[\(2,\), \(3,\)\]"):
        default_collate([np.ones(2), np.ones(3)])


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_a_loop_left_early_is_not_continued(prefetch):
    loader = DataLoader(dataset(), 5, True, seed=3, prefetch=prefetch)
    reference = DataLoader(dataset(), 5, True, seed=3)
    reference.set_epoch(1)
    for _ in loader:
        break
    assert labels(loader) == labels(reference)


def test_two_loops_at_once():
    loader = DataLoader(dataset(), 5, True, seed=3)
    both = [(a[1].tolist(), b[1].tolist()) for a, b in zip(loader, loader, strict=True)]
    reference = DataLoader(dataset(), 5, True, seed=3)
    assert [a for a, _ in both] == labels(reference)
    assert [b for _, b in both] == labels(reference)
    assert loader.state_dict()["epoch"] == 2


@pytest.mark.parametrize("prefetch", [0, 2])
@pytest.mark.parametrize("stop", range(11))
def test_resume_anywhere(stop, prefetch):
    def loader():
        return DataLoader(dataset(), 5, True, seed=3, transform=noise, prefetch=prefetch)

    def run(loader, start=0, stop=10**9):
        """Batches start..stop of three epochs; the state when stopping."""
        count, batches = start, []
        while loader.state_dict()["epoch"] < 3:
            for batch in loader:
                batches.append(batch)
                count += 1
                if count == stop:
                    return batches, loader.state_dict()
        return batches, None

    whole, _ = run(loader())
    assert len(whole) == 15
    if stop == 0:
        head, state = [], loader().state_dict()
    else:
        head, state = run(loader(), stop=stop)
    resumed = DataLoader(dataset(), 5, True, seed=99, transform=noise, prefetch=prefetch)
    resumed.load_state_dict(json.loads(json.dumps(state)))
    assert resumed.state_dict() == state
    tail, _ = run(resumed, stop)
    assert_equal_batches(head + tail, whole)


def test_state_errors():
    loader = DataLoader(dataset(), 5)
    with pytest.raises(ValueError, match="expected seed, epoch and batch"):
        loader.load_state_dict({"seed": 1})
    with pytest.raises(ValueError, match="state is at batch 6, an epoch has 5"):
        loader.load_state_dict({"seed": 1, "epoch": 0, "batch": 6})
    with pytest.raises(ValueError, match="epoch must be >= 0, got -1"):
        loader.load_state_dict({"seed": 1, "epoch": -1, "batch": 0})


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        ({"batch_size": 0}, ValueError, "batch_size must be >= 1, got 0"),
        ({"batch_size": 2.0}, TypeError, "batch_size must be an int, got float"),
        ({"batch_size": True}, TypeError, "batch_size must be an int, got bool"),
        ({"prefetch": -1}, ValueError, "prefetch must be >= 0, got -1"),
        ({"seed": -1}, ValueError, "seed must be >= 0, got -1"),
        ({"seed": "x"}, TypeError, "seed must be an int, got str"),
        ({"dataset": iter([1])}, TypeError, "dataset needs __len__ and __getitem__"),
        ({"dataset": (np.ones(3), np.ones(4))}, ValueError, "arrays of one length"),
    ],
)
def test_argument_errors(arguments, error, text):
    with pytest.raises(error, match=text):
        DataLoader(**{"dataset": dataset(), **arguments})


@pytest.mark.parametrize("prefetch", [1, 2, 50])
@pytest.mark.parametrize("transform", [None, noise, random_shift(1)])
def test_prefetching_changes_nothing(prefetch, transform):
    plain = DataLoader(dataset(), 4, True, seed=5, transform=transform)
    ahead = DataLoader(dataset(), 4, True, seed=5, transform=transform, prefetch=prefetch)
    for _ in range(3):
        assert_equal_batches(list(ahead), list(plain))
        assert ahead.state_dict() == plain.state_dict()


def test_transform_differs_by_epoch_and_batch():
    loader = DataLoader(np.zeros((4, 3)), 2, seed=1, transform=lambda x, rng: x + rng.random())
    values = [float(x[0, 0]) for _ in range(2) for x in loader]
    assert len(set(values)) == 4


def test_prefetch_depth_is_bounded():
    made = []

    def record(batch, rng):
        made.append(batch[1][0])
        return batch

    loader = DataLoader(dataset(100), 1, transform=record, prefetch=3)
    for taken, _ in enumerate(loader, 1):
        time.sleep(0.002)
        assert len(made) <= taken + 3
    assert len(made) == 100


def test_prefetch_works_in_another_thread():
    seen = set()

    def record(batch, rng):
        seen.add(threading.current_thread().name)
        return batch

    list(DataLoader(dataset(), 5, transform=record, prefetch=2))
    assert len(seen) == 1 and seen.pop().startswith("fastnn-prefetch")


def faulty(batch, rng):
    if 10 in batch[1]:
        raise RuntimeError("sample 10 is bad")
    return batch


@pytest.mark.parametrize("prefetch", [0, 2])
def test_exceptions_arrive_with_their_traceback(prefetch):
    loader = DataLoader(dataset(), 5, transform=faulty, prefetch=prefetch)
    seen = []
    with pytest.raises(RuntimeError, match="sample 10 is bad") as info:
        for batch in loader:
            seen.append(batch)
    assert len(seen) == 2
    assert "in faulty" in "".join(traceback.format_tb(info.value.__traceback__))
    assert prefetch_threads() == []
    loader.transform = None
    assert len(list(loader)) == 5  # still usable


def test_threads_end_with_their_loop():
    loader = DataLoader(dataset(), 2, prefetch=2)
    for _ in loader:
        assert len(prefetch_threads()) == 1
        break
    assert prefetch_threads() == []
    iterator = iter(loader)
    assert prefetch_threads() == []  # none before the first batch
    next(iterator)
    assert len(prefetch_threads()) == 1
    del iterator
    gc.collect()
    assert prefetch_threads() == []
    with pytest.raises(KeyError):
        for _ in loader:
            raise KeyError
    gc.collect()
    assert prefetch_threads() == []


def test_a_program_that_ends_in_mid_loop():
    script = (
        "import numpy as np\n"
        "from fastnn.data import DataLoader\n"
        "it = iter(DataLoader(np.arange(1000), 1, prefetch=4))\n"
        "print(next(it), flush=True)\n"
    )
    done = subprocess.run(  # -P: not the source tree, which may have no kernels
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and done.stdout.strip() == "[0]" and done.stderr == ""


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_in_the_middle_of_a_loop():
    """The child goes on with the parent's loop, and starts loops of its own."""
    expected = labels(DataLoader(dataset(), 2, True, seed=3))
    for _ in range(20):
        loader = DataLoader(dataset(), 2, True, seed=3, prefetch=3)
        iterator = iter(loader)
        head = [next(iterator)[1].tolist() for _ in range(3)]
        child = os.fork()
        if child == 0:
            status = 1
            try:
                good = head + labels(iterator) == expected
                good &= loader.state_dict() == {"seed": 3, "epoch": 1, "batch": 0}
                loader.set_epoch(0)
                status = 0 if good and labels(loader) == expected else 2
            finally:
                os._exit(status)
        assert head + labels(iterator) == expected
        deadline = time.monotonic() + 20
        while (done := os.waitpid(child, os.WNOHANG)) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(child, 9)
                os.waitpid(child, 0)
                pytest.fail("the child hangs")
            time.sleep(0.001)
        assert os.waitstatus_to_exitcode(done[1]) == 0
