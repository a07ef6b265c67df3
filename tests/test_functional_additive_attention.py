"""functional.additive_attention, dot_attention and attention_lstm, and their modules."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw

import fastnn
import fastnn.functional as F
from fastnn import Tensor, nn
from fastnn.functional import _lookup

T, N, S, A, M, D, U = 3, 4, 5, 6, 7, 3, 4
ENDS, LENGTHS = [5, 1, 0, 3], [3, 1, 2, 3]


def lstm_arrays():
    """What F.attention_lstm takes, with h and c apart."""
    shapes = (
        (T, N, D), (N, U), (N, U), (S, N, A), (S, N, M), (4 * U, D + M), (4 * U, U), (4 * U,),
        (4 * U,), (A, U), (A,),
    )  # fmt: skip
    return [draw(*shape, seed=i) / 2 for i, shape in enumerate(shapes)]


def attention_lstm(x, h, c, *others, **options):
    return F.attention_lstm(x, (h, c), *others, **options)


def total(y, context, weights, states):
    h, c = states
    return (y * y).sum() + (context * context).sum() + (weights**3).sum() + (h * c).sum()


def test_attention_and_its_gradient():
    query, keys, values, v = draw(T, N, A), draw(S, N, A), draw(S, N, M), draw(A)
    for given in (query, query[0]):
        context, weights = F.additive_attention(given, keys, values, v, source_lengths=ENDS)
        expected = reference.additive_attention(query, keys, values, v, source_lengths=ENDS)
        if given.ndim == 2:
            expected = [a[0] for a in expected]
        assert_near(context.data, expected[0])
        assert_near(weights.data, expected[1])

        def op(*arrays):
            context, weights = F.additive_attention(*arrays, source_lengths=ENDS)
            return (context**3).sum() + (weights**3).sum()

        check_gradient(op, given, keys, values, v)
        check_gradient(lambda *a: F.additive_attention(*a)[1] ** 3, given, keys, values, v)


def test_dot_attention():
    query, keys, values, ends = draw(T, N, A), draw(S, N, A), draw(S, N, M), [5, 1, 2, 3]
    context, weights = F.dot_attention(query, keys, values, source_lengths=ends)
    for n, end in enumerate(ends):
        e = np.exp(query[:, n] @ keys[:end, n].T)
        e /= e.sum(1, keepdims=True)
        assert_near(weights.data[:, n, :end], e)
        assert not weights.data[:, n, end:].any()
        assert_near(context.data[:, n], e @ values[:end, n])
    one, _ = F.dot_attention(query[1], keys, values, source_lengths=ends)
    assert_near(one.data, context.data[1])
    check_gradient(lambda *a: F.dot_attention(*a, source_lengths=ends)[0] ** 2, query, keys, values)
    with pytest.raises(ValueError, match=r"dot_attention: query and keys .* got \(3, 4, 5\)"):
        F.dot_attention(query[..., :5], keys, values)
    with pytest.raises(ValueError, match=r"source_lengths must be in 0..5, got 6"):
        F.dot_attention(query, keys, values, source_lengths=[6, 1, 1, 1])


def test_attention_lstm_is_the_loop_of_its_steps():
    x, h, c, keys, values, w_ih, w_hh, b_ih, b_hh, w_query, v = lstm_arrays()
    y, context, weights, last = F.attention_lstm(
        x, (h, c), keys, values, w_ih, w_hh, b_ih, b_hh, w_query, v, source_lengths=ENDS
    )
    for t in range(T):
        seen, w = F.additive_attention(h @ w_query.T, keys, values, v, source_lengths=ENDS)
        given = np.concatenate([x[t], seen.data], 1)
        h, c = (state.data for state in F.lstm_cell(given, (h, c), w_ih, w_hh, b_ih, b_hh))
        for a, e in ((y.data[t], h), (context.data[t], seen.data), (weights.data[t], w.data)):
            assert_near(a, e)
    assert_near(last[0].data, h)
    assert_near(last[1].data, c)


@pytest.mark.parametrize("options", [{}, {"source_lengths": ENDS, "lengths": LENGTHS}], ids=str)
def test_attention_lstm_gradient(options):
    check_gradient(lambda *a: total(*attention_lstm(*a, **options)), *lstm_arrays())


def test_no_states_no_biases_and_some_gradients():
    x, _, _, keys, values, w_ih, w_hh, _, _, w_query, v = lstm_arrays()
    w_ih = Tensor(w_ih, requires_grad=True)
    total(*F.attention_lstm(x, None, keys, values, w_ih, w_hh, None, None, w_query, v)).backward()
    zero = np.zeros((N, U))
    check = Tensor(w_ih.data, requires_grad=True)
    biases = np.zeros((2, 4 * U))
    total(
        *F.attention_lstm(x, (zero, zero), keys, values, check, w_hh, *biases, w_query, v)
    ).backward()
    assert_near(w_ih.grad, check.grad)
    with pytest.raises(ValueError, match="weight_ih must be at least as wide as the values"):
        F.attention_lstm(x, None, keys, values, w_ih[:, :2], w_hh, None, None, w_query, v)


@pytest.mark.parametrize("options", [{}, {"lengths": LENGTHS}], ids=str)
def test_rows_of_a_table_are_multiplied_once(options):
    numbers = np.array([[0, 2, 2, 0], [2, 2, 0, 0], [0, 0, 2, 2]])
    _, *others = lstm_arrays()
    found = []
    for dense in (False, True):
        table = Tensor(draw(4, D, seed=9), requires_grad=True)
        leaves = [Tensor(a, requires_grad=True) for a in others]
        x = F.embedding(numbers, table)
        assert _lookup.distinct(x) is not None
        loss = total(*attention_lstm(x * 1.0 if dense else x, *leaves, **options))
        found.append([loss.data, *fastnn.grad(loss, [x, table, *leaves])])
    for a, e in zip(*found, strict=True):
        assert_near(np.asarray(a), np.asarray(e))


# ---- modules ------------------------------------------------------------------------------------


def test_modules():
    fastnn.manual_seed(0)
    memory, query = draw(S, N, M).astype("f"), draw(T, N, U).astype("f")
    additive = nn.AdditiveAttention(U, M, A)
    assert {k: p.shape for k, p in additive.named_parameters()} == {
        "key.weight": (A, M), "query.weight": (A, U), "v": (A,)
    }  # fmt: skip
    context, weights = additive(query, memory, ENDS)
    expected = reference.additive_attention(
        query @ additive.query.weight.data.T, memory @ additive.key.weight.data.T, memory,
        additive.v.data, source_lengths=ENDS,
    )  # fmt: skip
    assert_near(context.data, expected[0].astype("f"))
    assert_near(weights.data, expected[1].astype("f"))

    general = nn.GeneralAttention(U, M)
    assert general.key.weight.shape == (U, M)
    expected = F.dot_attention(query, memory @ general.key.weight.data.T, memory)[0]
    assert_near(general(query, memory)[0].data, expected.data)
    same = nn.DotAttention()(query, query)
    assert_near(same[0].data, F.dot_attention(query, query, query)[0].data)


def test_the_module_with_a_state():
    fastnn.manual_seed(0)
    lstm = nn.AttentionLSTM(D, U, M, A)
    assert sorted(lstm.state_dict()) == [
        "attention.key.weight", "attention.query.weight", "attention.v", "bias_hh", "bias_ih",
        "weight_hh", "weight_ih",
    ]  # fmt: skip
    assert lstm.weight_ih.shape == (4 * U, D + M)
    x, memory = draw(T, N, D).astype("f"), draw(S, N, M).astype("f")
    y, context, weights, state = lstm(x, None, memory, ENDS)
    assert (y.shape, context.shape, weights.shape) == ((T, N, U), (T, N, M), (T, N, S))
    first = lstm(x[:1], None, memory, ENDS)
    rest = lstm(x[1:], first[3], memory, ENDS, keys=lstm.attention.key(memory))
    assert_near(rest[0].data, y.data[1:])
    assert_near(rest[3][1].data, state[1].data)
