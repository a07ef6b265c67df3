"""What is measured, continued (see cases.py): normalisation, forward and backward through the
tapes."""

import numpy as np
import numpy_impl as plain
from cases import (
    FORMATS,
    TF,
    Case,
    f64,
    images,
    label_of,
    leaf,
    normal,
    torch,
    torch_images,
    torch_leaf,
    with_tape,
)

import fastnn
from fastnn import kernels


def batch_norm_relu(shape):
    """Batch normalisation in training, then ReLU: two modules in a Sequential."""
    x, dy, w, b = _images(shape)

    def by_numpy(x, dy, w, b):
        w, b = w.reshape(1, -1, 1, 1), b.reshape(1, -1, 1, 1)
        z, xhat, scale = plain.normalize(x, w, b, (0, 2, 3))
        y = np.maximum(z, 0)
        dx, dw, db = plain.normalize_backward(dy * (y > 0), xhat, scale, w, (0, 2, 3))
        return y, dx, dw.ravel(), db.ravel()

    def by_modules(library, x, dy, **options):
        norm = library.BatchNorm2d(shape[1])
        for parameter, value in ((norm.weight, w), (norm.bias, b)):
            parameter.data[...] = value if library is fastnn.nn else torch.from_numpy(value)
        layers = library.Sequential(norm, library.ReLU(**options))
        return with_tape(lambda x, w, b: layers(x), (x, norm.weight, norm.bias), dy)

    nchw = [np.ascontiguousarray(a) for a in (x, dy)]
    impls = {
        "fastnn": by_modules(fastnn.nn, leaf(x), dy),
        "numpy": lambda: by_numpy(*nchw, w, b),
    }
    for layout in FORMATS if torch else ():
        tensors = torch_images(x, layout, True), torch_images(dy, layout)
        impls[f"torch {layout}"] = by_modules(torch.nn, *tensors, inplace=True)

    def decided(result):
        """The result, without the gradient where rounding decides whether ReLU lets it pass."""
        y, dx, dw, db = result
        return y, np.where(sure, dx, 0), dw, db

    exact = [f64(a) for a in (x, dy, w, b)]
    z, _, _ = plain.normalize(exact[0], *(a.reshape(1, -1, 1, 1) for a in exact[2:]), (0, 2, 3))
    sure = np.abs(z) > 1e-3
    return Case(
        label_of(shape), impls, lambda: decided(by_numpy(*exact)), 4 * 5 * x.size, "GB/s",
        tolerance=5e-3,  # torch with channels last: a plain float32 sum over all pixels
        summary=decided,
    )  # fmt: skip


def batch_norm_fold(channels):
    arrays = [normal(channels, seed=i) for i in range(5)]
    arrays[1] = np.abs(arrays[1]) + np.float32(0.1)
    mean, var, w, b, conv_bias = arrays
    impls = {
        "fastnn": lambda: kernels.batch_norm_fold(mean, var, w, b, conv_bias=conv_bias),
        "numpy": lambda: plain.batch_norm_fold(*arrays),
    }
    if torch:
        tensors = [torch.from_numpy(a) for a in arrays]
        impls["torch"] = lambda: _fold_by_torch(*tensors)
    label, expected = f"{channels} channels", lambda: plain.batch_norm_fold(*map(f64, arrays))
    return Case(label, impls, expected, 4 * 7 * channels, "GB/s")


def _fold_by_torch(mean, var, w, b, conv_bias, eps=1e-5):
    scale = w * torch.rsqrt(var + eps)
    return scale, (conv_bias - mean) * scale + b


def group_norm(shape, groups=8):
    x, dy, w, b = _images(shape)
    n, c, *image = shape

    def by_numpy(x, dy, w, b):
        split = (n, groups, c // groups, *image)
        x, dy, w, b = x.reshape(split), dy.reshape(split), *(_of_groups(a) for a in (w, b))
        y, xhat, scale = plain.normalize(x, w, b, (2, 3, 4))
        dx, dw, db = plain.normalize_backward(dy, xhat, scale, w, (2, 3, 4))
        return y.reshape(shape), dx.reshape(shape), dw.ravel(), db.ravel()

    def _of_groups(a):
        return a.reshape(1, groups, -1, 1, 1)

    op = lambda F: lambda x, w, b: F.group_norm(x, groups, w, b)  # noqa: E731
    return _norm(f"{groups} groups, {label_of(shape)}", op, x, dy, (w, b), by_numpy)


def layer_norm(shape):
    x, dy = normal(*shape), normal(*shape, seed=1)
    w, b = 1 + normal(shape[1], seed=2) / 4, normal(shape[1], seed=3)

    def by_numpy(x, dy, w, b):
        w, b = w[None], b[None]
        y, xhat, scale = plain.normalize(x, w, b, (1,))
        dx, dw, db = plain.normalize_backward(dy, xhat, scale, w, (1,))
        return y, dx, dw[0], db[0]

    op = lambda F: lambda x, w, b: F.layer_norm(x, shape[1:], w, b)  # noqa: E731
    return _norm(label_of(shape), op, x, dy, (w, b), by_numpy)


def local_response_norm(shape, size=5, alpha=1e-4, beta=0.75, k=2.0):
    x, dy, _, _ = _images(shape)

    def by_numpy(x, dy):
        y, d = plain.local_response_norm(x, size, alpha, beta, k)
        return y, plain.local_response_norm_backward(dy, x, y, d, size, alpha, beta)

    op = lambda F: lambda x: F.local_response_norm(x, size, alpha, beta, k)  # noqa: E731
    return _norm(f"{size} channels, {label_of(shape)}", op, x, dy, (), by_numpy)


def _images(shape):
    """x, dy, weight, bias"""
    weight = 1 + normal(shape[1], seed=2) / 4
    return images(*shape), images(*shape, seed=1), weight, normal(shape[1], seed=3)


def _norm(label, op, x, dy, parameters, by_numpy):
    """op(F): the operation of functional module F, of x and the parameters."""
    plain_x, plain_dy = np.ascontiguousarray(x), np.ascontiguousarray(dy)
    leaves = map(leaf, (x, *parameters))
    impls = {
        "fastnn": with_tape(op(fastnn.functional), leaves, dy),
        "numpy": lambda: by_numpy(plain_x, plain_dy, *parameters),
    }
    if torch and x.ndim == 4:
        for layout in FORMATS:
            leaves = torch_images(x, layout, True), *map(torch_leaf, parameters)
            impls[f"torch {layout}"] = with_tape(op(TF), leaves, torch_images(dy, layout))
    elif torch:
        leaves = map(torch_leaf, (x, *parameters))
        impls["torch"] = with_tape(op(TF), leaves, torch.from_numpy(dy))

    def expected():
        return by_numpy(*(f64(a) for a in (plain_x, plain_dy, *parameters)))

    return Case(label, impls, expected, 4 * 5 * x.size, "GB/s")
