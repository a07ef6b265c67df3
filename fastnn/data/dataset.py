"""Arrays that belong together, and the fixed way to split them."""

import numpy as np


class ArrayDataset:
    """Samples as rows of equally long arrays: sample i is `(arrays[0][i], arrays[1][i], ...)`.

    arrays   one or more arrays (N, ...), kept, not copied. A loader's result: images
             (N, C, H, W), labels (N,) int64.
    classes  optional list: `classes[label]` is the label's name.

    `len(ds)` is N. `ds[i]` is one sample, `ds[3:7]` or `ds[[5, 1]]` a tuple of batches.
    Raises ValueError for no arrays, arrays of unequal length, or arrays without an axis.
    """

    def __init__(self, *arrays, classes=None):
        self.arrays = tuple(np.asarray(array) for array in arrays)
        self.classes = None if classes is None else list(classes)
        shapes = [array.shape for array in self.arrays]
        if not shapes or () in shapes or len({shape[0] for shape in shapes}) != 1:
            raise ValueError(
                f"ArrayDataset: expected one or more arrays of one length, got shapes {shapes}"
            )

    def __len__(self):
        return len(self.arrays[0])

    def __getitem__(self, index):
        return tuple(array[index] for array in self.arrays)

    def __repr__(self):
        arrays = ", ".join(f"{array.dtype} {array.shape}" for array in self.arrays)
        return f"{type(self).__name__}({arrays})"

    def take(self, indices):
        """The batch of these samples: one gather an array, always copies."""
        # ndarray.take is the quicker one, but copies a strided array whole first
        return tuple(
            array.take(indices, axis=0) if array.flags.c_contiguous else array[indices]
            for array in self.arrays
        )

    def subset(self, indices):
        """A new dataset of these samples (copies)."""
        return ArrayDataset(*self.take(np.asarray(indices)), classes=self.classes)


def stratified_split(labels, every=5):
    """Indices (train, test): every fifth sample of each class is for testing.

    Write the samples class by class, each class in its given order; positions 0, 5, 10, ... of
    that list are the test set. No random numbers: the split is the same everywhere, for ever.
    Both results are sorted. `every` must be an int >= 2.
    """
    if not isinstance(every, int) or every < 2:
        raise ValueError(f"stratified_split: every must be an int >= 2, got {every!r}")
    by_class = np.argsort(labels, kind="stable")
    is_test = np.zeros(len(by_class), bool)
    is_test[by_class[::every]] = True
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def image_dataset(images, labels, classes, dtype, peak=255):
    """ArrayDataset of uint8 images as they are, or as floats `images / peak` in [0, 1]."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        images = images.astype(dtype)
        images /= peak
    elif dtype != np.uint8:
        raise TypeError(f"images can be had as uint8 or floats, got dtype {dtype}")
    return ArrayDataset(images, labels.astype(np.int64), classes=classes)
