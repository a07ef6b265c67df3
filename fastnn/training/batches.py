"""Data as `fit` and `evaluate` take it, turned into a loader; batches split into their parts."""

from ..data import DataLoader


def as_loader(data, batch_size, shuffle, owner, transform=None):
    """A DataLoader, or another re-iterable of batches with a length, as it is; arrays and
    datasets become a DataLoader."""
    is_loader = hasattr(data, "__iter__") and not hasattr(data, "__getitem__")
    if is_loader and hasattr(data, "__len__"):
        if transform is not None:
            raise ValueError(f"{owner}: give the transform to the DataLoader, not beside it")
        return data
    if not hasattr(data, "__getitem__") or not hasattr(data, "__len__"):
        raise TypeError(
            f"{owner}: expected a DataLoader, a dataset or a tuple of arrays (inputs, targets), "
            f"got {type(data).__name__}"
        )
    return DataLoader(data, batch_size, shuffle, transform=transform)


def split_batch(batch, owner):
    """(inputs, target) of a batch (input, ..., input, target)."""
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        got = f"{len(batch)} part" if isinstance(batch, tuple | list) else type(batch).__name__
        raise ValueError(f"{owner}: a batch must be (input, ..., target), got {got}")
    return tuple(batch[:-1]), batch[-1]
