"""AlexNet in one tower, and the recipe that trains it."""

from .. import nn
from .initial import he_normal_, normal_linear_
from .recipe import Defaults, adam, cosine_recipe


class AlexNet(nn.Module):
    """Five convolutions, three fully connected layers: (N, C, H, W) -> (N, V), H, W >= 63.

    61,100,840 parameters for three input channels and 1000 classes; state_dict keys as
    torchvision's.

    Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014,
    arXiv:1404.5997. What differs from Krizhevsky, Sutskever, Hinton, "ImageNet classification with
    deep convolutional neural networks", NIPS 2012: one tower instead of two that exchange their
    maps at two layers, 64-192-384-256-256 maps instead of 96-256-384-384-256, no local response
    normalisation; adaptive pooling lets pictures have other sizes than 224 x 224;
    initial weights as torchvision's VGG.
    """

    def __init__(self, num_classes=1000, in_channels=3, dropout=0.5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 64, 11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )
        he_normal_(self)
        normal_linear_(self)

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(x.flatten(1))


def alexnet(num_classes=1000, in_channels=3, dropout=0.5):
    """AlexNet; 61,100,840 parameters."""
    return AlexNet(num_classes, in_channels, dropout)


# On the digits SGD at the paper's rate, 0.01, still guesses after 60 steps; Adam does not.
RECIPE = cosine_recipe(
    "AlexNet",
    "Adam",
    adam,
    size=224,
    defaults={
        "digits": Defaults(epochs=20, batch_size=32, lr=2e-4, size=64),
        "mnist": Defaults(epochs=5, batch_size=64, lr=2e-4, size=64),
        "folder": Defaults(epochs=60, batch_size=32, lr=2e-4),
    },
)

MODELS = {"alexnet": (alexnet, RECIPE)}
