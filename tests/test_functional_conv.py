"""functional: conv2d, unfold and fold against the references and numeric gradients."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn.functional as F
from fastnn import Tensor, kernels

DTYPES = [np.float32, np.float64]

# x, w, keywords: odd sizes, stride, padding, dilation, each alone and together
CASES = [
    ((2, 3, 7, 6), (4, 3, 3, 3), {}),
    ((3, 2, 9, 5), (3, 2, 3, 1), {"stride": 2}),
    ((2, 1, 5, 5), (2, 1, 5, 5), {"padding": 2}),
    ((2, 3, 8, 9), (2, 3, 2, 3), {"stride": (2, 3), "padding": (1, 0)}),
    ((2, 2, 9, 9), (3, 2, 3, 2), {"dilation": (2, 3)}),
    ((2, 3, 11, 10), (5, 3, 3, 2), {"stride": (3, 2), "padding": (2, 1), "dilation": (2, 1)}),
    ((3, 4, 5, 6), (7, 4, 1, 1), {}),
    ((2, 6, 5, 6), (6, 1, 3, 3), {"groups": 6, "padding": 1}),
    ((2, 4, 7, 6), (8, 1, 3, 2), {"groups": 4, "stride": 2, "dilation": (1, 2)}),
    ((3, 6, 5, 4), (10, 3, 3, 2), {"groups": 2, "padding": (1, 2)}),
    ((2, 18, 4, 5), (16, 9, 2, 3), {"groups": 2, "stride": (1, 2), "padding": 1}),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("x", "w", "keywords"), CASES)
def test_conv2d_matches_the_reference(x, w, keywords, dtype):
    arrays = [draw(*x), draw(*w, seed=1), draw(w[0], seed=2)]
    (x, w, b), y, dy, grads = run(lambda *t: F.conv2d(*t, **keywords), arrays, dtype)
    assert_near(y, reference.conv2d(x, w, b, **keywords))
    for grad, expected in zip(grads, reference.conv2d_backward(dy, x, w, **keywords), strict=True):
        assert_near(grad, expected)


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("padding", [1, "same"])
def test_conv2d_activation(activation, padding):
    arrays = [draw(2, 3, 5, 4), draw(4, 3, 2, 3, seed=1), draw(4, seed=2)]
    y = F.conv2d(*arrays, padding=padding, activation=activation)
    plain = getattr(F, activation)(F.conv2d(*arrays, padding=padding))
    np.testing.assert_allclose(y.data, plain.data, rtol=1e-12)
    check_gradient(lambda *t: F.conv2d(*t, padding=padding, activation=activation), *arrays)
    single = F.conv2d(arrays[0][0], *arrays[1:], padding=padding, activation=activation)
    np.testing.assert_allclose(single.data, y.data[0], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("padding", [1, "same"])
def test_depthwise_activation_and_padding(padding):
    arrays = [draw(2, 3, 5, 4), draw(6, 1, 2, 3, seed=1), draw(6, seed=2)]
    op = lambda *t: F.conv2d(*t, padding=padding, groups=3, activation="tanh")  # noqa: E731
    np.testing.assert_allclose(
        op(*arrays).data, np.tanh(F.conv2d(*arrays, padding=padding, groups=3).data), rtol=1e-12
    )
    check_gradient(op, *arrays)


@pytest.mark.parametrize(("x", "w", "keywords"), CASES)
def test_conv2d_gradients(x, w, keywords):
    arrays = [draw(*x)[:2], draw(*w, seed=1), draw(w[0], seed=2)]
    check_gradient(lambda *t: F.conv2d(*t, **keywords), *arrays)
    check_gradient(lambda *t: F.conv2d(t[0], t[1], **keywords), *arrays[:2])


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 3), (4, 2), (1, 1)])
def test_same_padding_keeps_the_size(kernel, dilation):
    x, w, b = draw(2, 3, 7, 8), draw(4, 3, *kernel), draw(4)
    y = F.conv2d(x, w, b, padding="same", dilation=dilation)
    totals = [dilation * (k - 1) for k in kernel]
    padded = np.pad(x, [(0, 0), (0, 0), *((t // 2, t - t // 2) for t in totals)])
    assert_near(y.data, reference.conv2d(padded, w, b, dilation=dilation))
    check_gradient(lambda *t: F.conv2d(*t, padding="same", dilation=dilation), x, w, b)


def test_valid_padding_is_none():
    x, w = draw(2, 3, 7, 8), draw(4, 3, 3, 3)
    np.testing.assert_array_equal(F.conv2d(x, w, padding="valid").data, F.conv2d(x, w).data)


def test_a_single_image_needs_no_batch_axis():
    x, w, b = draw(3, 7, 8), draw(4, 3, 3, 3), draw(4)
    y = F.conv2d(x, w, b, stride=2)
    assert_near(y.data, reference.conv2d(x[None], w, b, stride=2)[0])
    check_gradient(lambda *t: F.conv2d(*t, stride=2), x, w, b)


@pytest.mark.parametrize("required", [(0, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_only_required_gradients_are_computed(required, monkeypatch):
    """The first layer of a network never computes the gradient of the images."""
    asked = []
    real = kernels.conv2d_backward

    def spy(*args, **keywords):
        asked.append(tuple(map(int, keywords["needs"])))
        return real(*args, **keywords)

    monkeypatch.setattr(kernels, "conv2d_backward", spy)
    arrays = [draw(2, 3, 5, 5), draw(4, 3, 3, 3), draw(4)]
    leaves = [Tensor(a, requires_grad=bool(r)) for a, r in zip(arrays, required, strict=True)]
    F.conv2d(*leaves).sum().backward()
    assert asked == [required]
    assert tuple(int(t.grad is not None) for t in leaves) == required


def test_conv2d_errors():
    x, w = draw(2, 4, 8, 8), draw(5, 3, 3, 3)
    with pytest.raises(
        ValueError, match="padding must be an int, a pair, 'same' or 'valid', got 'full'"
    ):
        F.conv2d(x, w, padding="full")
    with pytest.raises(ValueError, match="padding='same' needs stride 1, got 2"):
        F.conv2d(x, w, stride=2, padding="same")
    with pytest.raises(ValueError, match="conv2d: weight has 3 input channels, x has 4"):
        F.conv2d(x, w)


WINDOWS = [
    (2, {}),
    ((3, 2), {"stride": 2, "padding": 1}),
    ((2, 3), {"dilation": (2, 1), "padding": (0, 2), "stride": (1, 2)}),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kernel", "keywords"), WINDOWS)
def test_unfold_and_fold_match_the_references(kernel, keywords, dtype):
    (x,), y, dy, (dx,) = run(lambda t: F.unfold(t, kernel, **keywords), [draw(2, 3, 7, 6)], dtype)
    assert_near(y, reference.im2col(x, kernel, **keywords))
    assert_near(dx, reference.col2im(dy, (7, 6), kernel, **keywords))
    (c,), y, dy, (dc,) = run(lambda t: F.fold(t, (7, 6), kernel, **keywords), [y], dtype)
    assert_near(y, reference.col2im(c, (7, 6), kernel, **keywords))
    assert_near(dc, reference.im2col(dy, kernel, **keywords))


@pytest.mark.parametrize(("kernel", "keywords"), WINDOWS)
def test_unfold_and_fold_gradients(kernel, keywords):
    x = draw(2, 3, 5, 6)
    columns = F.unfold(x, kernel, **keywords).data
    check_gradient(lambda t: F.unfold(t, kernel, **keywords), x)
    check_gradient(lambda t: F.unfold(t, kernel, **keywords), x[0])
    check_gradient(lambda t: F.fold(t, (5, 6), kernel, **keywords), columns)
    check_gradient(lambda t: F.fold(t, (5, 6), kernel, **keywords), columns[0])
