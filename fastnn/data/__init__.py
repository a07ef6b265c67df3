"""Datasets, readers and the batch loader.

* `load_digits` (embedded), `load_mnist`, `load_folder`: pairs (train, test) of `ArrayDataset`,
  images of shape (N, C, H, W) and int64 labels (N,).
* `load_brown`, `load_creditcard`, `load_rt_polarity`: texts, payments and sentences found in
  $FASTNN_DATA; `BagOfWords`.
* `ArrayDataset`, `DataLoader`, `default_collate`, `stratified_split`.
* `read_idx`, `read_image`, `resize_images`, `random_shift`.
"""

from .bag_of_words import BagOfWords
from .brown import load_brown
from .creditcard import load_creditcard
from .dataset import ArrayDataset, stratified_split
from .digits import load_digits
from .folder import load_folder
from .idx import read_idx
from .images import random_shift, read_image, resize_images
from .loader import DataLoader, default_collate
from .mnist import load_mnist
from .rt_polarity import load_rt_polarity

__all__ = [
    "ArrayDataset",
    "BagOfWords",
    "DataLoader",
    "default_collate",
    "load_brown",
    "load_creditcard",
    "load_digits",
    "load_folder",
    "load_mnist",
    "load_rt_polarity",
    "random_shift",
    "read_idx",
    "read_image",
    "resize_images",
    "stratified_split",
]
