"""The VGG networks, with and without batch normalisation, and the recipe that trains them."""

from dataclasses import replace

from .. import nn
from .initial import he_normal_, normal_linear_
from .recipe import Defaults, adam, cosine_recipe

# Convolutions of 3 x 3 in each of the five stages; columns A, B, D and E of the paper's table 1.
_DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_CHANNELS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """Stages of 3 x 3 convolutions, each halving the picture: (N, C, H, W) -> (N, V), H, W >= 32.

    depth       layers with weights: 11, 13, 16 or 19
    batch_norm  normalise after each convolution

    With 1000 classes of colour pictures 132,863,336, 133,047,848, 138,357,544 and 143,667,240
    parameters (132,868,840, 133,053,736, 138,365,992 and 143,678,248 with batch normalisation);
    state_dict keys as torchvision's.

    Simonyan, Zisserman, "Very deep convolutional networks for large-scale image recognition",
    2015, arXiv:1409.1556. Adaptive pooling lets pictures have other sizes than 224 x 224. The
    paper starts the deep nets from a trained shallow one; here all start with weights of `initial`.
    """

    def __init__(self, depth, num_classes=1000, in_channels=3, *, batch_norm=False, dropout=0.5):
        super().__init__()
        if depth not in _DEPTHS:
            raise ValueError(f"VGG: depth must be one of {tuple(_DEPTHS)}, got {depth}")
        self.features = _features(_DEPTHS[depth], in_channels, batch_norm)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        he_normal_(self)
        normal_linear_(self)

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(x.flatten(1))


def _features(depths, channels, batch_norm):
    layers = []
    for depth, wider in zip(depths, _CHANNELS, strict=True):
        for _ in range(depth):
            layers.append(nn.Conv2d(channels, wider, 3, padding=1))
            if batch_norm:
                layers.append(nn.BatchNorm2d(wider))
            layers.append(nn.ReLU(inplace=True))
            channels = wider
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


def vgg11(num_classes=1000, in_channels=3, dropout=0.5):
    """VGG-11 (column A); 132,863,336 parameters."""
    return VGG(11, num_classes, in_channels, dropout=dropout)


def vgg11_bn(num_classes=1000, in_channels=3, dropout=0.5):
    """VGG-11 with batch normalisation; 132,868,840 parameters."""
    return VGG(11, num_classes, in_channels, batch_norm=True, dropout=dropout)


def vgg13(num_classes=1000, in_channels=3, dropout=0.5):
    """VGG-13 (column B); 133,047,848 parameters."""
    return VGG(13, num_classes, in_channels, dropout=dropout)


def vgg13_bn(num_classes=1000, in_channels=3, dropout=0.5):
    """VGG-13 with batch normalisation; 133,053,736 parameters."""
    return VGG(13, num_classes, in_channels, batch_norm=True, dropout=dropout)


def vgg16(num_classes=1000, in_channels=3, dropout=0.5):
    """VGG-16 (column D); 138,357,544 parameters."""
    return VGG(16, num_classes, in_channels, dropout=dropout)


def vgg16_bn(num_classes=1000, in_channels=3, dropout=0.5):
    """VGG-16 with batch normalisation; 138,365,992 parameters."""
    return VGG(16, num_classes, in_channels, batch_norm=True, dropout=dropout)


def vgg19(num_classes=1000, in_channels=3, dropout=0.5):
    """VGG-19 (column E); 143,667,240 parameters."""
    return VGG(19, num_classes, in_channels, dropout=dropout)


def vgg19_bn(num_classes=1000, in_channels=3, dropout=0.5):
    """VGG-19 with batch normalisation; 143,678,248 parameters."""
    return VGG(19, num_classes, in_channels, batch_norm=True, dropout=dropout)


# Adam, as for AlexNet: without normalisation SGD takes long to leave the start.
RECIPE = cosine_recipe(
    "VGG",
    "Adam",
    adam,
    size=224,
    defaults={
        "digits": Defaults(epochs=20, batch_size=32, lr=1e-4, size=32),
        "mnist": Defaults(epochs=5, batch_size=64, lr=1e-4, size=32),
        "folder": Defaults(epochs=60, batch_size=32, lr=1e-4),
    },
)

MODELS = {
    build.__name__: (build, replace(RECIPE, title=title))
    for build, title in (
        (vgg11, "VGG-11"),
        (vgg13, "VGG-13"),
        (vgg16, "VGG-16"),
        (vgg19, "VGG-19"),
        (vgg11_bn, "VGG-11 with batch normalisation"),
        (vgg13_bn, "VGG-13 with batch normalisation"),
        (vgg16_bn, "VGG-16 with batch normalisation"),
        (vgg19_bn, "VGG-19 with batch normalisation"),
    )
}
