"""How much memory the process has."""

import gc
import os

import pytest

MIB = 2**20

needs_proc = pytest.mark.skipif(
    not os.path.exists("/proc/self/statm"), reason="the system has no /proc"
)


def peak():
    """The most that the process ever had."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))


def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
