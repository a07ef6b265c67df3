"""Cases of resizing, padding, max over time and dropout of channels, forward and backward through
the tapes; see cases.py."""

import numpy as np
import numpy_impl as plain
from cases import (
    FORMATS,
    TF,
    image_case,
    images,
    label_of,
    sequence_case,
    torch,
    torch_images,
)
from cases_elementwise import dropout

from fastnn import kernels


def upsample(mode, shape):
    """To twice the size. mode: nearest, bilinear"""
    return image_case(
        "interpolate", f"{mode} {label_of(shape)}", shape, (2 * shape[2], 2 * shape[3]),
        (None, 2, mode), lambda x, dy: plain.upsample(mode, x, dy),
    )  # fmt: skip


def pad(mode, shape):
    """By two pixels on each side. mode: constant, reflect"""
    return image_case(
        "pad", f"{mode} {label_of(shape)}", shape, (shape[2] + 4, shape[3] + 4),
        ((2, 2, 2, 2), mode), lambda x, dy: plain.pad_both(mode, x, dy, 2),
    )  # fmt: skip


def max_over_time(shape):
    """shape: (N, C, L)"""
    label = label_of(shape)
    return sequence_case("adaptive_max_pool1d", label, shape, 1, (1,), plain.max_over_time)


def dropout2d(shape, p=0.3):
    """Whole channels. Compared as `dropout` is."""
    case = dropout(shape, p)
    x, rng = np.ones(shape, np.float32), np.random.default_rng(0)
    last = images(*shape)
    last[...] = 1
    case.impls = {
        "fastnn": lambda: kernels.dropout_channels(last, p, seed=7),
        "numpy": lambda: plain.dropout2d(x, p, rng),
    }
    for layout in FORMATS if torch else ():
        t = torch_images(x, layout)
        case.impls[f"torch {layout}"] = lambda t=t: TF.dropout2d(t, p)
    return case
