"""Additive attention and the LSTM that attends, against loops in float64."""

import numpy as np
import pytest
import reference
from kernelcheck import DTYPES, assert_near, draw, odd_arrays, same_for_any_threads

from fastnn import kernels

# T, N, S, A, M: widths below, at and above one vector and four, blocks of 16 positions
SIZES = [
    (1, 1, 1, 1, 1), (2, 3, 5, 7, 9), (3, 2, 16, 33, 31), (1, 5, 17, 64, 130), (4, 1, 40, 150, 4)
]  # fmt: skip
LSTM_SIZES = [(1, 1, 1, 1, 1, 1, 1), (4, 3, 5, 7, 9, 6, 11), (3, 17, 18, 33, 20, 5, 40)]


def source(T, N, S, A, M, dtype=np.float64):
    """query, keys, values, v"""
    shapes = (T, N, A), (S, N, A), (S, N, M), (A,)
    return [draw(*shape, dtype=dtype, seed=i) for i, shape in enumerate(shapes)]


def lstm_arguments(T, N, S, A, M, D, U, dtype=np.float64, biases=True):
    """What attention_lstm takes."""
    shapes = (
        (T, N, D), (N, U), (N, U), (S, N, A), (S, N, M), (4 * U, D), (4 * U, M), (4 * U, U),
        (4 * U,), (4 * U,), (A, U), (A,),
    )  # fmt: skip
    made = [draw(*shape, dtype=dtype, seed=i) for i, shape in enumerate(shapes)]
    for i, width in ((5, D), (6, M), (7, U), (10, U)):
        made[i] *= dtype(width**-0.5)
    if not biases:
        made[8] = made[9] = None
    return made


def lengths_of(N, most, least=0):
    return np.random.default_rng(N).integers(least, most + 1, N)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_attention(size, ragged, dtype):
    T, N, S, _, M = size
    arguments = source(*size, dtype=dtype)
    lengths = lengths_of(N, S) if ragged else None
    context, weights = kernels.additive_attention(*arguments, source_lengths=lengths)
    expected = reference.additive_attention(*arguments, source_lengths=lengths)
    assert context.dtype == dtype
    assert_near(context, expected[0], 8)
    assert_near(weights, expected[1], 8)
    given = draw(T, N, M, dtype=dtype, seed=8), draw(T, N, S, dtype=dtype, seed=9)
    for dweights in (given[1], None):
        gradients = kernels.additive_attention_backward(
            given[0], dweights, *arguments, weights, source_lengths=lengths
        )
        wanted = reference.additive_attention_backward(
            given[0], dweights, *arguments, weights, source_lengths=lengths
        )
        for a, e in zip(gradients, wanted, strict=True):
            assert_near(a, e, 40)


def test_the_reference_by_differences():
    arguments = source(2, 3, 4, 5, 2)
    lengths = np.array([4, 2, 0])
    dcontext, dweights = draw(2, 3, 2, seed=8), draw(2, 3, 4, seed=9)

    def loss():
        context, weights = reference.additive_attention(*arguments, source_lengths=lengths)
        return (context * dcontext).sum() + (weights * dweights).sum()

    weights = reference.additive_attention(*arguments, source_lengths=lengths)[1]
    gradients = reference.additive_attention_backward(
        dcontext, dweights, *arguments, weights, source_lengths=lengths
    )
    by_differences(loss, arguments, gradients)


def by_differences(loss, arrays, gradients):
    for array, gradient in zip(arrays, gradients, strict=True):
        for place in np.ndindex(*array.shape):
            kept = array[place]
            values = []
            for step in (1e-6, -1e-6):
                array[place] = kept + step
                values.append(loss())
            array[place] = kept
            assert gradient[place] == pytest.approx((values[0] - values[1]) / 2e-6, abs=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", LSTM_SIZES, ids=str)
def test_attention_lstm(size, dtype):
    arguments = lstm_arguments(*size, dtype=dtype)
    lengths = lengths_of(size[1], size[2], 1)
    *results, saved = kernels.attention_lstm(*arguments, source_lengths=lengths)
    *expected, wanted = reference.attention_lstm(*arguments, source_lengths=lengths)
    for a, e in zip(results, expected, strict=True):
        assert a.dtype == dtype
        assert_near(a, e, 40)
    given = [draw(*a.shape, dtype=dtype, seed=20 + i) for i, a in enumerate(results)]
    x, _, _, keys, values, w_ih, w_ch, w_hh, _, _, w_query, v = arguments
    rest = x, keys, values, w_ih, w_ch, w_hh, w_query, v
    gradients = kernels.attention_lstm_backward(*given, *rest, saved, source_lengths=lengths)
    expected = reference.attention_lstm_backward(*given, *rest, wanted, source_lengths=lengths)
    for a, e in zip(gradients, expected, strict=True):
        assert_near(a, e, 200)


def test_the_lstm_reference_by_differences():
    arguments = lstm_arguments(2, 2, 3, 2, 2, 2, 2)
    results = reference.attention_lstm(*arguments)
    given = [draw(*a.shape, seed=20 + i) for i, a in enumerate(results[:-1])]
    x, _, _, keys, values, w_ih, w_ch, w_hh, _, _, w_query, v = arguments
    gradients = reference.attention_lstm_backward(
        *given, x, keys, values, w_ih, w_ch, w_hh, w_query, v, results[-1]
    )

    def loss():
        results = reference.attention_lstm(*arguments)[:-1]
        return sum((a * d).sum() for a, d in zip(results, given, strict=True))

    by_differences(loss, arguments, gradients)


def test_rows_of_unequal_length_are_each_computed_as_if_alone():
    T, N, S = 5, 4, 6
    arguments = lstm_arguments(T, N, S, 9, 7, 3, 10)
    lengths, ends = np.array([2, 5, 0, 3]), np.array([6, 1, 2, 4])
    *results, saved = kernels.attention_lstm(*arguments, lengths=lengths, source_lengths=ends)
    given = [draw(*a.shape, seed=20 + i) for i, a in enumerate(results)]
    x, h0, c0, keys, values, *weights = arguments
    rest = *weights[:3], *weights[5:]
    gradients = kernels.attention_lstm_backward(
        *given, x, keys, values, *rest, saved, lengths=lengths, source_lengths=ends
    )
    totals = [np.zeros(w.shape) for w in weights]
    for n, (length, end) in enumerate(zip(lengths, ends, strict=True)):
        steps, row = slice(0, length), slice(n, n + 1)
        own = x[steps, row], h0[row], c0[row], keys[:end, row], values[:end, row]
        if length == 0:
            assert_near(results[3][n], h0[n])
            assert_near(gradients[1][n], given[3][n])
            continue
        *expected, saved = reference.attention_lstm(*own, *weights)
        for a, e in zip(results[:2], expected[:2], strict=True):
            assert_near(a[steps, row], e, 40)
            assert not a[length:, row].any()
        assert_near(results[2][steps, row, :end], expected[2], 40)
        assert_near(results[3][row], expected[3], 40)
        assert_near(results[4][row], expected[4], 40)
        y, context, w, h, c = given
        own_gradients = (y[steps, row], context[steps, row], w[steps, row, :end], h[row], c[row])
        wanted = reference.attention_lstm_backward(*own_gradients, own[0], *own[3:], *rest, saved)
        assert_near(gradients[0][steps, row], wanted[0], 40)
        assert_near(gradients[3][:end, row], wanted[3], 40)
        assert_near(gradients[4][:end, row], wanted[4], 40)
        assert not gradients[3][end:, row].any()
        for total, part in zip(totals, wanted[5:], strict=True):
            total += part
    for a, e in zip(gradients[5:], totals, strict=True):
        assert_near(a, e, 200)


def test_needs_and_no_gradients_from_outside():
    arguments = lstm_arguments(3, 2, 4, 5, 6, 3, 7, biases=False)
    *_, saved = kernels.attention_lstm(*arguments)
    x, _, _, keys, values, w_ih, w_ch, w_hh, _, _, w_query, v = arguments
    rest = x, keys, values, w_ih, w_ch, w_hh, w_query, v, saved
    dh = draw(2, 7)
    zero = np.zeros
    all_of_them = kernels.attention_lstm_backward(
        zero((3, 2, 7)), zero((3, 2, 6)), zero((3, 2, 4)), dh, zero((2, 7)), *rest
    )
    for i, expected in enumerate(all_of_them):
        needs = [j == i for j in range(12)]
        found = kernels.attention_lstm_backward(None, None, None, dh, None, *rest, needs=needs)
        assert [a is not None for a in found] == needs
        assert_near(found[i], expected)


def test_one_hot_inputs():
    arguments = lstm_arguments(3, 2, 4, 5, 6, 3, 7)
    numbers = np.array([[0, 2], [1, 1], [2, 0]])
    expected = kernels.attention_lstm(np.eye(3)[numbers], *arguments[1:])
    for a, e in zip(kernels.attention_lstm(numbers, *arguments[1:])[:-1], expected, strict=False):
        assert_near(a, e)


@pytest.mark.parametrize("place", range(4))
def test_odd_arrays(place):
    arguments = source(2, 3, 5, 6, 7)
    expected = kernels.additive_attention(*arguments)
    for name, odd in odd_arrays(arguments[place]):
        given = [odd if i == place else a for i, a in enumerate(arguments)]
        for a, e in zip(kernels.additive_attention(*given), expected, strict=True):
            np.testing.assert_array_equal(a, e, err_msg=name)


def test_any_number_of_threads():
    arguments = lstm_arguments(3, 800, 20, 60, 60, 30, 60, dtype=np.float32)  # work for 8
    x, _, _, keys, values, w_ih, w_ch, w_hh, _, _, w_query, v = arguments
    lengths = lengths_of(800, 3, 1)

    def run():
        *results, saved = kernels.attention_lstm(*arguments, lengths=lengths)
        rest = x, keys, values, w_ih, w_ch, w_hh, w_query, v, saved
        return *results, *kernels.attention_lstm_backward(*results, *rest, lengths=lengths)

    same_for_any_threads(run)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", ["query", "keys", "v"])
def test_nan_goes_through_and_infinity_saturates(which, value):
    query, keys, values, v = source(1, 2, 19, 37, 5)
    {"query": query[0, 0], "keys": keys[17, 0], "v": v}[which][36] = value
    context, weights = kernels.additive_attention(query, keys, values, v)
    if np.isnan(value):
        assert np.isnan(weights[0, 0]).all() and np.isnan(context[0, 0]).all()
        assert which == "v" or np.isfinite(context[0, 1]).all()
    elif which == "v":  # both signs of infinity: e's differ in nothing but them
        assert np.isnan(weights).any()
    else:  # tanh(inf) is 1
        expected = reference.additive_attention(query, keys, values, v)
        assert_near(context, expected[0], 8)


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (0, (2, 3, 5), r"query must be as wide as keys, got \(2, 3, 5\) and keys 6 wide"),
        (1, (5, 2, 6), r"keys and values must have shapes \(S, 3, A\) and \(S, 3, M\), got \(5, 2"),
        (2, (4, 3, 7), r"keys and values must have shapes .* and \(4, 3, 7\)"),
        (3, (5,), r"v must have shape \(6,\), got \(5,\)"),
    ],
)
def test_shapes_that_do_not_fit(place, shape, message):
    arguments = source(2, 3, 5, 6, 7)
    arguments[place] = np.zeros(shape)
    with pytest.raises(ValueError, match="additive_attention: " + message):
        kernels.additive_attention(*arguments)


def test_wrong_lengths_weights_and_dtypes():
    arguments = source(2, 3, 5, 6, 7)
    with pytest.raises(ValueError, match=r"additive_attention: source_lengths must be in 0..5"):
        kernels.additive_attention(*arguments, source_lengths=[1, 2, 6])
    with pytest.raises(TypeError, match="keys must be float64 like the other arrays, got float32"):
        kernels.additive_attention(arguments[0], arguments[1].astype("f"), *arguments[2:])
    given = lstm_arguments(3, 2, 4, 5, 6, 3, 7)
    with pytest.raises(ValueError, match=r"attention_lstm: w_ch must have shape \(28, 6\)"):
        kernels.attention_lstm(*given[:6], given[5], *given[7:])
    with pytest.raises(ValueError, match=r"attention_lstm: w_query must have shape \(5, 7\)"):
        kernels.attention_lstm(*given[:10], given[7], given[11])
