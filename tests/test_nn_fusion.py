"""nn.fusion: batch normalisation as a part of the convolution before it."""

import numpy as np
import pytest
from opcheck import draw

from fastnn import models, nn, no_grad
from fastnn.nn.fusion import conv_bn, folds


def pair(conv=None, **options):
    """A convolution and a batch normalisation that has seen something, in evaluation."""
    conv = conv or nn.Conv2d(5, 6, 3, padding=1)
    return conv, trained(nn.BatchNorm2d(conv.out_channels, **options)).eval()


def trained(bn):
    rng = np.random.default_rng(0)
    least = {bn.running_mean: -1, bn.running_var: 0.5, bn.weight: -1, bn.bias: -1}
    for array, low in least.items():
        if array is not None:
            array.data[...] = rng.uniform(low, 1.5, array.shape)
    return bn


CONVOLUTIONS = [
    nn.Conv2d(5, 6, 3, padding=1),
    nn.Conv2d(1, 4, 5, bias=False),  # few channels: planes
    nn.Conv2d(6, 6, 3, groups=6),
    nn.Conv2d(16, 32, 3, stride=2, padding=2, dilation=2, groups=2),
    nn.Conv2d(5, 7, (6, 7)),  # as large as the image: a matrix product
]


@pytest.mark.parametrize("conv", CONVOLUTIONS, ids=lambda conv: conv.extra_repr())
@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("with_residual", [False, True])
def test_conv_bn_is_bn_of_conv(conv, activation, with_residual):
    conv, bn = pair(conv)
    x = draw(2, conv.in_channels, 6, 7).astype(np.float32)
    plain = conv(x)
    residual = draw(*plain.shape, seed=3).astype(np.float32) if with_residual else None
    expected = bn(plain, residual, activation).data
    assert not folds(conv, bn)  # gradients are recorded
    unfolded = conv_bn(conv, bn, x, residual, activation)
    np.testing.assert_array_equal(unfolded.data, expected)
    assert unfolded.requires_grad
    with no_grad():
        assert folds(conv, bn)
        folded = conv_bn(conv, bn, x, residual, activation)
    assert not folded.requires_grad
    np.testing.assert_allclose(folded.data, expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("options", [dict(padding_mode="reflect"), dict(padding="same")])
def test_other_paddings_are_not_folded(options):
    conv, bn = pair(nn.Conv2d(5, 6, 3, **{"padding": 1, **options}))
    x = draw(2, 5, 6, 7).astype(np.float32)
    expected = bn(conv(x)).data
    with no_grad():
        assert not folds(conv, bn)
        np.testing.assert_array_equal(nn.Sequential(conv, bn)(x).data, expected)


@pytest.mark.parametrize("options", [{"affine": False}, {"bias": False}, {"eps": 0.3}])
def test_options_of_the_normalisation(options):
    conv, bn = pair(**options)
    x = draw(2, 5, 4, 4).astype(np.float32)
    expected = bn(conv(x)).data
    with no_grad():
        np.testing.assert_allclose(conv_bn(conv, bn, x).data, expected, rtol=1e-5, atol=1e-5)


def test_sequential_folds(monkeypatch):
    conv, bn = pair()
    x = draw(2, 5, 4, 4).astype(np.float32)
    net = nn.Sequential(conv, bn, nn.ReLU(), nn.Flatten(), nn.Linear(96, 3))
    expected = net(x).data
    monkeypatch.setattr(bn, "forward", None)  # must not be called
    with no_grad():
        np.testing.assert_allclose(net(x).data, expected, rtol=1e-4, atol=1e-5)
        assert nn.Sequential(conv, bn)(x).data.min() < 0


def test_what_does_not_fold():
    conv, bn = pair()
    with no_grad():
        assert folds(conv, bn) and not folds(bn, conv) and not folds(conv, None)
        assert not folds(conv, nn.BatchNorm2d(6))  # training
        assert not folds(conv, pair(track_running_stats=False)[1])
        assert not folds(conv, bn.double())
        handle = conv.register_forward_hook(lambda *_: None)
        assert not folds(conv, pair()[1])
        handle.remove()
        with pytest.raises(ValueError, match="batch_norm"):  # as without folding
            nn.Sequential(conv, nn.BatchNorm2d(7).eval())(np.zeros((1, 5, 4, 4), np.float32))


@pytest.mark.parametrize("model", [models.resnet20, models.resnet18, models.googlenet])
def test_models_fold(model):
    """The same values with and without the tape, within rounding."""
    net = model(num_classes=7).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            trained(module)
    x = draw(1, 3, 64, 64).astype(np.float32)
    expected = net(x).data
    with no_grad():
        y = net(x).data
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
