"""nn: the state of normalisation layers, their fusion with what follows, and with convolutions."""

import numpy as np
import pytest
from opcheck import draw

import fastnn.functional as F
from fastnn import Tensor, nn
from fastnn.nn.utils import fuse_conv_bn_eval

IMAGES = draw(6, 4, 5, 5).astype(np.float32) * 3 + 2


def test_state():
    keys = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    for layer in (nn.BatchNorm1d(4), nn.InstanceNorm2d(4, affine=True, track_running_stats=True)):
        assert list(layer.state_dict()) == keys
        assert layer.num_batches_tracked.dtype == np.int64 and layer.running_mean.dtype == "f4"
        assert layer.double().running_var.dtype == "f8" and layer.num_batches_tracked.shape == ()
    assert list(nn.BatchNorm2d(4, affine=False).state_dict()) == keys[2:]
    assert list(nn.BatchNorm2d(4, bias=False).state_dict()) == [keys[0], *keys[2:]]
    assert list(nn.BatchNorm2d(4, track_running_stats=False).state_dict()) == keys[:2]
    assert not nn.InstanceNorm2d(4).state_dict() and not nn.LocalResponseNorm(3).state_dict()
    assert nn.LayerNorm((3, 4)).weight.shape == (3, 4) and nn.LayerNorm(3, bias=False).bias is None
    assert nn.GroupNorm(2, 6, affine=False).weight is None


def test_running_statistics_converge():
    layer, average = nn.BatchNorm2d(4, momentum=0.5), nn.BatchNorm2d(4, momentum=None)
    for _ in range(30):
        layer(IMAGES), average(IMAGES)
    by_channel = IMAGES.transpose(1, 0, 2, 3).reshape(4, -1)
    for bn in (layer, average):
        assert bn.num_batches_tracked.item() == 30
        np.testing.assert_allclose(bn.running_mean.data, by_channel.mean(1), rtol=1e-5)
        np.testing.assert_allclose(bn.running_var.data, by_channel.var(1, ddof=1), rtol=1e-5)
        trained = bn(IMAGES).data
        assert np.abs(bn.eval()(IMAGES).data - trained).max() < 0.1
        assert bn.num_batches_tracked.item() == 31
        bn.weight.data[...] = 7
        bn.reset_parameters()
        assert bn.num_batches_tracked.item() == bn.running_mean.data.any() == 0
        assert (bn.running_var.data == 1).all() and (bn.weight.data == 1).all()


def test_a_state_dict_carries_the_statistics():
    one, other = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
    one(IMAGES)
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one.eval()(IMAGES).data, other.eval()(IMAGES).data)


def test_without_running_statistics_evaluation_is_training():
    for layer in (nn.BatchNorm2d(4, track_running_stats=False), nn.InstanceNorm2d(4)):
        np.testing.assert_array_equal(layer(IMAGES).data, layer.eval()(IMAGES).data)


@pytest.mark.parametrize("training", [True, False])
def test_fused_residual_and_activation(training):
    layer = nn.BatchNorm2d(4).train(training)
    residual = Tensor(draw(*IMAGES.shape).astype(np.float32), requires_grad=True)
    y = layer(IMAGES, residual, "relu")
    expected = F.relu(layer(IMAGES) + residual)
    np.testing.assert_allclose(y.data, expected.data, rtol=1e-5, atol=1e-5)
    y.backward(np.ones(y.shape))
    np.testing.assert_array_equal(residual.grad, y.data > 0)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Sigmoid, nn.Tanh])
def test_sequential_fuses_the_activation(activation, monkeypatch):
    asked = []
    real = F.batch_norm

    def spy(*args, **keywords):
        asked.append(keywords["activation"])
        return real(*args, **keywords)

    monkeypatch.setattr(F, "batch_norm", spy)
    layer = nn.BatchNorm2d(4)
    leaves = [Tensor(IMAGES, requires_grad=True) for _ in range(2)]
    fused = nn.Sequential(layer, activation())(leaves[0])
    separate = activation()(layer(leaves[1]))
    assert asked == [activation.__name__.lower(), None]
    np.testing.assert_array_equal(fused.data, separate.data)
    dy = draw(*IMAGES.shape, seed=1).astype(np.float32)
    for y in (fused, separate):
        y.backward(dy)
    np.testing.assert_allclose(leaves[0].grad, leaves[1].grad, rtol=1e-4, atol=1e-5)
    assert nn.Sequential(nn.BatchNorm1d(4), activation())(IMAGES[:, :, 0]).shape == (6, 4, 5)


def test_single_images():
    for layer, x in ((nn.InstanceNorm2d(4), IMAGES[0]), (nn.InstanceNorm1d(5), IMAGES[0, 0])):
        np.testing.assert_array_equal(layer(x).data, layer(x[None]).data[0])


def test_instance_norm_of_other_channels():
    with pytest.warns(
        UserWarning, match="InstanceNorm2d: input has 4 channels, not num_features 3"
    ):
        assert nn.InstanceNorm2d(3)(IMAGES).shape == IMAGES.shape
    with pytest.raises(ValueError, match=r"weight must have shape \(4,\), got \(3,\)"):
        nn.InstanceNorm2d(3, affine=True)(IMAGES)


ERRORS = [
    (lambda: nn.BatchNorm1d(4)(IMAGES), "BatchNorm1d: expected 2-D or 3-D input, got 4-D"),
    (lambda: nn.BatchNorm2d(4)(IMAGES[0]), "BatchNorm2d: expected 4-D input, got 3-D"),
    (
        lambda: nn.InstanceNorm2d(4)(IMAGES[0, 0]),
        "InstanceNorm2d: expected 3-D or 4-D input, got 2",
    ),
    (lambda: nn.BatchNorm2d(3)(IMAGES), r"batch_norm: weight must have shape \(4,\), got \(3,\)"),
    (lambda: nn.GroupNorm(3, 4), "GroupNorm: num_groups must divide num_channels 4, got 3"),
    (lambda: nn.GroupNorm(0, 4), "GroupNorm: num_groups must divide num_channels 4, got 0"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_fuse_conv_bn_eval(kind, affine, bias):
    conv, transpose = kind(4, 7, 3, stride=2, padding=1, bias=bias), kind is nn.ConvTranspose2d
    bn = nn.BatchNorm2d(7, affine=affine)
    for array in (bn.running_mean.data, bn.running_var.data, *(p.data for p in bn.parameters())):
        array[...] = np.abs(draw(7)) + 0.5
    before = {k: v.copy() for k, v in conv.state_dict().items()}
    with pytest.raises(ValueError, match="fuse_conv_bn_eval: the modules must be in evaluation"):
        fuse_conv_bn_eval(conv, bn.eval())
    fused = fuse_conv_bn_eval(conv.eval(), bn, transpose)
    np.testing.assert_allclose(fused(IMAGES).data, bn(conv(IMAGES)).data, rtol=1e-4, atol=1e-5)
    assert type(fused) is kind and not fused.training and fused.stride == (2, 2)
    assert fused.weight.data.strides == conv.weight.data.strides
    assert list(fused.state_dict()) == ["weight", "bias"] and fused.bias.dtype == np.float32
    assert all((before[k] == v).all() for k, v in conv.state_dict().items())
    with pytest.raises(ValueError, match="fuse_conv_bn_eval: bn must have running statistics"):
        fuse_conv_bn_eval(conv, nn.BatchNorm2d(7, track_running_stats=False).eval())
