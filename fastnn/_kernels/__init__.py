"""The compiled kernels of the best instruction set that this machine runs.

`fastnn/_kernels/*.pyx` is compiled once per ISA into `fastnn._kernels.<isa>.*`; this module
picks one ISA and offers its modules (`_kernels.gemm`, `_kernels.conv`, ...) by name.
FASTNN_ISA=baseline|avx2|avx512 forces one.

The functions in these modules trust their arguments: `fastnn.kernels` is the checked door.
"""

import os
from importlib import import_module

from . import cpu

MODULES = (
    "activation", "conv", "conv_scatter", "conv_weight", "correlate", "correlate_planar", "cross_entropy",
    "dropout", "elementwise", "gemm", "gemv", "im2col", "layout", "memory", "optim", "peak",
    "pool", "reduce", "softmax", "threads", "window",
)  # fmt: skip


def _choose():
    supported = cpu.supported()
    forced = os.environ.get("FASTNN_ISA")
    if forced:
        if forced not in supported:
            raise ImportError(
                f"FASTNN_ISA={forced}: not an instruction set of this machine "
                f"(it runs {', '.join(supported)})"
            )
        supported = [forced]
    for name in supported:
        if os.path.isdir(os.path.join(__path__[0], name)):
            return name
    raise ImportError(f"fastnn was built without kernels for {', '.join(supported)}")


isa = _choose()
globals().update({name: import_module(f"{__name__}.{isa}.{name}") for name in MODULES})
