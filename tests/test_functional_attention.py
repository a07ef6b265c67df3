"""functional.scaled_dot_product_attention and gelu: values, gradients, dropout, errors."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn
from fastnn import Tensor, kernels, nn
from fastnn import functional as F

attention = F.scaled_dot_product_attention


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("lead", [(), (3,), (2, 3), (2, 1, 3)])
def test_any_leading_axes(lead, dtype):
    arrays = [draw(*lead, *shape) for shape in ((5, 4), (7, 4), (7, 2))]
    x, y, dy, gradients = run(attention, arrays, dtype)
    q, k, v, dy4 = (a.reshape(-1, 1, *a.shape[-2:]) for a in (*x, dy))
    o, lse = reference.scaled_dot_product_attention(q, k, v)
    assert_near(y, o.reshape(y.shape))
    expected = reference.scaled_dot_product_attention_backward(dy4, q, k, v, o, lse)
    for gradient, e in zip(gradients, expected, strict=True):
        assert_near(gradient, e.reshape(gradient.shape))


@pytest.mark.parametrize(
    "options",
    [{}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": draw(1, 1, 5, 7) > -0.5},
     {"attn_mask": draw(3, 1, 7)}, {"lengths": [3, 7]}],
    ids=["plain", "causal", "scale", "hide", "add", "lengths"],
)  # fmt: skip
def test_gradients(options):
    shapes = (2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 2)
    check_gradient(lambda *x: attention(*x, **options), *(draw(*shape) for shape in shapes))


def test_leading_axes_broadcast_and_heads_repeat():
    check_gradient(attention, draw(2, 3, 5, 4), draw(3, 6, 4), draw(1, 1, 6, 2))
    grouped = draw(2, 4, 5, 3), draw(2, 2, 6, 3), draw(2, 2, 6, 3, seed=1)
    check_gradient(lambda *x: attention(*x, enable_gqa=True), *grouped)
    q, k, v = grouped
    expected = attention(q, k.repeat(2, 1), v.repeat(2, 1))
    np.testing.assert_array_equal(attention(*grouped, enable_gqa=True).data, expected.data)


def test_dropout_is_drawn_anew_and_its_mean_is_what_there_is_without():
    x = [draw(1, 1, size, 3, seed=i) for i, size in enumerate((4, 300, 300))]
    fastnn.manual_seed(5)
    draws = [attention(*x, dropout_p=0.3).data for _ in range(30)]
    assert not np.array_equal(draws[0], draws[1])
    np.testing.assert_allclose(np.mean(draws, 0), attention(*x).data, atol=0.1)
    fastnn.manual_seed(5)
    assert np.array_equal(attention(*x, dropout_p=0.3).data, draws[0])


def test_gelu():
    for approximate in ("none", "tanh"):
        check_gradient(lambda x, a=approximate: F.gelu(x, a), draw(3, 5) * 2)
        x = draw(4, 9, seed=2)
        assert_near(F.gelu(x, approximate).data, reference.gelu(x, approximate=approximate))
        assert_near(
            kernels.gelu_backward(x, x, approximate=approximate),
            reference.gelu_backward(x, x, approximate=approximate),
        )
    with pytest.raises(ValueError, match="gelu: approximate must be 'none' or 'tanh', got 'erf'"):
        F.gelu(draw(3), "erf")


def test_errors():
    q, k, v = draw(2, 5, 4), draw(2, 7, 4), draw(2, 7, 3)
    for change, words in (
        ({"attn_mask": np.ones((5, 7), bool), "is_causal": True}, "attn_mask must be None"),
        ({"attn_mask": np.ones((6, 7), bool)}, r"attn_mask must broadcast to \(2, 5, 7\)"),
        ({"query": draw(4)}, "must have two axes or more"),
        ({"key": draw(3, 7, 4)}, "do not broadcast"),
        ({"query": draw(3, 5, 4), "enable_gqa": True}, "heads must be a multiple"),
    ):
        with pytest.raises(ValueError, match=words):
            attention(**{"query": q, "key": k, "value": v, **change})


def test_multihead_attention_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="embed_dim must be a multiple of num_heads, got 10 and 3"):
        nn.MultiheadAttention(10, 3)
    layer = nn.MultiheadAttention(6, 3)
    x = draw(5, 2, 6)
    for masks, words in (
        ({"attn_mask": np.ones((5, 4))}, r"attn_mask must have shape \(5, 5\) or \(6, 5, 5\)"),
        ({"key_padding_mask": np.ones((5, 2))}, r"key_padding_mask must have shape \(2, 5\)"),
    ):
        with pytest.raises(ValueError, match=words):
            layer(x, x, x, **masks)
    for options, got in (
        ({"add_bias_kv": True}, "True, False, 6, 6"),
        ({"add_zero_attn": True}, "False, True, 6, 6"),
        ({"kdim": 4}, "False, False, 4, 6"),
        ({"vdim": 4}, "False, False, 6, 4"),
    ):
        with pytest.raises(ValueError, match=f"step needs a layer without add_bias_kv .*{got}"):
            nn.MultiheadAttention(6, 3, **options).step(x)
    with pytest.raises(ValueError, match="activation must be a function or one of relu, gelu"):
        nn.TransformerEncoderLayer(6, 3, activation="selu")


@pytest.mark.parametrize("batch_first", [False, True])
def test_positions(batch_first):
    x = np.zeros((2, 5, 6) if batch_first else (5, 2, 6), np.float32)
    p = nn.SinusoidalPositions(9, 6, batch_first=batch_first)
    assert not list(p.parameters()) and not p.state_dict()
    y = p(x, 2).data if batch_first else p(x, 2).data.swapaxes(0, 1)
    assert np.array_equal(y[0], y[1])
    np.testing.assert_allclose(y[0, 1, 0], np.sin(3), rtol=1e-6)
    np.testing.assert_allclose(y[0, 4, 5], np.cos(6 / 10000 ** (4 / 6)), rtol=1e-6)
    learned = nn.LearnedPositions(9, 6, batch_first=batch_first)
    y = learned(Tensor(x), 4)
    y.sum().backward()
    assert np.array_equal(learned.weight.grad, np.repeat([0, 2], [4, 5])[:, None] * np.ones(6))
    with pytest.raises(ValueError, match="LearnedPositions: places 5 to 10 are beyond the 9"):
        learned(x, 5)
