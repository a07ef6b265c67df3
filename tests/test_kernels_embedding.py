import numpy as np
import pytest
import reference
from kernelcheck import DTYPES, SIZES, assert_near, draw, odd_arrays, same_for_any_threads

from fastnn import kernels

# V, D, the shape of index
SHAPES = [(7, d, (2, 9)) for d in SIZES] + [
    (1, 5, (40,)), (65, 33, (5, 4, 3)), (3, 600, (100,)), (1000, 9, (50,)), (300, 20, (3000,)),
    (4, 3, ()), (5, 3, (2, 0)), (0, 3, (0,)),
]  # fmt: skip


def numbers(v, shape):
    """Some rows are looked up far more often than others, some not at all."""
    rng = np.random.default_rng([v, *shape])
    return (v * rng.random(shape) ** 3).astype(np.int64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("v", "d", "shape"), SHAPES)
def test_forward_and_backward(v, d, shape, dtype):
    weight, index = draw(v, d, dtype=dtype), numbers(v, shape)
    y = kernels.embedding(index, weight)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, reference.embedding(index, weight))
    dy = draw(*shape, d, dtype=dtype, seed=1)
    dweight = kernels.embedding_backward(dy, index, v)
    assert dweight.dtype == dtype
    assert_near(dweight, reference.embedding_backward(dy, index, v))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", [{"padding_idx": 2}, {"padding_idx": -1}, {}])
@pytest.mark.parametrize("by_freq", [False, True])
def test_options(by_freq, options, dtype):
    index, dy = numbers(7, (5, 60)), draw(5, 60, 11, dtype=dtype)
    options = {**options, "scale_grad_by_freq": by_freq}
    dweight = kernels.embedding_backward(dy, index, 7, **options)
    assert_near(dweight, reference.embedding_backward(dy, index, 7, **options))
    if "padding_idx" in options:
        assert index[index == options["padding_idx"] % 7].size
        assert not dweight[options["padding_idx"]].any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_out(dtype):
    """Into whole arrays, and into columns of wider ones, whatever their order in memory."""
    weight, index = draw(9, 5, dtype=dtype), np.array([[3, 0, 8], [8, 1, 3]])
    whole = np.empty((2, 3, 5), dtype)
    assert kernels.embedding(index, weight, out=whole) is whole
    np.testing.assert_array_equal(whole, weight[index])
    for order in "CF":
        wide = np.zeros((6, 8), dtype, order)
        kernels.embedding(index.ravel(), weight, out=wide[:, 2:7])
        np.testing.assert_array_equal(wide[:, 2:7], weight[index.ravel()])
        assert not wide[:, :2].any() and not wide[:, 7:].any()
    with pytest.raises(ValueError, match=r"embedding: out must be .* of shape \(2, 3, 5\)"):
        kernels.embedding(index, weight, out=whole[:1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_hot_rows_times_a_matrix(dtype):
    """The products with the one-hot matrix, without it."""
    index, weight, dy = numbers(30, (50,)), draw(30, 8, dtype=dtype), draw(50, 8, dtype=dtype)
    x = np.eye(30, dtype=dtype)[index]
    np.testing.assert_array_equal(kernels.embedding(index, weight), kernels.gemm(x, weight))
    assert_near(kernels.embedding_backward(dy, index, 30), kernels.gemm(x, dy, trans_a=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [2, 15, 16, 17, 255, 256, 300, 5000, 70_000])
def test_error_of_long_sums(n, dtype):
    """Within 4 ceil(log2 n) eps sum |dy|, also where a row is summed by several items."""
    dy = draw(n, 3, dtype=dtype) + dtype(1)
    index = np.arange(n) % 7 // 6  # row 0 far more often
    dweight = kernels.embedding_backward(dy, index, 2)
    for row in range(2):
        terms = dy[index == row].astype(np.longdouble)
        bound = 4 * np.ceil(np.log2(n)) * np.finfo(dtype).eps * np.abs(terms).sum(0)
        assert (np.abs(dweight[row] - terms.sum(0)) <= bound).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_numbers_stay_in_their_row_and_column(special, dtype):
    for d in (3, 16, 77):
        for column in range(d):
            index, dy = numbers(5, (40,)), draw(40, d, dtype=dtype)
            dy[column % 40, column] = special
            dweight = kernels.embedding_backward(dy, index, 5)
            hit = np.zeros((5, d), bool)
            hit[index[column % 40], column] = True
            np.testing.assert_array_equal(dweight[hit], [special])
            assert np.isfinite(dweight[~hit]).all()
            y = kernels.embedding(index, dy)
            np.testing.assert_array_equal(y, dy[index])


@pytest.mark.parametrize("dtype", DTYPES)
def test_odd_arrays(dtype):
    for v, d, shape in ((6, 7, (3, 4)), (1, 5, (2, 1)), (9, 1, (4, 1))):
        weight, dy = draw(v, d, dtype=dtype), draw(*shape, d, dtype=dtype)
        index = numbers(v, shape)
        expected = reference.embedding(index, weight)
        dweight = reference.embedding_backward(dy, index, v)
        for (name, odd_weight), (_, odd_dy), (_, odd_index) in zip(
            odd_arrays(weight), odd_arrays(dy), odd_arrays(index), strict=True
        ):
            y = kernels.embedding(odd_index, odd_weight)
            np.testing.assert_array_equal(y, expected, err_msg=name)
            assert_near(kernels.embedding_backward(odd_dy, odd_index, v), dweight)


def test_integers_of_any_width():
    weight, dy = draw(5, 3), draw(4, 3)
    index = np.array([4, 0, 2, 4])
    y, dweight = kernels.embedding(index, weight), kernels.embedding_backward(dy, index, 5)
    for dtype in (np.int8, np.uint8, np.int32, np.uint64, ">i4", ">i8"):
        for layout in (index.astype(dtype), np.repeat(index, 2).astype(dtype)[::2]):
            np.testing.assert_array_equal(kernels.embedding(layout, weight), y)
            np.testing.assert_array_equal(kernels.embedding_backward(dy, layout, 5), dweight)
    np.testing.assert_array_equal(kernels.embedding(list(index), weight), y)


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_threads(dtype):
    few, many = numbers(65, (20_000,)), numbers(30_000, (900, 10))
    one = np.zeros(20_000, int)
    weight = draw(30_000, 100, dtype=dtype)
    dy, dy_many = draw(20_000, 100, dtype=dtype), draw(900, 10, 100, dtype=dtype)

    def run():
        return (
            kernels.embedding(few, weight), kernels.embedding(many, weight),
            kernels.embedding_backward(dy, few, 65), kernels.embedding_backward(dy, one, 2),
            kernels.embedding_backward(dy_many, many, 30_000),
        )  # fmt: skip

    results = same_for_any_threads(run)
    assert_near(results[3], reference.embedding_backward(dy, one, 2))


W, DY, AT = np.zeros((4, 3), np.float32), np.zeros((2, 3), np.float32), np.array([1, 3])
forward, backward = kernels.embedding, kernels.embedding_backward
ERRORS = [
    (lambda: forward(AT, W[0]), ValueError, "embedding: weight must have 2 dimensions, got shape"),
    (lambda: forward(AT, W.astype(int)), TypeError, "embedding: weight must be float32 or float64"),
    (lambda: forward(AT / 2, W), TypeError, "embedding: index must be integers, got float64"),
    (lambda: forward(AT == 1, W), TypeError, "embedding: index must be integers, got bool"),
    (
        lambda: forward([[0, 1], [4, 9]], W),
        ValueError,
        r"embedding: index must be in 0\.\.3 \(V = 4\), got 4 at \(1, 0\)",
    ),
    (lambda: forward([0, -1], W), ValueError, r"index must be in 0\.\.3 .* got -1 at \(1,\)"),
    (lambda: forward(7, W), ValueError, r"got 7 at \(\)"),
    (
        lambda: forward(np.array([2**63], np.uint64), W),
        ValueError,
        r"got 9223372036854775808 at \(0,\)",
    ),
    (
        lambda: backward(DY, AT, 3),
        ValueError,
        r"embedding_backward: index must be in 0\.\.2 .* got 3 at \(1,\)",
    ),
    (lambda: backward(DY, AT, -1), ValueError, "num_embeddings must be >= 0, got -1"),
    (lambda: backward(DY, AT, 4.0), TypeError, r"num_embeddings must be an int, got 4\.0"),
    (
        lambda: backward(DY, AT[:1], 4),
        ValueError,
        r"dy must have index's shape \(1,\) and one more axis, got \(2, 3\)",
    ),
    (lambda: backward(DY[0, 0], 1, 4), ValueError, r"and one more axis, got \(\)"),
    (lambda: backward(DY.astype(int), AT, 4), TypeError, "embedding_backward: dy must be float32"),
    (
        lambda: backward(DY, AT, 4, padding_idx=4),
        ValueError,
        r"embedding_backward: padding_idx must be in -4\.\.3, got 4",
    ),
    (lambda: backward(DY, AT, 4, padding_idx=0.5), TypeError, "padding_idx must be an int or None"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
