"""Which rows of a batch of sequences a recurrent layer computes when."""

import numpy as np

from .._kernels import memory


class Sequence:
    """The order in which a layer goes through x (T, N, D): R rows, step after step.

    lengths (N,): row n of the batch has that many steps, 0 to T, and what lies beyond takes no
    part; None: all have T. The batch is sorted, longest first: so a step's rows are the first ones,
    and it shrinks as sequences end. reverse: each row goes from its last step to its first.

    begin (T + 1,): where each step's rows begin, at last R; a step never has more rows than the one
    before. The states of a layer are N + R rows: the first ones, then those after each of the R.
    """

    def __init__(self, op, shape, lengths=None, reverse=False):
        self.steps, self.batch = shape
        self.reverse = bool(reverse)
        self.padded = lengths is not None
        if not self.padded:
            self.begin = np.arange(self.steps + 1) * self.batch
            return
        lengths = check_lengths(op, lengths, *shape)
        self.order = np.argsort(-lengths, kind="stable")
        lengths = lengths[self.order]
        ended = np.cumsum(np.bincount(lengths, minlength=self.steps + 1))[: self.steps]
        rows = self.batch - ended
        self.begin = np.concatenate(([0], np.cumsum(rows)))
        step = np.repeat(np.arange(self.steps), rows)
        row = np.arange(self.begin[-1]) - self.begin[step]
        time = lengths[row] - 1 - step if self.reverse else step
        self._places = time * self.batch + self.order[row]
        after = np.concatenate(([0], self.batch + self.begin[:-1]))  # where a step's states begin
        self._before = after[step] + row
        self._last = after[lengths] + np.arange(self.batch)

    @property
    def rows(self):
        """R"""
        return int(self.begin[-1])

    def gather(self, a):
        """a (T, N, width) -> (R, width), in the order of computation, contiguous."""
        flat = (self.steps * self.batch, a.shape[2])
        if self.padded:
            return a.reshape(flat)[self._places]
        return np.ascontiguousarray(a[::-1] if self.reverse else a).reshape(flat)

    def scatter(self, rows):
        """(R, width) -> (T, N, width) in the order of time, 0 where a row has no step."""
        shape = (self.steps, self.batch, rows.shape[1])
        if self.padded:
            a = memory.empty_array(shape, rows.dtype.num)
            a[...] = 0
            a.reshape(-1, shape[2])[self._places] = rows
            return a
        a = rows.reshape(shape)
        return a[::-1] if self.reverse else a

    def sort(self, state):
        """(N, U), rows of the batch as given -> as computed."""
        return state[self.order] if self.padded else state

    def unsort(self, state):
        """(N, U), rows of the batch as computed -> as given."""
        if not self.padded:
            return state
        given = np.empty_like(state)
        given[self.order] = state
        return given

    def last(self, states):
        """(N + R, U) -> (N, U): each row's state after its last step, the batch as given."""
        return self.unsort(states[self._last]) if self.padded else states[self.rows :]

    def before(self, states):
        """(N + R, U) -> (R, U): the state before each row's step."""
        return states[self._before] if self.padded else states[: self.rows]


def check_lengths(op, lengths, steps, batch, name="lengths"):
    """lengths as intp (batch,), each in 0..steps."""
    lengths = np.asarray(lengths)
    if lengths.dtype.kind not in "iu":
        raise TypeError(f"{op}: {name} must be integers, got {lengths.dtype}")
    if lengths.shape != (batch,):
        raise ValueError(f"{op}: {name} must have shape ({batch},), got {lengths.shape}")
    if batch and not (lengths.min() >= 0 and lengths.max() <= steps):
        wrong = lengths[(lengths < 0) | (lengths > steps)][0]
        raise ValueError(f"{op}: {name} must be in 0..{steps}, got {wrong}")
    return lengths.astype(np.intp)
