"""Networks that classify pictures: their part of ``fastnn train``, and ``fastnn predict``."""

import json
import os
from dataclasses import replace

_EVALUATED_PIXELS = 2**18  # at a time, in one channel of the input


class Pictures:
    """A job of `train.train`; data: digits, mnist or a folder."""

    def __init__(self, model, data):
        from ..models import MODELS
        from ..models.task import kind_and_name

        self.data = "digits" if data is None else data
        self._build, self._recipe = MODELS[model]
        kind, self.name = kind_and_name(self.data)
        self.defaults = self._recipe.options(kind)
        self.title = f"{self._recipe.title} on {self.name}"

    def load(self, options):
        from ..models.task import load_task

        size = (options["size"], options["size"])
        self._task = load_task(self.data, replace(self._recipe.preparation, size=size))

    def heading(self, options):
        task, size = self._task, options["size"]
        inputs = " x ".join(map(str, (task.preparation.channels, size, size)))
        return (
            f"{self.title}: {len(task.train[1]):,} training, "
            f"{len(task.validation[1]):,} validation and {len(task.test[1]):,} test images "
            f"of {len(task.classes)} classes\n  split: {task.split}\n"
            f"  {self._recipe.summary}; inputs of {inputs}, learning rate {options['lr']:g}, "
            f"batches of {options['batch_size']}"
        )

    def model(self, options):
        task = self._task
        return self._build(num_classes=len(task.classes), in_channels=task.preparation.channels)

    def metadata(self, model):
        task = self._task
        return {"classes": json.dumps(task.classes), "preparation": task.preparation.to_json()}

    def fit_options(self, model, options, quiet):
        from ..data import DataLoader

        task, recipe = self._task, self._recipe
        optimizer = recipe.optimizer(model, options["lr"])
        return {
            "train": DataLoader(
                task.train, options["batch_size"], shuffle=True, prefetch=2,
                transform=recipe.transform(task.preparation),
            ),
            "validation": DataLoader(task.validation, self._evaluated()),
            "loss": recipe.loss,
            "optimizer": optimizer,
            "scheduler": recipe.scheduler(optimizer, options["epochs"]),
        }  # fmt: skip

    def _evaluated(self):
        """How many pictures to evaluate at a time: as few as their size asks for."""
        height, width = self._task.preparation.size
        return min(256, max(1, _EVALUATED_PIXELS // (height * width)))

    def report(self, model, history, metadata, files):
        """The test accuracy, measured here and nowhere else."""
        from ..models.pictures import write_pnm
        from ..training import evaluate

        task = self._task
        accuracy = evaluate(model, task.test, batch_size=self._evaluated())["accuracy"]
        total = len(task.test[1])
        right = round(accuracy * total)
        seconds = sum(history.seconds)
        speed = len(task.train[1]) * history.epochs / seconds
        label = task.classes[task.example[1]]
        suffix = "pgm" if len(task.example[0]) == 1 else "ppm"
        example = os.path.join(files.out, f"example-{label}.{suffix}".replace(os.sep, "-"))
        write_pnm(example, task.example[0])
        text = (
            f"test accuracy {accuracy:.2%} ({right:,} of {total:,} right, {1 - accuracy:.2%} error)"
            f"\n  of epoch {metadata['epoch']}, the best on the validation images; "
            "the test images were used this once\n"
            f"trained in {seconds:.1f} s ({speed:,.0f} images/s, validation included)"
        )
        return text, f"fastnn predict {files.best} {example}"


def predict(arguments):
    import numpy as np

    from .. import checkpoint
    from ..functional import softmax
    from ..models import MODELS, Preparation
    from ..models.pictures import read_picture
    from ..training import predict

    weights, metadata = checkpoint.load(arguments.checkpoint, with_metadata=True)
    if "state" in metadata:
        raise ValueError(f"{arguments.checkpoint} is a training state: name best.safetensors")
    if metadata.get("model") not in MODELS:
        raise ValueError(
            f"{arguments.checkpoint} is no model of pictures that `fastnn train` wrote"
        )
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
