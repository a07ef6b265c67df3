"""Ready models, each with the recipe that trains it.

``MODELS[name] = (constructor, recipe)``, the constructor taking num_classes and in_channels: a
model entered here can be trained by ``fastnn train NAME`` and used by ``fastnn predict``.
"""

from . import lenet5
from .lenet5 import LeNet5
from .preparation import Preparation
from .recipe import Defaults, Recipe

MODELS = {
    "lenet5": (LeNet5, lenet5.RECIPE),
}

__all__ = ["MODELS", "Defaults", "LeNet5", "Preparation", "Recipe"]
