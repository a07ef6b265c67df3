import numpy as np
import pytest
import reference
from kernelcheck import DTYPES, assert_near, draw, odd_arrays, same_for_any_threads

from fastnn import kernels

# N, H, L, S, E, F: less than a block, whole ones, rests of every kind, more than one item a head
SHAPES = [
    (1, 1, 1, 1, 1, 1), (2, 3, 7, 5, 4, 9), (2, 2, 130, 129, 32, 32), (1, 1, 300, 300, 17, 33),
    (1, 2, 61, 400, 8, 70), (3, 2, 128, 128, 16, 1), (1, 1, 1, 200, 64, 64), (1, 3, 500, 3, 5, 2),
]  # fmt: skip


def inputs(shape, dtype):
    """query, key, value and the gradient of the output."""
    n, h, rows, keys, e, f = shape
    sizes = (rows, e), (keys, e), (keys, f), (rows, f)
    return [draw(n, h, *size, dtype=dtype, seed=i) for i, size in enumerate(sizes)]


def compare(arrays, factors=1.0, ulps=200, **options):
    *x, dy = arrays
    o, lse = kernels.scaled_dot_product_attention(*x, **options)
    gradients = kernels.scaled_dot_product_attention_backward(dy, *x, o, lse, **options)
    for name in ("dropout", "seed"):
        options.pop(name, None)
    expected, expected_lse = reference.scaled_dot_product_attention(*x, **options, factors=factors)
    assert o.dtype == lse.dtype == x[0].dtype
    assert_near(o, expected, ulps)
    np.testing.assert_allclose(lse, expected_lse, rtol=1e-5, atol=1e-6)
    wanted = reference.scaled_dot_product_attention_backward(
        dy, *x, o, lse, **options, factors=factors
    )
    for gradient, right in zip(gradients, wanted, strict=True):
        assert_near(gradient, right, ulps)
    return o, gradients


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("causal", [False, True])
def test_shapes(shape, causal, dtype):
    compare(inputs(shape, dtype), causal=causal)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES[1:5], ids=str)
def test_masks(shape, dtype):
    n, h, rows, keys, _, _ = shape
    arrays = inputs(shape, dtype)
    hidden = draw(n, 1, rows, keys) > -0.5
    hidden[0, 0, 0] = False  # a query that sees nothing
    o, _ = compare(arrays, mask=hidden)
    assert not o[0, :, 0].any()
    compare(arrays, mask=hidden, causal=True, scale=0.3)
    compare(arrays, mask=draw(h, rows, keys, dtype=dtype))
    added = draw(keys, dtype=dtype)
    added[-1] = -np.inf
    compare(arrays, mask=added)
    compare(arrays, mask=draw(n, 1, rows, 1, dtype=dtype), scale=1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [SHAPES[2], SHAPES[4]], ids=str)
def test_lengths(shape, dtype):
    n, _, _, keys, _, _ = shape
    arrays = inputs(shape, dtype)
    for causal in (False, True):
        for lengths in ([keys] * n, [0] + [keys // 2] * (n - 1), [keys - 1, 1][:n]):
            compare(arrays, lengths=np.array(lengths), causal=causal)
    lengths = np.array([keys - 100] * n)
    o, gradients = compare(arrays, lengths=lengths, mask=draw(keys) > 0)
    for a in arrays[1:3]:  # what lies beyond is not looked at
        a[:, :, keys - 100 :] = np.nan
    again, others = compare_bits(arrays, lengths=lengths, mask=draw(keys) > 0)
    assert again.tobytes() == o.tobytes()
    for a, b in zip(gradients, others, strict=True):
        assert a.tobytes() == b.tobytes()


def compare_bits(arrays, **options):
    *x, dy = arrays
    o, lse = kernels.scaled_dot_product_attention(*x, **options)
    return o, kernels.scaled_dot_product_attention_backward(dy, *x, o, lse, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES[1:5], ids=str)
def test_dropout_is_that_of_the_matrix_of_weights(shape, dtype):
    factors = kernels.dropout(np.ones(shape[:4]), 0.3, seed=9)
    assert shape[2] < 10 or 0.6 < (factors > 0).mean() < 0.8
    compare(inputs(shape, dtype), factors, dropout=0.3, seed=9)
    compare(inputs(shape, dtype), factors, dropout=0.3, seed=9, causal=True)
    for p in (1 - 2.0**-33, 1.0):  # nothing is kept
        o, gradients = compare(inputs(shape, dtype), 0.0, dropout=p, seed=9)
        assert not o.any() and not any(g.any() for g in gradients)


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_scores_neither_overflow_nor_vanish(dtype):
    q, k, v, dy = inputs((1, 2, 9, 300, 8, 4), dtype)
    k += np.linspace(-500, 500, 300, dtype=dtype)[:, None]  # blocks that outgrow those before them
    compare([q, k, v, dy], ulps=4e5)
    o, _ = kernels.scaled_dot_product_attention(q * 1e3, k, v)
    assert np.isfinite(o).all()


@pytest.mark.parametrize("place", [0, 3, 130, 140])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_propagate(place, value):
    for which in range(3):
        arrays = inputs((1, 1, 141, 141, 5, 6), np.float32)
        arrays[which][0, 0, place, 2] = value
        with np.errstate(invalid="ignore"):
            expected, _ = reference.scaled_dot_product_attention(*arrays[:3])
        o, _ = kernels.scaled_dot_product_attention(*arrays[:3])
        np.testing.assert_array_equal(np.isnan(o), np.isnan(expected))
        np.testing.assert_array_equal(np.isinf(o), np.isinf(expected))


@pytest.mark.parametrize("widths", [(5, 6), (19, 37)])  # fewer than a vector's lanes, and more
def test_any_strides(widths):
    arrays = inputs((2, 3, 20, 30, *widths), np.float32)
    right, gradients = compare(arrays)
    for i in range(4):
        for name, odd in odd_arrays(arrays[i]):
            o, others = compare_bits([*arrays[:i], odd, *arrays[i + 1 :]])
            for a, b in zip((right, *gradients), (o, *others), strict=True):
                assert np.array_equal(a, b), (i, name)
    mask = draw(2, 3, 20, 30) > 0
    right = kernels.scaled_dot_product_attention(*arrays[:3], mask=mask)[0]
    for name, odd in odd_arrays(mask):
        assert np.array_equal(
            right, kernels.scaled_dot_product_attention(*arrays[:3], mask=odd)[0]
        ), name


def test_the_output_lies_as_query_does_and_where_it_is_told():
    q, k, v, dy = inputs((2, 3, 20, 20, 4, 4), np.float32)
    turned = np.ascontiguousarray(q.swapaxes(1, 2)).swapaxes(1, 2)
    o, lse = kernels.scaled_dot_product_attention(turned, k, v)
    assert o.swapaxes(1, 2).flags.c_contiguous
    out = np.zeros((2, 20, 9, 4), np.float32)
    parts = [out[:, :, i::3].swapaxes(1, 2) for i in range(3)]
    returned, _ = kernels.scaled_dot_product_attention(q, k, v, out=parts[0])
    assert returned is parts[0] and np.array_equal(parts[0], o) and not out[:, :, 1::3].any()
    backward = kernels.scaled_dot_product_attention_backward
    gradients = backward(dy, q, k, v, o, lse)
    for a, b in zip(backward(dy, q, k, v, o, lse, out=parts), gradients, strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(out[:, :, 2::3].swapaxes(1, 2), gradients[2])


@pytest.mark.parametrize("shape", [(5, 3, 70, 200, 32, 32), (1, 1, 700, 700, 8, 8)], ids=str)
def test_the_same_bits_for_any_number_of_threads(shape):
    arrays = inputs(shape, np.float32)
    for options in ({"causal": True}, {"dropout": 0.2, "seed": 3}):
        same_for_any_threads(lambda options=options: _all(arrays, options))


def _all(arrays, options):
    o, gradients = compare_bits(arrays, **options)
    return o, *gradients


# ---- heads side by side -------------------------------------------------------------------------


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("together", [1, 2, 3])
def test_attend_heads(together, batch_first):
    n, heads, rows, e = 2, 3, 9, 4
    keys = rows if together == 1 else 13
    q, k, v, dy = inputs((n, heads, rows, keys, e, e), np.float64)
    order = (0, 2, 1, 3) if batch_first else (2, 0, 1, 3)

    def merged(a):
        return a.transpose(order).reshape(*np.array(a.shape)[list(order[:2])], -1)

    q, k, v, dy = map(merged, (q, k, v, dy))
    parts = {1: [[q, k, v]], 2: [[q], [k, v]], 3: [[q], [k], [v]]}[together]
    sources = [np.concatenate(part, -1) for part in parts]
    options = {"heads": heads, "batch_first": batch_first, "causal": True}
    y, lse = kernels.attend_heads(sources, **options)
    q, k, v, other = inputs((n, heads, rows, keys, e, e), np.float64)
    o, gradients = compare([q, k, v, other], causal=True)
    np.testing.assert_array_equal(y, merged(o))
    found = kernels.attend_heads_backward(dy, sources, y, lse, **options)
    assert [a.shape for a in found] == [a.shape for a in sources]
    np.testing.assert_array_equal(
        np.concatenate([a.ravel() for a in found]),
        np.concatenate([
            np.concatenate([merged(gradients["qkv".index(name)]) for name in part], -1).ravel()
            for part in {1: ["qkv"], 2: ["q", "kv"], 3: ["q", "k", "v"]}[together]
        ]),
    )  # fmt: skip


# ---- nothing, and errors ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape", [(0, 2, 3, 4, 5, 6), (2, 0, 3, 4, 5, 6), (2, 2, 0, 4, 5, 6), (2, 2, 3, 0, 5, 6),
              (2, 2, 3, 4, 0, 6), (2, 2, 3, 4, 5, 0)],
)  # fmt: skip
def test_sizes_of_zero(shape):
    arrays = inputs(shape, np.float32)
    *x, dy = arrays
    o, lse = kernels.scaled_dot_product_attention(*x, scale=1)
    expected, _ = reference.scaled_dot_product_attention(*x, scale=1)
    assert_near(o, expected)
    gradients = kernels.scaled_dot_product_attention_backward(dy, *x, o, lse, scale=1)
    wanted = reference.scaled_dot_product_attention_backward(dy, *x, o, lse, scale=1)
    for a, b in zip(gradients, wanted, strict=True):
        assert_near(a, b)


def test_errors():
    q, k, v, dy = inputs((2, 3, 4, 5, 6, 7), np.float32)
    attention, name = kernels.scaled_dot_product_attention, "scaled_dot_product_attention"
    for change, error, words in (
        ({"key": k[:1]}, ValueError, r"key must have query's batch, heads and features, got \(1"),
        ({"key": k[..., :5]}, ValueError, "key must have query's batch"),
        ({"value": v[:, :, :4]}, ValueError, "value must have key's batch, heads and length"),
        ({"query": q[0]}, ValueError, "query must have 4 dimensions"),
        ({"value": v.astype(float)}, TypeError, "value must be float32"),
        ({"mask": np.ones((3, 5), bool)}, ValueError, r"mask must broadcast to \(2, 3, 4, 5\)"),
        ({"mask": np.ones(5)}, TypeError, "mask must be float32"),
        ({"lengths": [1.0, 2.0]}, TypeError, "lengths must be integers"),
        ({"lengths": [1, 2, 3]}, ValueError, r"lengths must have shape \(2,\)"),
        ({"lengths": [1, 6]}, ValueError, "lengths must be between 0 and 5 keys, got 1 to 6"),
        ({"dropout": 1.5}, ValueError, r"dropout must be in \[0, 1\], got 1.5"),
        ({"dropout": 0.5, "seed": -1}, ValueError, "seed must be >= 0"),
        ({"scale": "a"}, TypeError, "scale must be a number"),
        ({"out": np.zeros((2, 3, 4, 6), np.float32)}, ValueError, "out must be float32 of shape"),
    ):
        with pytest.raises(error, match=f"^{name}: {words}"):
            attention(**{"query": q, "key": k, "value": v, **change})
    o, lse = attention(q, k, v)
    with pytest.raises(ValueError, match=r"_backward: dy must have shape \(2, 3, 4, 7\)"):
        kernels.scaled_dot_product_attention_backward(dy[:1], q, k, v, o, lse)
    with pytest.raises(ValueError, match="attend_heads: sources must hold query, key and value"):
        kernels.attend_heads([np.zeros((2, 2, 10))], heads=2)
