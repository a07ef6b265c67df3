"""What is measured: for every operation and shape, the same computation by every implementation.

A `Case` holds calls without arguments, ready to be timed, and the float64 values that each of
them must return. torch takes part where it is installed; images go to it in both its memory
formats. Everything is float32. Here are matrix products, convolution and pooling; others are in
cases_*.py, whole networks in steps.py, networks.py and files of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import numpy_impl as plain

import fastnn
from fastnn import kernels

try:
    import torch
    import torch.nn.functional as TF
except ImportError:
    torch = TF = None

FORMATS = ("NCHW", "channels_last")


@dataclass
class Case:
    label: str
    impls: dict[str, Callable]
    expected: Callable  # -> an array, or a tuple of them, in float64
    work: float  # floating-point operations, or bytes read and written, of one call
    unit: str = "GFLOP/s"
    tolerance: float = 1e-4  # of the largest value
    summary: Callable = lambda result: result  # of a result, which is then compared

    def check(self, name):
        """Raise AssertionError where the first call of implementation `name` does not return what
        is expected."""
        actual = _arrays(self.summary(self.impls[name]()))
        expected = self._expected
        assert len(actual) == len(expected), f"{self.label}, {name}: {len(actual)} results"
        for a, e in zip(actual, expected, strict=True):
            assert a.shape == e.shape, f"{self.label}, {name}: shape {a.shape} for {e.shape}"
            error = np.max(np.abs(a - e), initial=0) / max(np.max(np.abs(e), initial=0), 1e-30)
            assert error <= self.tolerance, f"{self.label}, {name}: error {error:.1e}"

    @cached_property
    def _expected(self):
        return _arrays(self.expected())

    def rate(self, seconds):
        """In units: GFLOP/s or GB/s."""
        return self.work / seconds / 1e9


def _arrays(result):
    """An implementation's result as a tuple of arrays."""
    results = result if isinstance(result, (tuple, list)) else (result,)
    return tuple(
        np.asarray(r.detach() if torch and isinstance(r, torch.Tensor) else r) for r in results
    )


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape, np.float32)


def images(*shape, seed=0):
    """Normal numbers in fastnn's storage: channels last."""
    n, c, h, w = shape
    return normal(n, h, w, c, seed=seed).transpose(0, 3, 1, 2)


def label_of(shape):
    return " x ".join(map(str, shape))


def f64(x):
    return np.asarray(x, np.float64)


def torch_images(x, memory_format, requires_grad=False):
    t = torch.from_numpy(np.ascontiguousarray(x))
    return t.contiguous(memory_format=torch_format(memory_format)).requires_grad_(requires_grad)


def torch_format(memory_format):
    return torch.contiguous_format if memory_format == "NCHW" else torch.channels_last


def with_tape(op, leaves, dy, *options):
    """A call that runs op forward and backward, by fastnn or torch: -> y and the gradients of the
    leaves."""

    leaves = list(leaves)

    def run():
        for leaf in leaves:
            leaf.grad = None
        y = op(*leaves, *options)
        y.backward(dy)
        return y, *(leaf.grad for leaf in leaves)

    return run


def leaf(x):
    """The array as a tensor of fastnn that requires a gradient."""
    return fastnn.Tensor(x, requires_grad=True)


def torch_leaf(x):
    return torch.from_numpy(x.copy()).requires_grad_()


# ---- matrix products --------------------------------------------------------------------------


def gemm(shape):
    m, n, k, trans_a, trans_b = shape
    a = normal(*((k, m) if trans_a else (m, k)), seed=1)
    b = normal(*((n, k) if trans_b else (k, n)), seed=2)
    packed = kernels.pack(b, trans=trans_b)
    left, right = a.T if trans_a else a, b.T if trans_b else b
    impls = {
        "fastnn": lambda: kernels.gemm(a, b, trans_a=trans_a, trans_b=trans_b),
        "fastnn packed": lambda: kernels.gemm(a, packed, trans_a=trans_a),
        "numpy": lambda: left @ right,
    }
    if torch:
        ta, tb = torch.from_numpy(a), torch.from_numpy(b)
        t_left, t_right = ta.T if trans_a else ta, tb.T if trans_b else tb
        impls["torch"] = lambda: torch.mm(t_left, t_right)
    return Case(str(shape), impls, lambda: f64(left) @ f64(right), 2 * shape.multiply_adds)


def linear(batch, inputs, outputs):
    """Forward and backward, through the tapes."""
    x, w, b = normal(batch, inputs, seed=1), normal(outputs, inputs, seed=2), normal(outputs)
    dy = normal(batch, outputs, seed=3)

    def by_numpy(x, w, b, dy):
        return x @ w.T + b, dy @ w, dy.T @ x, dy.sum(0)

    impls = {
        "fastnn": with_tape(fastnn.functional.linear, map(leaf, (x, w, b)), dy),
        "numpy": lambda: by_numpy(x, w, b, dy),
    }
    if torch:
        leaves = map(torch_leaf, (x, w, b))
        impls["torch"] = with_tape(TF.linear, leaves, torch.from_numpy(dy))
    label = f"{batch} rows, {inputs} to {outputs}"
    work = 6 * batch * inputs * outputs
    return Case(label, impls, lambda: by_numpy(*map(f64, (x, w, b, dy))), work)


# ---- convolution ------------------------------------------------------------------------------


def _conv_arrays(shape):
    """x, and the weight and bias of a layer, in the storage that the layer gives them."""
    layer = fastnn.nn.Conv2d(shape.C, shape.K, shape.R, groups=shape.groups)
    w, b = layer.weight.data, layer.bias.data
    w[...] = normal(*w.shape, seed=2) * prod(w.shape[1:]) ** -0.5
    b[...] = normal(shape.K, seed=3)
    return images(shape.N, shape.C, shape.H, shape.W, seed=1), w, b


def conv_forward(shape):
    x, w, b = _conv_arrays(shape)
    stride, padding = shape.stride, shape.padding
    nchw = np.ascontiguousarray(x)
    impls = {
        "fastnn": lambda: kernels.conv2d(x, w, b, stride=stride, padding=padding),
        "numpy": lambda: plain.conv2d(nchw, w, b, stride, padding)[0],
    }
    for layout in FORMATS if torch else ():
        tx, tw = torch_images(x, layout), torch_images(w, layout)
        tb = torch.from_numpy(b)
        impls[f"torch {layout}"] = torch.no_grad()(
            lambda tx=tx, tw=tw, tb=tb: TF.conv2d(tx, tw, tb, stride, padding)
        )
    return Case(
        str(shape), impls, lambda: plain.conv2d(f64(x), f64(w), f64(b), stride, padding)[0],
        2 * shape.multiply_adds,
    )  # fmt: skip


def conv_both(shape):
    """Forward, then all three gradients; fastnn and torch through their tapes."""
    arrays = _conv_arrays(shape)
    stride, padding, groups = shape.stride, shape.padding, shape.groups
    options = (stride, padding, 1, groups)
    dy = images(shape.N, shape.K, *shape.output, seed=4)
    nchw = [np.ascontiguousarray(a) for a in (*arrays, dy)]

    def by_numpy(x, w, b, dy):
        return plain.conv2d_both(x, w, b, dy, stride, padding, groups)

    impls = {
        "fastnn": with_tape(fastnn.functional.conv2d, map(leaf, arrays), dy, *options),
        "numpy": lambda: by_numpy(*nchw),
    }
    for layout in FORMATS if torch else ():
        x, w, b = arrays
        leaves = torch_images(x, layout, True), torch_images(w, layout, True), torch_leaf(b)
        impls[f"torch {layout}"] = with_tape(TF.conv2d, leaves, torch_images(dy, layout), *options)
    return Case(
        str(shape), impls, lambda: by_numpy(*map(f64, (*arrays, dy))), 6 * shape.multiply_adds
    )


def im2col(shape):
    x = images(shape.N, shape.C, shape.H, shape.W)
    nchw = np.ascontiguousarray(x)
    R, stride, padding = shape.R, shape.stride, shape.padding
    impls = {
        "fastnn": lambda: kernels.im2col(x, R, stride=stride, padding=padding),
        "numpy": lambda: plain.im2col(nchw, R, stride, padding),
    }
    for layout in FORMATS if torch else ():
        t = torch_images(x, layout)
        impls[f"torch {layout}"] = lambda t=t: TF.unfold(t, R, 1, padding, stride)
    nbytes = 4 * (x.size + shape.N * shape.C * R * R * prod(shape.output))
    return Case(str(shape), impls, lambda: plain.im2col(f64(x), R, stride, padding), nbytes, "GB/s")


def col2im(shape):
    R, stride, padding = shape.R, shape.stride, shape.padding
    size = (shape.N, shape.C, shape.H, shape.W)
    cols = normal(shape.N, shape.C * R * R, prod(shape.output))
    impls = {
        "fastnn": lambda: kernels.col2im(cols, size[2:], R, stride=stride, padding=padding),
        "numpy": lambda: plain.col2im(cols, size, R, stride, padding),
    }
    if torch:
        t = torch.from_numpy(cols)
        impls["torch"] = lambda: TF.fold(t, size[2:], R, 1, padding, stride)
    expected = lambda: plain.col2im(f64(cols), size, R, stride, padding)  # noqa: E731
    return Case(str(shape), impls, expected, 4 * (cols.size + prod(size)), "GB/s")


# ---- pooling ----------------------------------------------------------------------------------


def max_pool(shape):
    """Forward and backward, through the tapes."""
    options = shape.R, shape.stride, shape.padding

    def by_numpy(x, dy):
        y, winner = plain.max_pool2d(x, *options)
        return y, plain.max_pool2d_backward(dy, winner, x.shape, *options)

    return image_case("max_pool2d", str(shape), shape[:4], shape.output, options, by_numpy)


def avg_pool(shape):
    """Forward and backward, through the tapes."""
    options = shape.R, shape.stride, shape.padding

    def by_numpy(x, dy):
        return plain.avg_pool2d(x, *options), plain.avg_pool2d_backward(dy, x.shape, *options)

    return image_case("avg_pool2d", str(shape), shape[:4], shape.output, options, by_numpy)


def global_avg_pool(shape):
    """Forward and backward, through the tapes."""

    def by_numpy(x, dy):
        share = dy / x.dtype.type(prod(shape[2:]))
        return x.mean((2, 3), keepdims=True), np.broadcast_to(share, shape).copy()

    return image_case("adaptive_avg_pool2d", label_of(shape), shape, (1, 1), (1,), by_numpy)


def pool1d(kind, shape, kernel=3, stride=2):
    """kind: max, avg; shape: (N, C, L). Forward and backward, through the tapes."""
    by_numpy = getattr(plain, f"{kind}_pool1d_both")
    length = (shape[2] - kernel) // stride + 1
    return sequence_case(
        f"{kind}_pool1d", f"{kind}, {label_of(shape)}, {kernel} / {stride}", shape, length,
        (kernel, stride), lambda x, dy: by_numpy(x, dy, kernel, stride),
    )  # fmt: skip


def image_case(name, label, shape, output, options, by_numpy):
    """An operation on images of `shape`, to (N, C, *output), forward and backward through the
    tapes; options: its other arguments, the same for fastnn and torch."""
    x, dy = images(*shape), images(*shape[:2], *output, seed=1)
    nchw = np.ascontiguousarray(x), np.ascontiguousarray(dy)
    impls = {
        "fastnn": with_tape(getattr(fastnn.functional, name), [leaf(x)], dy, *options),
        "numpy": lambda: by_numpy(*nchw),
    }
    for layout in FORMATS if torch else ():
        leaves = [torch_images(x, layout, True)]
        impls[f"torch {layout}"] = with_tape(
            getattr(TF, name), leaves, torch_images(dy, layout), *options
        )
    nbytes = 4 * (2 * x.size + 2 * dy.size)
    return Case(label, impls, lambda: by_numpy(f64(x), f64(dy)), nbytes, "GB/s")


def sequence_case(name, label, shape, length, options, by_numpy):
    """An operation on sequences of `shape` (N, C, L), to (N, C, length), forward and backward
    through the tapes; x channels-last, and for the others NCL. options: its other arguments."""
    n, c, steps = shape
    x = normal(n, steps, c).transpose(0, 2, 1)
    dy = normal(n, length, c, seed=1).transpose(0, 2, 1)
    ncl = np.ascontiguousarray(x), np.ascontiguousarray(dy)
    impls = {
        "fastnn": with_tape(getattr(fastnn.functional, name), [leaf(x)], dy, *options),
        "numpy": lambda: by_numpy(*ncl),
    }
    if torch:
        leaves, given = [torch_leaf(ncl[0])], torch.from_numpy(ncl[1])
        impls["torch"] = with_tape(getattr(TF, name), leaves, given, *options)
    nbytes = 4 * (2 * x.size + 2 * dy.size)
    return Case(label, impls, lambda: by_numpy(f64(x), f64(dy)), nbytes, "GB/s")


def plain_case(label, op, arrays, dy, by_numpy, work, unit="GFLOP/s"):
    """op(F), of functional module F, of the arrays, forward and backward through the tapes: y and
    the gradients of them all, as by_numpy(*arrays, dy) returns them. fastnn gets the arrays as they
    lie in memory, the others in C order."""
    dense = [a.copy() for a in (*arrays, dy)]
    impls = {
        "fastnn": with_tape(op(fastnn.functional), map(leaf, arrays), dy),
        "numpy": lambda: by_numpy(*dense),
    }
    if torch:
        leaves = map(torch_leaf, dense[:-1])
        impls["torch"] = with_tape(op(TF), leaves, torch.from_numpy(dense[-1]))
    return Case(label, impls, lambda: by_numpy(*map(f64, (*arrays, dy))), work, unit)
