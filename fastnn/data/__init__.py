"""Datasets, readers and the batch loader.

* `load_digits` (embedded), `load_mnist`, `load_folder`: pairs (train, test) of `ArrayDataset`,
  images of shape (N, C, H, W) and int64 labels (N,).
* `load_brown`, `load_creditcard`, `load_rt_polarity`: texts, payments and sentences found in
  $FASTNN_DATA; `BagOfWords`. Found there too: `load_multi30k`, `load_tatoeba_cmn`, sentences and
  their translations; `load_wnut17`, `load_resume_ner`, sentences with a tag a word (`read_conll`);
  `load_names_gender`, `load_chinese_names`; `load_hurdat2`, tracks of storms; `load_beijing_pm25`
  and `load_time_series`, measurements by the hour, day or month; `load_analogies`,
  `load_simlex999` and `load_wordsim353`, questions to vectors of words.
* `ArrayDataset`, `DataLoader`, `default_collate`, `stratified_split`.
* `read_idx`, `read_image`, `resize_images`, `random_shift`, `random_warp`, `random_colour`.
* `load_emoji_captions`, `load_flickr8k`: parts of `Captioned` pictures.
* `read_text`, `split_text`, `read_poems`; `Vocabulary`: symbols and their numbers; `StreamLoader`:
  a long sequence in batches that follow one another; `pad_sequences`: many of unequal length side
  by side (and ``DataLoader(..., lengths=...)``); `tokenize`, `detokenize`: sentences as words.
"""

from .augment import random_colour, random_warp
from .bag_of_words import BagOfWords
from .brown import load_brown
from .captions import Captioned, load_emoji_captions, load_flickr8k
from .conll import load_resume_ner, load_wnut17, read_conll
from .creditcard import load_creditcard
from .dataset import ArrayDataset, stratified_split
from .digits import load_digits
from .folder import load_folder
from .hurdat2 import Storm, load_hurdat2
from .idx import read_idx
from .images import random_shift, read_image, resize_images
from .loader import DataLoader, default_collate
from .mnist import load_mnist
from .multi30k import load_multi30k
from .names import load_chinese_names, load_names_gender
from .rt_polarity import load_rt_polarity
from .sequences import detokenize, pad_sequences, tokenize
from .streams import StreamLoader
from .tatoeba import load_tatoeba_cmn
from .text import Poem, read_poems, read_text, split_text
from .time_series import TimeSeries, load_beijing_pm25, load_time_series
from .vocabulary import Vocabulary
from .wordvec_eval import load_analogies, load_simlex999, load_wordsim353

__all__ = [
    "ArrayDataset",
    "BagOfWords",
    "Captioned",
    "DataLoader",
    "Poem",
    "Storm",
    "StreamLoader",
    "TimeSeries",
    "Vocabulary",
    "default_collate",
    "detokenize",
    "load_analogies",
    "load_beijing_pm25",
    "load_brown",
    "load_chinese_names",
    "load_creditcard",
    "load_digits",
    "load_emoji_captions",
    "load_flickr8k",
    "load_folder",
    "load_hurdat2",
    "load_mnist",
    "load_multi30k",
    "load_names_gender",
    "load_resume_ner",
    "load_rt_polarity",
    "load_simlex999",
    "load_tatoeba_cmn",
    "load_time_series",
    "load_wnut17",
    "load_wordsim353",
    "pad_sequences",
    "random_colour",
    "random_shift",
    "random_warp",
    "read_conll",
    "read_idx",
    "read_image",
    "read_poems",
    "read_text",
    "resize_images",
    "split_text",
    "stratified_split",
    "tokenize",
]
