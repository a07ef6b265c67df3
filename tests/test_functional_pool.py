"""functional: pooling against the references and numeric gradients."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn.functional as F

DTYPES = [np.float32, np.float64]

SHARED = [
    (2, {}),
    ((3, 2), {"stride": (2, 1)}),
    (3, {"stride": 2, "padding": 1}),
    (3, {"stride": 2, "padding": (1, 0), "ceil_mode": True}),
]
MAX = [*SHARED, ((2, 3), {"stride": 1, "dilation": (2, 1)})]
AVG = [
    *SHARED,
    (3, {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
    ((2, 3), {"padding": 1, "divisor_override": 5}),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kernel", "keywords"), MAX)
def test_max_pool2d_matches_the_reference(kernel, keywords, dtype):
    (x,), y, dy, (dx,) = run(
        lambda t: F.max_pool2d(t, kernel, **keywords), [draw(2, 3, 8, 7)], dtype
    )
    expected, indices = reference.max_pool2d(x, kernel, **keywords)
    assert_near(y, expected)
    assert_near(dx, reference.max_pool2d_backward(dy, indices, (8, 7), kernel, **keywords))
    _, positions = F.max_pool2d(x, kernel, **keywords, return_indices=True)
    assert positions.dtype == np.int64
    np.testing.assert_array_equal(positions.data, indices)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kernel", "keywords"), AVG)
def test_avg_pool2d_matches_the_reference(kernel, keywords, dtype):
    (x,), y, dy, (dx,) = run(
        lambda t: F.avg_pool2d(t, kernel, **keywords), [draw(2, 3, 8, 7)], dtype
    )
    assert_near(y, reference.avg_pool2d(x, kernel, **keywords))
    assert_near(dx, reference.avg_pool2d_backward(dy, (8, 7), kernel, **keywords))


@pytest.mark.parametrize(("kernel", "keywords"), MAX)
def test_max_pool2d_gradients(kernel, keywords):
    x = np.random.default_rng(3).permutation(2 * 3 * 7 * 5).reshape(2, 3, 7, 5) / 10  # no ties
    check_gradient(lambda t: F.max_pool2d(t, kernel, **keywords), x)
    check_gradient(lambda t: F.max_pool2d(t, kernel, **keywords), x[0])


@pytest.mark.parametrize(("kernel", "keywords"), AVG)
def test_avg_pool2d_gradients(kernel, keywords):
    check_gradient(lambda t: F.avg_pool2d(t, kernel, **keywords), draw(2, 3, 7, 5))
    check_gradient(lambda t: F.avg_pool2d(t, kernel, **keywords), draw(3, 7, 5))


def test_indices_of_a_single_image():
    x = draw(3, 6, 6)
    y, indices = F.max_pool2d(x, 2, return_indices=True)
    assert y.shape == indices.shape == (3, 3, 3)
    np.testing.assert_array_equal(
        np.take_along_axis(x.reshape(3, 36), indices.data.reshape(3, 9), 1), y.data.reshape(3, 9)
    )


SIZES_1D = [(2, {}), (3, {"stride": 2, "padding": 1, "ceil_mode": True})]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("kernel", "keywords"), SIZES_1D)
def test_pooling_of_sequences_matches_the_reference(kernel, keywords, dtype):
    (x,), y, dy, (dx,) = run(lambda t: F.max_pool1d(t, kernel, **keywords), [draw(2, 3, 12)], dtype)
    expected, indices = reference.max_pool1d(x, kernel, **keywords)
    assert_near(y, expected)
    assert_near(dx, reference.max_pool1d_backward(dy, indices, 12, kernel, **keywords))
    _, positions = F.max_pool1d(x[0], kernel, **keywords, return_indices=True)
    np.testing.assert_array_equal(positions.data, indices[0])
    (x,), y, dy, (dx,) = run(lambda t: F.avg_pool1d(t, kernel, **keywords), [draw(2, 3, 12)], dtype)
    assert_near(y, reference.avg_pool1d(x, kernel, **keywords))
    assert_near(dx, reference.avg_pool1d_backward(dy, 12, kernel, **keywords))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("output_size", [1, (3, None), (4, 2)])
def test_adaptive_pooling_matches_the_reference(output_size, dtype):
    (x,), y, dy, (dx,) = run(
        lambda t: F.adaptive_avg_pool2d(t, output_size), [draw(2, 3, 8, 7)], dtype
    )
    assert_near(y, reference.adaptive_avg_pool2d(x, output_size))
    assert_near(dx, reference.adaptive_avg_pool2d_backward(dy, (8, 7)))
    (x,), y, dy, (dx,) = run(
        lambda t: F.adaptive_max_pool2d(t, output_size), [draw(2, 3, 8, 7)], dtype
    )
    expected, indices = reference.adaptive_max_pool2d(x, output_size)
    assert_near(y, expected)
    assert_near(dx, reference.adaptive_max_pool2d_backward(dy, indices, (8, 7)))


GRADIENTS = {
    "max_pool1d": lambda t: F.max_pool1d(t, 3, 2, 1, ceil_mode=True),
    "avg_pool1d": lambda t: F.avg_pool1d(t, 3, 2, 1, ceil_mode=True, count_include_pad=False),
    "adaptive_max_pool1d": lambda t: F.adaptive_max_pool1d(t, 3),
    "adaptive_avg_pool1d": lambda t: F.adaptive_avg_pool1d(t, 3),
    "lp_pool1d": lambda t: F.lp_pool1d(t, 3.0, 2),
    "adaptive_max_pool2d": lambda t: F.adaptive_max_pool2d(t, (3, 1)),
    "adaptive_avg_pool2d": lambda t: F.adaptive_avg_pool2d(t, (3, 1)),
    "lp_pool2d": lambda t: F.lp_pool2d(t, 2, (2, 3), 2, ceil_mode=True),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    shape = (2, 3, 8) if name.endswith("1d") else (2, 3, 7, 5)
    x = np.random.default_rng(3).permutation(np.prod(shape)).reshape(shape) / 10 + 0.5  # no ties
    check_gradient(GRADIENTS[name], x)
    check_gradient(GRADIENTS[name], x[0])


def test_max_over_time():
    x = draw(4, 9, 25)
    np.testing.assert_array_equal(F.adaptive_max_pool1d(x, 1).data[:, :, 0], x.max(2))
