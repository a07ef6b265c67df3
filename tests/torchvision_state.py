"""The state dicts of torchvision's models: {name: shape} in its order. From the published
architectures, for 1000 classes; torchvision itself is not needed."""


def _layer(name, *shape):
    """A convolution or linear layer with bias."""
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _norm(name, channels):
    names = ("weight", "bias", "running_mean", "running_var")
    return {
        **{f"{name}.{part}": (channels,) for part in names},
        f"{name}.num_batches_tracked": (),
    }


def _conv_norm(conv, norm, *shape):
    return {f"{conv}.weight": shape, **_norm(norm, shape[0])}


def alexnet():
    shapes = {
        0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3),
        10: (256, 256, 3, 3),
    }  # fmt: skip
    state = {}
    for i, shape in shapes.items():
        state |= _layer(f"features.{i}", *shape)
    for i, shape in {1: (4096, 9216), 4: (4096, 4096), 6: (1000, 4096)}.items():
        state |= _layer(f"classifier.{i}", *shape)
    return state


def vgg(configuration, batch_norm):
    """configuration: channels of the convolutions, "M" where it pools."""
    state, position, channels = {}, 0, 3
    for wider in configuration:
        if wider == "M":
            position += 1
            continue
        state |= _layer(f"features.{position}", wider, channels, 3, 3)
        if batch_norm:
            state |= _norm(f"features.{position + 1}", wider)
        position, channels = position + (3 if batch_norm else 2), wider
    for i, shape in {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}.items():
        state |= _layer(f"classifier.{i}", *shape)
    return state


VGG = {
    11: [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    13: [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    16: [64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"],
    19: [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"],
}  # fmt: skip


def googlenet(aux_logits=True):
    def basic(name, *shape):
        return _conv_norm(f"{name}.conv", f"{name}.bn", *shape)

    state = basic("conv1", 64, 3, 7, 7)
    state |= basic("conv2", 64, 64, 1, 1) | basic("conv3", 192, 64, 3, 3)
    blocks = {  # channels in; of the branches: 1, 2 reduced, 2, 3 reduced, 3, 4
        "3a": (192, 64, 96, 128, 16, 32, 32), "3b": (256, 128, 128, 192, 32, 96, 64),
        "4a": (480, 192, 96, 208, 16, 48, 64), "4b": (512, 160, 112, 224, 24, 64, 64),
        "4c": (512, 128, 128, 256, 24, 64, 64), "4d": (512, 112, 144, 288, 32, 64, 64),
        "4e": (528, 256, 160, 320, 32, 128, 128), "5a": (832, 256, 160, 320, 32, 128, 128),
        "5b": (832, 384, 192, 384, 48, 128, 128),
    }  # fmt: skip
    for block, (c, b1, r2, b2, r3, b3, b4) in blocks.items():
        name = f"inception{block}"
        state |= basic(f"{name}.branch1", b1, c, 1, 1)
        state |= basic(f"{name}.branch2.0", r2, c, 1, 1) | basic(f"{name}.branch2.1", b2, r2, 3, 3)
        state |= basic(f"{name}.branch3.0", r3, c, 1, 1) | basic(f"{name}.branch3.1", b3, r3, 3, 3)
        state |= basic(f"{name}.branch4.1", b4, c, 1, 1)
    if aux_logits:
        for name, c in (("aux1", 512), ("aux2", 528)):
            state |= basic(f"{name}.conv", 128, c, 1, 1)
            state |= _layer(f"{name}.fc1", 1024, 2048) | _layer(f"{name}.fc2", 1000, 1024)
    return state | _layer("fc", 1000, 1024)


def resnet(depths, bottleneck):
    state = _conv_norm("conv1", "bn1", 64, 3, 7, 7)
    c = 64
    for number, depth in enumerate(depths, 1):
        width = 32 << number
        k = 4 * width if bottleneck else width
        for i in range(depth):
            block = f"layer{number}.{i}"
            if bottleneck:
                shapes = (width, c, 1, 1), (width, width, 3, 3), (k, width, 1, 1)
            else:
                shapes = (width, c, 3, 3), (k, width, 3, 3)
            for j, shape in enumerate(shapes, 1):
                state |= _conv_norm(f"{block}.conv{j}", f"{block}.bn{j}", *shape)
            if i == 0 and c != k:
                state |= _conv_norm(f"{block}.downsample.0", f"{block}.downsample.1", k, c, 1, 1)
            c = k
    return state | _layer("fc", 1000, c)


STATES = {
    "alexnet": alexnet(),
    **{f"vgg{depth}": vgg(configuration, False) for depth, configuration in VGG.items()},
    **{f"vgg{depth}_bn": vgg(configuration, True) for depth, configuration in VGG.items()},
    "googlenet": googlenet(),
    "resnet18": resnet((2, 2, 2, 2), False),
    "resnet34": resnet((3, 4, 6, 3), False),
    "resnet50": resnet((3, 4, 6, 3), True),
    "resnet101": resnet((3, 4, 23, 3), True),
    "resnet152": resnet((3, 8, 36, 3), True),
}
