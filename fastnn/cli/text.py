"""Models of text: their part of ``fastnn train``, and ``fastnn sample``."""

import math
import sys
import textwrap

from ..training import Callback

_SAMPLE = 200  # characters, written after every epoch
_TEMPERATURE = 0.8


class Text:
    """A job of `train.train`; data: a text file."""

    def __init__(self, model, data):
        from ..models import TEXT_MODELS
        from ..models.text import text_name

        if data is None:
            raise ValueError(f"train {model}: name a text file: --data FILE")
        self.data = data
        self._build, self._recipe = TEXT_MODELS[model]
        self.name = text_name(data)
        self.defaults = self._recipe.defaults
        self.title = f"{self._recipe.title} on {self.name}"

    def load(self, options):
        from ..models.text import load_text

        self._task = load_text(self.data, options["min_count"])
        self._loaders = self._task.loaders(options["batch_size"], options["steps"])

    def heading(self, options):
        task = self._task
        return (
            f"{self.title}: {len(task.train):,} training and {len(task.validation):,} validation "
            f"characters, {len(task.vocabulary):,} different\n  split: {task.split}\n"
            f"  {options['layers']} x {options['units']} {options['cell']}, dropout "
            f"{options['dropout']:g}; {self._recipe.summary}, learning rate {options['lr']:g}, "
            f"gradient clipped to {options['clip']:g}; {options['batch_size']} streams in steps of "
            f"{options['steps']}"
        )

    def model(self, options):
        choices = {name: options[name] for name in ("cell", "units", "layers", "dropout")}
        return self._build(len(self._task.vocabulary), **choices)

    def metadata(self, model):
        from ..models.char_rnn import metadata_of

        return metadata_of(model, self._task.vocabulary)

    def fit_options(self, model, options, quiet):
        recipe = self._recipe
        optimizer = recipe.optimizer(model, options["lr"])
        train, validation = self._loaders
        return {
            "train": train,
            "validation": validation,
            "loss": recipe.loss,
            "metrics": (),
            "optimizer": optimizer,
            "scheduler": recipe.scheduler(optimizer, options["epochs"]),
            "grad_clip": options["clip"],
            "stateful": True,
            "callbacks": () if quiet else Samples(self._task.vocabulary, options["seed"]),
        }

    def report(self, model, history, metadata, files):
        loss = float(metadata["val_loss"])
        seconds = sum(history.seconds)
        speed = len(self._task.train) * history.epochs / seconds
        text = (
            f"validation loss {in_bits(loss)}\n"
            f"  of epoch {metadata['epoch']}, the best\n"
            f"trained in {seconds:.1f} s ({speed:,.0f} characters/s, validation included)"
        )
        return text, f"fastnn sample {files.best} --temperature {_TEMPERATURE} --length 500"


def in_bits(loss):
    """A loss in nats in both units."""
    return f"{loss:.4f} nats, {loss / math.log(2):.4f} bits per character"


class Samples(Callback):
    """After every epoch the validation loss in bits, and what the model writes by then: to standard
    error, by a generator of its own, so that training is the same without."""

    def __init__(self, vocabulary, seed):
        self._vocabulary, self._seed = vocabulary, seed

    def on_epoch_end(self, run):
        from numpy.random import default_rng

        from ..models import write

        written = write(
            run.model, self._vocabulary, length=_SAMPLE, temperature=_TEMPERATURE,
            rng=default_rng((self._seed, run.epoch)),
        )  # fmt: skip
        print(f"  validation {in_bits(run.logs['val_loss'])}; it writes", file=sys.stderr)
        print(textwrap.indent("".join(written), "  | ", lambda line: True), file=sys.stderr)


def sample(arguments):
    from numpy.random import default_rng

    from ..models import load_char_rnn, write

    model, vocabulary = load_char_rnn(arguments.checkpoint)
    written = write(
        model, vocabulary, arguments.prime, arguments.length,
        temperature=arguments.temperature, rng=default_rng(arguments.seed),
    )  # fmt: skip
    print(arguments.prime, end="")
    for character in written:
        print(character, end="", flush=True)
    print()
    return 0
