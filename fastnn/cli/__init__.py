"""The ``fastnn`` command: train a model by name, use it on a picture, let it write, show the
configuration.

Results go to standard output, progress and errors to standard error. Exit status: 0, 2 for an
error (one line says which), 130 for Ctrl-C.
"""

import argparse
import os
import sys
import textwrap

_EXAMPLES = """\
examples:
  fastnn train lenet5                          the embedded digits, under a minute
  fastnn train lenet5 --data mnist --out runs/mnist
  fastnn train resnet20 --data my-pictures/    one subfolder of pictures a class
  fastnn train lenet5 --resume                 go on after Ctrl-C
  fastnn predict runs/lenet5-digits/best.safetensors seven.png --top 3
  fastnn train charrnn --data shakespeare.txt  a model that writes like a text
  fastnn sample runs/charrnn-shakespeare/best.safetensors --prime "ROMEO:" --temperature 0.8
  fastnn info
"""


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
    from .. import __version__
    from ..models import FAMILIES, MODELS, TEXT_MODELS
    from ..models.char_rnn import CELLS

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
        "train", _train, "train a model and measure it",
        "Train a model and keep the epoch that is best on validation data. A model of pictures is\n"
        "then measured once on the test set; one of text shows after every epoch what it writes.\n"
        "Writes the best model, the state to resume from, the history and (with matplotlib) a\n"
        "picture of the training to one folder. What is not given is chosen for the model and the\n"
        "data.",
        "models:\n" + "\n".join(
            f"  {family:<28}{textwrap.fill(' '.join(models), 68, subsequent_indent=' ' * 30)}"
            for family, models in {**FAMILIES, "of text": TEXT_MODELS}.items()
        ),
    )  # fmt: skip
    train.add_argument("model", choices=[*MODELS, *TEXT_MODELS], help="its name, see below",
                       metavar="MODEL")  # fmt: skip
    train.add_argument(
        "--data", metavar="DATA",
        help="of pictures: digits (embedded, the default), mnist (found in $FASTNN_DATA or "
             "downloaded), or a folder: one subfolder of pictures a class, or train/ and test/ of "
             "such, or IDX files; of text: a file in UTF-8, plain or gzipped",
    )  # fmt: skip
    train.add_argument("--epochs", type=_at_least(int, 1), metavar="N",
                       help="passes over the training data")  # fmt: skip
    train.add_argument("--batch-size", type=_at_least(int, 1), metavar="N",
                       help="pictures a step; of a text: parts read side by side")  # fmt: skip
    train.add_argument("--lr", type=_positive, metavar="X", help="initial learning rate")
    train.add_argument("--size", type=_at_least(int, 1), metavar="N",
                       help="height and width that pictures are brought to")  # fmt: skip
    train.add_argument("--cell", choices=list(CELLS), help="of text models, like all up to --clip")
    train.add_argument("--layers", type=_at_least(int, 1), metavar="N", help="recurrent layers")
    train.add_argument("--units", type=_at_least(int, 1), metavar="N", help="of each layer")
    train.add_argument("--dropout", type=_share, metavar="P",
                       help="of every layer's outputs, from 0 up to 1")  # fmt: skip
    train.add_argument("--steps", type=_at_least(int, 1), metavar="N",
                       help="characters that a gradient goes back at most")  # fmt: skip
    train.add_argument("--min-count", type=_at_least(int, 1), metavar="N",
                       help="characters rarer than this become one unknown")  # fmt: skip
    train.add_argument("--clip", type=_positive, metavar="X", help="longest gradient")
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

    sample = command(
        "sample", _sample, "let a trained model of text write",
        "Write text with a model that `fastnn train charrnn` wrote.",
    )  # fmt: skip
    sample.add_argument("checkpoint", metavar="CHECKPOINT", help="best.safetensors of a run")
    sample.add_argument("--prime", default="", metavar="TEXT", help="what it goes on from")
    sample.add_argument("--length", type=_at_least(int, 1), default=500, metavar="N",
                        help="characters to write (default 500)")  # fmt: skip
    sample.add_argument("--temperature", type=_at_least(float, 0), default=1.0, metavar="X",
                        help="1 (the default): as the model says; lower is safer, 0 takes the "
                             "likeliest")  # fmt: skip
    sample.add_argument("--seed", type=_at_least(int, 0), metavar="N",
                        help="of the draws: the same seed writes the same (default: another text "
                             "each time)")  # fmt: skip

    command("info", _info, "show instruction set, threads and build", "Show what fastnn runs on.")
    return parser


def _at_least(kind, least):
    def parse(text):
        value = kind(text)
        if not least <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"must be >= {least}, got {text}")
        return value

    parse.__name__ = kind.__name__  # argparse: "invalid int value"
    return parse


def _positive(text):
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number > 0, got {text}")
    return value


def _share(text):
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1, got {text}")
    return value


_positive.__name__ = _share.__name__ = "number"


def _train(arguments):
    from .train import train

    return train(arguments)


def _predict(arguments):
    from .pictures import predict

    return predict(arguments)


def _sample(arguments):
    from .text import sample

    return sample(arguments)


def _info(arguments):
    from .. import show_config

    show_config()
    return 0
