"""Pictures with what is to be seen on them, in words."""

import csv
import os
import re
import zipfile

import numpy as np

from .images import read_image
from .places import find_folder

STYLES = "twitter", "google"


class Captioned:
    """Pictures and their captions.

    images    uint8 (N, C, H, W), or where they are of many sizes the paths of N files
    captions  N lists of strings: one or more for each picture
    kinds     a string for each picture, its group; None: there are none
    """

    def __init__(self, images, captions, kinds=None):
        if len(images) != len(captions):
            raise ValueError(f"Captioned: {len(images)} pictures, captions of {len(captions)}")
        self.images, self.captions, self.kinds = images, captions, kinds

    def __len__(self):
        return len(self.images)

    def __repr__(self):
        return f"Captioned({len(self)} pictures, {sum(map(len, self.captions))} captions)"


def load_emoji_captions(folder=None):
    """Emoji and their names: (train, test), 3,786 pictures each, RGB of 48 x 48, as `Captioned`.

    Both have the same names in the same order ("woman farmer: medium skin tone"), one a picture;
    training's pictures are Twitter's drawings, those for testing Google's. kinds are Unicode's
    groups ("Food & Drink"). Reading the pictures needs Pillow.

    captions.tsv and emoji48.zip are looked for in `folder`, or else in $FASTNN_DATA/emoji-captions.
    Twemoji 16 and Noto Emoji, names from Unicode CLDR. Raises FileNotFoundError where they are not
    there.
    """
    files = ["captions.tsv", "emoji48.zip"]
    folder = find_folder("load_emoji_captions", "emoji-captions", folder, files)
    table, archive = (os.path.join(folder, name) for name in files)
    with open(table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    with zipfile.ZipFile(archive) as pictures:
        return tuple(_style(pictures, [row for row in rows if row["set"] == s]) for s in STYLES)


def _style(archive, rows):
    images = []
    for row in rows:
        with archive.open(f"{row['set']}/{row['file']}") as file:
            images.append(read_image(file, 3))
    captions = [[row["caption"]] for row in rows]
    return Captioned(np.stack(images), captions, [row["category"] for row in rows])


_PARTS = "train", "dev", "test"
_FLICKR = ["Flickr8k.token.txt", *(f"Flickr_8k.{part}Images.txt" for part in _PARTS)]
_FOLDERS = "Flicker8k_Dataset", "Flickr8k_Dataset", "Images", "images"


def load_flickr8k(folder=None, *, images=None):
    """Photos with five sentences each: (train, validation, test) of 6,000, 1,000 and 1,000, as
    `Captioned` whose images are the paths of files (`read_image`, `resize_images`).

    folder  holds the text archive's files Flickr8k.token.txt ("NAME#0 TAB sentence") and
            Flickr_8k.{train,dev,test}Images.txt; None: $FASTNN_DATA/flickr8k
    images  the folder of photos; None: Flicker8k_Dataset (so spelt by its authors) or Images below
            `folder`

    M. Hodosh, P. Young, J. Hockenmaier, "Framing image description as a ranking task", 2013, JAIR
    47. Photos without sentences, as of a list that is not the token file's, raise ValueError; files
    and folders that are not there FileNotFoundError.
    """
    folder = find_folder("load_flickr8k", "flickr8k", folder, _FLICKR)
    if images is None:
        below = (os.path.join(folder, name) for name in _FOLDERS)
        images = next(filter(os.path.isdir, below), None)
        if images is None:
            raise FileNotFoundError(
                f"load_flickr8k: {folder} has no folder {_FOLDERS[0]}: say where the photos are "
                "with images="
            )
    sentences = {}
    for line in _lines(folder, _FLICKR[0]):
        found = re.fullmatch(r"(.+)#\d+\t(.*)", line)
        if found is None:
            raise ValueError(f"load_flickr8k: expected NAME#NUMBER TAB sentence, got {line!r}")
        sentences.setdefault(found[1], []).append(found[2].strip())
    return tuple(_photos(_lines(folder, name), sentences, images) for name in _FLICKR[1:])


def _photos(names, sentences, images):
    for name in names:
        if name not in sentences:
            raise ValueError(f"load_flickr8k: {_FLICKR[0]} has no sentence for {name}")
    images = os.fsdecode(images)
    return Captioned([os.path.join(images, n) for n in names], [sentences[n] for n in names])


def _lines(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return [line.rstrip() for line in file if line.strip()]
