"""Threads, memory cache, and what this build is: `show_config()`.

The default number of threads is the least of OMP_NUM_THREADS, the processors this process may
run on, and its own cgroup's CPU quota; FASTNN_NUM_THREADS overrides all three.
"""

import os

from . import _kernels


class num_threads:
    """Context manager: at most n threads inside, the former limit after.

    >>> with fastnn.num_threads(1):
    ...     y = model(x)
    """

    def __init__(self, n):
        self.n = _checked(n, "num_threads")

    def __enter__(self):
        self.before = _kernels.threads.get_limit()
        _kernels.threads.set_limit(self.n)
        return self

    def __exit__(self, *_):
        _kernels.threads.set_limit(self.before)


def set_num_threads(n):
    """Let kernels use at most n >= 1 threads. Results do not depend on it."""
    _kernels.threads.set_limit(_checked(n, "set_num_threads"))


def get_num_threads():
    """The most threads a kernel may use now (1 in a forked child)."""
    return _kernels.threads.get_limit()


def empty_cache():
    """Give cached, unused memory back to the system. Returns the number of bytes."""
    return _kernels.memory.empty_cache()


def show_config(file=None):
    """Print the version, instruction set, threads and why, compiler and OpenMP."""
    print(config_text(), file=file)


def config_text():
    """What `show_config` prints."""
    import platform

    import numpy

    from ._version import __version__

    isas = _kernels.cpu.supported()
    forced = os.environ.get("FASTNN_ISA")
    openmp = _kernels.threads.openmp_version()
    reason = "FASTNN_ISA" if forced else f"the best of {', '.join(isas)}"
    rows = [
        ("fastnn", __version__),
        ("instruction set", f"{_kernels.isa} ({reason})"),
        ("threads", f"{get_num_threads()} ({_thread_reason})"),
        ("compiler", _kernels.threads.compiler()),
        ("OpenMP", str(openmp) if openmp else "none: kernels run on one thread"),
        ("memory cache", f"{_kernels.memory.get_cached_bytes() / 2**20:.1f} MiB unused"),
        ("Python", platform.python_version()),
        ("NumPy", numpy.__version__),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _checked(n, op):
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"{op}: n must be an int, got {type(n).__name__}")
    n = n.__index__()
    if not 1 <= n <= 1024:
        raise ValueError(f"{op}: n must be between 1 and 1024, got {n}")
    return n


def _positive_int(text):
    """The leading positive int of e.g. '4' or '4,2' (OMP_NUM_THREADS may list nesting levels)."""
    try:
        n = int(text.split(",")[0])
    except ValueError:
        return None
    return n if n >= 1 else None


def _affinity():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cgroup_quota(proc="/proc/self/cgroup", root="/sys/fs/cgroup"):
    """CPUs that this process's cgroup, or one above it, grants; None without a limit."""
    quotas = []
    try:
        with open(proc) as f:
            lines = f.read().splitlines()
    except OSError:
        return None
    for line in lines:
        try:
            _, controllers, path = line.split(":", 2)
        except ValueError:
            continue
        v1 = "cpu" in controllers.split(",")
        if controllers and not v1:
            continue
        base = f"{root}/cpu" if v1 else root
        parts = [p for p in path.split("/") if p and p != ".."]
        for depth in range(len(parts), -1, -1):
            folder = "/".join([base, *parts[:depth]])
            try:
                if v1:
                    with open(f"{folder}/cpu.cfs_quota_us") as f:
                        quota = f.read().strip()
                    with open(f"{folder}/cpu.cfs_period_us") as f:
                        period = f.read().strip()
                else:
                    with open(f"{folder}/cpu.max") as f:
                        quota, period = f.read().split()
                if quota not in ("max", "-1"):
                    quotas.append(int(quota) / int(period))
            except (OSError, ValueError, ZeroDivisionError):
                continue
    return min(quotas) if quotas else None


def _default_threads():
    """(threads, why)"""
    own = _positive_int(os.environ.get("FASTNN_NUM_THREADS", ""))
    if own:
        return min(own, 1024), "FASTNN_NUM_THREADS"
    limits = [(_affinity(), "processors this process may run on")]
    omp = _positive_int(os.environ.get("OMP_NUM_THREADS", ""))
    if omp:
        limits.append((omp, "OMP_NUM_THREADS"))
    quota = _cgroup_quota()
    if quota:
        limits.append((max(1, int(quota)), "the cgroup's CPU quota"))
    return min(limits, key=lambda limit: limit[0])


_threads, _thread_reason = _default_threads()
_kernels.threads.set_limit(_threads)
