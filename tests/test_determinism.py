"""The same bits run after run, and inputs as they were."""

import numpy as np
import pytest
from child import run as run_python
from kernel_table import ELSEWHERE, SMALL, TABLE, arguments, arrays_in, digest, run
from training import train_lenet

import fastnn
from fastnn import _kernels


def dirty_the_cache():
    """Leave NaN in the memory that the next kernels get: what reads it unwritten will show it."""
    fastnn.empty_cache()
    blocks = [
        _kernels.memory.empty_array((1 << e,), np.dtype(np.float64).num)
        for e in range(9, 18)
        for _ in range(6)
    ]
    for block in blocks:
        block[...] = np.nan


def test_the_table_is_complete():
    named = {name.split()[0] for name in TABLE} | set(ELSEWHERE)
    assert named == set(fastnn.kernels.__all__)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TABLE)
def test_repeated_on_dirty_memory_and_unmodified_inputs(name, dtype):
    args, kwargs = arguments(name, dtype, n=8 * SMALL)
    before = digest(arrays_in((args, kwargs)))
    first = run(name, args, kwargs)
    for result in first:
        # indices and tags; norms are Python floats
        assert result.dtype in (dtype, np.int32, np.int64, np.float64)
    for _ in range(3):
        dirty_the_cache()
        assert digest(run(name, args, kwargs)) == digest(first)
    assert digest(arrays_in((args, kwargs))) == before


@pytest.mark.parametrize("name", TABLE)
def test_results_share_no_memory_with_inputs(name):
    args, kwargs = arguments(name, np.float32)
    inputs = arrays_in((args, kwargs))
    for result in run(name, args, kwargs):
        assert not any(np.shares_memory(result, x) for x in inputs)


def test_training_in_other_processes():
    code = "import kernel_table, training; print(kernel_table.digest(training.train_lenet(5)))"
    expected = digest(train_lenet(5))
    for threads, seed in [("1", "0"), ("2", "1")]:
        env = {"FASTNN_NUM_THREADS": threads, "PYTHONHASHSEED": seed}
        assert run_python(code, env=env) == expected
