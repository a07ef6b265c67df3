"""Pictures of digits as the strokes of a pen: thinned to lines one pixel wide, and followed."""

import numpy as np

_AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))  # clockwise


def thin(images):
    """Ink (N, H, W), 0 for none, -> bool (N, H, W): lines one pixel wide in the middle of the ink,
    connected where it is (by corners too).

    T. Zhang, C. Suen, "A fast parallel algorithm for thinning digital patterns", Communications of
    the ACM 27 (1984), on all images at once; then the inner corners of stairs are taken away.
    """
    images = np.asarray(images)
    if images.ndim != 3:
        raise ValueError(f"thin: images (N, H, W) expected, got shape {images.shape}")
    ink = np.pad(images != 0, ((0, 0), (1, 1), (1, 1)))
    changing = np.arange(len(ink))
    while len(changing):
        part = ink[changing]
        before = part.sum((1, 2))
        for first in (True, False):
            part[:, 1:-1, 1:-1] &= ~_removable(part, first)
        ink[changing] = part
        changing = changing[part.sum((1, 2)) < before]
    for turn in range(0, 8, 2):  # ink above and to the right, none below, to the left, between
        around = _neighbours(ink)
        above, right, below, between, left = (around[(turn + i) % 8] for i in (0, 2, 4, 5, 6))
        ink[:, 1:-1, 1:-1] &= ~(above & right & ~below & ~between & ~left)
    return ink[:, 1:-1, 1:-1]


def _neighbours(ink):
    """The eight neighbours of each inner pixel, clockwise from the one above."""
    rows, columns = ink.shape[1:]
    return [ink[:, 1 + i : rows - 1 + i, 1 + j : columns - 1 + j] for i, j in _AROUND]


def _removable(ink, first):
    """Zhang and Suen's conditions (a) to (d), or in the second half-step (c') and (d')."""
    p = _neighbours(ink)
    count = np.sum(p, axis=0, dtype=np.int8)
    rises = np.sum([~p[i] & p[(i + 1) % 8] for i in range(8)], axis=0, dtype=np.int8)
    north, east, south, west = p[::2]
    if first:
        border = ~(north & east & south) & ~(east & south & west)
    else:
        border = ~(north & east & west) & ~(north & south & west)
    return (count >= 2) & (count <= 6) & (rises == 1) & border


def trace(lines, *, spacing=2.0, shortest=3):
    """The strokes that draw the lines of one thinned picture, bool (H, W): a list of arrays (P, 2)
    of points x (column) and y (row), in the order of a pen.

    A stroke begins at an end of a line (the first at the highest, the others at the nearest, on a
    picture of loops anywhere), goes straight on at crossings, and ends where all is drawn; it
    closes a loop, and begins on the line that it branches off. Its points are smoothed and about
    `spacing` pixels apart. Strokes of fewer than `shortest` pixels are left out, unless there is
    no other.
    """
    left = {(int(i), int(j)) for i, j in np.argwhere(lines)}
    everything = frozenset(left)
    strokes, pen = [], None
    while left:
        stroke = _walk(_start(left, pen), left)
        if strokes:
            stroke = _join(stroke[0], everything - left, stroke) + stroke
        if len(stroke) > 3:  # a loop
            stroke += _join(stroke[-1], set(stroke[:-3]), stroke)
        pen = stroke[-1]
        strokes.append(stroke)
    kept = [stroke for stroke in strokes if len(stroke) >= shortest]
    kept = kept or sorted(strokes, key=len)[-1:]
    return [_resampled(np.array(stroke, float)[:, ::-1], spacing) for stroke in kept]


def _near(pixel, pixels):
    return [
        (pixel[0] + i, pixel[1] + j) for i, j in _AROUND if (pixel[0] + i, pixel[1] + j) in pixels
    ]


def _start(left, pen):
    ends = [pixel for pixel in left if len(_near(pixel, left)) <= 1] or left
    if pen is None:
        return min(ends)
    return min(ends, key=lambda p: ((p[0] - pen[0]) ** 2 + (p[1] - pen[1]) ** 2, p))


def _walk(pixel, left):
    """From pixel to pixel, taking each from `left`, as straight on as possible."""
    stroke = [pixel]
    left.discard(pixel)
    while near := _near(pixel, left):
        back = stroke[max(0, len(stroke) - 4)]
        ahead = np.subtract(pixel, back)

        def straight(q, here=pixel, ahead=ahead):
            i, j = q[0] - here[0], q[1] - here[1]
            return (i * ahead[0] + j * ahead[1]) / np.hypot(i, j)

        pixel = max(near, key=lambda q: (straight(q), -abs(q[0] - pixel[0]) - abs(q[1] - pixel[1])))
        stroke.append(pixel)
        left.discard(pixel)
    return stroke


def _join(pixel, drawn, stroke):
    """The drawn pixel beside this one, if there is one that its own stroke has not just left."""
    near = [q for q in _near(pixel, drawn) if q not in stroke[1:4]]
    return near[:1]


def _resampled(points, spacing):
    if len(points) < 3:
        return points
    smooth = points.copy()
    smooth[1:-1] = (points[:-2] + 2 * points[1:-1] + points[2:]) / 4
    along = np.concatenate([[0], np.hypot(*np.diff(smooth, axis=0).T).cumsum()])
    at = np.linspace(0, along[-1], max(2, round(along[-1] / spacing) + 1))
    return np.column_stack([np.interp(at, along, axis) for axis in smooth.T])


def pen_steps(strokes, start=(0.0, 0.0)):
    """(T, 4) float32, a row a point of all strokes: dx and dy from the point before (the first
    from `start`), 1 where a stroke ends, and 1 where the drawing does."""
    points = np.concatenate(strokes)
    ends = np.cumsum([len(stroke) for stroke in strokes]) - 1
    steps = np.zeros((len(points), 4), np.float32)
    steps[:, :2] = np.diff(points, axis=0, prepend=np.array([start]))
    steps[ends, 2] = 1
    steps[-1, 3] = 1
    return steps


def pen_strokes(steps, start=(0.0, 0.0)):
    """`pen_steps` backwards: a list of arrays (P, 2)."""
    points = np.asarray(start) + np.cumsum(np.asarray(steps, np.float64)[:, :2], axis=0)
    ends = np.flatnonzero(np.asarray(steps)[:, 2] > 0.5) + 1
    return [part for part in np.split(points, ends) if len(part)]


def draw_strokes(strokes, size=28, width=2.0):
    """A picture (size, size) float32 of strokes: 1 within half the width of a line, falling to 0
    over one pixel."""
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).reshape(-1, 1, 2)
    starts = np.concatenate([stroke[:-1] if len(stroke) > 1 else stroke for stroke in strokes])
    stops = np.concatenate([stroke[1:] if len(stroke) > 1 else stroke for stroke in strokes])
    along = stops - starts
    squared = np.maximum((along * along).sum(-1), 1e-12)
    share = np.clip(((grid - starts) * along).sum(-1) / squared, 0, 1)[..., None]
    distance = np.sqrt(((grid - starts - share * along) ** 2).sum(-1)).min(1)
    return np.clip((width + 1) / 2 - distance, 0, 1).reshape(size, size).astype(np.float32)
