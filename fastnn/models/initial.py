"""Initial weights that several models share."""

from .. import nn


def he_normal_(model):
    """Every convolution below `model`: weight normal with variance 2 / (K R S), bias 0.

    He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015, arXiv:1502.01852, by fan out: the
    gradients keep their size through layers with ReLU.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
