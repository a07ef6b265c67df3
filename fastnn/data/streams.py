"""A long sequence in pieces, for truncated backpropagation through time."""

import numpy as np


class StreamLoader:
    """Batches (inputs, targets) of a long sequence that follow one another.

    sequence  an array (L,) or (L, ...), e.g. a text's numbers; read piece by piece
    streams   N: the sequence is cut into N equally long parts, which are read side by side
    steps     k: how far each of them goes on from one batch to the next

    inputs and targets are (k, N, ...), steps first: column n of a batch continues column n of the
    one before, and its targets are its inputs one step later. Each part has (L - 1) // N steps; so
    the sequence's last (L - 1) % N elements fall off, and the last batch is shorter where k does
    not divide a part. Every `for` loop goes over the sequence once; nothing is shuffled.

    Raises ValueError for streams or steps below 1, or a sequence too short for a step in each.
    """

    def __init__(self, sequence, streams, steps):
        for name, value in (("streams", streams), ("steps", steps)):
            if value < 1:
                raise ValueError(f"StreamLoader: {name} must be >= 1, got {value}")
        self.sequence = np.asarray(sequence)
        self.batch_size, self.steps = streams, steps
        self._length = (len(self.sequence) - 1) // streams  # of each part
        if self._length < 1:
            raise ValueError(
                f"StreamLoader: a sequence of {len(self.sequence)} is too short for {streams} "
                f"streams, which need {streams + 1}"
            )

    def __len__(self):
        return -(-self._length // self.steps)

    def __iter__(self):
        used, shape = self._length * self.batch_size, (self.batch_size, self._length)
        now, later = (
            self.sequence[shift : used + shift].reshape(*shape, *self.sequence.shape[1:])
            for shift in (0, 1)
        )
        for start in range(0, self._length, self.steps):
            steps = slice(start, start + self.steps)
            yield now[:, steps].swapaxes(0, 1).copy(), later[:, steps].swapaxes(0, 1).copy()
