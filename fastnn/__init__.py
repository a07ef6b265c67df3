"""fastnn: train real neural networks on CPUs, from a small wheel that needs only NumPy.

Three levels, each usable alone:

* ``fastnn.kernels``: forward and backward of every operation on plain NumPy arrays.
* ``fastnn.nn``, ``fastnn.functional``, ``fastnn.optim``: the explicit loop PyTorch users know.
* ``fastnn.fit`` / ``evaluate`` / ``predict``: training without writing the loop.
"""

from importlib import import_module as _import_module

# Here, and not only where it is needed: imported from deep within other imports, NumPy's own calls
# cross a chunk of the interpreter's stack thousands of times, which CPython 3.11 then maps anew.
import numpy as _numpy  # noqa: F401

from . import kernels
from ._version import __version__ as __version__
from .autograd import (
    Tensor,
    as_tensor,
    cat,
    enable_grad,
    grad,
    gradcheck,
    is_grad_enabled,
    no_grad,
    stack,
)
from .config import (
    empty_cache,
    get_num_threads,
    num_threads,
    set_num_threads,
    show_config,
)
from .random import manual_seed

# Loaded on first use, so that `import fastnn` stays quick.
_LAZY_MODULES = (
    "checkpoint", "cli", "data", "functional", "interop", "models", "nn", "optim", "training",
    "viz",
)  # fmt: skip
_LAZY_NAMES = {
    "save": "checkpoint",
    "load": "checkpoint",
    "fit": "training",
    "evaluate": "training",
    "predict": "training",
    "summary": "training",
}

__all__ = [
    "Tensor", "as_tensor", "cat", "empty_cache", "enable_grad", "get_num_threads", "grad",
    "gradcheck", "is_grad_enabled", "kernels", "manual_seed", "no_grad", "num_threads",
    "set_num_threads", "show_config", "stack", *_LAZY_MODULES, *_LAZY_NAMES,
]  # fmt: skip


def __getattr__(name):
    if name in _LAZY_MODULES:
        return _import_module(f"{__name__}.{name}")
    if name in _LAZY_NAMES:
        return getattr(_import_module(f"{__name__}.{_LAZY_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
