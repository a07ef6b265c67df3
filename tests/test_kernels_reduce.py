import itertools
import warnings

import numpy as np
import pytest
import reference
from kernelcheck import DTYPES, SIZES, channels_last, draw, odd_arrays, same_for_any_threads

from fastnn import kernels

SHAPES = [
    (), (7,), (3, 4), (1, 5), (17, 67), (300, 3), (2, 3, 4), (2, 3, 4, 5), (5, 1, 6), (40, 70, 3),
]  # fmt: skip
LARGE = [  # beyond one block of every kind: (shape, axis)
    ((100_001,), None), ((3, 70_000), -1), ((5000, 10), 0), ((2000, 70), 0), ((700, 130), 0),
    ((3, 9000), 0), ((2, 1500, 40), 1), ((3, 5, 7000), (0, 2)), ((4000, 20), 1), ((300_000, 2), 0),
]  # fmt: skip


def axes_of(ndim):
    yield None
    yield from range(-ndim, ndim)
    for n in range(ndim + 1):
        yield from itertools.combinations(range(ndim), n)


def assert_sum(actual, expected, magnitudes, ulps=16):
    """Within `ulps` roundings of the sum of magnitudes."""
    assert actual.shape == expected.shape
    bound = ulps * np.finfo(actual.dtype).eps * magnitudes
    assert np.all(np.abs(actual - expected) <= bound)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_axis(dtype):
    for shape in SHAPES:
        x = draw(*shape, dtype=dtype)
        before = x.copy()
        for axis, keepdims in itertools.product(axes_of(x.ndim), (False, True)):
            magnitudes = reference.sum(np.abs(x), axis, keepdims)
            total = kernels.sum(x, axis, keepdims)
            assert isinstance(total, np.ndarray) and total.dtype == dtype
            assert_sum(total, reference.sum(x, axis, keepdims), magnitudes)
            mean = kernels.mean(x, axis=axis, keepdims=keepdims)
            count = x.size / max(1, total.size)
            assert_sum(mean, reference.mean(x, axis, keepdims), magnitudes / count)
            most = kernels.max(x, axis, keepdims)
            assert most.dtype == dtype
            np.testing.assert_array_equal(most, reference.max(x, axis, keepdims))
        np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_length(dtype):
    for n in [*SIZES[1:], 1023, 1024, 1025, 4097]:
        for shape, axis in [((n,), 0), ((3, n), 1), ((n, 3), 0), ((5, n), 0), ((n, 5), 1)]:
            x = draw(*shape, dtype=dtype)
            assert_sum(kernels.sum(x, axis), reference.sum(x, axis), reference.sum(np.abs(x), axis))
            np.testing.assert_array_equal(kernels.max(x, axis), reference.max(x, axis))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape, axis", LARGE)
def test_large(shape, axis, dtype):
    x = draw(*shape, dtype=dtype)
    assert_sum(kernels.sum(x, axis), reference.sum(x, axis), reference.sum(np.abs(x), axis), 4)
    np.testing.assert_array_equal(kernels.max(x, axis), reference.max(x, axis))


def test_as_accurate_as_pairwise_summation():
    x = draw(1_000_003, dtype=np.float32) + 1
    exact = x.sum(dtype=np.float64)
    assert abs(kernels.sum(x) - exact) <= 4 * np.finfo(np.float32).eps * exact
    columns = draw(200_000, 5, dtype=np.float32) + 1
    exact = columns.sum(axis=0, dtype=np.float64)
    assert np.all(np.abs(kernels.sum(columns, 0) - exact) <= 4 * np.finfo(np.float32).eps * exact)


@pytest.mark.parametrize("shape, axis", LARGE)
def test_any_number_of_threads_gives_the_same_bits(shape, axis):
    x = draw(*shape, dtype=np.float32)
    repeats = [1 + 700_000 // x.size if n == max(shape) else 1 for n in shape]
    x = np.tile(x, repeats)
    same_for_any_threads(
        lambda: (kernels.sum(x, axis), kernels.mean(x, axis), kernels.max(x, axis))
    )
    y = kernels.max(x, axis)
    dy = draw(*y.shape, dtype=np.float32, seed=1)
    same_for_any_threads(lambda: [kernels.max_backward(dy, x, y, axis)])


@pytest.mark.parametrize("dtype", DTYPES)
def test_odd_arrays(dtype):
    x = draw(3, 1, 4, 17, dtype=dtype)
    for axis in axes_of(4):
        magnitudes = reference.sum(np.abs(x), axis)
        for name, odd in odd_arrays(x):
            assert_sum(kernels.sum(odd, axis), reference.sum(x, axis), magnitudes)
            np.testing.assert_array_equal(kernels.max(odd, axis), np.max(x, axis), err_msg=name)


def test_layout_is_kept():
    x = channels_last(draw(2, 3, 4, 5))
    kept = kernels.sum(x, 0, keepdims=True)
    assert kept.transpose(0, 2, 3, 1).flags.c_contiguous
    assert kernels.max_backward(kept, x, kept, 0, True).strides == x.strides


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_and_infinity_in_every_place(dtype):
    for special, place in itertools.product((np.nan, np.inf, -np.inf), range(67)):
        x = draw(67, dtype=dtype)
        x[place] = special
        np.testing.assert_array_equal(kernels.max(x), np.max(x))
        assert np.array_equal(kernels.sum(x), special, equal_nan=True)
        rows = np.stack([x] * 9)
        for matrix, axis in ((rows, 1), (rows, 0), (np.stack([x, x], 1), 0)):
            np.testing.assert_array_equal(kernels.max(matrix, axis), np.max(matrix, axis))
            np.testing.assert_array_equal(
                np.isfinite(kernels.sum(matrix, axis)), np.isfinite(np.sum(matrix, axis))
            )
    np.testing.assert_array_equal(kernels.max(np.full(67, -np.inf, dtype)), -np.inf)


@pytest.mark.parametrize("dtype", DTYPES)
def test_max_backward(dtype):
    dy = np.array(3, dtype)
    assert kernels.max_backward(dy, dy, dy) == 3
    for shape in SHAPES[1:]:
        x = np.round(draw(*shape, dtype=dtype))  # many ties
        for special in (None, np.nan):
            if special is not None and x.size > 1:
                x.reshape(-1)[x.size // 2] = special
            for axis, keepdims in itertools.product(axes_of(x.ndim), (False, True)):
                y = kernels.max(x, axis, keepdims)
                dy = np.asarray(draw(*y.shape, dtype=dtype, seed=1))
                wanted = reference.max_backward(dy, x, y, axis, keepdims)
                tolerance = {"rtol": 4 * np.finfo(dtype).eps, "atol": 0}
                for name, odd in odd_arrays(x):
                    dx = kernels.max_backward(dy, odd, y, axis, keepdims)
                    assert dx.dtype == dtype
                    np.testing.assert_allclose(dx, wanted, **tolerance, err_msg=name)
                for name, odd in odd_arrays(dy) if dy.ndim else ():
                    dx = kernels.max_backward(odd, x, y, axis, keepdims)
                    np.testing.assert_allclose(dx, wanted, **tolerance, err_msg=name)


def test_max_backward_like_torch():
    torch = pytest.importorskip("torch")
    x = np.round(draw(6, 7, 8))
    for axis in (0, 1, 2, (0, 2), (0, 1, 2)):
        leaf = torch.from_numpy(x).requires_grad_()
        y = torch.amax(leaf, axis)
        dy = draw(*y.shape, seed=1)
        (wanted,) = torch.autograd.grad(y, leaf, torch.from_numpy(dy))
        np.testing.assert_allclose(
            kernels.max_backward(dy, x, kernels.max(x, axis), axis), wanted.numpy(), rtol=1e-15
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_empty(dtype):
    x = np.zeros((0, 3), dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(kernels.sum(x, 0), [0, 0, 0])
        np.testing.assert_array_equal(kernels.mean(x, 0), [np.nan] * 3)
        assert kernels.sum(x) == 0 and np.isnan(kernels.mean(x))
        assert kernels.sum(x, 1).shape == kernels.max(x, 1).shape == (0,)
        assert kernels.max_backward(np.zeros(0, dtype), x, np.zeros(0, dtype), 1).shape == (0, 3)
    with pytest.raises(ValueError, match=r"max: no maximum of no elements \(x: \(0, 3\), ax"):
        kernels.max(x, 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sum_to(dtype):
    for full, shape in [
        ((2, 3, 4), (4,)), ((2, 3, 4), (3, 1)), ((2, 3, 4), ()), ((2, 3, 4), (1, 1, 1)),
        ((2, 3, 4), (2, 1, 4)), ((5, 1), (1, 1)), ((2, 3, 4, 5), (1, 3, 1, 1)), ((0, 3), (1, 3)),
        ((3000, 70), (70,)), ((4, 1, 3), (1, 3)), ((0, 3), (0, 1)),
    ]:  # fmt: skip
        dy = draw(*full, dtype=dtype)
        for name, odd in odd_arrays(dy):
            dx = kernels.sum_to(odd, shape)
            assert dx.shape == shape and dx.dtype == dtype, name
            assert_sum(dx, reference.sum_to(dy, shape), reference.sum_to(np.abs(dy), shape))
    assert kernels.sum_to(dy, dy.shape) is dy
    np.testing.assert_array_equal(kernels.sum_to(np.ones((2, 3)), [3]), [2, 2, 2])


def test_errors():
    x = np.ones((2, 3))
    with pytest.raises(TypeError, match=r"sum: x must be float32 or float64, got int64"):
        kernels.sum(np.arange(3))
    with pytest.raises(ValueError, match=r"mean: axis 2 is out of range for an array of 2 dim"):
        kernels.mean(x, 2)
    with pytest.raises(TypeError, match=r"max: axis must be an int, got 'a'"):
        kernels.max(x, "a")
    with pytest.raises(ValueError, match=r"sum: axis names an axis twice: \(0, -2\)"):
        kernels.sum(x, (0, -2))
    with pytest.raises(ValueError, match=r"max_backward: dy must have shape \(2,\) .* got \(3,\)"):
        kernels.max_backward(np.ones(3), x, np.ones(2), 1)
    with pytest.raises(ValueError, match=r"sum_to: shape \(2,\) does not broadcast to dy's \(2, "):
        kernels.sum_to(x, (2,))
    np.testing.assert_array_equal(kernels.sum(x, np.int64(1)), [3, 3])
