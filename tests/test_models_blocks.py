"""The building blocks of the models, in miniature: gradients against numeric ones in float64, and
what each block computes."""

import numpy as np
import pytest

import fastnn
import fastnn.functional as F
from fastnn import Tensor, nn
from fastnn.autograd import gradcheck
from fastnn.models import resnet
from fastnn.models.googlenet import BasicConv2d, Inception, InceptionAux
from fastnn.models.lenet5_1998 import (
    CONNECTIONS,
    LeNet5_1998,
    PartialConv2d,
    Subsampling,
)
from fastnn.models.resnet import BasicBlock, Bottleneck

X = np.random.default_rng(1).standard_normal((2, 4, 5, 4))

# The input is X.
BLOCKS = {
    "basic": lambda: BasicBlock(4, 4),
    "basic, projection": lambda: BasicBlock(4, 6, 2),
    "basic, padding": lambda: BasicBlock(4, 6, 2, "padding"),
    "basic, plain": lambda: BasicBlock(4, 6, 2, None),
    "bottleneck": lambda: Bottleneck(4, 1),
    "bottleneck, projection": lambda: Bottleneck(4, 2, 2),
    "inception": lambda: Inception(4, (1, 2, 1, 1, 2, 1)),
    "inception of the paper": lambda: Inception(4, (1, 2, 1, 1, 2, 1), third=5),
    "partial convolution": lambda: PartialConv2d(4, ((0, 1), (3,), (0, 2, 3)), 3),
    "subsampling": lambda: Subsampling(4),
    "scaled tanh": nn.ScaledTanh,
}


def randomised(block):
    """In double, with parameters that are nowhere 0 or 1."""
    rng = np.random.default_rng(2)
    for parameter in block.double().parameters():
        parameter.data[...] = rng.uniform(0.3, 1.2, parameter.shape) * rng.choice(
            [-1, 1], parameter.shape
        )
    return block


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", BLOCKS)
def test_gradients(name, training):
    block = randomised(BLOCKS[name]()).train(training)
    x = Tensor(X, requires_grad=True)
    parameters = list(block.parameters())
    assert gradcheck(lambda x, *_: block(x), (x, *parameters))


def test_auxiliary_head_gradients():
    head = InceptionAux(2, 3, dropout=0.0)
    head.conv = BasicConv2d(2, 1, 1)
    head.fc1, head.fc2 = nn.Linear(16, 4), nn.Linear(4, 3)
    head = randomised(head)
    x = Tensor(X[:, :2], requires_grad=True)
    assert gradcheck(lambda x, *_: head(x), (x, *head.parameters()))


@pytest.mark.parametrize("stride, channels", [(1, 4), (1, 7), (2, 4), (2, 8)])
def test_padding_shortcut(stride, channels):
    """Where the convolutions give nothing, relu(shortcut) is left."""
    block = BasicBlock(4, channels, stride, "padding").double()
    block.conv2.weight.data[...] = 0
    expected = np.zeros((2, channels, *X[:, :, ::stride, ::stride].shape[2:]))
    expected[:, :4] = X[:, :, ::stride, ::stride]
    np.testing.assert_array_equal(block(X).data, np.maximum(expected, 0))
    assert set(dict(block.named_parameters())) == {
        "conv1.weight", "bn1.weight", "bn1.bias", "conv2.weight", "bn2.weight", "bn2.bias"
    }  # fmt: skip


def test_padding_shortcut_keeps_channels_last():
    y = resnet._padded(F.relu(X.astype(np.float32)), 9, 2).data
    assert y.transpose(0, 2, 3, 1).flags.c_contiguous


def test_a_plain_block_forgets_its_input():
    for block in (BasicBlock(4, 4, shortcut=None), Bottleneck(4, 1, shortcut=None)):
        last = block.conv2 if isinstance(block, BasicBlock) else block.conv3
        last.weight.data[...] = 0
        assert not block(X.astype(np.float32)).data.any()


def test_where_the_strides_are():
    assert BasicBlock(4, 8, 2).conv1.stride == (2, 2)
    block = Bottleneck(4, 8, 2)
    strides = (block.conv1.stride, block.conv2.stride, block.downsample[0].stride)
    assert strides == ((1, 1), (2, 2), (2, 2))
    assert BasicBlock(4, 4).downsample is None and Bottleneck(4, 1).downsample is None


# -- LeNet-5 of 1998 -------------------------------------------------------------------------------


def test_the_papers_counts():
    model = LeNet5_1998()
    counts = {
        name: sum(p.size for p in layer.parameters()) for name, layer in model.named_children()
    }
    assert {name: n for name, n in counts.items() if n} == {
        "c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164, "output": 850,
    }  # fmt: skip
    assert sum(counts.values()) - counts["output"] == 60_000


def test_table_one():
    """Six maps see three neighbours, six four, three two pairs of them, one all."""
    assert [len(seen) for seen in CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert CONNECTIONS[:6] == tuple(tuple(sorted((k + i) % 6 for i in range(3))) for k in range(6))
    assert CONNECTIONS[6:12] == tuple(
        tuple(sorted((k + i) % 6 for i in range(4))) for k in range(6)
    )
    assert CONNECTIONS[12:15] == tuple(
        tuple(sorted((k + i) % 6 for i in (0, 1, 3, 4))) for k in range(3)
    )
    assert len(set(CONNECTIONS)) == 16
    seen = [sum(c in maps for maps in CONNECTIONS) for c in range(6)]
    assert seen == [10] * 6


def test_partial_convolution_is_a_convolution_of_the_maps_it_sees():
    fastnn.manual_seed(0)
    layer = PartialConv2d(6, CONNECTIONS, 5).double()
    x = np.random.default_rng(0).standard_normal((2, 6, 9, 8))
    y = layer(x).data
    first = 0
    for k, seen in enumerate(CONNECTIONS):
        weight = layer.weight.data[None, first : first + len(seen)]
        expected = F.conv2d(x[:, seen], weight, layer.bias.data[k : k + 1]).data[:, 0]
        np.testing.assert_allclose(y[:, k], expected, rtol=1e-12, atol=1e-12)
        first += len(seen)
    fan_in = 25 * np.array([len(seen) for seen in CONNECTIONS])
    assert (abs(layer.bias.data) <= 2.4 / fan_in).all()
    assert 0.9 < np.abs(layer.weight.data).max() * 75 / 2.4 <= 1


def test_subsampling_and_its_squashing():
    layer = Subsampling(4).double()
    windows = X[:, :, :4].reshape(2, 4, 2, 2, 2, 2).sum(axis=(3, 5))
    expected = layer.weight.data[:, None, None] * windows + layer.bias.data[:, None, None]
    np.testing.assert_allclose(layer(X[:, :, :4]).data, expected, rtol=1e-12)
    at_one = nn.ScaledTanh()(np.array([1.0, -1.0])).data
    np.testing.assert_allclose(at_one, [1, -1], atol=1e-4)
