"""What `fit` returns: one list a recorded quantity, one entry an epoch."""

import json


class History(dict):
    """A dict of lists: ``history["val_accuracy"][3]`` is the fourth epoch's.

    Keys: ``loss`` and the metrics of the training epochs, the same with ``val_`` in front where
    there was a validation set, and ``lr``. Two runs that did the same arithmetic compare equal;
    the time that each epoch took is therefore no key but the attribute ``seconds``.
    """

    def __init__(self, values=(), seconds=()):
        super().__init__(values)
        self.seconds = list(seconds)

    @property
    def epochs(self):
        """Number of epochs recorded."""
        return len(self.seconds)

    def append(self, row, seconds):
        """Record one epoch: `row` is a dict of numbers."""
        for name, value in row.items():
            self.setdefault(name, []).append(value)
        self.seconds.append(seconds)

    def row(self, epoch):
        """The numbers of one epoch (0-based; -1 is the last) as a dict."""
        return {name: values[epoch] for name, values in self.items()}

    def best_epoch(self, monitor="val_loss", mode=None):
        """The 0-based epoch with the best `monitor`; `mode` as in `EarlyStopping`."""
        from .callbacks import better

        if monitor not in self:
            raise KeyError(f"best_epoch: history has no {monitor!r}; it has {', '.join(self)}")
        is_better, best = better(monitor, mode), 0
        for epoch, value in enumerate(self[monitor]):
            if is_better(value, self[monitor][best]):
                best = epoch
        return best

    def save(self, path):
        """Write the history as JSON: ``{"loss": [...], ..., "seconds": [...]}``."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump({**self, "seconds": self.seconds}, file, indent=1)
            file.write("\n")

    @classmethod
    def load(cls, path):
        """Read what `save` wrote."""
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
        return cls(values, values.pop("seconds"))

    def __repr__(self):
        last = ", ".join(f"{name} {v[-1]:.4g}" for name, v in self.items() if v)
        return f"History({self.epochs} epochs; last: {last})" if last else "History(empty)"
