"""functional: conv1d and the transposed convolutions against references and numeric gradients."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn.functional as F
from fastnn import Tensor, kernels

DTYPES = [np.float32, np.float64]

# operation, x, w, keywords: odd sizes, stride, padding, dilation, each alone and together
CASES = [
    ("conv1d", (2, 3, 7), (4, 3, 3), {}),
    ("conv1d", (3, 2, 11), (3, 2, 4), {"stride": 3, "padding": 2, "dilation": 2}),
    ("conv_transpose1d", (2, 3, 7), (3, 4, 3), {}),
    ("conv_transpose1d", (3, 2, 5), (2, 3, 4), {"stride": 3, "padding": 2, "output_padding": 1}),
    ("conv_transpose2d", (2, 3, 4, 5), (3, 4, 3, 2), {}),
    ("conv_transpose2d", (2, 3, 3, 4), (3, 2, 4, 4), {"stride": 2, "padding": 1}),
    (
        "conv_transpose2d", (2, 2, 3, 4), (2, 9, 2, 3),
        {"stride": (2, 1), "padding": (0, 1), "output_padding": (1, 2), "dilation": (2, 3)},
    ),
]  # fmt: skip


def outputs(name, w):
    return w[1 if "transpose" in name else 0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "x", "w", "keywords"), CASES)
def test_matches_the_reference(name, x, w, keywords, dtype):
    arrays = [draw(*x), draw(*w, seed=1), draw(outputs(name, w), seed=2)]
    (x, w, b), y, dy, grads = run(lambda *t: getattr(F, name)(*t, **keywords), arrays, dtype)
    assert_near(y, getattr(reference, name)(x, w, b, **keywords))
    expected = getattr(reference, f"{name}_backward")(dy, x, w, **keywords)
    for grad, want in zip(grads, expected, strict=True):
        assert_near(grad, want)


@pytest.mark.parametrize(("name", "x", "w", "keywords"), CASES)
def test_gradients(name, x, w, keywords):
    arrays = [draw(*x), draw(*w, seed=1), draw(outputs(name, w), seed=2)]
    op = getattr(F, name)
    check_gradient(lambda *t: op(*t, **keywords), *arrays)
    check_gradient(lambda *t: op(*t, **keywords), *arrays[:2])
    check_gradient(lambda *t: op(*t, **keywords), arrays[0][0], *arrays[1:])  # no batch axis


@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_same_padding_keeps_the_length(kernel, dilation):
    x, w, b = draw(2, 3, 7), draw(4, 3, kernel), draw(4)
    y = F.conv1d(x, w, b, padding="same", dilation=dilation)
    total = dilation * (kernel - 1)
    padded = np.pad(x, [(0, 0), (0, 0), (total // 2, total - total // 2)])
    assert_near(y.data, reference.conv1d(padded, w, b, dilation=dilation))
    check_gradient(lambda *t: F.conv1d(*t, padding="same", dilation=dilation), x, w, b)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("padding", [1, "same"])
def test_conv1d_activation(activation, padding):
    arrays = [draw(2, 3, 5), draw(4, 3, 2, seed=1), draw(4, seed=2)]
    y = F.conv1d(*arrays, padding=padding, activation=activation)
    plain = getattr(F, activation)(F.conv1d(*arrays, padding=padding))
    np.testing.assert_allclose(y.data, plain.data, rtol=1e-12)
    check_gradient(lambda *t: F.conv1d(*t, padding=padding, activation=activation), *arrays)


@pytest.mark.parametrize("required", [(0, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
@pytest.mark.parametrize("name", ["conv1d", "conv_transpose1d", "conv_transpose2d"])
def test_only_required_gradients_are_computed(name, required, monkeypatch):
    asked = []
    real = getattr(kernels, f"{name}_backward")

    def spy(*args, **keywords):
        asked.append(tuple(map(int, keywords["needs"])))
        return real(*args, **keywords)

    monkeypatch.setattr(kernels, f"{name}_backward", spy)
    image, kernel = ((5, 5), (3, 3)) if "2d" in name else ((5,), (3,))
    arrays = [draw(2, 4, *image), draw(4, 4, *kernel), draw(4)]
    leaves = [Tensor(a, requires_grad=bool(r)) for a, r in zip(arrays, required, strict=True)]
    getattr(F, name)(*leaves).sum().backward()
    assert asked == [required]
    assert tuple(int(t.grad is not None) for t in leaves) == required


def test_errors():
    x, w = draw(2, 4, 8), draw(5, 3, 3)
    with pytest.raises(ValueError, match="conv1d: padding must be an int, 'same' or 'valid', got"):
        F.conv1d(x, w, padding="full")
    with pytest.raises(ValueError, match="conv1d: padding='same' needs stride 1, got 2"):
        F.conv1d(x, w, stride=2, padding="same")
    with pytest.raises(ValueError, match="conv1d: weight has 3 input channels, x has 4"):
        F.conv1d(x, w)
    with pytest.raises(ValueError, match="conv_transpose1d: weight has 5 input channels, x has 4"):
        F.conv_transpose1d(x, w)
