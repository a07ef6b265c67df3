"""MNIST: found on this machine, or fetched once."""

import os

from .idx import find_idx, load_idx

_MIRRORS = [
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
]
# SHA-256 of the files as LeCun, Cortes and Burges published them
_SUMS = {
    "train-images-idx3": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_FILES = {f"{stem}-ubyte.gz": f"sha256:{digest}" for stem, digest in _SUMS.items()}


def load_mnist(folder=None, *, dtype="float32"):
    """60,000 + 10,000 handwritten digits of 28 x 28 pixels: (train, test).

    images (N, 1, 28, 28): floats in [0, 1], or 0..255 with dtype="uint8"; labels (N,) int64.

    The four IDX files, plain or gzipped, are looked for in `folder` if given, and otherwise in
    $FASTNN_DATA/mnist, then in the user's cache ($XDG_CACHE_HOME or ~/.cache, fastnn/mnist),
    into which they are downloaded when they are nowhere, with their checksums (needs pooch).

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to
    document recognition", Proc. IEEE 86 (1998). Raises FileNotFoundError when `folder` lacks
    a file, ImportError without pooch, OSError if the download fails, ValueError for damaged files.
    """
    if folder is not None:
        parts = find_idx(os.fsdecode(folder))
        if not _complete(parts):
            raise FileNotFoundError(
                f"load_mnist: {os.fsdecode(folder)} must hold {', '.join(_FILES)} "
                "(plain or gzipped)"
            )
        return load_idx(parts, dtype)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    cache = os.path.join(cache, "fastnn", "mnist")
    places = [cache]
    if os.environ.get("FASTNN_DATA"):
        places.insert(0, os.path.join(os.environ["FASTNN_DATA"], "mnist"))
    for place in places:
        parts = find_idx(place)
        if _complete(parts):
            return load_idx(parts, dtype)
    _download(cache, places)
    return load_idx(find_idx(cache), dtype)


def _complete(parts):
    return all(path for part in parts for path in part)


def _download(cache, places):
    advice = f"MNIST is not in {' or '.join(places)}"
    try:
        import pooch
    except ImportError:
        raise ImportError(
            f"load_mnist: {advice}; downloading it needs pooch: pip install 'fastnn[data]'"
        ) from None
    for name, digest in _FILES.items():
        for mirror in _MIRRORS:
            try:
                pooch.retrieve(mirror + name, digest, fname=name, path=cache)
                break
            except Exception as error:  # whatever the network stack of pooch raises
                failure = error
        else:
            raise OSError(
                f"load_mnist: {advice}, and downloading {name} failed: {failure}"
            ) from failure
