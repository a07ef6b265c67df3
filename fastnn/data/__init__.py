"""Datasets, readers and the batch loader.

* `load_digits` (embedded), `load_mnist`, `load_folder`: pairs (train, test) of `ArrayDataset`,
  images of shape (N, C, H, W) and int64 labels (N,).
* `ArrayDataset`, `DataLoader`, `default_collate`, `stratified_split`.
* `read_idx`, `read_image`, `resize_images`, `random_shift`.
"""

from .dataset import ArrayDataset, stratified_split
from .digits import load_digits
from .folder import load_folder
from .idx import read_idx
from .images import random_shift, read_image, resize_images
from .loader import DataLoader, default_collate
from .mnist import load_mnist

__all__ = [
    "ArrayDataset",
    "DataLoader",
    "default_collate",
    "load_digits",
    "load_folder",
    "load_mnist",
    "random_shift",
    "read_idx",
    "read_image",
    "resize_images",
    "stratified_split",
]
