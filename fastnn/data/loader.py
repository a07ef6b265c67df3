"""Batches, in an order that depends on (seed, epoch) alone."""

import os
from collections import deque
from contextlib import closing

import numpy as np

from .dataset import ArrayDataset

_POOL = 50  # batches that are sorted by length together


class DataLoader:
    """Iterates over a dataset in batches; each `for` loop over it is one epoch.

    dataset      an `ArrayDataset`; a tuple of arrays of one length, taken for one; an array; or
                 anything with `__len__` and `__getitem__`.
    batch_size   samples a batch; the last one is smaller, or left out with `drop_last`.
    shuffle      a new order every epoch, a function of (seed, epoch).
    seed         a non-negative int; None draws one from `fastnn.manual_seed`'s generator.
    collate_fn   list of samples -> batch, called for every batch; without it arrays are
                 gathered directly, and other samples go through `default_collate`.
    transform    `transform(batch, rng) -> batch`, e.g. `random_shift(2)`; `rng` is a
                 `numpy.random.Generator` of its own for each (seed, epoch, batch).
    lengths      a number for each sample, e.g. its steps: batches are of samples of about equal
                 length, so that little of a padded batch is padding. Shuffled, they are made of
                 50 batches' worth of random samples at a time; otherwise in the order of length.
    prefetch     how many batches a second thread prepares ahead; 0: none does. The batches are
                 the same. `dataset`, `collate_fn` and `transform` are then used in that thread.

    The position is kept: `state_dict()` between two batches, and `load_state_dict` in another
    process, continue with the very next batch. A loop that was left early is not continued: the
    next loop is the next epoch.
    """

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=False,
        *,
        seed=None,
        drop_last=False,
        collate_fn=None,
        transform=None,
        lengths=None,
        prefetch=0,
    ):
        if isinstance(dataset, tuple):
            dataset = ArrayDataset(*dataset)
        if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
            raise TypeError(
                "DataLoader: dataset needs __len__ and __getitem__, "
                f"{type(dataset).__name__} has not both"
            )
        self.dataset = dataset
        self.batch_size = _integer("batch_size", batch_size, 1)
        self.shuffle = bool(shuffle)
        self.drop_last = bool(drop_last)
        self.collate_fn = collate_fn
        self.transform = transform
        self.prefetch = _integer("prefetch", prefetch, 0)
        self.lengths = None if lengths is None else np.asarray(lengths)
        if lengths is not None and self.lengths.shape != (len(dataset),):
            raise ValueError(
                f"DataLoader: lengths must have shape ({len(dataset)},), one a sample, "
                f"got {self.lengths.shape}"
            )
        if seed is None and (shuffle or transform is not None):
            from ..random import next_seed

            seed = next_seed()
        self.seed = _integer("seed", seed or 0, 0)
        self._epoch = 0  # of the batch that comes next
        self._batch = 0  # its number in that epoch
        self._current = None  # the latest loop, while it is under way

    def __len__(self):
        """Batches in a whole epoch."""
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self):
        if self._current is not None:  # left early
            self._epoch, self._batch = self._epoch + 1, 0
        self._current = loop = object()
        return self._loop(loop, self._epoch, range(self._batch, len(self)))

    def _loop(self, loop, epoch, numbers):
        order = self._order(epoch)

        def make(number):
            return self._make(order, epoch, number)

        if self.prefetch:
            batches = _ahead(make, numbers, self.prefetch)
        else:
            batches = (make(number) for number in numbers)
        with closing(batches):
            for number, batch in zip(numbers, batches, strict=True):
                if self._current is loop:  # not after set_epoch, or another loop's start
                    self._batch = number + 1
                yield batch
        if self._current is loop:
            self._epoch, self._batch, self._current = epoch + 1, 0, None

    def _order(self, epoch):
        n, rng = len(self.dataset), self._rng(epoch)
        order = rng.permutation(n) if self.shuffle else np.arange(n)
        if self.lengths is None:
            return order
        pool = _POOL * self.batch_size if self.shuffle else max(n, 1)
        order = np.concatenate([
            part[np.argsort(self.lengths[part], kind="stable")]
            for part in np.split(order, range(pool, n, pool))
        ])  # fmt: skip
        if self.shuffle:  # whole batches; what is left over stays at the end
            whole = n // self.batch_size
            batches = order[: whole * self.batch_size].reshape(whole, self.batch_size)
            order[: batches.size] = rng.permutation(batches).reshape(-1)
        return order

    def _rng(self, *key):
        from numpy.random import PCG64, Generator, SeedSequence

        return Generator(PCG64(SeedSequence(self.seed, spawn_key=key)))

    def _make(self, order, epoch, number):
        """Batch `number` of `epoch`: a pure function, whichever thread calls it."""
        indices = order[number * self.batch_size : (number + 1) * self.batch_size]
        if self.collate_fn is None and isinstance(self.dataset, ArrayDataset):
            batch = self.dataset.take(indices)
        elif self.collate_fn is None and isinstance(self.dataset, np.ndarray):
            batch = self.dataset[indices]
        else:
            samples = [self.dataset[i] for i in indices.tolist()]
            batch = (self.collate_fn or default_collate)(samples)
        if self.transform is not None:
            batch = self.transform(batch, self._rng(epoch, number))
        return batch

    def set_epoch(self, epoch):
        """The next loop is this epoch, from its first batch."""
        self._epoch, self._batch, self._current = _integer("epoch", epoch, 0), 0, None

    def state_dict(self):
        """The position of the batch that comes next: {"seed", "epoch", "batch"}, ints."""
        return {"seed": self.seed, "epoch": self._epoch, "batch": self._batch}

    def load_state_dict(self, state):
        """Continue where `state_dict` was taken; the next loop gives that epoch's rest."""
        if set(state) != {"seed", "epoch", "batch"}:
            raise ValueError(
                f"DataLoader: state has {sorted(state)}, expected seed, epoch and batch"
            )
        seed, epoch, batch = (_integer(k, state[k], 0) for k in ("seed", "epoch", "batch"))
        if batch > len(self):
            raise ValueError(f"DataLoader: state is at batch {batch}, an epoch has {len(self)}")
        self.seed, self._epoch, self._batch, self._current = seed, epoch, batch, None


def _integer(name, value, least):
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"DataLoader: {name} must be an int, got {type(value).__name__}")
    if value < least:
        raise ValueError(f"DataLoader: {name} must be >= {least}, got {value}")
    return int(value)


def _ahead(make, numbers, depth):
    """`make(number)` for each number, up to `depth` of them made in advance by one thread.

    The thread ends with the generator, even one that is dropped half-way. A process forked in
    the middle has no such thread, and goes on by itself.
    """
    from concurrent.futures import ThreadPoolExecutor

    owner = os.getpid()
    executor = ThreadPoolExecutor(1, "fastnn-prefetch")
    submitted = iter(numbers)
    results = deque()
    try:
        for number in numbers:
            if os.getpid() != owner:
                yield make(number)
                continue
            while len(results) <= depth and (ahead := next(submitted, None)) is not None:
                results.append(executor.submit(make, ahead))
            yield results.popleft().result()
    finally:
        if os.getpid() == owner:
            executor.shutdown(cancel_futures=True)


def default_collate(samples):
    """Samples -> batch: arrays and numbers are stacked; tuples, lists and dicts go item by item;
    strings stay a list. Raises ValueError when samples differ in shape or structure."""
    first = samples[0]
    if isinstance(first, (str, bytes)):
        return list(samples)
    if isinstance(first, dict):
        return {key: default_collate([sample[key] for sample in samples]) for key in first}
    if isinstance(first, (tuple, list)):
        return tuple(default_collate(list(items)) for items in zip(*samples, strict=True))
    arrays = [np.asarray(sample) for sample in samples]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"default_collate: samples have different shapes: {sorted(shapes)}")
    return np.stack(arrays)
