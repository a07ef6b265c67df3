"""Tensors that record what is computed with them, and the pass that differentiates it.

grad_mode.py: whether operations are recorded. tape.py: Node, and the backward pass over any
acyclic graph. tensor.py: Tensor, and record, how every operation enters the tape. arithmetic.py,
elementwise.py, linalg.py, reduce.py, shape.py: Tensor's methods, by family. gradcheck.py:
analytic against numeric derivatives.
"""

from . import arithmetic, elementwise, linalg, reduce  # noqa: F401  (each adds Tensor's methods)
from .grad_mode import enable_grad, is_grad_enabled, no_grad
from .gradcheck import gradcheck
from .shape import cat, stack
from .tape import grad
from .tensor import Tensor, as_tensor, record, record_together

__all__ = [
    "Tensor", "as_tensor", "cat", "enable_grad", "grad", "gradcheck", "is_grad_enabled",
    "no_grad", "record", "record_together", "stack",
]  # fmt: skip
