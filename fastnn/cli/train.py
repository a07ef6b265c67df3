"""``fastnn train``: what a run has in common, whatever it trains on.

A *job* (`pictures.Pictures`, `text.Text`) knows its models and its data:

    data, name            what --data names, and how folders and titles call it
    defaults              the options that it has, with their values (a seed has every run)
    title                 of the picture of the training
    load(options)         read the data
    heading(options)      what is said at the start
    model(options)        a new one
    metadata(model)       what its checkpoint needs beside the parameters: {str: str}
    fit_options(model, options, quiet)           its arguments of `training.fit`
    report(model, history, metadata, files)      what is said at the end of the best epoch's model,
                          whose metadata these are; and the next command
"""

import json
import os

_OPTIONS = (
    "epochs", "batch_size", "lr", "size", "steps", "clip", "cell", "layers", "units", "dropout",
    "min_count", "seed",
)  # fmt: skip


def train(arguments):
    import fastnn

    if arguments.threads:
        fastnn.set_num_threads(arguments.threads)
    job = _job(arguments)
    files = Files(arguments.out or os.path.join("runs", f"{arguments.model}-{job.name}"))
    saved = _saved(arguments, job, files)
    options = _options(arguments, job, saved)
    job.load(options)
    threads = fastnn.get_num_threads()
    print(
        f"{job.heading(options)}, {options['epochs']} epochs, seed {options['seed']}; "
        f"{threads} thread{'s'[: threads > 1]}",
        flush=True,
    )
    fastnn.manual_seed(options["seed"])
    model = job.model(options)
    history = _fit(arguments, job, options, files, model, saved)
    history.save(files.history)
    _report(job, files, model, history)
    return 0


def _job(arguments):
    from ..models import TEXT_MODELS

    if arguments.model in TEXT_MODELS:
        from .text import Text as Job
    else:
        from .pictures import Pictures as Job
    return Job(arguments.model, arguments.data)


class Files:
    """Where a run's files are."""

    def __init__(self, out):
        self.out = out
        self.best = os.path.join(out, "best.safetensors")
        self.last = os.path.join(out, "last.safetensors")
        self.history = os.path.join(out, "history.json")
        self.plot = os.path.join(out, "training.png")

    def clear(self):
        """Remove an earlier run's files, so that nothing of it can pass for this run's."""
        for path in (self.best, self.last, self.history, self.plot):
            if os.path.exists(path):
                os.remove(path)


def _saved(arguments, job, files):
    """The metadata of the run to resume, or None."""
    from .. import checkpoint

    if not arguments.resume:
        return None
    if not os.path.exists(files.last):
        raise ValueError(f"--resume: there is no {files.last}; has an epoch been completed?")
    _, metadata = checkpoint.load(files.last, with_metadata=True)
    started = (metadata.get("model"), metadata.get("data"))
    if started != (arguments.model, job.data):
        raise ValueError(f"--resume: {files.last} is a run of {started[0]} on {started[1]}")
    return metadata


def _options(arguments, job, saved):
    """epochs, batch_size, ...: as given, else the job's; resuming: the run's own."""
    given = {name: getattr(arguments, name) for name in _OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    defaults = {**job.defaults, "seed": 0}
    for name in given:
        if name not in defaults:
            raise ValueError(f"{_flag(name)}: {arguments.model} has no such option")
    if saved is None:
        return {**defaults, **given}
    options = json.loads(saved["options"])
    for name, value in given.items():
        if value != options[name]:
            raise ValueError(
                f"--resume: the run was started with {_flag(name)} {options[name]} "
                "and goes on with the same"
            )
    return options


def _flag(name):
    return f"--{name.replace('_', '-')}"


def _fit(arguments, job, options, files, model, saved):
    from .. import __version__
    from ..training import ModelCheckpoint, TrainingInterrupted, fit

    own = job.metadata(model)
    if saved is None:
        os.makedirs(files.out, exist_ok=True)
        files.clear()
    elif any(saved.get(name) != value for name, value in own.items()):
        raise ValueError(f"--resume: {job.data} has changed since the run was started")
    metadata = {
        "model": arguments.model,
        **own,
        "data": job.data,
        "options": json.dumps(options),
        "fastnn": __version__,
    }
    try:
        return fit(
            model,
            epochs=options["epochs"],
            progress=not arguments.quiet,
            checkpoint=ModelCheckpoint(files.best, last=files.last, metadata=metadata),
            resume=files.last if arguments.resume else None,
            **job.fit_options(model, options, arguments.quiet),
        )
    except TrainingInterrupted as stop:
        if stop.epoch == 0:
            raise KeyboardInterrupt("interrupted before the end of the first epoch") from None
        again = f"fastnn train {arguments.model}"
        if arguments.data is not None:
            again += f" --data {arguments.data}"
        if arguments.out:
            again += f" --out {arguments.out}"
        raise KeyboardInterrupt(
            f"interrupted; epoch {stop.epoch} is saved, go on with: {again} --resume"
        ) from None


def _report(job, files, model, history):
    """How good the best epoch is, and where everything is."""
    from .. import checkpoint
    from ..training import plot_history

    best, metadata = checkpoint.load(files.best, with_metadata=True)
    model.load_state_dict(best)
    text, following = job.report(model, history, metadata, files)
    try:
        plot_history(history, files.plot, title=job.title, kept=int(metadata["epoch"]))
        plot_line = files.plot
    except ImportError as error:
        plot_line = f"(no picture of the training: {error})"
    print(
        f"{text}\n"
        "files\n"
        f"  {files.best}   the model\n"
        f"  {files.last}   the state to resume from\n"
        f"  {files.history}\n"
        f"  {plot_line}\n"
        "next\n"
        f"  {following}"
    )
