"""gemm, pack and matmul: every case of theirs within the documented error of float64."""

import itertools
import math

import numpy as np
import pytest
import reference

import fastnn
from fastnn import kernels
from fastnn.kernels import gemm, matmul, pack

DTYPES = [np.float32, np.float64]
ACTIVATIONS = [None, "relu", "sigmoid", "tanh"]


def draw(*shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng([seed, *shape])
    return rng.standard_normal(shape).astype(dtype)


def bound(a, b):
    """4 ceil(log2 K) eps sum |a b|, of the stacks (..., M, K) and (..., K, N)."""
    k = a.shape[-1]
    magnitude = np.matmul(np.abs(a).astype(np.float64), np.abs(b).astype(np.float64))
    return 4 * math.ceil(math.log2(max(k, 2))) * np.finfo(a.dtype).eps * magnitude


def assert_product(y, a, b, bias=None, exact_in=np.float64):
    """y = a b + bias, within the bound (and one rounding of the sum with the bias)."""
    exact = np.matmul(a.astype(exact_in), b.astype(exact_in))
    allowed = bound(a, b)
    if bias is not None:
        exact = exact + bias
        allowed = allowed + 2 * np.finfo(a.dtype).eps * (np.abs(exact) + np.abs(bias))
    assert y.dtype == a.dtype
    assert y.shape == exact.shape
    excess = np.abs(y - exact) - allowed
    assert np.all(excess <= 0), f"beyond the bound by {excess.max()} at {np.argmax(excess)}"


# Around the register tile (14 x 32 floats with AVX-512, 6 x 16 with AVX2), half a tile, one row.
ROWS = [1, 2, 5, 6, 7, 13, 14, 15, 27, 28, 29, 43]
COLUMNS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100]
DEPTHS = [1, 2, 9]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_tail(dtype):
    for m, n, k in itertools.product(ROWS, COLUMNS, DEPTHS):
        a, b = draw(m, k, dtype=dtype), draw(k, n, dtype=dtype, seed=1)
        bias = draw(n, dtype=dtype)
        assert_product(gemm(a, b), a, b)
        assert_product(gemm(a, pack(b), bias=bias), a, b, bias)


# Over the blocks of k (768 floats), the slices of n (3072) and of m (1344), the groups of tiles.
BLOCKS = [
    (15, 33, 767), (15, 33, 768), (15, 33, 769), (3, 70, 1153), (40, 20, 2500), (300, 65, 1537),
    (3, 3071, 5), (3, 3073, 9), (90, 6200, 20), (85, 3100, 775), (29, 3089, 10),
    (1343, 3, 5), (1345, 66, 40), (2900, 97, 17), (1400, 70, 800), (169, 129, 385), (70, 64, 64),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m, n, k", BLOCKS)
def test_blocks(m, n, k, dtype):
    a, b, bias = draw(m, k, dtype=dtype), draw(k, n, dtype=dtype, seed=1), draw(n, dtype=dtype)
    y = gemm(a, b, bias=bias)
    assert_product(y, a, b, bias)
    assert_product(gemm(a, pack(b), bias=bias), a, b, bias)
    at, bt = np.ascontiguousarray(a.T), np.ascontiguousarray(b.T)
    assert_product(gemm(at, bt, trans_a=True, trans_b=True, bias=bias), a, b, bias)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_height_of_a_packed_tile(dtype):
    """A is packed where its product is large enough, here by rows or, transposed, by columns."""
    for m in range(4, 32):
        a, b = draw(m, 2500, dtype=dtype), draw(2500, 40, dtype=dtype, seed=1)
        assert_product(gemm(a, b), a, b)
        assert_product(gemm(np.ascontiguousarray(a.T), b, trans_a=True), a, b)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(1, 40, 30), (40, 1, 30), (17, 35, 20), (60, 70, 900)])
def test_transposes_and_epilogues(shape, activation, dtype):
    m, n, k = shape
    a, b = draw(m, k, dtype=dtype) / 4, draw(k, n, dtype=dtype) / 4
    at, bt = np.ascontiguousarray(a.T), np.ascontiguousarray(b.T)
    for bias in (None, draw(n, dtype=dtype)):
        expected = reference.gemm(a, b, bias=bias, activation=activation)
        # relu, sigmoid and tanh stretch no difference; the last two are 4 ULP off themselves.
        allowed = bound(a, b) + 6 * np.finfo(dtype).eps * (1 + np.abs(expected))
        results = {
            "NN": gemm(a, b, bias=bias, activation=activation),
            "NT": gemm(a, bt, trans_b=True, bias=bias, activation=activation),
            "TN": gemm(at, b, trans_a=True, bias=bias, activation=activation),
            "TT": gemm(at, bt, trans_a=True, trans_b=True, bias=bias, activation=activation),
            "packed": gemm(a, pack(b), bias=bias, activation=activation),
            "T packed T": gemm(
                at, pack(bt, trans=True), trans_a=True, bias=bias, activation=activation
            ),
        }
        for name, y in results.items():
            assert np.all(np.abs(y - expected) <= allowed), name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m, n", [(1, 50), (50, 1), (20, 40), (60, 100)])
def test_broadcast_views(m, n, dtype):
    """Strides of zero, in each operand and in the bias."""
    k = 37
    for a_shape in [(1, k), (m, 1), (m, k)]:
        a = np.broadcast_to(draw(*a_shape, dtype=dtype), (m, k))
        for b_shape in [(1, n), (k, 1), (1, 1), (k, n)]:
            b = np.broadcast_to(draw(*b_shape, dtype=dtype, seed=1), (k, n))
            bias = np.broadcast_to(draw(1, dtype=dtype), (n,))
            assert_product(gemm(a, b, bias=bias), a, b, bias)
            assert_product(gemm(a, pack(b)), a, b)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sizes_of_zero(dtype):
    bias = draw(4, dtype=dtype)
    for m, n, k in [(0, 4, 3), (3, 0, 4), (0, 0, 0), (0, 4, 0)]:
        a, b = np.ones((m, k), dtype), np.ones((k, n), dtype)
        assert gemm(a, b).shape == gemm(a, pack(b)).shape == (m, n)
    for m in (1, 3, 100):  # an empty sum is 0: the bias remains
        a, b = np.ones((m, 0), dtype), np.ones((0, 4), dtype)
        np.testing.assert_array_equal(gemm(a, b), np.zeros((m, 4)))
        np.testing.assert_array_equal(gemm(a, b, bias=bias), np.tile(bias, (m, 1)))
        np.testing.assert_array_equal(gemm(a, pack(b), bias=bias, activation="relu"),
                                      np.tile(np.maximum(bias, 0), (m, 1)))  # fmt: skip
        np.testing.assert_array_equal(gemm(a, b[:, :1], bias=bias[:1]), np.full((m, 1), bias[0]))


# -- accuracy -------------------------------------------------------------------------------------


# Each path sums in its own way: tiles; one row over rows of B, or along its columns.
PATHS = {
    "tiles": lambda a, b: (gemm(a, b), a, b),
    "packed": lambda a, b: (gemm(a, pack(b)), a, b),
    "row": lambda a, b: (gemm(a[:1], b), a[:1], b),
    "row, columns of B": lambda a, b: (gemm(a[:1], np.asfortranarray(b)), a[:1], b),
    "column": lambda a, b: (gemm(a, b[:, :1]), a, b[:, :1]),
    "column, columns of A": lambda a, b: (gemm(np.asfortranarray(a), b[:, :1]), a, b[:, :1]),
}
DATA = {
    "positive": lambda rng, dtype, *shape: rng.random(shape, dtype=dtype),
    "signed": lambda rng, dtype, *shape: rng.standard_normal(shape, dtype=dtype),
    "equal": lambda rng, dtype, *shape: np.full(shape, 0.1, dtype),  # all roundings err alike
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("k", [1000, 200_000])
def test_error_bound_of_long_sums(k, path, data, dtype):
    rng = np.random.default_rng(k)
    y, a, b = PATHS[path](DATA[data](rng, dtype, 3, k), DATA[data](rng, dtype, k, 5))
    # float64 itself is measured in the longer doubles of x86 (elsewhere in doubles: no worse)
    assert_product(y, a, b, exact_in=np.float64 if dtype == np.float32 else np.longdouble)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m, n, k", [(1, 67, 21), (67, 1, 21), (17, 67, 21), (30, 40, 800)])
def test_nan_reaches_its_row_or_column(m, n, k, dtype):
    for value in (np.nan, np.inf):
        for at in (0, k // 2, k - 1):
            a, b = np.abs(draw(m, k, dtype=dtype)) + 1, np.abs(draw(k, n, dtype=dtype)) + 1
            a[m - 1, at] = value
            b[at, n // 2] = value
            for y in (
                gemm(a, b),
                gemm(a, pack(b)),
                gemm(a, np.asfortranarray(b)),
                gemm(a, b, activation="relu"),
            ):
                hit = ~np.isfinite(y)
                assert hit[m - 1].all()
                assert hit[:, n // 2].all()
                assert hit.sum() == n + m - 1
                assert np.isnan(y[hit]).all() if np.isnan(value) else (y[hit] == np.inf).all()


# -- out ------------------------------------------------------------------------------------------


def outs(m, n, dtype):
    """Outputs of all kinds; the memory beside them holds sevens."""
    yield "contiguous", np.empty((m, n), dtype)
    yield "rows apart", np.full((m, n + 3), 7, dtype)[:, :n]
    yield "every second row", np.full((2 * m, n + 2), 7, dtype)[::2, 1 : n + 1]
    yield "every third column", np.full((m, 3 * n), 7, dtype)[:, ::3]
    yield "Fortran", np.empty((m, n), dtype, order="F")
    yield "upside down", np.empty((m, n), dtype)[::-1]
    yield "mirrored", np.empty((m, n), dtype)[:, ::-1]
    yield (
        "unaligned",
        np.empty(m * n * dtype().itemsize + 1, np.uint8)[1:].view(dtype).reshape(m, n),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("m, n, k", [(1, 33, 20), (33, 1, 20), (40, 67, 900)])
def test_out(m, n, k, dtype):
    a, b, bias = draw(m, k, dtype=dtype), draw(k, n, dtype=dtype), draw(n, dtype=dtype)
    expected = reference.gemm(a, b, bias=bias, activation="relu")
    allowed = bound(a, b) + 6 * np.finfo(dtype).eps * (1 + np.abs(expected))
    for name, out in outs(m, n, dtype):
        for operand in (b, pack(b)):
            out[...] = np.nan
            whole = out.base if out.base is not None and out.base.dtype == dtype else out
            inside = np.isnan(whole)
            result = gemm(a, operand, bias=bias, activation="relu", out=out)
            assert result is out, name
            assert np.all(np.abs(out - expected) <= allowed), name
            np.testing.assert_array_equal(whole[~inside], 7, err_msg=name)


def test_wrong_out():
    a, b = draw(3, 4), draw(4, 5)
    for out in (
        np.empty((5, 3), np.float32),
        np.empty((3, 5)),
        np.empty(15, np.float32),
        np.empty((3, 5), ">f4"),
    ):
        with pytest.raises(ValueError, match=r"gemm: out must be float32 of shape \(3, 5\), got"):
            gemm(a, b, out=out)
    with pytest.raises(TypeError, match="gemm: out must be a NumPy array, got list"):
        gemm(a, b, out=[[0.0] * 5] * 3)
    out = np.zeros((3, 5), np.float32)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="gemm: out is read-only"):
        gemm(a, b, out=out)


# -- packed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_packed_is_a_copy_to_be_reused(dtype):
    b = draw(50, 70, dtype=dtype)
    packed = pack(b)
    kept = b.copy()
    b[...] = 0
    assert packed.shape == (50, 70)
    assert packed.dtype == dtype
    assert repr(packed) == f"PackedMatrix(shape=(50, 70), dtype={np.dtype(dtype).name})"
    for m in (1, 2, 14, 15, 100, 1400):
        a = draw(m, 50, dtype=dtype)
        assert_product(gemm(a, packed), a, kept)
    assert type(packed) is kernels.PackedMatrix


def test_packed_errors():
    packed = pack(draw(5, 6))
    with pytest.raises(
        ValueError, match=r"gemm: a has 4 columns, b has 5 rows \(a: \(3, 4\), b: \(5, 6\)\)"
    ):
        gemm(draw(3, 4), packed)
    with pytest.raises(ValueError, match="gemm: b is packed already"):
        gemm(draw(3, 5), packed, trans_b=True)
    with pytest.raises(TypeError, match="gemm: b must be float64 like a, got float32"):
        gemm(draw(3, 5, dtype=np.float64), packed)
    with pytest.raises(ValueError, match=r"pack: b must have 2 dimensions, got shape \(5,\)"):
        pack(draw(5))
    with pytest.raises(TypeError, match="pack: b must be float32 or float64, got int64"):
        pack(np.ones((2, 2), int))


def test_only_pack_makes_a_packed_matrix():
    """One made by hand has no memory behind it."""
    with pytest.raises(TypeError):
        kernels.PackedMatrix()


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: gemm(draw(3, 4), draw(5, 6)),
            ValueError,
            "gemm: a has 4 columns, b has 5 rows (a: (3, 4), b: (5, 6))",
        ),
        (lambda: gemm(draw(3, 4), draw(5, 4)), ValueError, "gemm: a has 4 columns, b has 5 rows"),
        (
            lambda: gemm(draw(3), draw(3, 4)),
            ValueError,
            "gemm: a must have 2 dimensions, got shape (3,)",
        ),
        (
            lambda: gemm(draw(3, 4), draw(1, 4, 2)),
            ValueError,
            "gemm: b must have 2 dimensions, got shape (1, 4, 2)",
        ),
        (
            lambda: gemm(draw(3, 4), draw(4, 2, dtype=np.float64)),
            TypeError,
            "gemm: b must be float32 like the other",
        ),
        (
            lambda: gemm(np.ones((3, 4), int), draw(4, 2)),
            TypeError,
            "gemm: a must be float32 or float64, got int64",
        ),
        (
            lambda: gemm(np.ones((3, 4), np.float16), draw(4, 2)),
            TypeError,
            "gemm: a must be float32 or float64, got float16",
        ),
        (
            lambda: gemm(np.ones((3, 4), complex), draw(4, 2)),
            TypeError,
            "gemm: a must be float32 or float64, got complex128",
        ),
        (
            lambda: gemm(draw(3, 4), draw(4, 2), bias=draw(3)),
            ValueError,
            "gemm: bias must have shape (2,), got (3,)",
        ),
        (
            lambda: gemm(draw(3, 4), draw(4, 2), bias=draw(1, 2)),
            ValueError,
            "gemm: bias must have 1 dimensions, got shape (1, 2)",
        ),
        (
            lambda: gemm(draw(3, 4), draw(4, 2), activation="swish"),
            ValueError,
            "gemm: activation must be None or one of ['relu', 'sigmoid', 'tanh'], got 'swish'",
        ),
        (
            lambda: matmul(draw(3, 4), draw(5, 6)),
            ValueError,
            "matmul: inner sizes differ (a: (3, 4), b: (5, 6))",
        ),
        (
            lambda: matmul(draw(2, 3, 4), draw(5, 4, 2)),
            ValueError,
            "matmul: stacks do not broadcast (a: (2, 3, 4), b: (5, 4, 2))",
        ),
        (lambda: matmul(draw(), draw(3)), ValueError, "matmul: a and b need at least 1 dimension"),
        (
            lambda: matmul(draw(3), draw(3, dtype=np.float64)),
            TypeError,
            "matmul: b must be float32 like the other",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


# -- matmul ---------------------------------------------------------------------------------------

STACKS = [
    ((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)), ((3,), (5, 3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)), ((1, 2, 3), (7, 3, 4)), ((2, 1, 1, 3), (1, 3, 3, 1)),
    ((0, 2, 3), (3, 4)), ((0, 2, 3), (0, 3, 4)), ((2, 0, 3), (3, 4)), ((2, 3, 0), (0, 4)),
    ((2, 3, 0), (2, 0, 4)), ((0,), (0,)), ((1,), (1, 1)), ((4, 70, 33), (4, 33, 50)),
    ((20, 1, 64), (64, 64)), ((1, 200), (200, 1)), ((3, 0, 2, 3), (1, 3, 4)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("a_shape, b_shape", STACKS)
def test_matmul_is_numpys(a_shape, b_shape, dtype):
    a, b = draw(*a_shape, dtype=dtype), draw(*b_shape, dtype=dtype, seed=1)
    y = matmul(a, b)
    expected = np.matmul(a.astype(np.float64), b.astype(np.float64))
    assert isinstance(y, np.ndarray)
    assert y.shape == expected.shape
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, rtol=0, atol=300 * np.finfo(dtype).eps)
    # The same numbers in stacks and matrices of other strides.
    flipped = matmul(np.flip(np.flip(a).copy()), np.asfortranarray(b))
    np.testing.assert_allclose(flipped, expected, rtol=0, atol=300 * np.finfo(dtype).eps)


def test_gradients():
    a, b = (fastnn.Tensor(draw(*s, dtype=np.float64), requires_grad=True) for s in [(5, 7), (7, 3)])
    assert fastnn.gradcheck(lambda a, b: a @ b, [a, b])
