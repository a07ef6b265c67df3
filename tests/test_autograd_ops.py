"""Every method of Tensor: value against NumPy, gradient against central differences, both
against torch where it is installed."""

import numpy as np
import pytest
from opcheck import draw

import fastnn
from fastnn import Tensor, gradcheck


def positive(*shape, seed=0):
    return np.abs(draw(*shape, seed=seed)) + 0.5


def distinct(*shape, seed=0):
    """No ties, and no two closer than a gradcheck step can see."""
    return np.random.default_rng(seed).permutation(np.prod(shape)).reshape(shape) / 3.0 - 1.0


def both_sides(*shape, seed=0):
    """Numbers of both signs, none near 0."""
    x = draw(*shape, seed=seed)
    return x + 0.2 * np.sign(x)


BINARY_SHAPES = [
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((2, 3, 4), (3, 1)),
    ((2, 1, 4), (1, 3, 1)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((0, 3), (1, 3)),
]

# name: (on Tensors of fastnn and torch alike, on arrays, arguments)
BINARY = {
    "add": (lambda x, y: x + y, np.add),
    "subtract": (lambda x, y: x - y, np.subtract),
    "multiply": (lambda x, y: x * y, np.multiply),
    "divide": (lambda x, y: x / y, np.divide),
    "power": (lambda x, y: x**y, np.power),
}

UNARY = {
    "neg": (lambda x: -x, lambda x: -x, draw),
    "add_scalar": (lambda x: x + 2, lambda x: x + 2, draw),
    "radd_scalar": (lambda x: 2.5 + x, lambda x: 2.5 + x, draw),
    "sub_scalar": (lambda x: x - 2, lambda x: x - 2, draw),
    "rsub_scalar": (lambda x: 2 - x, lambda x: 2 - x, draw),
    "mul_scalar": (lambda x: x * 3, lambda x: x * 3, draw),
    "rmul_scalar": (lambda x: 0.5 * x, lambda x: 0.5 * x, draw),
    "div_scalar": (lambda x: x / 3, lambda x: x / 3, draw),
    "rdiv_scalar": (lambda x: 3 / x, lambda x: 3 / x, both_sides),
    "square": (lambda x: x**2, lambda x: x**2, draw),
    "cube": (lambda x: x**3, lambda x: x**3, draw),
    "to_the_0": (lambda x: x**0 + 0 * x, lambda x: x**0, draw),
    "to_the_1": (lambda x: x**1, lambda x: x, draw),
    "to_the_-1.5": (lambda x: x**-1.5, lambda x: x**-1.5, positive),
    "2_to_the": (lambda x: 2.0**x, lambda x: 2.0**x, draw),
    "exp": (lambda x: x.exp(), np.exp, draw),
    "log": (lambda x: x.log(), np.log, positive),
    "sqrt": (lambda x: x.sqrt(), np.sqrt, positive),
    "abs": (abs, np.abs, both_sides),
    "relu": (lambda x: x.relu(), lambda x: np.maximum(x, 0), both_sides),
    "sigmoid": (lambda x: x.sigmoid(), lambda x: 1 / (1 + np.exp(-x)), draw),
    "tanh": (lambda x: x.tanh(), np.tanh, draw),
    "clone": (lambda x: x.clone(), lambda x: x, draw),
    "sum": (lambda x: x.sum(), np.sum, draw),
    "sum_0": (lambda x: x.sum(0), lambda x: x.sum(0), draw),
    "sum_keepdim": (
        lambda x: x.sum(dim=(0, -1), keepdim=True),
        lambda x: x.sum((0, -1), keepdims=True),
        draw,
    ),
    "sum_numpy_names": (
        lambda x: x.sum(axis=1, keepdims=True),
        lambda x: x.sum(1, keepdims=True),
        draw,
    ),
    "mean": (lambda x: x.mean(), np.mean, draw),
    "mean_axes": (lambda x: x.mean((0, 2)), lambda x: x.mean((0, 2)), draw),
    "mean_keepdim": (lambda x: x.mean(1, keepdim=True), lambda x: x.mean(1, keepdims=True), draw),
    "max": (lambda x: x.max(), np.max, distinct),
    "amax": (lambda x: x.amax((0, 2)), lambda x: x.max((0, 2)), distinct),
    "amax_keepdim": (
        lambda x: x.amax(1, keepdim=True),
        lambda x: x.max(1, keepdims=True),
        distinct,
    ),
    "min": (lambda x: x.min(), np.min, distinct),
    "amin": (lambda x: x.amin(-1), lambda x: x.min(-1), distinct),
    "var": (lambda x: x.var(), lambda x: x.var(ddof=1), draw),
    "var_axes": (
        lambda x: x.var(dim=(0, 2), correction=0, keepdim=True),
        lambda x: x.var((0, 2), keepdims=True),
        draw,
    ),
    "std": (lambda x: x.std(dim=1), lambda x: x.std(1, ddof=1), draw),
    "reshape": (lambda x: x.reshape(4, -1), lambda x: x.reshape(4, -1), draw),
    "reshape_tuple": (lambda x: x.reshape((3, 8)), lambda x: x.reshape(3, 8), draw),
    "flatten": (lambda x: x.flatten(), np.ravel, draw),
    "flatten_from_1": (lambda x: x.flatten(1), lambda x: x.reshape(2, 12), draw),
    "flatten_to_1": (lambda x: x.flatten(0, 1), lambda x: x.reshape(6, 4), draw),
    "transpose": (lambda x: x.transpose(0, -1), lambda x: x.swapaxes(0, -1), draw),
    "permute": (lambda x: x.permute(2, 0, 1), lambda x: x.transpose(2, 0, 1), draw),
    "squeeze": (lambda x: x[:1].squeeze(), lambda x: x[0], draw),
    "squeeze_0": (lambda x: x[:1, :1].squeeze(0), lambda x: x[0, :1], draw),
    "unsqueeze": (lambda x: x.unsqueeze(-1), lambda x: x[..., None], draw),
    "expand": (
        lambda x: x.unsqueeze(1).expand(5, 2, 6, -1, -1),
        lambda x: np.broadcast_to(x[:, None], (5, 2, 6, 3, 4)),
        draw,
    ),
    "index_int": (lambda x: x[1], lambda x: x[1], draw),
    "index_scalar": (lambda x: x[1, 2, 3], lambda x: x[1, 2, 3], draw),
    "index_slice": (lambda x: x[:, 1:, ::2], lambda x: x[:, 1:, ::2], draw),
    "index_ellipsis": (lambda x: x[..., -1], lambda x: x[..., -1], draw),
    "index_none": (lambda x: x[:, None, 0], lambda x: x[:, None, 0], draw),
    "index_list": (lambda x: x[[1, 0, 1, 1]], lambda x: x[[1, 0, 1, 1]], draw),
    "index_pairs": (
        lambda x: x[[0, 1, 0, 0], [2, 1, 2, 0]],
        lambda x: x[[0, 1, 0, 0], [2, 1, 2, 0]],
        draw,
    ),
    "index_mixed": (lambda x: x[:, [0, 2, 0], 1:3], lambda x: x[:, [0, 2, 0], 1:3], draw),
    "index_mask": (lambda x: x[MASK], lambda x: x[MASK], draw),
    "iterate": (
        lambda x: sum((i + 1) * row for i, row in enumerate(x)),
        lambda x: x[0] + 2 * x[1],
        draw,
    ),
}
MASK = np.arange(24).reshape(2, 3, 4) % 5 < 2

MATMUL_SHAPES = [
    ((3, 4), (4, 2)),
    ((4,), (4,)),
    ((3, 4), (4,)),
    ((4,), (4, 2)),
    ((5, 3, 4), (4, 2)),
    ((5, 3, 4), (4,)),
    ((4,), (5, 4, 2)),
    ((3, 4), (5, 4, 2)),
    ((5, 3, 4), (5, 4, 2)),
    ((5, 1, 3, 4), (6, 4, 2)),
    ((3, 0), (0, 2)),
    ((0, 4), (4, 2)),
    ((2, 3, 0), (0, 2)),
]


def strided(x):
    """The same values behind negative and Fortran-ordered strides."""
    if not x.ndim:
        return x
    return np.asfortranarray(x[::-1])[::-1]


def leaves(arrays, dtype=np.float64):
    return [Tensor(a.astype(dtype), requires_grad=True) for a in arrays]


def check(fn, expected, arrays):
    """Values and gradients, for contiguous and for strided leaves."""
    out = fn(*leaves(arrays))
    assert out.dtype == np.float64
    assert isinstance(out.data, np.ndarray)
    np.testing.assert_allclose(out.data, expected(*arrays), rtol=1e-12, atol=1e-14)
    assert gradcheck(fn, leaves(arrays))
    strided_leaves = [Tensor(strided(a), requires_grad=True) for a in arrays]
    np.testing.assert_allclose(fn(*strided_leaves).data, out.data, rtol=1e-12, atol=1e-14)
    assert gradcheck(fn, strided_leaves)


def check_against_torch(fn, arrays, dtype):
    torch = pytest.importorskip("torch")
    ours = leaves(arrays, dtype)
    theirs = [torch.tensor(a.astype(dtype), requires_grad=True) for a in arrays]
    y, t = fn(*ours), fn(*theirs)
    tolerance = dict(rtol=2e-5, atol=2e-5) if dtype == np.float32 else dict(rtol=1e-10, atol=1e-12)
    assert y.shape == tuple(t.shape) and y.dtype == dtype
    np.testing.assert_allclose(y.data, t.detach().numpy(), **tolerance)
    dy = draw(*y.shape, seed=5).astype(dtype)
    y.backward(dy)
    t.backward(torch.tensor(dy))
    for a, b in zip(ours, theirs, strict=True):
        assert a.grad.dtype == dtype and a.grad.shape == a.shape
        np.testing.assert_allclose(a.grad, b.grad.numpy(), **tolerance)


both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def binary_arguments(name, shapes):
    base = positive(*shapes[0], seed=1) if name == "power" else both_sides(*shapes[0], seed=1)
    return base, both_sides(*shapes[1], seed=2)


@pytest.mark.parametrize("shapes", BINARY_SHAPES, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_binary(name, shapes):
    check(*BINARY[name], binary_arguments(name, shapes))


@both_dtypes
@pytest.mark.parametrize("shapes", BINARY_SHAPES, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_binary_as_torch(name, shapes, dtype):
    check_against_torch(BINARY[name][0], binary_arguments(name, shapes), dtype)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("plain_first", [True, False])
def test_one_plain_operand(name, plain_first):
    """A plain array on either side is a constant, and gets no gradient computed."""
    x, y = binary_arguments(name, ((2, 3), (3,)))
    fn, expected = BINARY[name]
    if plain_first:
        check(lambda t: fn(x, t), lambda t: expected(x, t), [y])
    else:
        check(lambda t: fn(t, y), lambda t: expected(t, y), [x])


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    fn, expected, make = UNARY[name]
    check(fn, expected, [make(2, 3, 4)])


@both_dtypes
@pytest.mark.parametrize("name", UNARY)
def test_unary_as_torch(name, dtype):
    fn, _, make = UNARY[name]
    check_against_torch(fn, [make(2, 3, 4)], dtype)


@pytest.mark.parametrize("shapes", MATMUL_SHAPES, ids=str)
def test_matmul(shapes):
    arrays = [draw(*s, seed=i) for i, s in enumerate(shapes)]
    check(lambda x, y: x @ y, np.matmul, arrays)
    x, y = arrays
    check(lambda t: x @ t, lambda t: x @ t, [y])
    check(lambda t: t @ y, lambda t: t @ y, [x])


@both_dtypes
@pytest.mark.parametrize("shapes", MATMUL_SHAPES, ids=str)
def test_matmul_as_torch(shapes, dtype):
    arrays = [draw(*s, seed=i) for i, s in enumerate(shapes)]
    check_against_torch(lambda x, y: x @ y, arrays, dtype)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_cat(dim):
    shapes = [[2, 3, 4] for _ in range(3)]
    shapes[1][dim] = 1
    shapes[2][dim] = 0
    arrays = [draw(*s, seed=i) for i, s in enumerate(shapes)]
    check(lambda *x: fastnn.cat(x, dim), lambda *x: np.concatenate(x, dim), arrays)
    check(lambda *x: fastnn.cat(x, axis=dim), lambda *x: np.concatenate(x, dim), arrays)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_stack(dim):
    arrays = [draw(2, 3, seed=i) for i in range(3)]
    check(lambda *x: fastnn.stack(x, dim), lambda *x: np.stack(x, dim), arrays)
    check(lambda *x: fastnn.stack(x, axis=dim), lambda *x: np.stack(x, dim), arrays)


def test_join_casts_plain_arrays():
    x = Tensor([[1.0, 2.0]], requires_grad=True)
    y = fastnn.cat([np.zeros((2, 2)), x])
    assert y.dtype == np.float32 and y.shape == (3, 2)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [[1, 1]])


def test_transpose_numpy_forms():
    x = draw(2, 3, 4)
    check(lambda t: t.T, lambda a: a.T, [x])
    check(lambda t: t.transpose(), lambda a: a.T, [x])
    check(lambda t: t.transpose(1, 2, 0), lambda a: a.transpose(1, 2, 0), [x])
    check(lambda t: t.transpose((1, 2, 0)), lambda a: a.transpose(1, 2, 0), [x])


@pytest.mark.parametrize("name", ["max", "min"])
def test_ties_share_the_gradient(name):
    x = Tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], requires_grad=True)
    getattr(x, name)(axis=1).backward(np.array([6.0, 9.0]))
    first = [0, 3, 3] if name == "max" else [6, 0, 0]
    np.testing.assert_array_equal(x.grad, [first, [3, 3, 3]])


def test_power_at_zero():
    x, y = (Tensor(np.array(v), requires_grad=True) for v in ([0.0, 0.0, 0.0], [0.0, 1.0, 2.0]))
    (x**y).backward(np.ones(3))
    np.testing.assert_array_equal(x.grad, [0, 1, 0])
    np.testing.assert_array_equal(y.grad, [0, 0, 0])


def test_invalid_values_propagate_silently():
    x = Tensor([-1.0, 0.0, np.nan], requires_grad=True)
    np.testing.assert_array_equal(x.log().data, [np.nan, -np.inf, np.nan])
    np.testing.assert_array_equal(x.sqrt().data, [np.nan, 0, np.nan])
    np.testing.assert_array_equal((x**0.5).data, [np.nan, 0, np.nan])
    assert np.isnan(x.max().data) and np.isnan(x.min().data)


def test_tensor_indices():
    x = Tensor(draw(5, 3), requires_grad=True)
    rows = Tensor(np.array([4, 0, 4]))
    np.testing.assert_array_equal(x[rows].data, x.data[[4, 0, 4]])
    np.testing.assert_array_equal(x[rows, 1].data, x.data[[4, 0, 4], 1])
    x[rows].sum().backward()
    np.testing.assert_array_equal(x.grad[:, 0], [1, 0, 0, 0, 2])


def test_integers_take_the_floating_dtype():
    ints = Tensor([1, 2, 3])
    assert ints.dtype == np.int64
    x = Tensor([0.5, 0.5, 0.5], requires_grad=True)
    for y in (ints * x, x * ints, x * np.array([1, 2, 3], dtype=np.uint8), x * [1, 2, 3]):
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y.data, [0.5, 1, 1.5])
    assert (x * np.float64(2)).dtype == (np.float64(2) * x).dtype == np.float32
    assert (x ** np.float64(2)).dtype == np.float32
    assert (x**2.5).dtype == np.float32
    assert (x * draw(3)).dtype == np.float32  # a plain float64 array, too


def test_to():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x.to(np.float64)
    assert y.dtype == np.float64 and x.to("float32") is x
    (y * y).sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_array_equal(x.grad, [2, 4])
    with pytest.raises(TypeError, match="float32 or float64"):
        x.to(np.float16)


def test_argmax():
    x = Tensor([[1.0, 3.0], [5.0, 4.0]])
    assert x.argmax().item() == 2
    np.testing.assert_array_equal(x.argmax(1), [1, 0])
    np.testing.assert_array_equal(x.argmax(axis=0, keepdims=True), [[1, 1]])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x.sum(dim=0, axis=0), TypeError, "sum: give dim or axis"),
        (lambda x: x.sum(2), ValueError, "sum: axis 2 is out of range for 2 axes"),
        (lambda x: x.mean((0, -2)), ValueError, "mean: axes must differ"),
        (lambda x: x.max(1.0), TypeError, "max: an axis must be an int"),
        (lambda x: x.argmax((0, 1)), ValueError, "argmax: one axis"),
        (lambda x: x.reshape(4), ValueError, r"reshape: \(2, 3\) does not fit into \(4,\)"),
        (lambda x: x.flatten(1, 0), ValueError, "flatten: start_dim 1 comes after"),
        (lambda x: x.permute(0), ValueError, "permute: 2 axes expected"),
        (lambda x: x.permute(0, 0), ValueError, "permute: axes must differ"),
        (lambda x: x.expand(2, 4), ValueError, r"expand: shape \(2, 3\) does not broadcast"),
        (lambda x: x.expand(3), ValueError, "expand: at least 2 sizes"),
        (lambda x: x.expand(-1, 2, 3), ValueError, "expand: a new axis needs a size"),
        (lambda x: x.unsqueeze(), TypeError, "unsqueeze: dim or axis"),
        (lambda x: x.squeeze(0, axis=1), TypeError, "squeeze: give dim or axis"),
        (lambda x: fastnn.cat([]), ValueError, "cat: at least one"),
        (lambda x: fastnn.cat([x, x[:, :1]]), ValueError, "cat: sizes must agree"),
        (lambda x: fastnn.cat([x, x.to(np.float64)]), TypeError, "cat: tensors of one dtype"),
        (lambda x: fastnn.stack([x, x[0]]), ValueError, "stack: tensors of one shape"),
        (lambda x: x + x.to(np.float64), TypeError, "add"),
        (lambda x: x + draw(4), ValueError, "broadcast"),
        (lambda x: x @ x, ValueError, "matmul"),
        (lambda x: x + "1", TypeError, "an array of numbers"),
        (lambda x: x[5], IndexError, "out of bounds"),
    ],
)
def test_errors(call, error, message):
    x = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    with pytest.raises(error, match=message):
        call(x)
