"""What it takes to train a model by name: data preparation, optimiser, schedule, defaults."""

from collections.abc import Callable
from dataclasses import dataclass

from .preparation import Preparation


@dataclass(frozen=True)
class Defaults:
    """What the options of ``fastnn train`` override."""

    epochs: int
    batch_size: int
    lr: float


@dataclass(frozen=True)
class Recipe:
    """A model's way of being trained on pictures.

    title        the name in texts and plots
    preparation  from pictures to input; its mean and std are then taken from the training data
    defaults     for the data sets "digits" and "mnist" and for any "folder"
    optimizer    (model, lr) -> Optimizer
    scheduler    (optimizer, epochs) -> schedule, stepped once an epoch
    augment      `DataLoader` transform on pixels in [0, 1], before standardization; or None
    summary      the optimizer, schedule and augmentation in a few words
    """

    title: str
    preparation: Preparation
    defaults: dict[str, Defaults]
    optimizer: Callable
    scheduler: Callable
    augment: Callable | None
    summary: str

    def transform(self, preparation):
        """The transform of training batches of pixels: augment, then standardize."""

        def transform(batch, rng):
            if self.augment is not None:
                batch = self.augment(batch, rng)
            pixels, *rest = batch
            return preparation.standardize(pixels), *rest

        return transform
