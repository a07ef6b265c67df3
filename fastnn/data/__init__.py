"""Datasets, readers and the batch loader.

* `load_digits` (embedded), `load_mnist`, `load_folder`: pairs (train, test) of `ArrayDataset`,
  images of shape (N, C, H, W) and int64 labels (N,).
* `load_brown`, `load_creditcard`, `load_rt_polarity`: texts, payments and sentences found in
  $FASTNN_DATA; `BagOfWords`. `load_multi30k`, `load_tatoeba_cmn`: sentences and their translations.
* `ArrayDataset`, `DataLoader`, `default_collate`, `stratified_split`.
* `read_idx`, `read_image`, `resize_images`, `random_shift`.
* `read_text`, `split_text`, `read_poems`; `Vocabulary`: symbols and their numbers; `StreamLoader`:
  a long sequence in batches that follow one another; `pad_sequences`: many of unequal length side
  by side (and ``DataLoader(..., lengths=...)``); `tokenize`, `detokenize`: sentences as words.
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
from .multi30k import load_multi30k
from .rt_polarity import load_rt_polarity
from .sequences import detokenize, pad_sequences, tokenize
from .streams import StreamLoader
from .tatoeba import load_tatoeba_cmn
from .text import Poem, read_poems, read_text, split_text
from .vocabulary import Vocabulary

__all__ = [
    "ArrayDataset",
    "BagOfWords",
    "DataLoader",
    "Poem",
    "StreamLoader",
    "Vocabulary",
    "default_collate",
    "detokenize",
    "load_brown",
    "load_creditcard",
    "load_digits",
    "load_folder",
    "load_mnist",
    "load_multi30k",
    "load_rt_polarity",
    "load_tatoeba_cmn",
    "pad_sequences",
    "random_shift",
    "read_idx",
    "read_image",
    "read_poems",
    "read_text",
    "resize_images",
    "split_text",
    "stratified_split",
    "tokenize",
]
