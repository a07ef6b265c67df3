import itertools

import numpy as np
import pytest
import reference
from kernelcheck import DTYPES, SIZES, channels_last, draw, odd_arrays, same_for_any_threads

from fastnn import kernels

OPS = ["add", "subtract", "multiply", "divide"]
PAIRS = [  # shapes that broadcast
    ((), ()), ((), (3,)), ((5,), ()), ((1,), (17,)), ((4, 3), (3,)), ((4, 3), (4, 1)),
    ((4, 1), (1, 5)), ((1, 600), (7, 1)), ((2, 3, 4, 5), (1, 3, 1, 1)), ((9, 700), (700,)),
    ((3, 1, 5), (2, 1)), ((2, 1, 4, 1), (1, 3, 1, 5)), ((2, 3, 1, 1, 2), (3, 4, 5, 1)),
    ((0, 3), (3,)), ((3, 0), (1, 1)), ((1001, 3), (3,)), ((1001, 10), (1001, 1)),
    ((20, 40, 30), (40, 1)),
]  # fmt: skip


def expected(op, x, y):
    """IEEE arithmetic is exact to the bit: NumPy's own."""
    with np.errstate(all="ignore"):
        return getattr(np, op)(x, y)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_broadcasting(op, dtype):
    for a, b in PAIRS + [(b, a) for a, b in PAIRS] + [((n,), (n,)) for n in SIZES]:
        x, y = draw(*a, dtype=dtype), draw(*b, dtype=dtype, seed=1)
        before = x.copy(), y.copy()
        z = getattr(kernels, op)(x, y)
        assert isinstance(z, np.ndarray) and z.dtype == dtype
        assert z.shape == np.broadcast_shapes(a, b)
        np.testing.assert_array_equal(z, expected(op, x, y))
        wide = getattr(reference, op)(x, y)
        np.testing.assert_allclose(z, wide, rtol=np.finfo(dtype).eps, atol=0)
        np.testing.assert_array_equal(x, before[0])
        np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("op", OPS)
def test_any_order_of_axes(op):
    for a, b in [((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (3, 1)), ((5, 1, 4), (1, 3, 4))]:
        for p in itertools.permutations(range(3)):
            x = np.ascontiguousarray(draw(*a).transpose(p)).transpose(np.argsort(p))
            for q in itertools.permutations(range(len(b))):
                y = np.ascontiguousarray(draw(*b, seed=1).transpose(q)).transpose(np.argsort(q))
                np.testing.assert_array_equal(getattr(kernels, op)(x, y), expected(op, x, y))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_numbers_take_the_arrays_dtype(op, dtype):
    for x in (draw(67, dtype=dtype), draw(9000, dtype=dtype), draw(3, 4, dtype=dtype)[::-1, ::2]):
        for number in (2, 0.3, -1.5, True, np.float64(0.3), np.float32(0.5), np.int64(3)):
            z = getattr(kernels, op)(x, number)
            assert z.dtype == dtype
            np.testing.assert_array_equal(z, expected(op, x, dtype(number)))
            z = getattr(kernels, op)(number, x)
            np.testing.assert_array_equal(z, expected(op, dtype(number), x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_odd_arrays(dtype):
    x, y = draw(3, 1, 4, 17, dtype=dtype), draw(1, 5, 4, 1, dtype=dtype, seed=1)
    for (name, odd_x), (other, odd_y) in itertools.product(odd_arrays(x), odd_arrays(y)):
        z = kernels.subtract(odd_x, odd_y)
        np.testing.assert_array_equal(z, x - y, err_msg=f"{name}, {other}")
    for name, odd in odd_arrays(x):
        np.testing.assert_array_equal(kernels.add(odd, odd), x + x, err_msg=name)
        np.testing.assert_array_equal(kernels.divide(1, odd), 1 / x, err_msg=name)
        np.testing.assert_array_equal(kernels.negative(odd), -x, err_msg=name)
    stretched = np.broadcast_to(draw(4, 1, dtype=dtype), (3, 4, 5))
    np.testing.assert_array_equal(kernels.add(stretched, stretched), stretched + stretched)


def test_layout_is_kept():
    x = channels_last(draw(2, 3, 4, 5))
    for y in (x, 2.0, draw(1, 3, 1, 1), draw(3, 1, 1)):
        assert kernels.add(x, y).strides == x.strides
    assert kernels.add(draw(1, 3, 1, 1), x).strides == x.strides
    assert kernels.multiply(np.broadcast_to(draw(3, 1, 1), x.shape), x).strides == x.strides
    assert kernels.negative(x).strides == x.strides
    assert kernels.add(draw(4, 1), draw(1, 5)).flags.c_contiguous


def test_nan_and_infinity_in_every_place():
    for op, special, place in itertools.product(OPS, (np.nan, np.inf, 0.0), range(67)):
        x, y = draw(67), draw(67, seed=1)
        y[place] = special
        np.testing.assert_array_equal(getattr(kernels, op)(x, y), expected(op, x, y))


@pytest.mark.parametrize("shapes", [
    ((900_001,), (900_001,)), ((3, 300_000), (3, 1)), ((90_000, 10), (10,)),
    ((64, 16, 700), (16, 1)),
])  # fmt: skip
def test_any_number_of_threads_gives_the_same_bits(shapes):
    x, y = draw(*shapes[0], dtype=np.float32), draw(*shapes[1], dtype=np.float32, seed=1)
    (z,) = same_for_any_threads(lambda: [kernels.multiply(x, y)])
    np.testing.assert_array_equal(z, x * y)


def test_negative():
    for n in SIZES:
        np.testing.assert_array_equal(kernels.negative(draw(n)), reference.negative(draw(n)))
    assert np.signbit(kernels.negative(np.zeros(3))).all()


def test_errors():
    x = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"add: shapes do not broadcast \(x: \(2, 3\), y: \(2,"):
        kernels.add(x, np.ones(2))
    with pytest.raises(TypeError, match=r"multiply: y must be float64 like .*, got float32"):
        kernels.multiply(x, x.astype(np.float32))
    with pytest.raises(TypeError, match=r"divide: x must be float32 or float64, got int64"):
        kernels.divide(np.arange(3), 2.0)
    with pytest.raises(TypeError, match=r"subtract: x or y must be an array, got two numbers"):
        kernels.subtract(1.0, 2)
    with pytest.raises(TypeError, match=r"add: y must be float32 or float64, got <U1"):
        kernels.add(x, "a")
    with pytest.raises(TypeError, match=r"negative: x must be float32 or float64, got int64"):
        kernels.negative(np.arange(3))
