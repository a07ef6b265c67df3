"""What is measured, continued (see cases.py): convolution of sequences, transposed convolution."""

import numpy as np
import numpy_impl as plain
from cases import (
    FORMATS,
    TF,
    Case,
    f64,
    images,
    leaf,
    normal,
    plain_case,
    torch,
    torch_images,
    torch_leaf,
    with_tape,
)

import fastnn
from fastnn import kernels


def conv1d(shape):
    """Forward and backward, through the tapes."""
    layer = fastnn.nn.Conv1d(shape.C, shape.K, shape.S)
    options = shape.stride, shape.padding
    length = shape.output
    return _sequences("conv1d", shape, layer, shape.C * shape.S, length, options, plain.conv1d_both)


def conv_transpose1d(shape):
    """Forward and backward, through the tapes."""
    layer = fastnn.nn.ConvTranspose1d(shape.C, shape.K, shape.S)
    options = shape.stride, shape.padding
    length = (shape.L - 1) * shape.stride - 2 * shape.padding + shape.S
    by_numpy = plain.conv_transpose1d_both
    return _sequences("conv_transpose1d", shape, layer, shape.C, length, options, by_numpy)


def _sequences(name, shape, layer, terms, length, options, by_numpy):
    x = normal(shape.N, shape.L, shape.C, seed=1).transpose(0, 2, 1)
    dy = normal(shape.N, length, shape.K, seed=4).transpose(0, 2, 1)
    return plain_case(
        str(shape), lambda F: lambda *arrays: getattr(F, name)(*arrays, *options),
        (x, *_filled(layer, terms)), dy, lambda *arrays: by_numpy(*arrays, *options),
        6 * shape.multiply_adds,
    )  # fmt: skip


def conv1d_max_over_time(shape):
    """Forward and backward, through the tapes; torch's is a convolution and a maximum."""
    layer = fastnn.nn.Conv1d(shape.C, shape.K, shape.S)
    x = normal(shape.N, shape.L, shape.C, seed=1).transpose(0, 2, 1)
    padding = shape.padding

    def op(F):
        if F is fastnn.functional:
            return lambda x, w, b: F.conv1d_max_over_time(x, w, b, padding)
        return lambda x, w, b: F.conv1d(x, w, b, 1, padding).max(2).values

    def by_numpy(x, w, b, dy):
        return plain.conv1d_max_over_time(x, w, b, dy, padding)

    arrays = x, *_filled(layer, shape.C * shape.S)
    dy = normal(shape.N, shape.K, seed=4)
    return plain_case(str(shape), op, arrays, dy, by_numpy, 2 * shape.multiply_adds)


def transpose_forward(shape):
    arrays = x, w, b = _transpose_arrays(shape)
    stride, padding = shape.stride, shape.padding
    nchw = np.ascontiguousarray(x), np.ascontiguousarray(w)
    impls = {
        "fastnn": lambda: kernels.conv_transpose2d(x, w, b, stride=stride, padding=padding),
        "numpy": lambda: plain.conv_transpose2d(*nchw, b, stride, padding),
    }
    for layout in FORMATS if torch else ():
        given = torch_images(x, layout), torch_images(w, layout), torch.from_numpy(b)
        impls[f"torch {layout}"] = torch.no_grad()(
            lambda given=given: TF.conv_transpose2d(*given, stride, padding)
        )
    expected = lambda: plain.conv_transpose2d(*map(f64, arrays), stride, padding)  # noqa: E731
    return Case(str(shape), impls, expected, 2 * shape.multiply_adds)


def transpose_both(shape):
    """Forward, then all three gradients; fastnn and torch through their tapes."""
    arrays = x, w, b = _transpose_arrays(shape)
    options = shape.stride, shape.padding
    dy = images(shape.N, shape.K, *shape.output, seed=4)
    nchw = [np.ascontiguousarray(a) for a in (*arrays, dy)]
    impls = {
        "fastnn": with_tape(fastnn.functional.conv_transpose2d, map(leaf, arrays), dy, *options),
        "numpy": lambda: plain.conv_transpose2d_both(*nchw, *options),
    }
    for layout in FORMATS if torch else ():
        leaves = torch_images(x, layout, True), torch_images(w, layout, True), torch_leaf(b)
        impls[f"torch {layout}"] = with_tape(
            TF.conv_transpose2d, leaves, torch_images(dy, layout), *options
        )
    expected = lambda: plain.conv_transpose2d_both(*map(f64, (*arrays, dy)), *options)  # noqa: E731
    return Case(str(shape), impls, expected, 6 * shape.multiply_adds)


def _transpose_arrays(shape):
    """x, and the weight and bias of a layer."""
    layer = fastnn.nn.ConvTranspose2d(shape.C, shape.K, shape.R)
    return images(shape.N, shape.C, shape.H, shape.W, seed=1), *_filled(layer, shape.C)


def _filled(layer, terms):
    """The layer's weight and bias, normal, in the storage that it gives them."""
    w, b = layer.weight.data, layer.bias.data
    w[...] = normal(*w.shape, seed=2) * terms**-0.5
    b[...] = normal(*b.shape, seed=3)
    return w, b
