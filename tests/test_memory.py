"""Memory does not grow with training, and the block cache keeps to its rules."""

import threading

import child
import numpy as np
import pytest
from process_memory import MIB, needs_proc, resident
from training import batches, lenet, steps

import fastnn
from fastnn import _kernels, functional, kernels, nn, optim

memory = _kernels.memory
F32 = np.dtype(np.float32).num


@pytest.fixture(autouse=True)
def defaults():
    fastnn.empty_cache()
    yield
    memory.set_cache_limit(2 << 30)
    fastnn.empty_cache()


def block(nbytes):
    return memory.empty_array((nbytes // 4,), F32)


# -- training -------------------------------------------------------------------------------------


def growth(train):
    """Bytes that the resident memory grows by over four rounds of training."""
    train()  # warm: the cache is full, the allocator's arenas are there
    before = resident()
    for _ in range(4):
        train()
    return resident() - before


@needs_proc
def test_ten_thousand_steps_of_a_small_network():
    fastnn.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 3))
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    rng = np.random.default_rng(0)
    x, target = rng.standard_normal((20, 8)).astype(np.float32), rng.integers(0, 3, 20)

    def train():
        for _ in range(10_000 // 4):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(fastnn.Tensor(x)), target)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    assert growth(train) < 8 * MIB


@needs_proc
def test_two_thousand_steps_of_lenet_on_batches_of_all_sizes():
    model, optimizer = lenet()
    data = [b for size in (16, 3, 30, 1, 7) for b in batches(1, size)]

    def train():
        for _ in range(2000 // 4 // len(data)):
            steps(model, optimizer, data)

    with fastnn.num_threads(1):  # quick, whatever else the machine does
        assert growth(train) < 8 * MIB


@needs_proc
def test_graphs_that_are_never_run_backward():
    x = fastnn.Tensor(np.ones((64, 64), np.float32), requires_grad=True)

    def train():
        for _ in range(500):
            y = x
            for _ in range(10):
                y = (y @ x).tanh() + x
            y.sum()

    assert growth(train) < 8 * MIB


@needs_proc
def test_errors_leave_nothing_behind():
    a, b = np.ones((400, 400), np.float32), np.ones((399, 400), np.float32)

    def train():
        for _ in range(500):
            with pytest.raises(ValueError, match="gemm"):
                kernels.gemm(a, b)
            with pytest.raises(TypeError):
                kernels.conv2d(a.reshape(1, 1, 400, 400), np.ones((1, 1, 3, 3)))

    assert growth(train) < 8 * MIB


# -- attention ------------------------------------------------------------------------------------

ATTENTION = """
import numpy as np
from process_memory import peak, resident
from fastnn import Tensor
from fastnn import functional as F

T, E = 8192, 16
rng = np.random.default_rng(0)
q, k, v, dy = (rng.standard_normal((T, E), np.float32) for _ in range(4))
q, k, v = (Tensor(x, requires_grad=True) for x in (q, k, v))
before = resident()
y = F.scaled_dot_product_attention(q, k, v)
forward = peak() - before
y.backward(dy)
print(forward, peak() - before)
"""


@needs_proc
def test_attention_never_holds_the_matrix_of_its_weights():
    """8192 x 8192 float32 are 256 MiB. In a process of its own, whose peak nothing else has set."""
    forward, both = map(int, child.run(ATTENTION).split())
    assert 0 <= forward <= both < 40 * MIB


# -- the cache ------------------------------------------------------------------------------------


def test_a_freed_block_is_used_again():
    a = block(MIB)
    address = a.ctypes.data
    del a
    assert memory.get_cached_bytes() >= MIB
    assert block(MIB).ctypes.data == address


@pytest.mark.parametrize("nbytes", [4096, 5000, 100_000, MIB, 2 * MIB, 5 * MIB + 12])
def test_alignment(nbytes):
    a = block(nbytes)
    assert a.ctypes.data % (2 * MIB if nbytes >= 2 * MIB else 64) == 0
    assert a.flags.c_contiguous
    assert a.flags.writeable
    assert a.flags.aligned


def test_empty_cache():
    arrays = [block(MIB << i) for i in range(4)]
    assert fastnn.empty_cache() == memory.get_cached_bytes() == 0  # all in use
    arrays.clear()
    cached = memory.get_cached_bytes()
    assert cached >= 15 * MIB
    assert fastnn.empty_cache() == cached
    assert memory.get_cached_bytes() == fastnn.empty_cache() == 0


@needs_proc
def test_empty_cache_gives_memory_back():
    fastnn.empty_cache()
    before = resident()
    a = block(64 * MIB)
    a[...] = 1
    del a
    assert resident() - before > 50 * MIB  # kept
    fastnn.empty_cache()
    assert resident() - before < 8 * MIB


def test_the_limit():
    memory.set_cache_limit(8 * MIB)
    arrays = [block(MIB) for _ in range(30)]
    arrays.clear()
    assert MIB < memory.get_cached_bytes() <= 8 * MIB
    memory.set_cache_limit(MIB)  # below what is there
    assert memory.get_cached_bytes() <= MIB
    block(4 * MIB)  # larger than all that may be kept
    assert memory.get_cached_bytes() <= MIB
    memory.set_cache_limit(0)
    block(MIB)
    assert memory.get_cached_bytes() == 0


def test_many_blocks_of_a_size():
    """More of them than a free list holds."""
    arrays = [block(8192) for _ in range(300)]
    addresses = {a.ctypes.data for a in arrays}
    assert len(addresses) == 300
    arrays.clear()
    again = [block(8192) for _ in range(300)]
    assert len({a.ctypes.data for a in again}) == 300


def test_arrays_outlive_each_other():
    """No block is given out twice while any view of it lives."""
    rng = np.random.default_rng(0)
    alive = {}
    for i in range(3000):
        a = block(int(rng.choice([4096, 5000, 70_000, 300_000])))
        a[...] = i
        if rng.random() < 0.5:
            a = a[10:-10].reshape(-1, 2).T[::-1]  # only a view of a view stays
        alive[i] = a
        if len(alive) > 40:
            for j in rng.choice(list(alive), 25, replace=False):
                assert (alive[j] == j).all()
                del alive[j]
    for i, a in alive.items():
        assert (a == i).all()


def test_results_own_their_memory():
    a = np.ones((100, 100), np.float32)
    first = kernels.gemm(a, a)
    view = first[50:, 50:]
    del first
    for _ in range(20):
        kernels.gemm(2 * a, a)
        kernels.relu(2 * a)
    np.testing.assert_array_equal(view, 100)


def test_freed_by_another_thread():
    arrays = [block(100_000) for _ in range(50)]

    def free():
        arrays.clear()

    t = threading.Thread(target=free)
    t.start()
    t.join()
    assert memory.get_cached_bytes() >= 50 * 100_000


@pytest.mark.parametrize("shape", [(2**40, 2**30), (2**62,), (2**31, 2**31, 2)])
def test_impossible_sizes(shape):
    with pytest.raises(MemoryError):
        memory.empty_array(shape, F32)
    with pytest.raises(MemoryError):
        memory.empty_array((*shape, 1, 1, 1, 1)[:4], F32, True)


def test_products_too_large_to_exist():
    huge = np.broadcast_to(np.float32(1), (2**31, 3))
    with pytest.raises(MemoryError):
        kernels.gemm(huge, huge.T)
