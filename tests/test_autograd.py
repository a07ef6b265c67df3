"""Tensor as an array, gradient modes, and gradcheck itself."""

import copy
import threading

import numpy as np
import pytest
from opcheck import draw

import fastnn
from fastnn import Tensor, as_tensor, enable_grad, gradcheck, is_grad_enabled, no_grad
from fastnn.autograd import record

# -- construction -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float32),
        ([[1.0, 2.0]], np.float32),
        (3, np.int64),
        ([1, 2], np.int64),
        ([True, False], np.bool_),
        (np.float64(2), np.float64),
        (np.zeros(2), np.float64),
        (np.zeros(2, np.float32), np.float32),
        (np.zeros(2, ">f4"), np.float32),
        (np.zeros(2, np.uint8), np.uint8),
    ],
)
def test_dtypes(data, dtype):
    t = Tensor(data)
    assert t.dtype == dtype and t.dtype.isnative
    np.testing.assert_array_equal(t.data, np.asarray(data))
    assert not t.requires_grad and t.grad is None and t.is_leaf


@pytest.mark.parametrize("data", [np.zeros(2, np.float16), [1j], ["a"], [None], {}])
def test_unusable_data(data):
    with pytest.raises(TypeError, match="Tensor: float32, float64"):
        Tensor(data)


def test_integers_require_no_gradient():
    with pytest.raises(TypeError, match="only floating point"):
        Tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match="only floating point"):
        Tensor([1, 2]).requires_grad_()


def test_arrays_are_shared():
    a = np.zeros(3)
    t = Tensor(a)
    assert t.data is a and t.numpy() is a and np.asarray(t) is a
    assert t.detach().data is a and Tensor(t).data is a


def test_as_tensor():
    t = Tensor([1.0])
    assert as_tensor(t) is t
    assert as_tensor(2.0).dtype == np.float32
    double = Tensor(np.zeros(1))
    assert as_tensor([1, 2], like=double).dtype == np.float64
    assert as_tensor(np.zeros(2, np.float32), like=double).dtype == np.float64
    assert as_tensor(t, like=double) is t  # Tensors keep their dtype
    assert as_tensor(2.5, like=Tensor([1])).data == 2.5  # nothing is rounded to integers
    with pytest.raises(TypeError, match="an array of numbers"):
        as_tensor("x", like=double)


# -- array protocol -----------------------------------------------------------------------------


def test_array_protocol():
    t = Tensor(np.arange(6.0).reshape(2, 3))
    assert (t.shape, t.ndim, t.size, len(t), t.dtype) == ((2, 3), 2, 6, 2, np.float64)
    assert t.tolist() == [[0, 1, 2], [3, 4, 5]]
    np.testing.assert_array_equal(np.exp(t), np.exp(t.data))
    assert np.array(t) is not t.data
    assert np.asarray(t, dtype=np.float32).dtype == np.float32
    assert [row.tolist() for row in t] == t.tolist()
    one = Tensor([2.5])
    assert one.item() == float(one) == 2.5 and int(one) == 2 and bool(one)
    assert isinstance(one.item(), float)


def test_array_protocol_errors():
    with pytest.raises(ValueError, match="item: one element"):
        Tensor([1.0, 2.0]).item()
    with pytest.raises(ValueError, match="one element"):
        bool(Tensor([1.0, 2.0]))
    with pytest.raises(TypeError, match="0-d"):
        iter(Tensor(1.0))
    with pytest.raises(TypeError):
        len(Tensor(1.0))


def test_comparisons_are_arrays_of_bool():
    a, b = Tensor([1.0, 2.0, 3.0]), Tensor([3.0, 2.0, 1.0])
    for result, expected in [
        (a == b, [False, True, False]),
        (a != b, [True, False, True]),
        (a < b, [True, False, False]),
        (a <= 2, [True, True, False]),
        (np.array([2.0, 2.0, 2.0]) > a, [True, False, False]),
        (a >= b.data, [False, True, True]),
    ]:
        assert type(result) is np.ndarray
        np.testing.assert_array_equal(result, expected)
    assert len({a, b, a}) == 2  # hashed by identity


def test_repr():
    assert repr(Tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(Tensor(np.ones(1), requires_grad=True)) == (
        "Tensor([1.], dtype=float64, requires_grad=True)"
    )
    assert repr(Tensor(3)) == "Tensor(3, dtype=int64)"


def test_reflected_operators_with_arrays():
    t = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    a = np.array([3.0, 5.0])
    for result, expected in [
        (a + t, [4, 7]),
        (a - t, [2, 3]),
        (a * t, [3, 10]),
        (a / t, [3, 2.5]),
        (a**t, [3, 25]),
        (np.float64(2) - t, [1, 0]),
        (a @ t, 13),
    ]:
        assert isinstance(result, Tensor) and result.requires_grad
        np.testing.assert_allclose(result.data, expected)


def test_deepcopy_of_a_leaf():
    t = Tensor([1.0, 2.0], requires_grad=True)
    t.grad = np.ones(2, np.float32)
    twin = copy.deepcopy(t)
    assert twin.requires_grad and twin.data is not t.data and twin.grad is not t.grad
    np.testing.assert_array_equal(twin.data, t.data)


def test_subclasses_compute_plain_tensors():
    class Special(Tensor):
        __slots__ = ("mark",)

    s = Special([1.0], requires_grad=True)
    assert type(s + 1) is type(1 + s) is type(s * s) is Tensor


# -- gradient modes -----------------------------------------------------------------------------


def test_no_grad():
    x = Tensor([1.0], requires_grad=True)
    with no_grad():
        assert not is_grad_enabled()
        y = x * 2
        with enable_grad():
            z = x * 2
        assert not is_grad_enabled()
    assert is_grad_enabled()
    assert not y.requires_grad and y.is_leaf
    assert z.requires_grad and not z.is_leaf
    with pytest.raises(RuntimeError, match="requires no gradient"):
        y.backward()


def test_modes_come_back_after_an_error():
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert is_grad_enabled()


@pytest.mark.parametrize("decorator", [no_grad, no_grad()], ids=["bare", "called"])
def test_mode_as_decorator(decorator):
    @decorator
    def double(x, depth=2):
        """Twice."""
        assert not is_grad_enabled()
        return double(x, depth - 1) if depth else x * 2

    x = Tensor([1.0], requires_grad=True)
    assert not double(x).requires_grad
    assert double.__doc__ == "Twice." and is_grad_enabled()


def test_mode_is_the_threads_own():
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_constants_are_not_recorded():
    assert not (Tensor([1.0]) + Tensor([2.0])).requires_grad
    x = Tensor([1.0], requires_grad=True)
    assert not (x.detach() * 3).requires_grad
    x.requires_grad_(False)
    assert not (x * 3).requires_grad


def test_requires_grad_of_a_result_is_fixed():
    x = Tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="only a leaf's"):
        (x * 2).requires_grad_(False)


# -- gradcheck ----------------------------------------------------------------------------------


def wrong_square(x):
    return record(x.data**2, (x,), lambda dy: (3 * dy * x.data,))


def test_gradcheck_finds_a_wrong_gradient():
    x = Tensor(draw(2, 2), requires_grad=True)
    with pytest.raises(RuntimeError, match=r"d\(output 1\)\[0\] / d\(input 1\)\[0\] is"):
        gradcheck(lambda c, x: (x * c, wrong_square(x)), (Tensor(draw(2, 2)), x))
    assert not gradcheck(wrong_square, x, raise_exception=False)


def test_gradcheck_finds_a_missing_gradient():
    x = Tensor(draw(2), requires_grad=True)
    with pytest.raises(RuntimeError, match="is 0 by backward"):
        gradcheck(lambda x: record(x.data * 2, (x,), lambda dy: (None,)), x)


def test_gradcheck_leaves_its_inputs_alone():
    a = draw(3)
    x = Tensor(a, requires_grad=True)
    before = a.copy()
    assert gradcheck(lambda x: x * x, x)
    assert x.data is a and x.grad is None
    np.testing.assert_array_equal(a, before)


def test_gradcheck_of_closures_and_constants():
    x, w = Tensor(draw(3), requires_grad=True), Tensor(draw(3), requires_grad=True)
    assert gradcheck(lambda w: x.detach() * w, w)
    assert gradcheck(lambda *_: (x * w).sum(), (x, w))  # the same tensors, reached directly
    assert gradcheck(lambda x, k: x * k, (x, 3.0))


def test_gradcheck_errors():
    with pytest.raises(TypeError, match=r"inputs\[0\] must be float64"):
        gradcheck(lambda x: x, Tensor([1.0], requires_grad=True))
    with pytest.raises(ValueError, match="at least one input"):
        gradcheck(lambda x: x, Tensor([1.0]))


def test_public_names():
    for name in ("Tensor", "as_tensor", "cat", "stack", "grad", "gradcheck", "no_grad"):
        assert name in fastnn.__all__ and hasattr(fastnn, name)
