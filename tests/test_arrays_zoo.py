"""Every kernel takes every odd array: see zoo.py."""

import numpy as np
import pytest
import reference
from kernel_table import INPLACE, TABLE, arguments, arrays_in, digest, kernel, map_arrays, run
from zoo import VARIANTS, byte_swapped, odd_strides, read_only, unaligned

DTYPES = [np.float32, np.float64]
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-13}  # of the largest value: sums in other orders
REFUSED = (byte_swapped, read_only, unaligned)  # of arrays that are to be updated


def plain(a):
    return np.array(a, a.dtype.newbyteorder("="), order="C")


def assert_near(actual, expected, dtype, label):
    assert len(actual) == len(expected) > 0
    for got, want in zip(actual, expected, strict=True):
        assert got.shape == want.shape, label
        if got.size:
            scale = np.fmax(1.0, np.abs(want).max())
            np.testing.assert_allclose(
                got, want, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=label
            )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TABLE)
def test_odd_arrays(name, dtype):
    args, kwargs = arguments(name, dtype)
    expected = run(name, args, kwargs)
    for variant in VARIANTS:
        odd_args, odd_kwargs = map_arrays(variant, (args, kwargs))
        before = digest(arrays_in((odd_args, odd_kwargs)))
        copy = plain if variant in REFUSED else lambda a, v=variant: v(plain(a))
        actual = run(name, odd_args, odd_kwargs, copy=copy)
        assert_near(actual, expected, dtype, variant.__name__)
        assert digest(arrays_in((odd_args, odd_kwargs))) == before


@pytest.mark.parametrize("variant", REFUSED)
@pytest.mark.parametrize("name", INPLACE)
def test_arrays_that_cannot_be_updated(name, variant):
    args, kwargs = arguments(name, np.float32)
    before = digest(arrays_in(args))
    for i in INPLACE[name]:
        odd = [[variant(a) for a in arg] if i == j else arg for j, arg in enumerate(args)]
        with pytest.raises((TypeError, ValueError), match=rf"{name}: \w+\[0\]"):
            kernel(name)(*odd, **kwargs)
        assert digest(arrays_in(args)) == before


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TABLE)
def test_axes_of_length_one_with_odd_strides(name, dtype):
    args, kwargs = arguments(name, dtype, b=1)
    expected = run(name, args, kwargs)
    odd_args, odd_kwargs = map_arrays(odd_strides, (args, kwargs))
    assert_near(run(name, odd_args, odd_kwargs), expected, dtype, "odd strides")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TABLE)
def test_zero_size(name, dtype):
    """A batch of nothing gives what the reference gives, of the right dtype."""
    args, kwargs = arguments(name, dtype, b=0)
    actual = run(name, args, kwargs)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = run(name, args, kwargs, reference)
    assert_near(actual, expected, dtype, "empty")
    odd = map_arrays(odd_strides, (args, kwargs))
    assert_near(run(name, *odd), expected, dtype, "empty, odd strides")
