import numpy as np
import pytest
import reference
from kernelcheck import DTYPES, SIZES, channels_last, draw, odd_arrays, same_for_any_threads

from fastnn import kernels

# name, or name and variant -> (keywords, whether the backward takes the output y)
OPS = {
    "relu": ({}, True),
    "sigmoid": ({}, True),
    "tanh": ({}, True),
    "exp": ({}, True),
    "softplus": ({"beta": 1.5, "threshold": 4.0}, False),
    "leaky_relu": ({"negative_slope": 0.2}, False),
    "elu": ({"alpha": 0.7}, False),
    "gelu": ({}, False),
    "gelu tanh": ({"approximate": "tanh"}, False),
}
GELUS = ["gelu", "gelu tanh"]


def forward(module, op, x):
    return getattr(module, op.split()[0])(x, **OPS[op][0])


def backward(module, op, dy, saved):
    return getattr(module, op.split()[0] + "_backward")(dy, saved, **OPS[op][0])


def saved_by(op, x):
    return forward(kernels, op, x) if OPS[op][1] else x


def assert_close(actual, expected, scale=1.0):
    """Within 32 roundings of the value (softplus exponentiates a rounded beta x of up to 25), and
    8 of `scale`, where the value comes from a cancelling 1 - y."""
    eps = np.finfo(actual.dtype).eps
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=32 * eps, atol=8 * eps * scale)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_values(op, dtype):
    for shape in [(n,) for n in SIZES] + [(), (3, 1, 5), (2, 3, 5, 7), (0, 4), (9001,)]:
        x = 4 * draw(*shape, dtype=dtype)
        dy = draw(*shape, dtype=dtype, seed=1)
        before = x.copy(), dy.copy()
        y = forward(kernels, op, x)
        assert y.dtype == dtype and isinstance(y, np.ndarray)
        assert_close(y, forward(reference, op, x), op in GELUS)  # their tails: below
        saved = saved_by(op, x)
        dx = backward(kernels, op, dy, saved)
        assert dx.dtype == dtype
        assert_close(dx, backward(reference, op, dy, saved))
        np.testing.assert_array_equal(x, before[0])
        np.testing.assert_array_equal(dy, before[1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_odd_arrays(op, dtype):
    for shape in [(3, 1, 4, 17), (5, 33), (0, 3)]:
        x, dy = draw(*shape, dtype=dtype), draw(*shape, dtype=dtype, seed=1)
        y = forward(kernels, op, x)
        saved = saved_by(op, x)
        dx = backward(kernels, op, dy, saved)
        for name, odd in odd_arrays(x):
            np.testing.assert_array_equal(forward(kernels, op, odd), y, err_msg=name)
        for name, odd in odd_arrays(dy):
            np.testing.assert_array_equal(backward(kernels, op, odd, saved), dx, err_msg=name)
        for name, odd in odd_arrays(saved):
            np.testing.assert_array_equal(backward(kernels, op, dy, odd), dx, err_msg=name)


@pytest.mark.parametrize("op", OPS)
def test_layout_is_kept(op):
    x = draw(2, 3, 4, 5, dtype=np.float32)
    for axes in [(0, 1, 2, 3), (0, 2, 3, 1), (3, 2, 1, 0), (1, 3, 0, 2)]:
        lying = np.ascontiguousarray(x.transpose(axes)).transpose(np.argsort(axes))
        y = forward(kernels, op, lying)
        assert y.strides == lying.strides
        np.testing.assert_array_equal(y, forward(kernels, op, x))
        assert backward(kernels, op, x, lying).strides == lying.strides
    gaps = channels_last(draw(2, 6, 4, 5))[:, ::2]
    assert forward(kernels, op, gaps).strides == channels_last(draw(2, 3, 4, 5)).strides


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", OPS)
def test_nan_and_infinity_in_every_place(op, dtype):
    for special in (np.nan, np.inf, -np.inf):
        for place in range(67):
            x = draw(67, dtype=dtype)
            x[place] = special
            y = forward(kernels, op, x)
            with np.errstate(all="ignore"):
                assert_close(y, forward(reference, op, x))
            others = np.arange(67) != place
            clean = draw(67, dtype=dtype)
            np.testing.assert_array_equal(y[others], forward(kernels, op, clean)[others])
            dy = draw(67, dtype=dtype, seed=1)
            saved = saved_by(op, x)
            with np.errstate(all="ignore"):
                expected = backward(reference, op, dy, saved)
            assert_close(backward(kernels, op, dy, saved), expected)
            dy[place] = special
            saved = saved_by(op, clean)
            assert_close(backward(kernels, op, dy, saved), backward(reference, op, dy, saved))


@pytest.mark.parametrize("op", OPS)
def test_a_number_gives_the_same_bits_in_every_place(op):
    x = draw(131, dtype=np.float32)
    y = forward(kernels, op, x)
    for start in range(67):
        np.testing.assert_array_equal(forward(kernels, op, x[start:].copy()), y[start:])


@pytest.mark.parametrize("op", OPS)
def test_any_number_of_threads_gives_the_same_bits(op):
    x, dy = draw(900_001, dtype=np.float32), draw(900_001, dtype=np.float32, seed=1)
    y, _ = same_for_any_threads(
        lambda: (forward(kernels, op, x), backward(kernels, op, dy, saved_by(op, x)))
    )
    assert_close(y, forward(reference, op, x), 0)


def test_relu_at_zero():
    x = np.array([-0.0, 0.0, 1.0])
    assert not np.signbit(kernels.relu(x)).any()
    np.testing.assert_array_equal(kernels.relu_backward(np.ones(3), kernels.relu(x)), [0, 0, 1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", GELUS)
def test_gelu_is_relatively_accurate_while_it_vanishes(op, dtype):
    end = {"gelu": (12.5, 37.0), "gelu tanh": (9.5, 20.5)}[op][dtype == np.float64]
    x = -np.linspace(0.1, end, 5001).astype(dtype)
    y, expected = forward(kernels, op, x), forward(reference, op, x)
    assert -1e-30 < expected[-1] < 0
    exponent = -np.log(expected / x)
    # That of the approximation is rounded, and so is the reference's where it is in float64.
    exact = op == "gelu" and dtype == np.float32
    roundings = 8 if exact else 8 + 2 * exponent
    assert (abs(y - expected) <= roundings * np.finfo(dtype).eps * abs(expected)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", GELUS)
def test_gelu_of_large_numbers_is_what_it_tends_to(op, dtype):
    """In every lane: the squares and cubes of most of them overflow."""
    root = float(np.sqrt(np.finfo(dtype).max))
    for size in (45, 1e5, 1e12, root / 1.01, root * 1.01, root**1.5, np.finfo(dtype).max):
        x = np.full(67, size, dtype)
        dy = draw(67, dtype=dtype)
        np.testing.assert_array_equal(forward(kernels, op, x), x)
        np.testing.assert_array_equal(forward(kernels, op, -x), 0)
        np.testing.assert_array_equal(backward(kernels, op, dy, x), dy)
        np.testing.assert_array_equal(backward(kernels, op, dy, -x), 0)
        with np.errstate(over="ignore"):
            assert_close(backward(kernels, op, dy, x), backward(reference, op, dy, x))


@pytest.mark.parametrize("op", ["softplus", "leaky_relu", "elu"])
def test_default_arguments(op):
    x, dy = 30 * draw(100), draw(100, seed=1)
    assert_close(getattr(kernels, op)(x), getattr(reference, op)(x), 0)
    name = op + "_backward"
    assert_close(getattr(kernels, name)(dy, x), getattr(reference, name)(dy, x))


@pytest.mark.parametrize("op", OPS)
def test_like_torch(op):
    torch = pytest.importorskip("torch")
    x = 5 * draw(1000, dtype=np.float32)
    name = op.split()[0]
    function = getattr(torch.nn.functional, name, None) or getattr(torch, name)
    leaf = torch.from_numpy(x).requires_grad_()
    expected = function(leaf, **OPS[op][0])
    y = forward(kernels, op, x)
    tail = 2e-6 if op in GELUS else 1e-30  # torch's gelu cancels
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=2e-6, atol=tail)
    dy = draw(1000, dtype=np.float32, seed=1)
    expected.backward(torch.from_numpy(dy))
    dx = backward(kernels, op, dy, saved_by(op, x))
    np.testing.assert_allclose(dx, leaf.grad.numpy(), rtol=2e-6, atol=2e-6)


def test_errors():
    with pytest.raises(TypeError, match=r"relu: x must be float32 or float64, got int64"):
        kernels.relu(np.arange(3))
    with pytest.raises(TypeError, match=r"tanh_backward: y must be float64 like .*, got float32"):
        kernels.tanh_backward(np.ones(3), np.ones(3, np.float32))
    with pytest.raises(ValueError, match=r"elu_backward: dy must have x's shape \(4,\), got \(3"):
        kernels.elu_backward(np.ones(3), np.ones(4))
    with pytest.raises(TypeError, match=r"softplus: beta must be a number, got 'a'"):
        kernels.softplus(np.ones(3), beta="a")


def test_anything_like_an_array():
    np.testing.assert_array_equal(kernels.relu([-1.0, 2.0]), [0, 2])
    assert kernels.relu(np.float32(3)).shape == ()
