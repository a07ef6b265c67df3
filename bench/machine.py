"""The machine, the libraries on it, and how many threads each may use.

Nothing here imports NumPy before it is asked to: OpenBLAS reads its environment when loaded.
"""

import ctypes
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

# OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE slow NumPy down where an environment exports them.
_HANDICAPS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "FASTNN_NUM_THREADS")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def prepare_environment(environ, threads):
    """No handicaps, and this many threads for whatever is loaded with these variables."""
    for name in _HANDICAPS:
        environ.pop(name, None)
    for name in _THREADS:
        environ[name] = str(threads)


def set_threads(n):
    """In every library that is loaded."""
    import fastnn

    fastnn.set_num_threads(n)
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(n)


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def cpu_name():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def blas():
    """NumPy's BLAS and the core it chose at run time, e.g. 'openblas 0.3.31, core ZEN'."""
    import numpy as np

    build = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    core = _openblas_core()
    return f"{build['name']} {build['version']}, core {core or 'unknown'}"


def _openblas_core():
    """Asked of the OpenBLAS that NumPy has loaded, whose names may be mangled; None: not found."""
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        return None
    paths = {line.split(maxsplit=5)[-1] for line in maps.splitlines() if "openblas" in line}
    for path in sorted(paths, key=lambda p: "numpy" not in p):
        library = ctypes.CDLL(path)
        for prefix in ("scipy_", ""):
            for suffix in ("64_", ""):
                function = getattr(library, f"{prefix}openblas_get_corename{suffix}", None)
                if function is not None:
                    function.restype = ctypes.c_char_p
                    return function().decode()
    return None


def commit():
    """The measured commit, from git; None outside a checkout."""
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=Path(__file__).parent, check=True,
            capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None


def describe():
    """What a reader of the figures must know, in order: {heading: text}."""
    import fastnn
    from fastnn import _kernels

    facts = {
        "machine": f"{cpu_name()}, {os.cpu_count()} CPUs, {platform.system()} {platform.machine()}",
        "load average at the start": f"{os.getloadavg()[0]:.2f}",
        "fastnn": f"{fastnn.__version__}, commit {commit() or 'unknown'}, {_kernels.isa} kernels, "
        f"{_kernels.threads.compiler()}",
        "NumPy": f"{version('numpy')}, {blas()}",
        "Python": platform.python_version(),
    }
    if version("torch"):
        import torch

        capability = torch.backends.cpu.get_cpu_capability()
        facts["torch"] = (
            f"{torch.__version__}, eager, {capability}, "
            f"oneDNN {'on' if torch.backends.mkldnn.is_available() else 'off'}, "
            f"MKL {'on' if torch.backends.mkl.is_available() else 'off'}"
        )
    else:
        facts["torch"] = "not installed: compared with NumPy alone"
    return facts
