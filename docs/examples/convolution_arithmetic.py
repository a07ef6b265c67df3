"""Stride, padding and receptive fields: the lecture's numbers, each checked by running it.

An image of H pixels under kernels of R, with padding P and stride S, gives
floor((H + 2 P - R) / S) + 1. Every row below is run through `nn.Conv2d`, and its shape and
number of parameters compared with what lectures give. The receptive field of a stack of layers
is measured, as the extent of the gradient of its middle output with respect to the input, and
compared with r = 1 + sum over layers of (R - 1) times the product of the strides before it.
"""

import numpy as np
from _example import BLUE, INK, figure, options, save
from matplotlib.patches import Rectangle

import fastnn
from fastnn import nn

# H, channels, kernels, R, stride, padding -> side of the output, parameters (with biases)
LAYERS = [
    (7, 1, 1, 3, 1, 0, 5, 10),
    (7, 1, 1, 3, 2, 0, 3, 10),
    (7, 1, 1, 3, 3, 0, 2, 10),  # 2.33: the last column and row are left out
    (7, 1, 1, 3, 1, 1, 7, 10),
    (10, 1, 1, 3, 1, 0, 8, 10),
    (32, 3, 6, 5, 1, 0, 28, 456),
    (28, 6, 10, 5, 1, 0, 24, 1510),
    (32, 3, 10, 5, 1, 2, 32, 760),
    (227, 3, 96, 11, 4, 0, 55, 34_944),  # AlexNet's first layer
]

# Kernel and stride of each layer -> receptive field of one output
STACKS = [
    ([(3, 1)], 3),
    ([(3, 1), (3, 1)], 5),
    ([(3, 1), (3, 1), (3, 1)], 7),
    ([(7, 1)], 7),
    ([(3, 2), (3, 1)], 7),
    ([(3, 2), (3, 2), (3, 2)], 15),
    ([(5, 1), (2, 2), (5, 1), (2, 2)], 16),  # LeNet-5's convolutions and pools
]


def side(height, kernel, stride, padding):
    return (height + 2 * padding - kernel) // stride + 1


def run_layer(height, channels, kernels, kernel, stride, padding):
    """The shape that the layer gives, (K, OH, OW), and its number of parameters."""
    layer = nn.Conv2d(channels, kernels, kernel, stride, padding)
    output = layer(np.zeros((1, channels, height, height), np.float32))
    return output.shape[1:], sum(p.data.size for p in layer.parameters())


def receptive_field(stack):
    """r = 1 + sum over layers of (R - 1) times the product of the strides before it."""
    r, jump = 1, 1
    for kernel, stride in stack:
        r, jump = r + (kernel - 1) * jump, jump * stride
    return r


def measured_field(stack, size=31):
    """d(middle output) / d(input), (size, size), through kernels of ones: how many ways lead from
    each pixel to the output; zero outside the receptive field."""
    layers = nn.Sequential(*(nn.Conv2d(1, 1, r, s, padding=r // 2, bias=False) for r, s in stack))
    for parameter in layers.parameters():
        parameter.data[...] = 1
    x = fastnn.Tensor(np.zeros((1, 1, size, size), np.float32), requires_grad=True)
    y = layers(x)
    middle = np.zeros(y.shape, np.float32)
    middle[0, 0, y.shape[2] // 2, y.shape[3] // 2] = 1
    y.backward(middle)
    return x.grad[0, 0]


def extent(field):
    """Sides of the smallest square around what is not zero."""
    rows, columns = np.nonzero(field)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def draw_positions(panel, height, kernel, stride, padding):
    """The image with its padding, the first place of the kernel, and a dot for each output."""
    count = side(height, kernel, stride, padding)
    low, high = -padding, height + padding
    for line in range(low, high + 1):
        panel.plot([low, high], [line, line], color="#d5dade", linewidth=0.6, zorder=0)
        panel.plot([line, line], [low, high], color="#d5dade", linewidth=0.6, zorder=0)
    panel.add_patch(Rectangle((0, 0), height, height, fill=False, edgecolor=INK))
    panel.add_patch(
        Rectangle((low, low), kernel, kernel, facecolor=BLUE, alpha=0.25, edgecolor=BLUE)
    )
    centres = low + kernel / 2 + stride * np.arange(count)
    panel.plot(*map(np.ravel, np.meshgrid(centres, centres)), "o", color=BLUE, markersize=4)
    panel.set(xlim=(-1.1, height + 1.1), ylim=(height + 1.1, -1.1), aspect="equal")
    title = f"stride {stride}, padding {padding}: {count} x {count}"
    panel.set_title(title, fontsize=9, color=INK)
    panel.set_axis_off()


def main(argv=None):
    arguments = options(__doc__, argv)
    results = {"layers": [], "fields": []}
    print("image        kernels          stride  padding  output        parameters")
    for height, channels, count, kernel, stride, padding, expected, parameters in LAYERS:
        shape, size = run_layer(height, channels, count, kernel, stride, padding)
        assert shape == (count, expected, expected) and size == parameters
        assert expected == side(height, kernel, stride, padding)
        results["layers"].append((shape, size))
        image, output = f"{height}x{height}x{channels}", f"{shape[1]}x{shape[2]}x{shape[0]}"
        kernels = f"{count} of {kernel}x{kernel}x{channels}"
        print(f"{image:12} {kernels:16} {stride:6}  {padding:7}  {output:13} {size:,}")
    print("stack (kernel/stride)     receptive field")
    for stack, expected in STACKS:
        measured = extent(measured_field(stack))
        assert measured == (expected, expected) and receptive_field(stack) == expected
        results["fields"].append(measured[0])
        layers = ", ".join(f"{kernel}/{stride}" for kernel, stride in stack)
        print(f"{layers:25} {expected} x {expected}")

    picture = figure(9, 5, "Convolution arithmetic")
    top, bottom = picture.subfigures(2, 1, height_ratios=(1.15, 1))
    heading = {"x": 0.01, "ha": "left", "fontsize": 10, "color": INK}
    top.suptitle("\nA 3 x 3 kernel on 7 x 7 pixels: its first place, and a dot for each output",
                 **heading)  # fmt: skip
    bottom.suptitle("What one output sees through layers of kernel/stride: the more ways lead to "
                    "a pixel, the darker", **heading)  # fmt: skip
    for panel, (stride, padding) in zip(
        top.subplots(1, 4), ((1, 0), (2, 0), (3, 0), (1, 1)), strict=True
    ):
        draw_positions(panel, 7, 3, stride, padding)
    chosen = [STACKS[i] for i in (0, 1, 2, 4, 5, 6)]
    for panel, (stack, expected) in zip(bottom.subplots(1, 6), chosen, strict=True):
        panel.imshow(measured_field(stack)[5:-5, 5:-5], cmap="Blues")
        layers = ", ".join(f"{kernel}/{stride}" for kernel, stride in stack)
        panel.set_title(f"{layers}:\n{expected} x {expected}", fontsize=9, color=INK)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.spines[:].set_color("#d5dade")
    save(picture, arguments.out, "convolution_arithmetic.png")
    return results


if __name__ == "__main__":
    main()
