"""The ``fastnn`` command: train a model by name, use it on a picture, show the configuration.

Results go to standard output, progress and errors to standard error. Exit status: 0, 2 for an
error (one line says which), 130 for Ctrl-C.
"""

import argparse
import os
import sys
import textwrap
from dataclasses import replace

_EXAMPLES = """\
examples:
  fastnn train lenet5                          the embedded digits, under a minute
  fastnn train lenet5 --data mnist --out runs/mnist
  fastnn train resnet20 --data my-pictures/    one subfolder of pictures a class
  fastnn train lenet5 --resume                 go on after Ctrl-C
  fastnn predict runs/lenet5-digits/best.safetensors seven.png --top 3
  fastnn info
"""
_OPTIONS = ("epochs", "batch_size", "lr", "size", "seed")  # those that a resumed run keeps
_EVALUATED_PIXELS = 2**18  # at a time, in one channel of the input


class _Parser(argparse.ArgumentParser):
    """argparse, but an error is one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv=None):
    """Run the command; returns the exit status."""
    try:
        arguments = _parser().parse_args(argv)
        return arguments.run(arguments)
    except KeyboardInterrupt as interrupt:
        return _fail(130, str(interrupt) or "interrupted")
    except BrokenPipeError:  # the reader of our output has gone: nothing left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(2, f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (ValueError, ImportError, FloatingPointError) as error:
        return _fail(2, str(error))


def _fail(status, message):
    print(f"fastnn: {' '.join(message.split())}", file=sys.stderr)
    return status


def _parser():
    from . import __version__
    from .models import FAMILIES, MODELS

    parser = _Parser(
        prog="fastnn",
        description="Train neural networks on the CPU.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"fastnn {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")

    def command(name, run, help, description, epilog=None):
        sub = commands.add_parser(
            name, help=help, description=description, epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        sub.set_defaults(run=run)
        return sub

    train = command(
        "train", _train, "train a model and measure it on a test set",
        "Train a model, keep the epoch that is best on validation data, and measure it once on\n"
        "the test set. Writes the best model, the state to resume from, the history and (with\n"
        "matplotlib) a picture of the training to one folder. What is not given is chosen for the\n"
        "model and the data.",
        "models:\n" + "\n".join(
            f"  {family:<28}{textwrap.fill(' '.join(models), 68, subsequent_indent=' ' * 30)}"
            for family, models in FAMILIES.items()
        ),
    )  # fmt: skip
    train.add_argument("model", choices=list(MODELS), help="its name, see below", metavar="MODEL")
    train.add_argument(
        "--data", default="digits", metavar="DATA",
        help="digits (embedded, the default), mnist (found in $FASTNN_DATA or downloaded), or a "
             "folder: one subfolder of pictures a class, or train/ and test/ of such, or IDX files",
    )  # fmt: skip
    train.add_argument("--epochs", type=_at_least(int, 1), metavar="N",
                       help="passes over the training data")  # fmt: skip
    train.add_argument("--batch-size", type=_at_least(int, 1), metavar="N",
                       help="pictures a step")  # fmt: skip
    train.add_argument("--lr", type=_positive, metavar="X", help="initial learning rate")
    train.add_argument("--size", type=_at_least(int, 1), metavar="N",
                       help="height and width that the pictures are brought to")  # fmt: skip
    train.add_argument("--seed", type=_at_least(int, 0), metavar="N",
                       help="of weights, order and augmentation (default 0): the same seed gives "
                            "the same model, bit by bit, on any number of threads")  # fmt: skip
    train.add_argument("--threads", type=_at_least(int, 1), metavar="N",
                       help="default: the cores this process may use")  # fmt: skip
    train.add_argument("--out", metavar="DIR",
                       help="folder for the results (default runs/MODEL-DATA); those of an "
                            "earlier run there are replaced")  # fmt: skip
    train.add_argument("--resume", action="store_true",
                       help="go on with the run in DIR after its last complete epoch, ending with "
                            "the same bits as if it had never stopped")  # fmt: skip
    train.add_argument("--quiet", action="store_true", help="no progress")

    predict = command(
        "predict", _predict, "classify a picture with a trained model",
        "Classify a picture with a model that `fastnn train` wrote. PNG, JPEG and other kinds of\n"
        "picture need Pillow; .npy (uint8, or floats from 0 to 1), .pgm and .ppm need nothing.",
    )  # fmt: skip
    predict.add_argument("checkpoint", metavar="CHECKPOINT", help="best.safetensors of a run")
    predict.add_argument("image", metavar="IMAGE", help="the picture")
    predict.add_argument("--top", type=_at_least(int, 1), default=3, metavar="K",
                         help="how many classes to print (default 3)")  # fmt: skip

    command("info", _info, "show instruction set, threads and build", "Show what fastnn runs on.")
    return parser


def _at_least(kind, least):
    def parse(text):
        value = kind(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"must be >= {least}, got {text}")
        return value

    parse.__name__ = kind.__name__  # argparse: "invalid int value"
    return parse


def _positive(text):
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number > 0, got {text}")
    return value


_positive.__name__ = "number"


# ---- train ------------------------------------------------------------------------------------


def _train(arguments):
    import fastnn

    from .models import MODELS
    from .models.task import kind_and_name, load_task

    if arguments.threads:
        fastnn.set_num_threads(arguments.threads)
    build, recipe = MODELS[arguments.model]
    kind, name = kind_and_name(arguments.data)
    files = _Files(arguments.out or os.path.join("runs", f"{arguments.model}-{name}"))
    options = _options(arguments, recipe.options(kind), files)
    size = (options["size"], options["size"])
    task = load_task(arguments.data, replace(recipe.preparation, size=size))
    inputs = " x ".join(map(str, (task.preparation.channels, *size)))
    threads = fastnn.get_num_threads()
    print(
        f"{recipe.title} on {task.name}: {len(task.train[1]):,} training, "
        f"{len(task.validation[1]):,} validation and {len(task.test[1]):,} test images "
        f"of {len(task.classes)} classes\n  split: {task.split}\n"
        f"  {recipe.summary}; inputs of {inputs}, learning rate {options['lr']:g}, "
        f"batches of {options['batch_size']}, {options['epochs']} epochs, seed {options['seed']}; "
        f"{threads} thread{'s'[: threads > 1]}",
        flush=True,
    )

    fastnn.manual_seed(options["seed"])
    model = build(num_classes=len(task.classes), in_channels=task.preparation.channels)
    history = _fit(arguments, recipe, task, options, files, model)
    history.save(files.history)
    _report(recipe, task, files, model, history)
    return 0


class _Files:
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


def _options(arguments, defaults, files):
    """epochs, batch_size, ...: as given, else the recipe's; resuming: the run's own."""
    import json

    from . import checkpoint

    given = {name: getattr(arguments, name) for name in _OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    if not arguments.resume:
        return {**defaults, "seed": 0, **given}
    if not os.path.exists(files.last):
        raise ValueError(f"--resume: there is no {files.last}; has an epoch been completed?")
    _, metadata = checkpoint.load(files.last, with_metadata=True)
    started = (metadata.get("model"), metadata.get("data"))
    if started != (arguments.model, arguments.data):
        raise ValueError(f"--resume: {files.last} is a run of {started[0]} on {started[1]}")
    options = json.loads(metadata["options"])
    for name, value in given.items():
        if value != options[name]:
            raise ValueError(
                f"--resume: the run was started with --{name.replace('_', '-')} {options[name]} "
                "and goes on with the same"
            )
    return options


def _evaluated(task):
    """How many pictures to evaluate at a time: as few as their size asks for."""
    height, width = task.preparation.size
    return min(256, max(1, _EVALUATED_PIXELS // (height * width)))


def _fit(arguments, recipe, task, options, files, model):
    import json

    from . import __version__
    from .data import DataLoader
    from .training import ModelCheckpoint, TrainingInterrupted, fit

    os.makedirs(files.out, exist_ok=True)
    if not arguments.resume:
        files.clear()
    metadata = {
        "model": arguments.model,
        "classes": json.dumps(task.classes),
        "preparation": task.preparation.to_json(),
        "data": arguments.data,
        "options": json.dumps(options),
        "fastnn": __version__,
    }
    optimizer = recipe.optimizer(model, options["lr"])
    loader = DataLoader(
        task.train, options["batch_size"], shuffle=True, prefetch=2,
        transform=recipe.transform(task.preparation),
    )  # fmt: skip
    try:
        return fit(
            model, loader,
            validation=DataLoader(task.validation, _evaluated(task)),
            loss=recipe.loss,
            optimizer=optimizer,
            scheduler=recipe.scheduler(optimizer, options["epochs"]),
            epochs=options["epochs"],
            progress=not arguments.quiet,
            checkpoint=ModelCheckpoint(files.best, last=files.last, metadata=metadata),
            resume=files.last if arguments.resume else None,
        )  # fmt: skip
    except TrainingInterrupted as stop:
        if stop.epoch == 0:
            raise KeyboardInterrupt("interrupted before the end of the first epoch") from None
        again = f"fastnn train {arguments.model}"
        if arguments.data != "digits":
            again += f" --data {arguments.data}"
        if arguments.out:
            again += f" --out {arguments.out}"
        raise KeyboardInterrupt(
            f"interrupted; epoch {stop.epoch} is saved, go on with: {again} --resume"
        ) from None


def _report(recipe, task, files, model, history):
    """The test accuracy, measured here and nowhere else, and where everything is."""
    from . import checkpoint
    from .models.pictures import write_pnm
    from .training import evaluate, plot_history

    best, metadata = checkpoint.load(files.best, with_metadata=True)
    model.load_state_dict(best)
    accuracy = evaluate(model, task.test, batch_size=_evaluated(task))["accuracy"]
    total = len(task.test[1])
    right = round(accuracy * total)
    seconds = sum(history.seconds)
    speed = len(task.train[1]) * history.epochs / seconds
    label = task.classes[task.example[1]]
    suffix = "pgm" if len(task.example[0]) == 1 else "ppm"
    example = os.path.join(files.out, f"example-{label}.{suffix}".replace(os.sep, "-"))
    write_pnm(example, task.example[0])
    try:
        plot_history(history, files.plot, title=f"{recipe.title} on {task.name}",
                     kept=int(metadata["epoch"]))  # fmt: skip
        plot_line = files.plot
    except ImportError as error:
        plot_line = f"(no picture of the training: {error})"
    print(
        f"test accuracy {accuracy:.2%} ({right:,} of {total:,} right, {1 - accuracy:.2%} error)\n"
        f"  of epoch {metadata['epoch']}, the best on the validation images; "
        "the test images were used this once\n"
        f"trained in {seconds:.1f} s ({speed:,.0f} images/s, validation included)\n"
        "files\n"
        f"  {files.best}   the model\n"
        f"  {files.last}   the state to resume from\n"
        f"  {files.history}\n"
        f"  {plot_line}\n"
        "next\n"
        f"  fastnn predict {files.best} {example}"
    )


# ---- predict, info ----------------------------------------------------------------------------


def _predict(arguments):
    import json

    import numpy as np

    from . import checkpoint
    from .functional import softmax
    from .models import MODELS, Preparation
    from .models.pictures import read_picture
    from .training import predict

    weights, metadata = checkpoint.load(arguments.checkpoint, with_metadata=True)
    if "state" in metadata:
        raise ValueError(f"{arguments.checkpoint} is a training state: name best.safetensors")
    if metadata.get("model") not in MODELS:
        raise ValueError(f"{arguments.checkpoint} is no model that `fastnn train` wrote")
    classes = json.loads(metadata["classes"])
    preparation = Preparation.from_json(metadata["preparation"])
    build, _ = MODELS[metadata["model"]]
    model = build(num_classes=len(classes), in_channels=preparation.channels)
    model.load_state_dict(weights)

    picture = read_picture(arguments.image, preparation.channels)
    picture, inverted = preparation.with_polarity(picture)
    logits = predict(model, preparation(picture))
    probabilities = np.asarray(softmax(logits, 1))[0]
    if inverted:
        print("(light ground: the picture was inverted)")
    for i in np.argsort(-probabilities, kind="stable")[: arguments.top]:
        print(f"{probabilities[i]:8.2%}  {classes[i]}")
    return 0


def _info(arguments):
    from . import show_config

    show_config()
    return 0
