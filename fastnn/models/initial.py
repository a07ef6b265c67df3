"""Initial weights that several models share, torchvision's."""

from .. import nn


def he_normal_(model):
    """Every convolution below `model`: weight normal with variance 2 / (K R S), bias 0.

    Gradients keep their size through layers with ReLU. He, Zhang, Ren, Sun, "Delving deep into
    rectifiers", 2015, arXiv:1502.01852.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def normal_linear_(model):
    """Every linear layer below `model`: weight normal with std 0.01, bias 0."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
