"""Digits as strokes: thinning keeps what is connected, tracing draws all of it again."""

import numpy as np
import pytest

from fastnn.data import load_digits
from fastnn.data.strokes import draw_strokes, pen_steps, pen_strokes, thin, trace


def picture(text):
    rows = text.split()
    return np.array([[c == "#" for c in row] for row in rows])


def parts(lines):
    """How many connected parts (by corners too) a bool picture has."""
    left, count = set(map(tuple, np.argwhere(lines).tolist())), 0
    while left:
        count, todo = count + 1, [left.pop()]
        while todo:
            i, j = todo.pop()
            near = {(i + a, j + b) for a in (-1, 0, 1) for b in (-1, 0, 1)} & left
            left -= near
            todo += near
    return count


def test_a_bar_becomes_its_middle_and_a_ring_stays_a_ring():
    bar = np.zeros((9, 20), bool)
    bar[3:6, 2:18] = True
    (line,) = thin(bar[None])
    assert line.sum() >= 12 and set(np.argwhere(line)[:, 0]) == {4}
    i, j = np.mgrid[-10:11, -10:11]
    ring = (np.hypot(i, j) < 9) & (np.hypot(i, j) > 5)
    (line,) = thin(ring[None])
    radius = np.hypot(i, j)[line]
    assert 6 < radius.min() and radius.max() < 8.5
    assert parts(line) == 1 and parts(~line & (np.hypot(i, j) < 6)) == 1
    assert not line[10, 10]


def test_stairs_lose_their_inner_corners():
    (line,) = thin(picture("##.... .##... ..##.. ...##.")[None])
    assert parts(line) == 1 and line.sum() <= 5


def test_thinning_keeps_the_parts_of_real_digits():
    images = np.kron(load_digits()[1].arrays[0][:40, 0] > 0.5, np.ones((3, 3), bool))
    lines = thin(images)
    assert not (lines & ~images).any()
    for image, line in zip(images, lines, strict=True):
        assert parts(image) == parts(line)
        blocks = line[:-1, :-1] & line[1:, :-1] & line[:-1, 1:] & line[1:, 1:]
        assert blocks.sum() <= 2  # two pixels wide at crossings at most
    (alone,) = thin(images[3:4])
    np.testing.assert_array_equal(alone, lines[3])


def test_a_line_is_one_stroke_from_its_highest_end():
    (stroke,) = trace(picture("....# ...#. ..#.. .#... #...."), spacing=1.0)
    assert stroke[0].tolist() == [4, 0] and stroke[-1].tolist() == [0, 4]
    np.testing.assert_allclose(stroke.sum(1), 4)
    assert len(stroke) == round(4 * np.sqrt(2)) + 1


def test_a_cross_is_two_straight_strokes():
    cross = np.zeros((11, 11), bool)
    cross[:, 5] = cross[5] = True
    strokes = trace(cross, spacing=1.0)
    assert len(strokes) == 3  # the second bar in halves that begin on the first
    down, *halves = strokes
    np.testing.assert_allclose(down[:, 0], 5)
    np.testing.assert_allclose(down[[0, -1], 1], [0, 10])
    assert all(np.ptp(half[:, 1]) <= 1 for half in halves)
    assert {tuple(half[i].round()) for half in halves for i in (0, -1)} >= {(0, 5), (10, 5)}


def test_a_ring_is_closed():
    ring = picture("..###. .#...# #....# #....# .#..#. ..##..")
    (stroke,) = trace(ring, spacing=1.0)
    assert np.hypot(*(stroke[0] - stroke[-1])) < 1.5
    assert np.ptp(stroke[:, 0]) > 4 and np.ptp(stroke[:, 1]) > 4


def test_short_strokes_are_left_out_unless_there_is_no_other():
    lines = np.zeros((8, 8), bool)
    lines[1, 1:7] = True
    lines[5, 5] = True
    assert len(trace(lines)) == 1 and len(trace(lines, shortest=1)) == 2
    (dot,) = trace(picture("... .#. ..."))
    assert dot.tolist() == [[1, 1]]


def test_steps_and_strokes_are_two_forms_of_one_drawing():
    strokes = [np.array([[3.0, 1], [5, 2], [5, 6]]), np.array([[1.0, 1], [0, 0]])]
    steps = pen_steps(strokes, (2, 2))
    assert steps.tolist() == [
        [1, -1, 0, 0], [2, 1, 0, 0], [0, 4, 1, 0], [-4, -5, 0, 0], [-1, -1, 1, 1],
    ]  # fmt: skip
    again = pen_strokes(steps, (2, 2))
    assert len(again) == 2
    for one, other in zip(strokes, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_drawing_of_the_strokes_covers_the_lines():
    images = np.kron(load_digits()[1].arrays[0][:40, 0] > 0.5, np.ones((3, 3), bool))
    for line in thin(images):
        drawn = draw_strokes(trace(line, spacing=1.0, shortest=1), size=24)
        assert drawn.shape == (24, 24) and drawn.dtype == np.float32
        assert 0 <= drawn.min() and drawn.max() == 1
        assert (drawn[line] > 0.3).mean() > 0.95
    np.testing.assert_allclose(
        draw_strokes([np.array([[1.0, 2], [3, 2]])], size=5, width=1.5)[2], [0.25, 1, 1, 1, 0.25]
    )


def test_images_only():
    with pytest.raises(ValueError, match=r"images \(N, H, W\) expected, got shape \(3, 3\)"):
        thin(np.ones((3, 3)))
