"""Pictures on their way into a model: reading, sizes, colours, polarity."""

import numpy as np
import pytest

from fastnn.models import Preparation
from fastnn.models.pictures import read_picture, write_pnm

RAMP = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def test_pixels_by_kind_of_picture():
    prepare = Preparation((6, 8))
    grey = RAMP[None, None]
    expected = RAMP[None, None] / np.float32(255)
    np.testing.assert_array_equal(prepare.pixels(grey), expected)
    np.testing.assert_array_equal(prepare.pixels(expected.astype(np.float64)), expected)
    colour = np.repeat(grey, 3, axis=1)
    np.testing.assert_allclose(prepare.pixels(colour), expected, rtol=1e-6)
    np.testing.assert_array_equal(
        Preparation((6, 8), channels=3).pixels(grey), np.repeat(expected, 3, axis=1)
    )
    green = np.zeros((1, 3, 6, 8), np.uint8)
    green[:, 1] = 255
    np.testing.assert_allclose(prepare.pixels(green), 0.587, rtol=1e-6)


def test_standardize_and_fitted():
    pixels = Preparation((6, 8)).pixels(RAMP[None, None])
    fitted = Preparation((6, 8), light_on_dark=True).fitted(pixels)
    y = fitted(RAMP[None, None])
    assert y.dtype == np.float32
    assert abs(y.mean()) < 1e-3 and abs(y.std() - 1) < 1e-3
    assert Preparation((6, 8)).fitted(np.zeros_like(pixels)).std == 1.0
    assert Preparation.from_json(fitted.to_json()) == fitted


def test_through_makes_a_sharp_picture_as_coarse_as_the_training_data():
    digit = np.random.default_rng(0).random((1, 1, 8, 8), np.float32)
    prepare = Preparation((28, 28), through=(8, 8))
    sharp = digit.repeat(4, axis=2).repeat(4, axis=3)  # 32 x 32
    coarse = prepare.pixels(digit)
    assert coarse.shape == prepare.pixels(sharp).shape == (1, 1, 28, 28)
    assert np.abs(coarse - prepare.pixels(sharp)).mean() < 0.15


def test_polarity_follows_the_border():
    light = np.ones((1, 1, 5, 5), np.float32)
    light[..., 2, 2] = 0.0
    dark = 1 - light
    strokes = Preparation((5, 5), light_on_dark=True)
    for picture, expected in ((light, True), (dark, False)):
        turned, inverted = strokes.with_polarity(picture)
        assert inverted is expected
        np.testing.assert_array_equal(turned, dark)
    turned, inverted = strokes.with_polarity(np.uint8(255 * light))
    assert inverted and turned.dtype == np.uint8
    np.testing.assert_array_equal(turned, 255 * dark)
    assert Preparation((5, 5)).with_polarity(light) == (light, False)


def test_pnm_round_trip_without_pillow(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    write_pnm(tmp_path / "a.pgm", RAMP[None] / 255)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.pgm", 1)[0, 0], RAMP)
    commented = b"P5\n# a comment 7 7\n8 6\n255\n" + RAMP.tobytes()
    (tmp_path / "b.pgm").write_bytes(commented)
    np.testing.assert_array_equal(read_picture(tmp_path / "b.pgm", 1)[0, 0], RAMP)
    colours = np.stack([RAMP, 255 - RAMP, RAMP // 2])
    write_pnm(tmp_path / "a.ppm", colours / 255)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.ppm", 3)[0], colours)
    with pytest.raises(ImportError, match="Pillow"):
        (tmp_path / "c.png").write_bytes(b"\x89PNG\r\n")
        read_picture(tmp_path / "c.png", 1)


@pytest.mark.parametrize(
    "content",
    [
        b"P5",
        b"P5 8 6 255\n" + b"x" * 47,
        b"P5 8 six 255\n",
        b"P5 8 6 65535\n" + b"x" * 96,
        b"P6 8 6 255\n" + b"x" * 143,
    ],
)
def test_damaged_pgm(tmp_path, content):
    (tmp_path / "a.pgm").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.pgm: (not a whole|PGM and PPM pictures of 255)"):
        read_picture(tmp_path / "a.pgm", 1)


@pytest.mark.parametrize(
    "array, shape",
    [
        (RAMP, (1, 1, 6, 8)),
        (RAMP[:, :, None], (1, 1, 6, 8)),
        (np.stack([RAMP] * 3, axis=2), (1, 3, 6, 8)),
        (np.stack([RAMP] * 3), (1, 3, 6, 8)),
        (RAMP / 255, (1, 1, 6, 8)),
    ],
)
def test_npy(tmp_path, array, shape):
    np.save(tmp_path / "a.npy", array)
    assert read_picture(tmp_path / "a.npy", 1).shape == shape


@pytest.mark.parametrize(
    "array, message",
    [
        (np.zeros(5, np.uint8), r"got uint8 of shape \(5,\)"),
        (RAMP.astype(np.int64), "got int64"),
        (RAMP.astype(np.uint16), "hold uint8, got uint16"),
        (RAMP * 1.0, "values from 0 to 1"),
        (np.array([["a"]]), "expected uint8 or floats"),
    ],
)
def test_npy_that_is_no_picture(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=message):
        read_picture(tmp_path / "a.npy", 1)


def test_npy_with_pickled_objects_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"not a readable \.npy file"):
        read_picture(tmp_path / "a.npy", 1)


def test_png(tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(RAMP).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", 1)[0, 0], RAMP)
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"b\.png"):
        read_picture(tmp_path / "b.png", 1)
