"""Attention and Transformer layers against PyTorch's, with the same state dict."""

import numpy as np
import pytest

import fastnn
from fastnn import nn
from fastnn.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")

N, T, S, D, H = 3, 7, 5, 12, 3


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def pair(name, *args, **kwargs):
    """The module of both libraries, in double precision, with torch's numbers."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*args, **kwargs).double()
    ours = getattr(nn, name)(*args, **kwargs).double()
    state = {k: v.numpy() for k, v in theirs.state_dict().items()}
    rng = np.random.default_rng(1)
    for value in state.values():  # biases too, and copies of layers different from each other
        value += 0.1 * rng.standard_normal(value.shape)
    ours.load_state_dict(state)
    return ours, theirs


def compare(ours, theirs, inputs, *args, pick=lambda y: y, **kwargs):
    """Outputs and all gradients agree; args and kwargs: arrays and options of both."""

    def tensors(values):
        return [torch.tensor(v) if isinstance(v, np.ndarray) else v for v in values]

    xs = [fastnn.Tensor(x, requires_grad=True) for x in inputs]
    ts = [torch.tensor(x, requires_grad=True) for x in inputs]
    y = pick(ours(*xs, *args, **kwargs))
    t = pick(
        theirs(*ts, *tensors(args), **dict(zip(kwargs, tensors(kwargs.values()), strict=True)))
    )
    np.testing.assert_allclose(y.data, t.detach().numpy(), atol=1e-10)
    dy = draw(*y.shape, seed=7)
    y.backward(dy)
    t.backward(torch.tensor(dy))
    for a, b in zip(xs, ts, strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), atol=1e-10)
    gradients = {k: p.grad for k, p in theirs.named_parameters()}
    assert gradients.keys() == {k for k, _ in ours.named_parameters()}
    for key, p in ours.named_parameters():
        np.testing.assert_allclose(p.grad, gradients[key].numpy(), atol=1e-9, err_msg=key)


def causal(size):
    return torch.nn.Transformer.generate_square_subsequent_mask(size).double().numpy()


HIDE = draw(T, S, seed=3) > 0.8
HIDE[:, 0] = False
ENDS = np.arange(S) >= np.array([5, 2, 3])[:, None]
HOLES = ENDS | (np.arange(S) == 1)
OPTIONS = {
    "plain": {},
    "hidden": {"attn_mask": HIDE},
    "added": {"attn_mask": draw(T, S, seed=4)},
    "each head": {"attn_mask": draw(N * H, T, S, seed=4)},
    "ends": {"key_padding_mask": ENDS},
    "holes": {"key_padding_mask": HOLES},
    "both": {"key_padding_mask": ENDS, "attn_mask": HIDE},
    "numbers": {"key_padding_mask": draw(N, S, seed=2), "attn_mask": draw(T, S, seed=4)},
}


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_multihead_attention(name, weights):
    options = {"need_weights": weights, **OPTIONS[name]}
    ours, theirs = pair("MultiheadAttention", D, H)
    inputs = draw(T, N, D), draw(S, N, D, seed=1), draw(S, N, D, seed=2)
    compare(ours, theirs, inputs, **options, pick=lambda y: y[0])
    if weights:
        for average in (True, False):
            options["average_attn_weights"] = average
            t = theirs(*map(torch.tensor, inputs), **{
                k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()
            })[1]  # fmt: skip
            y = ours(*inputs, **options)[1]
            np.testing.assert_allclose(y.data, t.detach().numpy(), atol=1e-12)
    else:
        assert ours(*inputs, **options)[1] is None


@pytest.mark.parametrize(
    "options",
    [
        {"bias": False}, {"kdim": 4}, {"vdim": 9, "bias": False}, {"add_bias_kv": True},
        {"add_zero_attn": True}, {"add_bias_kv": True, "add_zero_attn": True, "batch_first": True},
        {"batch_first": True},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("masked", [False, True])
def test_projections(options, masked):
    ours, theirs = pair("MultiheadAttention", D, H, **options)
    widths = D, options.get("kdim", D), options.get("vdim", D)
    first = options.get("batch_first", False)
    inputs = [
        draw(*((N, steps) if first else (steps, N)), width, seed=i)
        for i, (steps, width) in enumerate(zip((T, S, S), widths, strict=True))
    ]
    masks = {"key_padding_mask": ENDS, "attn_mask": HIDE} if masked else {}
    compare(ours, theirs, inputs, need_weights=False, pick=lambda y: y[0], **masks)


APPENDED = [
    {"add_zero_attn": True}, {"add_bias_kv": True},
    {"add_bias_kv": True, "add_zero_attn": True, "batch_first": True},
]  # fmt: skip


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("padding", [None, ENDS])
@pytest.mark.parametrize("options", APPENDED, ids=str)
def test_no_query_is_kept_from_appended_keys(options, padding, weights):
    """is_causal says what an explicit mask does, which torch wants beside it."""
    ours, theirs = pair("MultiheadAttention", D, H, **options)
    shape = (N, S, D) if options.get("batch_first") else (S, N, D)
    inputs = [draw(*shape, seed=i) for i in range(3)]
    later = ~np.tri(S, dtype=bool)
    masks = {"key_padding_mask": padding, "need_weights": weights}
    compare(ours, theirs, inputs, attn_mask=later, pick=lambda y: y[0], **masks)
    expected = ours(*inputs, attn_mask=later, **masks)
    found = ours(*inputs, is_causal=True, **masks)
    np.testing.assert_array_equal(found[0].data, expected[0].data)
    if weights:
        np.testing.assert_array_equal(found[1].data, expected[1].data)


@pytest.mark.parametrize("batch_first", [False, True])
def test_attention_to_itself_and_to_one_other(batch_first):
    ours, theirs = pair("MultiheadAttention", D, H, batch_first=batch_first)
    x, other = draw(N, T, D), draw(N, T, D, seed=1)

    def to_itself(module, x, y):
        return module(x, x, x, need_weights=False)[0] + 0 * y

    def to_other(module, x, y):
        return module(x, y, y, need_weights=False)[0]

    for call in (to_itself, to_other):
        for module in (ours, theirs):
            module.zero_grad()
        xs = [fastnn.Tensor(a, requires_grad=True) for a in (x, other)]
        ts = [torch.tensor(a, requires_grad=True) for a in (x, other)]
        y, t = call(ours, *xs), call(theirs, *ts)
        np.testing.assert_allclose(y.data, t.detach().numpy(), atol=1e-10)
        y.backward(np.ones(y.shape))
        t.sum().backward()
        for a, b in zip(xs, ts, strict=True):
            np.testing.assert_allclose(a.grad, b.grad.numpy(), atol=1e-10)
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(a.grad, b.grad.numpy(), atol=1e-9)


@pytest.mark.parametrize("mask", [None, "hide", "add"])
@pytest.mark.parametrize("gqa", [False, True])
def test_functional(mask, gqa):
    heads = 2 if gqa else 4
    x = draw(N, 4, T, D), draw(N, heads, S, D, seed=1), draw(N, heads, S, 2, seed=2)
    mask = {None: None, "hide": ~HIDE, "add": draw(N, 1, 1, S)}[mask]
    xs = [fastnn.Tensor(a, requires_grad=True) for a in x]
    ts = [torch.tensor(a, requires_grad=True) for a in x]
    y = F.scaled_dot_product_attention(*xs, mask, scale=0.7, enable_gqa=gqa)
    t_mask = None if mask is None else torch.tensor(mask)
    attention = torch.nn.functional.scaled_dot_product_attention
    t = attention(*ts, t_mask, scale=0.7, enable_gqa=gqa)
    np.testing.assert_allclose(y.data, t.detach().numpy(), atol=1e-12)
    dy = draw(*y.shape, seed=5)
    y.backward(dy)
    t.backward(torch.tensor(dy))
    for a, b in zip(xs, ts, strict=True):
        np.testing.assert_allclose(a.grad, b.grad.numpy(), atol=1e-12)


def test_all_weights_dropped():
    x = [draw(N, size, 4, seed=size) for size in (T, S, S)]
    y = F.scaled_dot_product_attention(*x, dropout_p=1.0)
    attention = torch.nn.functional.scaled_dot_product_attention
    np.testing.assert_array_equal(y.data, attention(*map(torch.tensor, x), dropout_p=1.0).numpy())
    layer = nn.MultiheadAttention(12, H, dropout=1.0, bias=False)
    assert not layer(*[draw(T, N, 12)] * 3, need_weights=False)[0].data.any()


@pytest.mark.parametrize("size", [1, 9, 150])
def test_causal(size):
    x = [draw(2, size, 6, seed=i) for i in range(3)]
    y = F.scaled_dot_product_attention(*x, is_causal=True)
    attention = torch.nn.functional.scaled_dot_product_attention
    t = attention(*map(torch.tensor, x), is_causal=True)
    np.testing.assert_allclose(y.data, t.numpy(), atol=1e-12)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate):
    x = draw(5, 7) * 3
    ours = fastnn.Tensor(x, requires_grad=True)
    theirs = torch.tensor(x, requires_grad=True)
    y = nn.GELU(approximate)(ours)
    t = torch.nn.GELU(approximate)(theirs)
    np.testing.assert_allclose(y.data, t.detach().numpy(), atol=1e-14)
    y.sum().backward()
    t.sum().backward()
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), atol=1e-14)
    assert repr(nn.GELU(approximate)) == repr(torch.nn.GELU(approximate))


LAYERS = [
    {}, {"norm_first": True, "activation": "gelu"}, {"batch_first": True, "bias": False},
]  # fmt: skip


@pytest.mark.parametrize("options", LAYERS, ids=str)
def test_encoder(options):
    ours, theirs = pair("TransformerEncoderLayer", D, H, 20, dropout=0.0, **options)
    src = draw(N, T, D) if options.get("batch_first") else draw(T, N, D)
    ends = np.arange(T) >= np.array([7, 2, 3])[:, None]
    compare(ours, theirs, [src], src_key_padding_mask=ends)
    stack, t_stack = (
        library.TransformerEncoder(layer, 2, library.LayerNorm(D))
        for library, layer in ((nn, ours), (torch.nn, theirs))
    )
    stack, t_stack = stack.double(), t_stack.double()
    for module in (stack, t_stack):
        module.zero_grad()
    compare(stack, t_stack, [src], mask=causal(T))


@pytest.mark.parametrize("options", LAYERS, ids=str)
def test_decoder(options):
    ours, theirs = pair("TransformerDecoderLayer", D, H, 20, dropout=0.0, **options)
    first = options.get("batch_first")
    tgt, memory = (
        draw(*((N, steps) if first else (steps, N)), D, seed=steps) for steps in (T, S)
    )  # fmt: skip
    masks = {"tgt_mask": causal(T), "memory_key_padding_mask": ENDS}
    compare(ours, theirs, [tgt, memory], **masks)


@pytest.mark.parametrize("options", LAYERS, ids=str)
def test_transformer(options):
    arguments = D, H, 2, 2, 20
    ours, theirs = pair("Transformer", *arguments, dropout=0.0, **options)
    first = options.get("batch_first")
    src, tgt = (draw(*((N, steps) if first else (steps, N)), D, seed=steps) for steps in (S, T))
    compare(
        ours, theirs, [src, tgt], tgt_mask=causal(T), src_key_padding_mask=ENDS,
        memory_key_padding_mask=ENDS, tgt_is_causal=True,
    )  # fmt: skip
    mask = ours.generate_square_subsequent_mask(5)
    np.testing.assert_array_equal(mask.data, theirs.generate_square_subsequent_mask(5).numpy())


def test_without_a_batch():
    ours, theirs = pair("MultiheadAttention", D, H)
    inputs = draw(T, D), draw(S, D, seed=1), draw(S, D, seed=2)
    compare(ours, theirs, inputs, key_padding_mask=ENDS[1], pick=lambda y: y[0])
    y = ours(*inputs)[1]
    t = theirs(*map(torch.tensor, inputs))[1]
    np.testing.assert_allclose(y.data, t.detach().numpy(), atol=1e-12)


@pytest.mark.parametrize("name", ["MultiheadAttention", "TransformerEncoderLayer", "Transformer"])
def test_repr(name):
    assert (
        repr(getattr(nn, name)(D, H)).split("\n")[0]
        == repr(getattr(torch.nn, name)(D, H)).split("\n")[0]
    )


def test_initial_weights_are_drawn_alike():
    """Of the same distribution: the spread of every parameter agrees."""
    for name in ("MultiheadAttention", "Transformer"):
        ours = getattr(nn, name)(96, 4)
        theirs = dict(getattr(torch.nn, name)(96, 4).named_parameters())
        for key, p in ours.named_parameters():
            spread = theirs[key].detach().numpy().std()
            np.testing.assert_allclose(p.data.std(), spread, rtol=0.2, atol=1e-9, err_msg=key)
