"""``pytest bench``: every kernel by every implementation, correctness asserted first.

``--threads N`` (default 1) for all of them; ``-k`` and ``--benchmark-*`` as usual.
"""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser):
    parser.addoption("--threads", type=int, default=1, help="threads of every implementation")


def pytest_configure(config):
    from machine import prepare_environment

    prepare_environment(os.environ, config.getoption("--threads"))  # before NumPy is imported


@pytest.fixture(scope="session")
def threads(request):
    """The number of threads, set in every library."""
    from machine import set_threads

    n = request.config.getoption("--threads")
    set_threads(n)
    return n
