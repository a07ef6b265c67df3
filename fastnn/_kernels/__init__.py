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
    "activation", "additive_attention", "attention", "conv", "conv_columns", "conv_weight",
    "correlate", "correlate_planar", "crf", "cross_entropy", "dropout", "elementwise", "embedding",
    "gemm", "gemv", "grouped", "im2col", "layer_norm", "layout", "local_response_norm",
    "max_over_time", "memory", "norm", "optim", "peak", "pool", "recurrent", "reduce", "resample",
    "slide", "softmax", "threads", "tile", "window", "word2vec",
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


def _load():
    """The modules of the chosen ISA, by name.

    libgomp's threads wait for each other by spinning, for milliseconds unless told otherwise when
    it is loaded. On a busy machine they spin on the very core that the awaited thread needs:
    small training steps take many times as long. So they spin briefly, then sleep; who sets
    GOMP_SPINCOUNT or OMP_WAIT_POLICY decides for themselves.
    """
    decided = "GOMP_SPINCOUNT" in os.environ or "OMP_WAIT_POLICY" in os.environ
    if not decided:
        os.environ["GOMP_SPINCOUNT"] = "5000"
    try:
        return {name: import_module(f"{__name__}.{isa}.{name}") for name in MODULES}
    finally:
        if not decided:
            del os.environ["GOMP_SPINCOUNT"]


isa = _choose()
globals().update(_load())
