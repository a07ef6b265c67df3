"""Where a storm will be: an LSTM sees an Atlantic storm's last 30 hours and foretells its next 24,
a displacement every six hours (many to one); the storms of 2010 to 2018 test it.

A step has seven features: the displacement in km east and north, latitude and longitude, wind, and
the day of the year as sine and cosine. Errors are great-circle distances in km, after 6, 12, 18 and
24 hours. Beside the network stand persistence, the same displacement again, and vector
autoregression, least squares on the same windows; a second LSTM begins at the latter's answers and
learns what is not linear. Networks are trained from several seeds and their forecasts averaged.
"""

import numpy as np
from _example import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    RED,
    curves,
    figure,
    legend,
    options,
    plane,
    save,
)

import fastnn
from fastnn import fit, optim, predict
from fastnn.data import load_hurdat2
from fastnn.models.series import SeriesPredictor, VectorAutoregression, windows

RADIUS = 6371.0  # of the earth, km
DEGREE = np.pi / 180
STEPS, HORIZON = 5, 4  # of six hours
SCALE = 100.0  # km: the unit of displacements for the network
STYLES = {
    "persistence": (GREY, "--"), "vector autoregression": (ORANGE, "-"),
    "LSTM": (GREEN, "-"), "LSTM on autoregression": (BLUE, "-"),
}  # fmt: skip


def distance(a, b):
    """Great-circle distance in km of positions (..., 2) in degrees, by the haversine formula."""
    (lat_a, lon_a), (lat_b, lon_b) = (np.moveaxis(p * DEGREE, -1, 0) for p in (a, b))
    h = (
        np.sin((lat_b - lat_a) / 2) ** 2
        + np.cos(lat_a) * np.cos(lat_b) * np.sin((lon_b - lon_a) / 2) ** 2
    )
    return 2 * RADIUS * np.arcsin(np.sqrt(h))


def displacements(position):
    """Positions (T, 2) in degrees -> (T - 1, 2) km east and north, at the middle latitude."""
    north, east = np.diff(position, axis=0).T * DEGREE * RADIUS
    middle = (position[1:, 0] + position[:-1, 0]) / 2
    return np.column_stack([east * np.cos(middle * DEGREE), north])


def follow(start, moves):
    """The positions (N, H, 2) after each of the moves (N, H, 2) in km from start (N, 2):
    `displacements` backwards."""
    places, here = [], start
    for east, north in np.moveaxis(moves, 0, -1):
        lat = here[:, 0] + north / RADIUS / DEGREE
        middle = np.cos((here[:, 0] + lat) / 2 * DEGREE)
        here = np.column_stack([lat, here[:, 1] + east / (RADIUS * middle) / DEGREE])
        places.append(here)
    return np.stack(places, axis=1)


def features(storm):
    """(T - 1, 7): what is known at each position but the first."""
    day = (storm.times - storm.times.astype("datetime64[Y]")) / np.timedelta64(24, "h")
    angle = 2 * np.pi * day / 365.25
    wind = np.where(np.isnan(storm.wind), 35.0, storm.wind)
    lat, lon = storm.position.T
    rest = np.column_stack([
        (lat - 25) / 10, (lon + 65) / 20, wind / 50 - 1, np.sin(angle), np.cos(angle),
    ])  # fmt: skip
    return np.column_stack([displacements(storm.position) / SCALE, rest[1:]])


def cut(storms):
    """past (N, STEPS, 7), future moves (N, HORIZON, 2), the positions (N, 1 + HORIZON, 2) now and
    then, and the number of each window's storm."""
    parts = []
    for number, storm in enumerate(storms):
        past, future = windows(features(storm), STEPS, HORIZON)
        _, places = windows(storm.position, STEPS, 1 + HORIZON)
        parts.append((past, future[:, :, :2], places, np.full(len(past), number)))
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def track_loss(moves, target):
    """The mean distance from where the moves lead to where the target's do."""
    off = sum_over_steps(moves) - np.cumsum(target, axis=1)
    return ((off * off).sum(2) + 1e-6).sqrt().mean()


def sum_over_steps(moves):
    """Running sums of a Tensor (N, H, 2) over H."""
    return np.tri(HORIZON, dtype=np.float32) @ moves


def train(past, future, epochs, seed, shortcut=None):
    fastnn.manual_seed(seed)
    model = SeriesPredictor(past.shape[2], 2, HORIZON, units=64, dropout=0.1, shortcut=shortcut)
    optimizer = optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    fit(
        model, (np.float32(past), np.float32(future)), epochs=epochs, batch_size=64,
        loss=track_loss, metrics=(), optimizer=optimizer, grad_clip=1.0, progress=False,
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs), seed=seed,
    )  # fmt: skip
    return model


def main(argv=None):
    arguments = options(__doc__, argv, epochs=(15, 3), members=(3, 1))
    train_storms, test_storms = load_hurdat2()
    past, future, _, _ = cut(train_storms)
    x, _, places, numbers = cut(test_storms)
    regression = VectorAutoregression().fit(past, future)
    moves = {
        "persistence": np.repeat(x[:, -1:, :2], HORIZON, 1),
        "vector autoregression": regression.predict(x),
    }
    for name, shortcut in (("LSTM", None), ("LSTM on autoregression", regression)):
        members = [
            train(past, future, arguments.epochs, arguments.seed + i, shortcut)
            for i in range(arguments.members)
        ]
        moves[name] = np.mean([predict(member, np.float32(x)) for member in members], axis=0)
    found = {name: follow(places[:, 0], SCALE * move) for name, move in moves.items()}
    results = {name: distance(place, places[:, 1:]).mean(0) for name, place in found.items()}
    print(f"{len(past):,} windows of {len(train_storms)} storms, {len(x):,} of {len(test_storms)}")
    for name, errors in results.items():
        print(f"{name}: " + ", ".join(f"{e:.1f} km" for e in errors) + " after 6, 12, 18, 24 h")

    picture = figure(11, 4.6, "Where a storm will be")
    left, right = picture.subplots(1, 2, width_ratios=(8, 5))
    plane(left, "24 hours ahead, once a day: persistence (grey), LSTM on autoregression (red)",
          "degrees east", "degrees north")  # fmt: skip
    for storm in train_storms[::2]:
        left.plot(*storm.position.T[::-1], color="#eef0f2", linewidth=0.6, zorder=0)
    shown = [i for i, storm in enumerate(test_storms)
             if storm.id in ("AL112010", "AL182012", "AL142012", "AL112017")]  # fmt: skip
    for i in shown:
        storm = test_storms[i]
        left.plot(*storm.position.T[::-1], color=INK, linewidth=1.2)
        left.annotate(f"{storm.name.title()} {storm.id[4:]}", storm.position[0][::-1], fontsize=8,
                      color=INK, xytext=(3, -10), textcoords="offset points")  # fmt: skip
        for row in np.flatnonzero(numbers == i)[::4]:
            for name, color in (("persistence", GREY), ("LSTM on autoregression", RED)):
                path = np.concatenate([places[row, :1], found[name][row]])
                left.plot(*path.T[::-1], color=color, linewidth=1)
    left.set(xlim=(-100, -10), ylim=(8, 52))
    curves(right, "mean error on the test storms, km", "hours ahead")
    for name, errors in results.items():
        color, line = STYLES[name]
        right.plot((0, 6, 12, 18, 24), [0, *errors], line, color=color, linewidth=1.6,
                   label=f"{name}: {errors[-1]:.0f} after 24 h")  # fmt: skip
    right.set(xticks=(0, 6, 12, 18, 24), ylim=(0, None))
    legend(right, loc="upper left")
    save(picture, arguments.out, "storm_tracks.png", colours=256)
    return results


if __name__ == "__main__":
    main()
