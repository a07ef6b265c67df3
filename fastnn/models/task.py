"""Labelled pictures, ready for a model: training, validation and test parts with their story."""

import os
from dataclasses import dataclass, replace

from ..data import load_digits, load_folder, load_mnist, stratified_split
from .preparation import Preparation, unit_pixels

_VALIDATION_EVERY = 10  # every tenth training picture of a class validates


@dataclass(frozen=True)
class Task:
    """What `load_task` returns.

    name         "digits", "mnist" or the folder's own name
    classes      names of the classes
    train        (pixels in [0, 1], labels): not standardized, so that augmentation comes first
    validation   (inputs, labels)
    test         (inputs, labels)
    example      (picture (C, H, W) in [0, 1], label): a test picture, as it came
    split        where validation and test pictures come from, in words
    preparation  with the training pixels' mean and standard deviation
    """

    name: str
    classes: list[str]
    train: tuple
    validation: tuple
    test: tuple
    example: tuple
    split: str
    preparation: Preparation


def kind_and_name(data):
    """Of what `load_task` takes: the key into `Recipe.defaults` and the name, for a folder its
    own."""
    if data in ("digits", "mnist"):
        return data, data
    return "folder", os.path.basename(os.path.abspath(data))


def load_task(data, preparation):
    """Load "digits", "mnist" or a folder (see `data.load_folder`) for a model's `preparation`.

    channels=None becomes 1 if all training pictures are grey, 3 otherwise.
    """
    if data == "digits":
        train, test = load_digits()
        split = "every 5th image of each digit is for testing"
        size = train.arrays[0].shape[2:]
        preparation = replace(preparation, through=size, light_on_dark=True)
    elif data == "mnist":
        train, test = load_mnist(dtype="uint8")
        split = "MNIST's own test set"
        preparation = replace(preparation, light_on_dark=True)
    elif os.path.isdir(data):
        train, test = load_folder(
            data, size=preparation.size, channels=preparation.channels, dtype="uint8"
        )
        split = "every 5th picture of each class is for testing"
        names = os.listdir(data)
        if {"train", "test"} <= set(names) or any("-idx" in name for name in names):
            split = "the folder's own test set"
    else:
        raise ValueError(f"--data: expected digits, mnist or a folder, and {data!r} is none")
    _, name = kind_and_name(data)
    if not len(test):
        raise ValueError(f"{data}: too few pictures to set some aside for testing")

    images, labels = train.arrays
    kept, held_out = stratified_split(labels, _VALIDATION_EVERY)
    if not len(kept):
        raise ValueError(f"{data}: {len(labels)} training pictures are too few to learn from")
    if preparation.channels is None:
        preparation = replace(preparation, channels=images.shape[1])
    pixels = preparation.pixels(images)
    preparation = preparation.fitted(pixels[kept])
    middle = len(test) // 2
    picture = unit_pixels(test.arrays[0][middle])
    return Task(
        name=name,
        classes=train.classes,
        train=(pixels[kept], labels[kept]),
        validation=(preparation.standardize(pixels[held_out]), labels[held_out]),
        test=(preparation(test.arrays[0]), test.arrays[1]),
        example=(picture, int(test.arrays[1][middle])),
        split=f"{split}; every {_VALIDATION_EVERY}th of the rest validates",
        preparation=preparation,
    )
