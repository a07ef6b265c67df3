"""Residual networks for large pictures, the plain ones they are compared with, and the recipe
that trains them."""

from dataclasses import replace

import numpy as np

from .. import functional as F
from .. import nn
from ..autograd import as_tensor, cat
from ..nn.fusion import conv_bn
from .initial import he_normal_
from .recipe import Defaults, cosine_recipe, sgd

SHORTCUTS = ("projection", "padding", None)


class _Block(nn.Module):
    """What the two kinds of block share: the shortcut, which is

    "projection"  x, or where the shape changes bn(conv(x)) of 1 x 1 windows (the paper's option B)
    "padding"     x, or where the shape changes every stride-th pixel, and zeros for the channels
                  that are new (option A): no parameters
    None          nothing: the block of a plain net
    """

    def _make_shortcut(self, shortcut, in_channels, out_channels, stride):
        self.shortcut, self.out_channels, self.stride = shortcut, out_channels, stride
        self.downsample = None
        if shortcut == "projection" and (stride != 1 or in_channels != out_channels):
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def _residual(self, x):
        """What the block adds to what it computes, or None."""
        if self.shortcut is None:
            return None
        if self.downsample is not None:
            return self.downsample(x)
        return _padded(x, self.out_channels, self.stride)


def _padded(x, channels, stride):
    """Every stride-th pixel of x, zeros for channels beyond x's: (N, C, H, W) ->
    (N, channels, ceil(H / stride), ceil(W / stride))."""
    x = as_tensor(x) if stride == 1 else F.avg_pool2d(x, 1, stride)  # of one pixel
    n, c, h, w = x.shape
    if c == channels:
        return x
    zeros = np.zeros((n, h, w, channels - c), x.dtype).transpose(0, 3, 1, 2)
    return cat([x, zeros], 1)


class BasicBlock(_Block):
    """y = relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)), windows of 3 x 3."""

    expansion = 1

    def __init__(self, in_channels, channels, stride=1, shortcut="projection"):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self._make_shortcut(shortcut, in_channels, channels, stride)

    def forward(self, x):
        y = conv_bn(self.conv1, self.bn1, x, activation="relu")
        return conv_bn(self.conv2, self.bn2, y, residual=self._residual(x), activation="relu")


class Bottleneck(_Block):
    """y = relu(bn3(conv3(z)) + shortcut(x)), z = relu(bn2(conv2(relu(bn1(conv1(x)))))), windows
    of 1 x 1, 3 x 3, 1 x 1, the last to four times the channels.

    The stride is in the 3 x 3 convolution, as in torchvision; in the paper it is in the first.
    """

    expansion = 4

    def __init__(self, in_channels, channels, stride=1, shortcut="projection"):
        super().__init__()
        out_channels = channels * self.expansion
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self._make_shortcut(shortcut, in_channels, out_channels, stride)

    def forward(self, x):
        y = conv_bn(self.conv1, self.bn1, x, activation="relu")
        y = conv_bn(self.conv2, self.bn2, y, activation="relu")
        return conv_bn(self.conv3, self.bn3, y, residual=self._residual(x), activation="relu")


def stage(block, depth, in_channels, channels, stride, shortcut):
    """`depth` blocks one after the other, the first with the stride."""
    width = channels * block.expansion
    first = block(in_channels, channels, stride, shortcut)
    return nn.Sequential(first, *(block(width, channels, 1, shortcut) for _ in range(1, depth)))


class ResNet(nn.Module):
    """Four stages of blocks after a 7 x 7 convolution: (N, C, H, W) -> (N, V).

    block     BasicBlock or Bottleneck
    layers    the number of blocks in each stage
    width     channels of the first stage; each stage after it has twice as many
    shortcut  see the blocks; None makes a plain net

    state_dict keys as torchvision's. He, Zhang, Ren, Sun, "Deep residual learning for image
    recognition", 2015, arXiv:1512.03385, table 1.
    """

    def __init__(
        self, block, layers, num_classes=1000, in_channels=3, *, width=64, shortcut="projection"
    ):
        super().__init__()
        if shortcut not in SHORTCUTS:
            raise ValueError(f"ResNet: shortcut must be one of {SHORTCUTS}, got {shortcut!r}")
        self.conv1 = nn.Conv2d(in_channels, width, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        wide = width * block.expansion
        self.layer1 = stage(block, layers[0], width, width, 1, shortcut)
        self.layer2 = stage(block, layers[1], wide, 2 * width, 2, shortcut)
        self.layer3 = stage(block, layers[2], 2 * wide, 4 * width, 2, shortcut)
        self.layer4 = stage(block, layers[3], 4 * wide, 8 * width, 2, shortcut)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * wide, num_classes)
        he_normal_(self)

    def forward(self, x):
        x = self.maxpool(conv_bn(self.conv1, self.bn1, x, activation="relu"))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def resnet18(num_classes=1000, in_channels=3, **options):
    """ResNet-18; 11,689,512 parameters. options: width and shortcut, see ResNet."""
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes, in_channels, **options)


def resnet34(num_classes=1000, in_channels=3, **options):
    """ResNet-34; 21,797,672 parameters."""
    return ResNet(BasicBlock, (3, 4, 6, 3), num_classes, in_channels, **options)


def resnet50(num_classes=1000, in_channels=3, **options):
    """ResNet-50; 25,557,032 parameters."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, in_channels, **options)


def resnet101(num_classes=1000, in_channels=3, **options):
    """ResNet-101; 44,549,160 parameters."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes, in_channels, **options)


def resnet152(num_classes=1000, in_channels=3, **options):
    """ResNet-152; 60,192,808 parameters."""
    return ResNet(Bottleneck, (3, 8, 36, 3), num_classes, in_channels, **options)


def plain18(num_classes=1000, in_channels=3, width=64):
    """ResNet-18 without its shortcuts; 11,515,688 parameters."""
    return resnet18(num_classes, in_channels, width=width, shortcut=None)


def plain34(num_classes=1000, in_channels=3, width=64):
    """ResNet-34 without its shortcuts; 21,623,848 parameters."""
    return resnet34(num_classes, in_channels, width=width, shortcut=None)


RECIPE = cosine_recipe(
    "ResNet",
    "SGD with momentum",
    sgd(weight_decay=1e-4),  # the paper's
    size=224,
    defaults={
        "digits": Defaults(epochs=20, batch_size=32, lr=0.02, size=64),
        "mnist": Defaults(epochs=5, batch_size=64, lr=0.05, size=64),
        "folder": Defaults(epochs=60, batch_size=32, lr=0.02),
    },
)

MODELS = {
    build.__name__: (build, replace(RECIPE, title=title))
    for build, title in (
        (resnet18, "ResNet-18"),
        (resnet34, "ResNet-34"),
        (resnet50, "ResNet-50"),
        (resnet101, "ResNet-101"),
        (resnet152, "ResNet-152"),
        (plain18, "Plain-18"),
        (plain34, "Plain-34"),
    )
}
