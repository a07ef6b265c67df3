"""What it takes to train a model by name: data preparation, optimiser, schedule, defaults."""

from collections.abc import Callable
from dataclasses import dataclass

from .. import optim
from ..data import random_shift
from .preparation import Preparation


@dataclass(frozen=True)
class Defaults:
    """What the options of ``fastnn train`` override. size: the side of the square input, where it
    is not the recipe's own."""

    epochs: int
    batch_size: int
    lr: float
    size: int | None = None


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
    loss         (output, target) -> Tensor; None: softmax cross-entropy
    """

    title: str
    preparation: Preparation
    defaults: dict[str, Defaults]
    optimizer: Callable
    scheduler: Callable
    augment: Callable | None
    summary: str
    loss: Callable | None = None

    def options(self, kind):
        """The defaults for "digits", "mnist" or "folder" as a dict, size included."""
        options = vars(self.defaults[kind])
        return {**options, "size": options["size"] or self.preparation.size[0]}

    def transform(self, preparation):
        """The transform of training batches of pixels: augment, then standardize."""

        def transform(batch, rng):
            if self.augment is not None:
                batch = self.augment(batch, rng)
            pixels, *rest = batch
            return preparation.standardize(pixels), *rest

        return transform


def cosine(optimizer, epochs):
    """From the initial learning rate to 0 along half a cosine."""
    return optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)


def adam(model, lr):
    return optim.Adam(model.parameters(), lr=lr)


def sgd(weight_decay):
    """SGD with momentum 0.9, as a Recipe's optimizer."""

    def optimizer(model, lr):
        return optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=weight_decay)

    return optimizer


def cosine_recipe(title, optimizer_name, optimizer, *, size, defaults, loss=None):
    """The recipe of the networks after LeNet: `cosine`, and pictures of size x size, grey or
    coloured as they come, shifted by up to a sixteenth of their side."""
    return Recipe(
        title=title,
        preparation=Preparation(size=(size, size), channels=None),
        defaults=defaults,
        optimizer=optimizer,
        scheduler=cosine,
        augment=_shift_by_a_sixteenth,
        summary=f"{optimizer_name}, cosine schedule, random shifts of up to a sixteenth",
        loss=loss,
    )


def _shift_by_a_sixteenth(batch, rng):
    return random_shift(batch[0].shape[3] // 16)(batch, rng)
