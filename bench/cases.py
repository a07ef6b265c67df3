"""What is measured: for every operation and shape, the same computation by every implementation.

A `Case` holds calls without arguments, ready to be timed, and the float64 values that each of
them must return. torch takes part where it is installed; images go to it in both its memory
formats. Everything is float32.
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
    torch = None

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


def f64(x):
    return np.asarray(x, np.float64)


def torch_images(x, memory_format, requires_grad=False):
    layout = torch.contiguous_format if memory_format == "NCHW" else torch.channels_last
    t = torch.from_numpy(np.ascontiguousarray(x)).contiguous(memory_format=layout)
    return t.requires_grad_(requires_grad)


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


# ---- convolution ------------------------------------------------------------------------------


def _conv_arrays(shape):
    """x, and the weight and bias of a layer, in the storage that the layer gives them."""
    layer = fastnn.nn.Conv2d(shape.C, shape.K, shape.R)
    w, b = layer.weight.data, layer.bias.data
    w[...] = normal(*w.shape, seed=2) * (shape.C * shape.R**2) ** -0.5
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
    x, w, b = _conv_arrays(shape)
    stride, padding = shape.stride, shape.padding
    dy = images(shape.N, shape.K, *shape.output, seed=4)
    x_nchw, dy_nchw = np.ascontiguousarray(x), np.ascontiguousarray(dy)

    def by_numpy(x, w, b, dy):
        y, rows = plain.conv2d(x, w, b, stride, padding)
        return y, *plain.conv2d_backward(dy, rows, x.shape, w, stride, padding)

    impls = {
        "fastnn": _with_tape(
            fastnn.functional.conv2d, [fastnn.Tensor(a, requires_grad=True) for a in (x, w, b)],
            dy, stride, padding,
        ),
        "numpy": lambda: by_numpy(x_nchw, w, b, dy_nchw),
    }  # fmt: skip
    for layout in FORMATS if torch else ():
        leaves = [torch_images(a, layout, True) for a in (x, w)]
        leaves.append(torch.from_numpy(b.copy()).requires_grad_())
        impls[f"torch {layout}"] = _with_tape(
            TF.conv2d, leaves, torch_images(dy, layout), stride, padding
        )
    return Case(
        str(shape), impls, lambda: by_numpy(*(f64(a) for a in (x, w, b, dy))),
        6 * shape.multiply_adds,
    )  # fmt: skip


def _with_tape(op, leaves, dy, *options):
    """A call that runs op forward and backward: -> y and the gradients of the leaves."""

    def run():
        for leaf in leaves:
            leaf.grad = None
        y = op(*leaves, *options)
        y.backward(dy)
        return y, *(leaf.grad for leaf in leaves)

    return run


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
    """Forward and backward."""
    sizes = (shape.R, shape.stride, shape.padding)
    options = dict(stride=shape.stride, padding=shape.padding)

    def by_fastnn(x, dy):
        y, indices = kernels.max_pool2d(x, shape.R, **options)
        return y, kernels.max_pool2d_backward(dy, indices, x.shape[2:], shape.R, **options)

    def by_numpy(x, dy):
        y, winner = plain.max_pool2d(x, *sizes)
        return y, plain.max_pool2d_backward(dy, winner, x.shape, *sizes)

    return _pool(shape, by_fastnn, by_numpy, lambda t: TF.max_pool2d(t, *sizes))


def avg_pool(shape):
    """Forward and backward."""
    sizes = (shape.R, shape.stride, shape.padding)
    options = dict(stride=shape.stride, padding=shape.padding)

    def by_fastnn(x, dy):
        y = kernels.avg_pool2d(x, shape.R, **options)
        return y, kernels.avg_pool2d_backward(dy, x.shape[2:], shape.R, **options)

    def by_numpy(x, dy):
        return plain.avg_pool2d(x, *sizes), plain.avg_pool2d_backward(dy, x.shape, *sizes)

    return _pool(shape, by_fastnn, by_numpy, lambda t: TF.avg_pool2d(t, *sizes))


def _pool(shape, by_fastnn, by_numpy, by_torch):
    output = tuple((n + 2 * shape.padding - shape.R) // shape.stride + 1 for n in shape[2:4])
    return _image_case(str(shape), shape[:4], output, by_fastnn, by_numpy, by_torch)


def global_avg_pool(shape):
    """Forward and backward. shape: (N, C, H, W)"""

    def by_fastnn(x, dy):
        return (
            kernels.adaptive_avg_pool2d(x, 1),
            kernels.adaptive_avg_pool2d_backward(dy, shape[2:]),
        )

    return _image_case(
        _label(shape), shape, (1, 1), by_fastnn, plain.global_avg_pool,
        lambda t: TF.adaptive_avg_pool2d(t, 1),
    )  # fmt: skip


def max_over_time(shape):
    """Forward and backward. shape: (N, C, L); x channels-last, and for the others NCL."""
    n, c, length = shape
    x, dy = normal(n, length, c).transpose(0, 2, 1), normal(n, c, 1, seed=1)
    plain_x = np.ascontiguousarray(x)

    def by_fastnn():
        y, indices = kernels.adaptive_max_pool1d(x, 1)
        return y, kernels.adaptive_max_pool1d_backward(dy, indices, length)

    impls = {"fastnn": by_fastnn, "numpy": lambda: plain.max_over_time(plain_x, dy)}
    if torch:
        leaf = torch.from_numpy(plain_x).requires_grad_()
        impls["torch"] = _with_tape(
            lambda t: TF.adaptive_max_pool1d(t, 1), [leaf], torch.from_numpy(dy)
        )
    expected = lambda: plain.max_over_time(f64(x), f64(dy))  # noqa: E731
    return Case(_label(shape), impls, expected, 4 * 2 * x.size, "GB/s")


# ---- resizing and padding ---------------------------------------------------------------------


def upsample(mode, shape):
    """To twice the size, forward and backward. mode: nearest, bilinear"""

    def by_fastnn(x, dy):
        y = kernels.interpolate(x, scale_factor=2, mode=mode)
        return y, kernels.interpolate_backward(dy, shape[2:], scale_factor=2, mode=mode)

    return _image_case(
        f"{mode} {_label(shape)}", shape, (2 * shape[2], 2 * shape[3]), by_fastnn,
        lambda x, dy: plain.upsample(mode, x, dy),
        lambda t: TF.interpolate(t, scale_factor=2, mode=mode),
    )  # fmt: skip


def pad(mode, shape):
    """By two pixels on each side, forward and backward. mode: constant, reflect"""
    sides = (2, 2, 2, 2)

    def by_fastnn(x, dy):
        return kernels.pad(x, sides, mode=mode), kernels.pad_backward(dy, sides, mode=mode)

    return _image_case(
        f"{mode} {_label(shape)}", shape, (shape[2] + 4, shape[3] + 4), by_fastnn,
        lambda x, dy: plain.pad_both(mode, x, dy, 2), lambda t: TF.pad(t, sides, mode),
    )  # fmt: skip


def _image_case(label, shape, output, by_fastnn, by_numpy, by_torch):
    """Forward and backward of images of `shape`, to `output` = (OH, OW). The functions take x and
    dy, torch's x alone."""
    x, dy = images(*shape), images(*shape[:2], *output, seed=1)
    x_nchw, dy_nchw = np.ascontiguousarray(x), np.ascontiguousarray(dy)
    impls = {"fastnn": lambda: by_fastnn(x, dy), "numpy": lambda: by_numpy(x_nchw, dy_nchw)}
    for layout in FORMATS if torch else ():
        leaf = torch_images(x, layout, True)
        impls[f"torch {layout}"] = _with_tape(by_torch, [leaf], torch_images(dy, layout))
    nbytes = 4 * (2 * x.size + 2 * dy.size)
    return Case(label, impls, lambda: by_numpy(f64(x), f64(dy)), nbytes, "GB/s")


# ---- normalisation: forward and backward, fastnn and torch through their tapes ------------------


def batch_norm(residual, shape):
    """Training, with ReLU, and before it the addition of a residual or not."""
    x, more = images(*shape), [images(*shape, seed=1)] if residual else []
    dy = images(*shape, seed=2)
    w, b = parameters = _affine(shape[1])
    z = plain.normalise(f64(x), (0, 2, 3))[0] * w[:, None, None] + b[:, None, None] + sum(more)
    dy[np.abs(z) < 1e-3] = 0  # where rounding may decide whether ReLU lets it through

    def by_fastnn(x, w, b, r=None):
        options = dict(training=True, residual=r, activation="relu")
        return fastnn.functional.batch_norm(x, None, None, w, b, **options)

    def by_torch(x, w, b, r=None):
        y = TF.batch_norm(x, None, None, w, b, training=True)
        return torch.relu(y if r is None else y + r)

    def by_numpy(x, w, b, *r):
        w, b, axes = w[:, None, None], b[:, None, None], (0, 2, 3)
        options = dict(residual=r[0] if r else None, relu=True)
        return lambda dy: plain.norm_both(x, w, b, dy, axes, axes, **options)

    label = f"{_label(shape)}, {'residual, ' * residual}ReLU"
    passes = 11 if residual else 8
    arrays = [x, *parameters, *more]
    return _norm(label, by_fastnn, by_torch, by_numpy, arrays, dy, passes)


def group_norm(shape, groups=8):
    def by_numpy(x, w, b):
        grouped = (shape[0], groups, shape[1] // groups, *shape[2:])
        w, b = w[:, None, None], b[:, None, None]
        return lambda dy: plain.norm_both(x, w, b, dy, (2, 3, 4), (0, 2, 3), grouped)

    return _norm(
        f"{_label(shape)}, {groups} groups",
        lambda x, w, b: fastnn.functional.group_norm(x, groups, w, b),
        lambda x, w, b: TF.group_norm(x, groups, w, b),
        by_numpy, [images(*shape), *_affine(shape[1])], images(*shape, seed=2), 8,
    )  # fmt: skip


def layer_norm(shape):
    n = shape[1]
    return _norm(
        _label(shape),
        lambda x, w, b: fastnn.functional.layer_norm(x, n, w, b),
        lambda x, w, b: TF.layer_norm(x, (n,), w, b),
        lambda x, w, b: lambda dy: plain.norm_both(x, w, b, dy, 1, 0),
        [normal(*shape), *_affine(n)], normal(*shape, seed=2), 5,
    )  # fmt: skip


def local_response_norm(shape, size=5):
    def by_numpy(x):
        def both(dy):
            y, d = plain.local_response_norm(x, size)
            return y, plain.local_response_norm_backward(dy, x, d, size)

        return both

    return _norm(
        f"{_label(shape)}, {size} channels",
        lambda x: fastnn.functional.local_response_norm(x, size),
        lambda x: TF.local_response_norm(x, size),
        by_numpy, [images(*shape)], images(*shape, seed=2), 5,
    )  # fmt: skip


def _affine(n):
    """weight, bias"""
    return [1 + normal(n, seed=3), normal(n, seed=4)]


def _norm(label, by_fastnn, by_torch, by_numpy, arrays, dy, passes):
    """arrays: x, then all else that is differentiated; passes over x's bytes that have to be made,
    in both directions together."""
    nchw = [np.ascontiguousarray(a) for a in (*arrays, dy)]

    def leaves(layout=None):
        if layout is None:
            return [fastnn.Tensor(a, requires_grad=True) for a in arrays]
        return [
            torch_images(a, layout, True) if a.ndim == 4 else torch.tensor(a, requires_grad=True)
            for a in arrays
        ]

    impls = {
        "fastnn": _with_tape(by_fastnn, leaves(), dy),
        "numpy": lambda: by_numpy(*nchw[:-1])(nchw[-1]),
    }
    if torch and dy.ndim == 4:
        for layout in FORMATS:
            impls[f"torch {layout}"] = _with_tape(
                by_torch, leaves(layout), torch_images(dy, layout)
            )
    elif torch:
        impls["torch"] = _with_tape(by_torch, leaves("NCHW"), torch.from_numpy(dy))
    expected = lambda: by_numpy(*map(f64, nchw[:-1]))(f64(nchw[-1]))  # noqa: E731
    return Case(label, impls, expected, passes * dy.nbytes, "GB/s")


# ---- elementwise ------------------------------------------------------------------------------

SAVES_INPUT = ("softplus", "leaky_relu", "elu")  # their backward starts from x, others' from y


def _label(shape):
    return " x ".join(map(str, shape))


def activation(name, shape):
    """Forward and backward."""
    x, dy = normal(*shape), normal(*shape, seed=1)
    forward, backward = getattr(kernels, name), getattr(kernels, f"{name}_backward")
    np_forward, np_backward = plain.ACTIVATIONS[name]

    def by_fastnn():
        y = forward(x)
        return y, backward(dy, x if name in SAVES_INPUT else y)

    def by_numpy(x, dy):
        y = np_forward(x)
        return y, np_backward(dy, x, y)

    impls = {"fastnn": by_fastnn, "numpy": lambda: by_numpy(x, dy)}
    if torch:
        op = getattr(torch, name, None) or getattr(TF, name)
        impls["torch"] = _with_tape(
            op, [torch.from_numpy(x).requires_grad_()], torch.from_numpy(dy)
        )
    return Case(
        f"{name} {_label(shape)}", impls, lambda: by_numpy(f64(x), f64(dy)), 4 * 5 * x.size, "GB/s"
    )


def arithmetic(name, shape):
    """name: add, subtract, multiply, divide. Half the second operand's axes are broadcast."""
    x = normal(*shape)
    y = 2 + np.abs(normal(*shape[len(shape) // 2 :], seed=1))
    impls = {
        "fastnn": lambda: getattr(kernels, name)(x, y),
        "numpy": lambda: getattr(np, name)(x, y),
    }
    if torch:
        tx, ty = torch.from_numpy(x), torch.from_numpy(y)
        impls["torch"] = lambda: getattr(torch, name)(tx, ty)
    expected = lambda: getattr(np, name)(f64(x), f64(y))  # noqa: E731
    return Case(f"{name} {_label(shape)}", impls, expected, 4 * (2 * x.size + y.size), "GB/s")


def reduction(name, axis, shape):
    """name: sum, mean, max."""
    x = normal(*shape)
    impls = {
        "fastnn": lambda: getattr(kernels, name)(x, axis=axis),
        "numpy": lambda: getattr(np, name)(x, axis=axis),
    }
    if torch:
        t, op = torch.from_numpy(x), {"max": "amax"}.get(name, name)
        impls["torch"] = lambda: getattr(torch, op)(t, dim=axis)
    return Case(
        f"{name} of axis {axis}, {_label(shape)}", impls,
        lambda: getattr(np, name)(f64(x), axis=axis), 4 * x.size, "GB/s",
    )  # fmt: skip


def dropout(shape, p=0.3):
    """Masks differ: compared are the share of ones that are kept, and what they become."""
    x = np.ones(shape, np.float32)
    rng = np.random.default_rng(0)

    def moments(y):
        y = np.asarray(y)
        kept = y != 0
        return np.array([kept.mean(), y[kept].mean()])

    draws = {
        "fastnn": lambda: kernels.dropout(x, p, seed=7),
        "numpy": lambda: plain.dropout(x, p, rng),
    }
    if torch:
        t = torch.from_numpy(x)
        draws["torch"] = lambda: TF.dropout(t, p)
    return Case(
        _label(shape), draws, lambda: np.array([1 - p, 1 / (1 - p)]), 4 * 2 * x.size, "GB/s",
        tolerance=0.05, summary=moments,
    )  # fmt: skip


def dropout2d(shape, p=0.3):
    """Whole channels. Compared as `dropout` is."""
    case = dropout(shape, p)
    x, rng = np.ones(shape, np.float32), np.random.default_rng(0)
    last = images(*shape)
    last[...] = 1
    case.impls = {
        "fastnn": lambda: kernels.dropout_channels(last, p, seed=7),
        "numpy": lambda: plain.dropout2d(x, p, rng),
    }
    for layout in FORMATS if torch else ():
        t = torch_images(x, layout)
        case.impls[f"torch {layout}"] = lambda t=t: TF.dropout2d(t, p)
    return case


# ---- loss and optimisers ----------------------------------------------------------------------


def softmax(shape):
    x = normal(*shape)
    impls = {"fastnn": lambda: kernels.softmax(x), "numpy": lambda: plain.softmax(x)}
    if torch:
        t = torch.from_numpy(x)
        impls["torch"] = lambda: torch.softmax(t, 1)
    return Case(_label(shape), impls, lambda: plain.softmax(f64(x)), 4 * 2 * x.size, "GB/s")


def cross_entropy(shape):
    """Softmax cross-entropy, forward and backward."""
    x = normal(*shape)
    target = np.random.default_rng(1).integers(0, shape[1], shape[0])
    one = np.float32(1)

    def by_fastnn():
        loss, log_probs = kernels.softmax_cross_entropy(x, target)
        return loss, kernels.softmax_cross_entropy_backward(one, log_probs, target)

    def by_numpy(x):
        loss, log_probs = plain.cross_entropy(x, target)
        return loss, plain.cross_entropy_backward(log_probs, target)

    impls = {"fastnn": by_fastnn, "numpy": lambda: by_numpy(x)}
    if torch:
        t_target = torch.from_numpy(target)
        impls["torch"] = _with_tape(
            lambda t: TF.cross_entropy(t, t_target), [torch.from_numpy(x).requires_grad_()], None
        )
    return Case(_label(shape), impls, lambda: by_numpy(f64(x)), 4 * 3 * x.size, "GB/s")


def optimizer(name, model, shapes):
    """One step of SGD with momentum, or of Adam, over all of a model's parameters."""
    lr, momentum = 1e-3, 0.9

    def draw(dtype):
        lists = [[normal(*s, seed=i).astype(dtype) for s in shapes] for i in range(3)]
        return *lists, [np.abs(normal(*s, seed=3)).astype(dtype) for s in shapes]

    def by_fastnn(params, grads, ms, vs):
        if name == "SGD":
            return lambda: kernels.sgd_step(params, grads, ms, lr=lr, momentum=momentum)
        steps = [10] * len(params)
        return lambda: kernels.adam_step(params, grads, ms, vs, steps=steps, lr=lr)

    def by_numpy(params, grads, ms, vs):
        if name == "SGD":
            return lambda: plain.sgd_step(params, grads, ms, lr, momentum)
        return lambda: plain.adam_step(params, grads, ms, vs, 10, lr)

    def by_torch(params, grads, ms, vs, fused):
        leaves = [torch.from_numpy(p).requires_grad_() for p in params]
        for leaf, g in zip(leaves, grads, strict=True):
            leaf.grad = torch.from_numpy(g)
        if name == "SGD":
            rule = torch.optim.SGD(leaves, lr, momentum, fused=fused)
            for leaf, m in zip(leaves, ms, strict=True):
                rule.state[leaf]["momentum_buffer"] = torch.from_numpy(m)
        else:
            rule = torch.optim.Adam(leaves, lr, fused=fused)
            for leaf, m, v in zip(leaves, ms, vs, strict=True):
                rule.state[leaf].update(
                    step=torch.tensor(9.0), exp_avg=torch.from_numpy(m),
                    exp_avg_sq=torch.from_numpy(v),
                )
        return rule.step

    def stepping(params, step):
        def run():
            step()
            return params

        return run

    impls = {}
    for impl, make in {"fastnn": by_fastnn, "numpy": by_numpy}.items():
        state = draw(np.float32)
        impls[impl] = stepping(state[0], make(*state))
    for fused in (False, True) if torch else ():
        state = draw(np.float32)
        impls["torch fused" if fused else "torch"] = stepping(state[0], by_torch(*state, fused))

    def expected():
        state = draw(np.float64)
        by_numpy(*state)()
        return state[0]

    arrays = 5 if name == "SGD" else 7  # read and written: p, m (and v); read: g
    nbytes = 4 * arrays * sum(prod(s) for s in shapes)
    return Case(f"{name}, {model}", impls, expected, nbytes, "GB/s")
