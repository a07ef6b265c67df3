"""`summary`: what a model consists of, layer by layer, with the arithmetic that it costs."""

from math import prod

import numpy as np

from .evaluate import inference


def _linear_flops(layer, x, y):
    return 2 * prod(y) * layer.in_features


def _maxout_flops(layer, x, y):
    return prod(y) * layer.pieces * (2 * layer.in_features + 1)


def _conv_flops(layer, x, y):
    return 2 * prod(y) * (layer.in_channels // layer.groups) * prod(layer.kernel_size)


def _conv_transpose_flops(layer, x, y):  # what the padding cuts off included
    return 2 * prod(x) * (layer.out_channels // layer.groups) * prod(layer.kernel_size)


def _pool_flops(layer, x, y):
    size = layer.kernel_size
    return prod(y) * (size ** (len(y) - 1) if isinstance(size, int) else prod(size))


def _adaptive_pool_flops(layer, x, y):
    return prod(x)


def _elementwise_flops(layer, x, y):
    return prod(y)


def _norm_flops(layer, x, y):
    return 2 * prod(y)


def _recurrent_flops(layer, x, y):  # every weight once a step
    weights = (p for name, p in layer.named_parameters() if name.startswith("weight_"))
    return 2 * prod(y[:-1]) * sum(w.data.size for w in weights)


def _no_flops(layer, x, y):
    return 0


# FLOPs of one sample's forward pass: (layer, input shape, output shape) -> int. A multiply-add
# counts 2; adding the bias starts the sum and counts nothing; one comparison or addition a window
# element in pooling; one operation an element in an activation, however it is computed; one
# multiply-add an element in a normalisation, without its statistics; a recurrent layer's products,
# without what its gates do to each other.
FLOPS = {
    "Linear": _linear_flops,
    "Maxout": _maxout_flops,
    **dict.fromkeys(("Conv1d", "Conv2d"), _conv_flops),
    **dict.fromkeys(("ConvTranspose1d", "ConvTranspose2d"), _conv_transpose_flops),
    **dict.fromkeys(("MaxPool1d", "MaxPool2d", "AvgPool1d", "AvgPool2d"), _pool_flops),
    **dict.fromkeys(
        ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d"),
        _adaptive_pool_flops,
    ),
    **dict.fromkeys(
        (
            "ReLU",
            "LeakyReLU",
            "NoisyReLU",
            "ELU",
            "Sigmoid",
            "Tanh",
            "ScaledTanh",
            "Softplus",
            "Softmax",
            "LogSoftmax",
        ),
        _elementwise_flops,
    ),
    **dict.fromkeys(
        (
            "BatchNorm1d",
            "BatchNorm2d",
            "GroupNorm",
            "InstanceNorm1d",
            "InstanceNorm2d",
            "LayerNorm",
        ),
        _norm_flops,
    ),
    **dict.fromkeys(("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"), _recurrent_flops),
    **dict.fromkeys(("Embedding", "Flatten", "Dropout", "Identity"), _no_flops),
}


class Layer:
    """One row: name, kind, output_shape (without the batch axis), parameters, flops or None."""

    __slots__ = ("flops", "kind", "name", "output_shape", "parameters")

    def __init__(self, name, kind, output_shape, parameters, flops):
        self.name, self.kind, self.output_shape = name, kind, output_shape
        self.parameters, self.flops = parameters, flops


class Summary:
    """What `summary` returns; ``str()`` is the table.

    layers: list of rows in the order of execution. parameters, trainable_parameters, flops
    (forward pass of one sample), parameter_bytes: totals.
    """

    def __init__(self, title, input_shape, layers, model):
        self.title, self.input_shape, self.layers = title, input_shape, layers
        sizes = [(p.data.size, p.data.nbytes, p.requires_grad) for p in model.parameters()]
        self.parameters = sum(size for size, _, _ in sizes)
        self.trainable_parameters = sum(size for size, _, trained in sizes if trained)
        self.parameter_bytes = sum(nbytes for _, nbytes, _ in sizes)
        self.flops = sum(layer.flops or 0 for layer in layers)

    def __str__(self):
        rows = [("Layer", "Kind", "Output shape", "Parameters", "FLOPs")]
        rows += [("input", "", _shape_text(self.input_shape), "", "")]
        for layer in self.layers:
            flops = "?" if layer.flops is None else f"{layer.flops:,}"
            shape = _shape_text(layer.output_shape)
            rows.append((layer.name, layer.kind, shape, f"{layer.parameters:,}", flops))
        rows.append(("total", "", "", f"{self.parameters:,}", f"{self.flops:,}"))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        lines = [
            "  ".join(
                text.ljust(width) if i < 3 else text.rjust(width)
                for i, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        rule = "-" * (sum(widths) + 8)
        table = [self.title, rule, lines[0], rule, *lines[1:-1], rule, lines[-1]]
        notes = [
            f"{self.parameter_bytes / 1e6:.2f} MB of parameters, "
            f"{self.trainable_parameters:,} of them trained",
            "FLOPs: forward pass of one sample; a multiply-add counts as 2",
        ]
        if any(layer.flops is None for layer in self.layers):
            notes.append("?: not known for this kind of layer, not in the total")
        return "\n".join(table + notes)

    __repr__ = __str__


def summary(model, input_shape, dtype=None):
    """Layers of `model` with output shapes, parameters and FLOPs; ``print`` it for a table.

    input_shape: of one sample, without the batch axis: ``summary(LeNet5(), (1, 28, 28))``.
    dtype: of the sample, that of the parameters unless given; a model that begins with an
    Embedding takes numbers of rows: ``summary(model, (50,), int)``.
    The model runs once on zeros, in evaluation mode; what it calls as a module makes a row, each
    time that it is called (its parameters count at the first). A layer of a kind that is not in
    FLOPS may have a method ``flops(input_shape, output_shape)``. Returns a `Summary`.
    """
    try:
        input_shape = tuple(int(n) for n in input_shape)
    except TypeError:
        raise TypeError(
            f"summary: input_shape must be a sequence of ints, got {input_shape!r}"
        ) from None
    if dtype is None:
        dtype = next((p.data.dtype for p in model.parameters()), np.float32)
    names = {id(module): name for name, module in model.named_modules()}
    layers, counted = [], set()

    def record(module, args, output):
        parameters = 0
        for p in module.parameters():
            parameters += 0 if id(p) in counted else p.data.size
            counted.add(id(p))
        kind = type(module).__name__
        first = output[0] if isinstance(output, tuple) else output  # a recurrent layer's steps
        x, y = args[0].shape[1:] if args else (), first.shape[1:]
        if kind in FLOPS:
            flops = FLOPS[kind](module, x, y)
        else:
            flops = module.flops(x, y) if hasattr(module, "flops") else None
        layers.append(Layer(names[id(module)] or kind, kind, y, parameters, flops))

    leaves = [m for m in model.modules() if not any(True for _ in m.children())]
    handles = [module.register_forward_hook(record) for module in leaves]
    try:
        with inference(model):
            model(np.zeros((1, *input_shape), dtype))
    finally:
        for handle in handles:
            handle.remove()
    return Summary(type(model).__name__, input_shape, layers, model)


def _shape_text(shape):
    return " x ".join(map(str, shape)) or "scalar"
