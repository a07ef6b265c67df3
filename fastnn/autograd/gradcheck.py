"""Analytic derivatives against numeric ones."""

import numpy as np

from .grad_mode import no_grad
from .tape import grad
from .tensor import Tensor


def gradcheck(fn, inputs, eps=1e-6, atol=1e-5, rtol=1e-3, *, raise_exception=True):
    """True if every d(fn(*inputs)) / d(input) that the tape gives is within atol + rtol |numeric|
    of the central difference (f(x + eps) - f(x - eps)) / (2 eps).

    inputs: a Tensor or several; those that require a gradient must be float64. fn returns a
    Tensor or several, and must compute the same thing every time. Otherwise raises RuntimeError
    that says where the two differ, or returns False where raise_exception is False.
    """
    inputs = tuple(inputs) if isinstance(inputs, (list, tuple)) else (inputs,)
    checked = [(i, x) for i, x in enumerate(inputs) if getattr(x, "requires_grad", False)]
    if not checked:
        raise ValueError("gradcheck: at least one input must require a gradient")
    for i, x in checked:
        if x.data.dtype != np.float64:
            raise TypeError(f"gradcheck: inputs[{i}] must be float64, got {x.data.dtype}")

    outputs = _outputs(fn, inputs)
    for o, output in enumerate(outputs):
        if not output.requires_grad:
            continue
        analytic = _analytic_jacobians(output, [x for _, x in checked])
        for (i, x), exact in zip(checked, analytic, strict=True):
            numeric = _numeric_jacobian(fn, inputs, o, output.data.size, x, eps)
            off = ~np.isclose(exact, numeric, rtol=rtol, atol=atol, equal_nan=True)
            if not off.any():
                continue
            if not raise_exception:
                return False
            row, column = np.argwhere(off)[0]
            raise RuntimeError(
                f"gradcheck: d(output {o})[{row}] / d(input {i})[{column}] is "
                f"{exact[row, column]:.6g} by backward, {numeric[row, column]:.6g} by central "
                f"difference ({off.sum()} of {off.size} elements differ)\n"
                f"backward:\n{exact}\ncentral differences:\n{numeric}"
            )
    return True


def _outputs(fn, inputs):
    outputs = fn(*inputs)
    outputs = outputs if isinstance(outputs, (list, tuple)) else (outputs,)
    return [y for y in outputs if isinstance(y, Tensor) and y.data.dtype.kind == "f"]


def _analytic_jacobians(output, inputs):
    """-> one matrix (output.size, x.size) an input, row by row from a backward pass each"""
    jacobians = [np.zeros((output.data.size, x.data.size)) for x in inputs]
    for row in range(output.data.size):
        one_hot = np.zeros(output.data.shape)
        one_hot.flat[row] = 1.0
        gradients = grad(output, inputs, one_hot, retain_graph=True, allow_unused=True)
        for jacobian, gradient in zip(jacobians, gradients, strict=True):
            if gradient is not None:
                jacobian[row] = gradient.ravel()
    return jacobians


def _numeric_jacobian(fn, inputs, o, rows, x, eps):
    """-> (rows, x.size) for output o of `rows` elements; x.data is a copy meanwhile"""
    original = x.data
    jacobian = np.zeros((rows, original.size))
    x.data = original.copy()
    try:
        for j in range(original.size):
            ends = []
            for step in (eps, -eps):
                x.data.flat[j] = original.flat[j] + step
                with no_grad():
                    ends.append(_outputs(fn, inputs)[o].data.ravel().astype(np.float64))
            x.data.flat[j] = original.flat[j]
            jacobian[:, j] = (ends[0] - ends[1]) / (2 * eps)
        return jacobian
    finally:
        x.data = original
