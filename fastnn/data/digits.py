"""The digits that come with the package."""

import os

from .dataset import image_dataset, stratified_split
from .idx import read_idx

_HERE = os.path.dirname(__file__)


def load_digits(*, dtype="float32"):
    """1,797 handwritten digits of 8 x 8 pixels: (train, test), 1,437 and 360 of them.

    images (N, 1, 8, 8): floats in [0, 1], or the original counts 0..16 with dtype="uint8";
    labels (N,) int64; `.classes` is ["0", ..., "9"]. The split is `stratified_split`'s: every
    fifth image of each digit is for testing.

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits" (1998), UCI
    Machine Learning Repository, https://doi.org/10.24432/C50P49, licence CC BY 4.0; its test
    set, in the copy that scikit-learn carries. `fastnn/data/digits-ATTRIBUTION.txt` says more.
    """
    images = read_idx(os.path.join(_HERE, "digits-images-idx3-ubyte.gz"))[:, None]
    labels = read_idx(os.path.join(_HERE, "digits-labels-idx1-ubyte.gz"))
    classes = [str(digit) for digit in range(10)]
    return tuple(
        image_dataset(images[part], labels[part], classes, dtype, peak=16)
        for part in stratified_split(labels)
    )
