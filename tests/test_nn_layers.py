"""nn: layers and losses call their function with their arguments; gradients reach weights."""

import numpy as np
import pytest
from opcheck import draw

import fastnn
import fastnn.functional as F
from fastnn import Tensor, gradcheck, nn

IMAGES = draw(2, 3, 8, 7)

# module, what it must equal
LAYERS = [
    (nn.MaxPool2d(3, (2, 1), 1, ceil_mode=True), lambda x: F.max_pool2d(x, 3, (2, 1), 1, 1, True)),
    (nn.MaxPool2d(2, dilation=2), lambda x: F.max_pool2d(x, 2, dilation=2)),
    (nn.AvgPool2d(3, 2, 1, True, False), lambda x: F.avg_pool2d(x, 3, 2, 1, True, False)),
    (nn.AvgPool2d(2, divisor_override=3), lambda x: F.avg_pool2d(x, 2, divisor_override=3)),
    (nn.LPPool2d(2, 3, 2), lambda x: F.lp_pool2d(x, 2, 3, 2)),
    (nn.AdaptiveAvgPool2d((3, None)), lambda x: F.adaptive_avg_pool2d(x, (3, None))),
    (nn.AdaptiveMaxPool2d(2), lambda x: F.adaptive_max_pool2d(x, 2)),
    (nn.Upsample(scale_factor=2), lambda x: F.interpolate(x, scale_factor=2)),
    (nn.Upsample((5, 3), mode="bilinear"), lambda x: F.interpolate(x, (5, 3), mode="bilinear")),
    (nn.ZeroPad2d((1, 2, 3, 0)), lambda x: F.pad(x, (1, 2, 3, 0))),
    (nn.ConstantPad2d(1, 2.5), lambda x: F.pad(x, (1, 1, 1, 1), value=2.5)),
    (nn.ReflectionPad2d(2), lambda x: F.pad(x, (2, 2, 2, 2), "reflect")),
    (nn.ReplicationPad2d(2), lambda x: F.pad(x, (2, 2, 2, 2), "replicate")),
    (
        nn.BatchNorm2d(3, affine=False, dtype=np.float64),
        lambda x: F.batch_norm(x, None, None, training=True),
    ),
    (nn.InstanceNorm2d(3), F.instance_norm),
    (nn.LayerNorm((8, 7), dtype=np.float64), lambda x: F.layer_norm(x, (8, 7))),
    (nn.GroupNorm(1, 3, dtype=np.float64), lambda x: F.group_norm(x, 1)),
    (nn.LocalResponseNorm(2, 0.5, 0.6, 0.7), lambda x: F.local_response_norm(x, 2, 0.5, 0.6, 0.7)),
    (nn.Flatten(), lambda x: F.flatten(x, 1)),
    (nn.Flatten(2, 3), lambda x: F.flatten(x, 2, 3)),
    (nn.Identity(3, a=4), lambda x: Tensor(x)),
    (nn.ReLU(), F.relu),
    (nn.Sigmoid(), F.sigmoid),
    (nn.Tanh(), F.tanh),
    (nn.Softplus(2.0, 3.0), lambda x: F.softplus(x, 2.0, 3.0)),
    (nn.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2)),
    (nn.ELU(0.5), lambda x: F.elu(x, 0.5)),
    (nn.NoisyReLU().eval(), F.relu),
    (nn.ScaledTanh(), F.scaled_tanh),
    (nn.Softmax(dim=-1), lambda x: F.softmax(x, -1)),
    (nn.LogSoftmax(dim=1), lambda x: F.log_softmax(x, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "function"), LAYERS, ids=[repr(layer) for layer, _ in LAYERS])
def test_layer_is_its_function(layer, function):
    np.testing.assert_array_equal(layer(IMAGES).data, function(IMAGES).data)


SEQUENCES = [
    (nn.MaxPool1d(3, 2, 1, 2), lambda x: F.max_pool1d(x, 3, 2, 1, 2)),
    (nn.AvgPool1d(3, 2, 1, True, False), lambda x: F.avg_pool1d(x, 3, 2, 1, True, False)),
    (nn.LPPool1d(2, 3, ceil_mode=True), lambda x: F.lp_pool1d(x, 2, 3, None, True)),
    (nn.AdaptiveAvgPool1d(2), lambda x: F.adaptive_avg_pool1d(x, 2)),
    (nn.Upsample(5, mode="linear"), lambda x: F.interpolate(x, 5, mode="linear")),
    (nn.ZeroPad1d(1), lambda x: F.pad(x, (1, 1))),
    (nn.ConstantPad1d((0, 2), 1.5), lambda x: F.pad(x, (0, 2), value=1.5)),
    (nn.ReflectionPad1d((2, 1)), lambda x: F.pad(x, (2, 1), "reflect")),
    (nn.ReplicationPad1d((2, 1)), lambda x: F.pad(x, (2, 1), "replicate")),
    (nn.AdaptiveMaxPool1d(1), lambda x: F.adaptive_max_pool1d(x, 1)),
]


@pytest.mark.parametrize(
    ("layer", "function"), SEQUENCES, ids=[repr(layer) for layer, _ in SEQUENCES]
)
def test_layer_of_sequences_is_its_function(layer, function):
    x = IMAGES[:, :, 0]
    np.testing.assert_array_equal(layer(x).data, function(x).data)


@pytest.mark.parametrize(
    "layer",
    [nn.MaxPool2d(2, return_indices=True), nn.AdaptiveMaxPool2d((2, 3), return_indices=True)],
)
def test_max_pooling_with_indices(layer):
    y, indices = layer(IMAGES)
    flat = IMAGES.reshape(2, 3, -1)
    winners = np.take_along_axis(flat, indices.data.reshape(2, 3, -1), 2)
    np.testing.assert_array_equal(winners.reshape(y.shape), y.data)


LOGITS, CLASSES = draw(6, 4), np.array([0, 3, 2, 1, 1, 0])
WEIGHT = np.array([1.0, 2.0, 0.5, 1.5])
P, T = F.sigmoid(LOGITS).data, (LOGITS > 0).astype(float)
LOSSES = [
    (nn.MSELoss(), LOGITS, T, lambda x, t: F.mse_loss(x, t)),
    (nn.L1Loss(reduction="sum"), LOGITS, T, lambda x, t: F.l1_loss(x, t, reduction="sum")),
    (
        nn.CrossEntropyLoss(WEIGHT, ignore_index=2, reduction="none", label_smoothing=0.1),
        LOGITS, CLASSES,
        lambda x, t: F.cross_entropy(
            x, t, WEIGHT, ignore_index=2, reduction="none", label_smoothing=0.1
        ),
    ),
    (
        nn.NLLLoss(WEIGHT, ignore_index=1, reduction="sum"), LOGITS, CLASSES,
        lambda x, t: F.nll_loss(x, t, WEIGHT, ignore_index=1, reduction="sum"),
    ),
    (nn.BCELoss(WEIGHT), P, T, lambda x, t: F.binary_cross_entropy(x, t, WEIGHT)),
    (
        nn.BCEWithLogitsLoss(WEIGHT, pos_weight=WEIGHT * 2), LOGITS, T,
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, WEIGHT, pos_weight=WEIGHT * 2),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "x", "t", "function"), LOSSES, ids=[repr(c[0]) for c in LOSSES])
def test_loss_is_its_function(loss, x, t, function):
    np.testing.assert_array_equal(loss(x, t).data, function(x, t).data)


def test_loss_weights_are_state():
    loss = nn.BCEWithLogitsLoss(pos_weight=np.ones(3))
    assert list(loss.state_dict()) == ["pos_weight"]
    assert loss.float().pos_weight.dtype == np.float32
    with pytest.raises(ValueError, match="MSELoss: reduction must be 'mean', 'sum' or 'none'"):
        nn.MSELoss(reduction="median")


def test_dropout_only_while_training():
    layer, x = nn.Dropout(0.4), np.ones((50, 40))
    fastnn.manual_seed(2)
    expected = F.dropout(x, 0.4).data
    fastnn.manual_seed(2)
    np.testing.assert_array_equal(layer(x).data, expected)
    np.testing.assert_array_equal(layer.eval()(x).data, x)
    with pytest.raises(ValueError, match="Dropout: p must be between 0 and 1, got 2"):
        nn.Dropout(2)


@pytest.mark.parametrize(
    ("layer", "function", "shape"),
    [(nn.Dropout2d(0.4), F.dropout2d, (9, 8, 3, 2)), (nn.Dropout1d(0.4), F.dropout1d, (9, 8, 6))],
)
def test_dropout_of_channels(layer, function, shape):
    x = np.ones(shape)
    fastnn.manual_seed(2)
    expected = function(x, 0.4).data
    fastnn.manual_seed(2)
    np.testing.assert_array_equal(layer(x).data, expected)
    np.testing.assert_array_equal(layer.eval()(x).data, x)


def test_noisy_relu_is_noisy_while_training():
    layer = nn.NoisyReLU()
    fastnn.manual_seed(3)
    y = layer(IMAGES).data
    fastnn.manual_seed(3)
    np.testing.assert_array_equal(y, F.noisy_relu(IMAGES).data)
    assert (y != layer(IMAGES).data).any()


def test_maxout():
    layer = nn.Maxout(3, 4, pieces=5, dtype=np.float64)
    x = draw(2, 6, 3)
    units = F.linear(x, layer.weight, layer.bias).data
    np.testing.assert_array_equal(layer(x).data, units.reshape(2, 6, 4, 5).max(-1))
    assert np.abs(layer.weight.data).max() <= 1 / np.sqrt(3) and layer.bias.shape == (20,)
    assert repr(layer) == "Maxout(in_features=3, out_features=4, pieces=5, bias=True)"
    assert list(nn.Maxout(3, 4, bias=False).state_dict()) == ["weight"]
    with pytest.raises(ValueError, match="Maxout: pieces must be >= 1, got 0"):
        nn.Maxout(3, 4, 0)


def test_maxout_as_relu_and_as_absolute_value():
    for low, function in ((0.0, F.relu), (-1.0, lambda x: np.abs(x))):
        layer = nn.Maxout(1, 1, dtype=np.float64)
        layer.weight.data[:, 0] = 1, low
        layer.bias.data[...] = 0
        x = draw(20, 1)
        np.testing.assert_array_equal(layer(x).data, np.asarray(function(x)))


def test_padding_of_a_layer():
    assert nn.ZeroPad2d(2).padding == (2, 2, 2, 2)
    with pytest.raises(ValueError, match="ReflectionPad1d: padding must be an int or 2 ints, got"):
        nn.ReflectionPad1d((1, 2, 3))


def test_gradients_through_a_network():
    fastnn.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, dtype=np.float64), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(18, 4, dtype=np.float64),
    )  # fmt: skip
    x, t = Tensor(draw(3, 2, 4, 6), requires_grad=True), np.array([0, 3, 1])
    loss = nn.CrossEntropyLoss()
    params = list(net.parameters())

    def run(x, *values):
        # gradcheck hands over the leaves that it perturbs: here they are x and the weights
        assert all(a is b for a, b in zip(values, params, strict=True))
        return loss(net(x), t)

    assert gradcheck(run, [x, *params])


@pytest.mark.parametrize(
    ("layer", "x"), [(nn.Linear(3, 2), (4, 3)), (nn.Conv2d(3, 2, 2), (4, 3, 5, 5))]
)
def test_plain_inputs_of_any_dtype_are_cast(layer, x):
    images = np.random.default_rng(0).integers(0, 255, x)
    expected = layer(images.astype(np.float32)).data
    for dtype in (np.uint8, np.int64, np.float64, np.float16):
        y = layer(images.astype(dtype))
        assert y.dtype == np.float32
        np.testing.assert_allclose(y.data, expected, rtol=1e-6)


def test_conv2d_arguments():
    conv = nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), bias=False)
    assert conv.weight.shape == (6, 4, 3, 2) and conv.bias is None
    assert conv.weight.data.transpose(2, 3, 1, 0).flags.c_contiguous  # K fastest in memory
    x = draw(2, 4, 9, 8).astype(np.float32)
    expected = F.conv2d(x, conv.weight, None, (2, 1), (1, 0), (1, 2))
    np.testing.assert_array_equal(conv(x).data, expected.data)
    same = nn.Conv2d(4, 3, 3, padding="same")
    assert same(x).shape == (2, 3, 9, 8)
    assert nn.Conv2d(4, 3, 3, padding="valid")(x).shape == (2, 3, 7, 6)
    assert nn.Conv2d(4, 6, 3, groups=2).weight.shape == (6, 2, 3, 3)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"padding_mode": "circular"},
            "padding_mode must be 'zeros' or 'reflect' or 'replicate', got 'circular'",
        ),
        (
            {"padding": "full"},
            "Conv2d: padding must be an int, a pair, 'same' or 'valid', got 'full'",
        ),
        ({"padding": "same", "stride": 2}, r"Conv2d: padding='same' needs stride 1, got \(2, 2\)"),
        ({"groups": 3}, "Conv2d: groups must divide in_channels 4 and out_channels 6, got 3"),
    ],
)
def test_conv2d_errors(keywords, message):
    with pytest.raises(ValueError, match=message):
        nn.Conv2d(4, 6, 3, **keywords)


def test_sizes_of_convolutions_are_ints():
    with pytest.raises(TypeError, match=r"Conv2d: stride must be an int or a pair of ints, got"):
        nn.Conv2d(4, 6, 3, stride=(1, 2, 3))
    with pytest.raises(TypeError, match=r"Conv1d: kernel_size must be an int, got \(2, 3\)"):
        nn.Conv1d(4, 6, (2, 3))
    with pytest.raises(ValueError, match="Conv1d: padding must be an int, 'same' or 'valid', got"):
        nn.Conv1d(4, 6, 3, padding="full")


def test_conv1d_arguments():
    conv = nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, bias=False)
    assert conv.weight.shape == (6, 4, 3) and conv.kernel_size == (3,)
    assert conv.weight.data.transpose(2, 1, 0).flags.c_contiguous  # K fastest in memory
    x = draw(2, 4, 9).astype(np.float32)
    np.testing.assert_array_equal(conv(x).data, F.conv1d(x, conv.weight, None, 2, 1, 2).data)
    assert nn.Conv1d(4, 3, 4, padding="same")(x).shape == (2, 3, 9)
    assert nn.Conv1d(4, 6, 3, groups=2).weight.shape == (6, 2, 3)


def test_transposed_convolutions():
    conv = nn.ConvTranspose2d(4, 6, (3, 2), (2, 3), (1, 0), (1, 2), dilation=(1, 2))
    assert conv.weight.shape == (4, 6, 3, 2)
    assert conv.weight.data.transpose(2, 3, 1, 0).flags.c_contiguous  # C fastest in memory
    x = draw(2, 4, 5, 4).astype(np.float32)
    expected = F.conv_transpose2d(x, conv.weight, conv.bias, (2, 3), (1, 0), (1, 2), 1, (1, 2))
    np.testing.assert_array_equal(conv(x).data, expected.data)
    conv = nn.ConvTranspose1d(4, 6, 3, stride=3, padding=2)
    expected = F.conv_transpose1d(x[..., 0], conv.weight, conv.bias, 3, 2, 1)
    np.testing.assert_array_equal(conv(x[..., 0], [12]).data, expected.data)
    assert nn.ConvTranspose1d(4, 6, 3, groups=2).weight.shape == (4, 3, 3)


def test_a_transposed_convolution_pads_with_zeros_only():
    with pytest.raises(ValueError, match="padding_mode must be 'zeros', got 'reflect'"):
        nn.ConvTranspose1d(4, 6, 3, padding_mode="reflect")


def test_output_size_of_a_transposed_convolution():
    """Undoes what a strided convolution did to any image's size."""
    down, up = nn.Conv2d(3, 4, 3, 2, 1), nn.ConvTranspose2d(4, 3, 3, 2, 1)
    for size in (8, 7), (7, 8):
        y = down(np.ones((2, 3, *size)))
        assert up(y, output_size=size).shape == up(y, (2, 3, *size)).shape == (2, 3, *size)
        assert up(y[0], size).shape == (3, *size)
    message = r"ConvTranspose2d: output_size must be between \[7, 7\] and \[8, 8\], got \[9, 7\]"
    with pytest.raises(ValueError, match=message):
        up(y, (9, 7))
    with pytest.raises(ValueError, match="output_size must have 2 or 4 entries, got"):
        up(y, (3, 9, 7))


def test_conv2d_groups():
    """A convolution of each group's channels; an activation that follows is computed by it."""
    conv = nn.Conv2d(4, 6, 3, padding=1, groups=2)
    x = draw(2, 4, 5, 6).astype(np.float32)
    w, b = conv.weight.data, conv.bias.data
    halves = [F.conv2d(x[:, :2], w[:3], b[:3], 1, 1), F.conv2d(x[:, 2:], w[3:], b[3:], 1, 1)]
    expected = np.concatenate([y.data for y in halves], 1)
    np.testing.assert_allclose(conv(x).data, expected, rtol=1e-5, atol=1e-6)
    y = nn.Sequential(conv, nn.ReLU())(x)
    np.testing.assert_array_equal(y.data, np.maximum(conv(x).data, 0))
    y.sum().backward()
    assert conv.weight.grad.shape == (6, 2, 3, 3)
    assert conv.weight.grad.transpose(2, 3, 1, 0).flags.c_contiguous  # as the weight lies


def test_embedding_arguments():
    fastnn.manual_seed(0)
    layer = nn.Embedding(1000, 20, padding_idx=-3)
    weight = layer.weight.data
    assert weight.shape == (1000, 20) and weight.dtype == np.float32
    assert layer.padding_idx == 997 and not weight[997].any()
    assert abs(weight.mean()) < 0.03 and abs(weight.std() - 1) < 0.03
    assert list(layer.state_dict()) == ["weight"]
    index = np.array([[3, 997], [997, 5]])
    y = layer(index)
    np.testing.assert_array_equal(y.data, weight[index])
    y.sum().backward()
    assert set(np.flatnonzero(layer.weight.grad.any(1))) == {3, 5}
    weight[...] = 7
    layer.reset_parameters()
    assert not weight[997].any() and len(np.unique(weight)) > 10_000


@pytest.mark.parametrize(
    "options", [{"padding_idx": 1, "scale_grad_by_freq": True}, {"max_norm": 1.5, "norm_type": 1.0}]
)
def test_embedding_is_its_function(options):
    layer, index = nn.Embedding(6, 4, **options, dtype=np.float64), np.array([1, 4, 4, 0])
    w = Tensor(layer.weight.data.copy(), requires_grad=True)
    y, expected = layer(index), F.embedding(index, w, **options)
    y.sum().backward(), expected.sum().backward()
    np.testing.assert_array_equal(y.data, expected.data)
    np.testing.assert_array_equal(layer.weight.data, w.data)
    np.testing.assert_array_equal(layer.weight.grad, w.grad)


def test_embedding_from_pretrained():
    table = draw(5, 3).astype(np.float32)
    layer = nn.Embedding.from_pretrained(table)
    assert (layer.num_embeddings, layer.embedding_dim) == (5, 3)
    assert layer.weight.data is table and not layer.weight.requires_grad
    layer = nn.Embedding.from_pretrained(Tensor(table), False, padding_idx=0)
    assert layer.weight.requires_grad and layer.weight.data[0].all()
    layer(np.array([0, 1])).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad[:, 0], [0, 1, 0, 0, 0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nn.Embedding(5, 3, sparse=True),
            "Embedding: sparse must be False, for gradients are dense; got True",
        ),
        (
            lambda: nn.Embedding(5, 3, padding_idx=5),
            r"Embedding: padding_idx must be in -5\.\.4, got 5",
        ),
        (
            lambda: nn.Embedding(5, 3, _weight=np.ones((5, 4))),
            r"Embedding: _weight must have shape \(5, 3\), got \(5, 4\)",
        ),
        (
            lambda: nn.Embedding.from_pretrained(np.ones(3)),
            r"from_pretrained: embeddings must be 2-d, got shape \(3,\)",
        ),
    ],
)
def test_embedding_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_embedding_learns():
    """Words that are told apart by their table alone; the optimiser's gradients are dense."""
    fastnn.manual_seed(0)
    net = nn.Sequential(nn.Embedding(6, 4, padding_idx=0), nn.Flatten(), nn.Linear(8, 3))
    x, t = np.array([[1, 0], [2, 3], [4, 5], [5, 2]]), np.array([0, 1, 2, 1])
    optimizer = fastnn.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(50):
        optimizer.zero_grad()
        F.cross_entropy(net(x), t).backward()
        optimizer.step()
    np.testing.assert_array_equal(net(x).data.argmax(1), t)
    assert not net[0].weight.data[0].any()
