"""The training state on disk: everything that decides what the next epoch computes.

Model, optimiser, scheduler, random generator, loader position, callbacks and history go into one
file of named arrays; what is not an array travels as JSON in the file's metadata. No pickle.
"""

import json

import numpy as np

from .. import checkpoint, random
from .history import History

_FORMAT = "fastnn training state 1"


def pack(value, arrays, name):
    """JSON-ready form of nested dicts, lists, tuples, numbers, strings, None and arrays.

    Arrays move to ``arrays[name of the place]``; the JSON keeps a reference. Floats survive
    exactly (JSON's decimal form is the shortest that reads back the same bits).
    """
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"$array": name}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        if all(isinstance(k, str) and not k.startswith("$") for k in value):
            return {k: pack(v, arrays, f"{name}.{k}") for k, v in value.items()}
        items = [[k, pack(v, arrays, f"{name}.{k}")] for k, v in value.items()]
        return {"$items": items}  # JSON would turn the keys into strings
    if isinstance(value, list | tuple):
        packed = [pack(v, arrays, f"{name}.{i}") for i, v in enumerate(value)]
        return packed if isinstance(value, list) else {"$tuple": packed}
    raise TypeError(
        f"training state: {name} is a {type(value).__name__}; a state_dict may hold arrays, "
        "numbers, strings, None, and dicts, lists or tuples of them"
    )


def unpack(value, arrays):
    """The inverse of `pack`."""
    if isinstance(value, list):
        return [unpack(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return arrays[value["$array"]]
    if "$items" in value:
        return {k: unpack(v, arrays) for k, v in value["$items"]}
    if "$tuple" in value:
        return tuple(unpack(v, arrays) for v in value["$tuple"])
    return {k: unpack(v, arrays) for k, v in value.items()}


def save_training_state(path, run, metadata=None):
    """Write the state of `run` after a complete epoch to `path`, in one atomic step."""
    arrays = {}
    state = {
        "epoch": run.epoch,
        "stop": run.stop,
        "batches": run.batches,
        "batch_size": run.batch_size,
        "history": dict(run.history),
        "seconds": run.history.seconds,
        "random": random.get_state(),
        "loader": run.loader.state_dict() if hasattr(run.loader, "state_dict") else None,
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "scheduler": run.scheduler.state_dict() if run.scheduler is not None else None,
        "callbacks": [[type(c).__name__, own] for c in run.callbacks if (own := c.state_dict())],
    }
    packed = {name: pack(value, arrays, name) for name, value in state.items()}
    about = {**(metadata or {}), "format": _FORMAT, "state": json.dumps(packed)}
    checkpoint.save(arrays, path, metadata=about)


def load_training_state(path, run):
    """Put what `save_training_state` wrote back into `run`; ValueError where it does not fit."""
    arrays, metadata = checkpoint.load(path, with_metadata=True)
    if metadata.get("format") != _FORMAT:
        raise ValueError(
            f"fit: resume: {path} is a checkpoint, but holds no training state to resume from "
            "(the best model's file has only parameters: name the 'last' file)"
        )
    state = unpack(json.loads(metadata["state"]), arrays)
    _check_same(path, "batch size", state["batch_size"], run.batch_size)
    _check_same(path, "number of batches an epoch", state["batches"], run.batches)
    keepers = [c for c in run.callbacks if c.state_dict()]  # those with a state of their own
    saved, now = [name for name, _ in state["callbacks"]], [type(c).__name__ for c in keepers]
    _check_same(path, "set of callbacks", ", ".join(saved) or "none", ", ".join(now) or "none")
    had_scheduler = state["scheduler"] is not None
    _check_same(path, "use of a scheduler", had_scheduler, run.scheduler is not None)

    run.model.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    if had_scheduler:
        run.scheduler.load_state_dict(state["scheduler"])
    for callback, (_, own) in zip(keepers, state["callbacks"], strict=True):
        callback.load_state_dict(own)
    random.set_state(state["random"])
    if state["loader"] is not None:
        run.loader.load_state_dict(state["loader"])
    run.history = History(state["history"], state["seconds"])
    run.epoch, run.stop = state["epoch"], state["stop"]


def _check_same(path, what, saved, now):
    if saved != now:
        raise ValueError(
            f"fit: resume: {path} was saved with another {what} ({saved}) than this run ({now}); "
            "an exact continuation needs the same"
        )
