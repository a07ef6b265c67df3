"""functional: interpolate and pad against the references and numeric gradients."""

import numpy as np
import pytest
import reference
from opcheck import assert_near, check_gradient, draw, run

import fastnn.functional as F

DTYPES = [np.float32, np.float64]

RESIZED = [
    ((2, 3, 5, 4), dict(scale_factor=2)),
    ((2, 3, 5, 4), dict(size=(3, 7), mode="bilinear")),
    ((2, 3, 5, 4), dict(scale_factor=(1.7, 0.6), mode="bilinear", align_corners=True)),
    ((2, 3, 8), dict(size=5)),
    ((2, 3, 8), dict(scale_factor=1.5, mode="linear", align_corners=False)),
]
PADDED = [
    ((2, 3, 5, 4), (1, 2, 3, 1), {}),
    ((2, 3, 5, 4), (2, 1), dict(value=3.0)),
    ((2, 3, 5, 4), (1, 3, 2, 1), dict(mode="reflect")),
    ((2, 3, 8), (4, 2), dict(mode="replicate")),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "options"), RESIZED)
def test_interpolate_matches_the_reference(shape, options, dtype):
    (x,), y, dy, (dx,) = run(lambda t: F.interpolate(t, **options), [draw(*shape)], dtype)
    assert_near(y, reference.interpolate(x, **options))
    how = {k: v for k, v in options.items() if k != "size"}
    assert_near(dx, reference.interpolate_backward(dy, shape[2:], **how))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("shape", "pad", "options"), PADDED)
def test_pad_matches_the_reference(shape, pad, options, dtype):
    (x,), y, dy, (dx,) = run(lambda t: F.pad(t, pad, **options), [draw(*shape)], dtype)
    assert_near(y, reference.pad(x, pad, **options))
    mode = options.get("mode", "constant")
    assert_near(dx, reference.pad_backward(dy, pad, mode=mode))


@pytest.mark.parametrize(("shape", "options"), RESIZED)
def test_interpolate_gradients(shape, options):
    check_gradient(lambda t: F.interpolate(t, **options), draw(*shape))


@pytest.mark.parametrize(("shape", "pad", "options"), PADDED)
def test_pad_gradients(shape, pad, options):
    check_gradient(lambda t: F.pad(t, pad, **options), draw(*shape))


@pytest.mark.parametrize(
    ("shape", "pad", "mode"),
    [
        ((3, 5, 4), (1, 2, 3, 1), "reflect"),
        ((5, 4), (1, 2), "replicate"),
        ((4,), (1, 2), "constant"),
        ((5, 4), (1, 2, 2, 0), "constant"),
        ((2, 3, 2, 5, 4), (1, 2, 2, 0), "constant"),
        ((2, 3, 2, 5, 4), (1, 2), "constant"),
    ],
)
def test_pad_of_other_shapes(shape, pad, mode):
    x = draw(*shape)
    widths = [(0, 0)] * len(shape)
    widths[-1] = pad[:2]
    if len(pad) == 4:
        widths[-2] = pad[2:]
    numpy_mode = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}[mode]
    np.testing.assert_array_equal(F.pad(x, pad, mode).data, np.pad(x, widths, numpy_mode))
    check_gradient(lambda t: F.pad(t, pad, mode), x)


def test_recomputed_scale():
    x = draw(1, 2, 5, 5)
    y = F.interpolate(x, scale_factor=1.5, mode="bilinear", recompute_scale_factor=True)
    np.testing.assert_array_equal(y.data, F.interpolate(x, (7, 7), mode="bilinear").data)
    z = F.interpolate(x[0], scale_factor=1.5, mode="linear", recompute_scale_factor=True)
    np.testing.assert_array_equal(z.data, F.interpolate(x[0], 7, mode="linear").data)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.interpolate(x, 2, antialias=True), "antialias is not supported"),
        (lambda x: F.interpolate(x, 2, align_corners=False), "align_corners is for linear modes"),
        (lambda x: F.interpolate(x, 2, mode="cubic"), "mode must be one of"),
        (lambda x: F.pad(x, (1, 1, 1)), "pad: pad must have 2 or 4 numbers, got"),
        (lambda x: F.pad(x, (1,) * 6), "pad: pad must have 2 or 4 numbers"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(draw(1, 2, 4, 4))
