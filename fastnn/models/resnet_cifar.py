"""Residual networks for small pictures, as for CIFAR-10, the plain ones that they are compared
with, and the recipe that trains them."""

from dataclasses import replace

from .. import nn
from ..nn.fusion import conv_bn
from .initial import he_normal_
from .recipe import Defaults, cosine_recipe, sgd
from .resnet import SHORTCUTS, BasicBlock, stage


class CifarResNet(nn.Module):
    """Three stages of n = (depth - 2) / 6 blocks, 16, 32 and 64 channels: (N, C, H, W) -> (N, V).

    depth     6 n + 2
    width     channels of the first stage; each stage after it has twice as many
    shortcut  "padding", the paper's option A, without parameters; see also resnet.BasicBlock

    He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, arXiv:1512.03385,
    section 4.2. Made for 32 x 32; other sizes do.
    """

    def __init__(self, depth, num_classes=10, in_channels=3, *, width=16, shortcut="padding"):
        super().__init__()
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"CifarResNet: depth must be 6 n + 2, n >= 1, got {depth}")
        if shortcut not in SHORTCUTS:
            raise ValueError(f"CifarResNet: shortcut must be one of {SHORTCUTS}, got {shortcut!r}")
        n = (depth - 2) // 6
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = stage(BasicBlock, n, width, width, 1, shortcut)
        self.layer2 = stage(BasicBlock, n, width, 2 * width, 2, shortcut)
        self.layer3 = stage(BasicBlock, n, 2 * width, 4 * width, 2, shortcut)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(4 * width, num_classes)
        he_normal_(self)

    def forward(self, x):
        x = conv_bn(self.conv1, self.bn1, x, activation="relu")
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))


def resnet20(num_classes=10, in_channels=3, **options):
    """ResNet-20; 269,722 parameters. options: width and shortcut, see CifarResNet."""
    return CifarResNet(20, num_classes, in_channels, **options)


def resnet32(num_classes=10, in_channels=3, **options):
    """ResNet-32; 464,154 parameters."""
    return CifarResNet(32, num_classes, in_channels, **options)


def resnet44(num_classes=10, in_channels=3, **options):
    """ResNet-44; 658,586 parameters."""
    return CifarResNet(44, num_classes, in_channels, **options)


def resnet56(num_classes=10, in_channels=3, **options):
    """ResNet-56; 853,018 parameters."""
    return CifarResNet(56, num_classes, in_channels, **options)


def resnet110(num_classes=10, in_channels=3, **options):
    """ResNet-110; 1,727,962 parameters."""
    return CifarResNet(110, num_classes, in_channels, **options)


def plain20(num_classes=10, in_channels=3, width=16):
    """ResNet-20 without its shortcuts, which have no parameters."""
    return resnet20(num_classes, in_channels, width=width, shortcut=None)


def plain32(num_classes=10, in_channels=3, width=16):
    """ResNet-32 without its shortcuts."""
    return resnet32(num_classes, in_channels, width=width, shortcut=None)


def plain44(num_classes=10, in_channels=3, width=16):
    """ResNet-44 without its shortcuts."""
    return resnet44(num_classes, in_channels, width=width, shortcut=None)


def plain56(num_classes=10, in_channels=3, width=16):
    """ResNet-56 without its shortcuts."""
    return resnet56(num_classes, in_channels, width=width, shortcut=None)


RECIPE = cosine_recipe(
    "ResNet",
    "SGD with momentum",
    sgd(weight_decay=1e-4),  # the paper's
    size=32,
    defaults={
        "digits": Defaults(epochs=30, batch_size=32, lr=0.05),
        "mnist": Defaults(epochs=5, batch_size=64, lr=0.05),
        "folder": Defaults(epochs=60, batch_size=32, lr=0.05),
    },
)

MODELS = {
    build.__name__: (build, replace(RECIPE, title=title))
    for build, title in (
        (resnet20, "ResNet-20"),
        (resnet32, "ResNet-32"),
        (resnet44, "ResNet-44"),
        (resnet56, "ResNet-56"),
        (resnet110, "ResNet-110"),
        (plain20, "Plain-20"),
        (plain32, "Plain-32"),
        (plain44, "Plain-44"),
        (plain56, "Plain-56"),
    )
}
