"""Beijing's air in the next hours: an LSTM sees a day of hourly measurements and foretells the
fine dust (PM2.5) 1 to 24 hours ahead (many to one); 2014 tests it, 2010 to 2013 train it.

A step has fourteen features: the dust, dew point, temperature, pressure, snow, rain, the wind's
summed speed in four directions, and hour and day of the year as sine and cosine. Dust that was not
measured is taken to have stayed as it was; windows that end with such an hour are left out, and so
are those with one among the hours to be foretold. Beside the network stand persistence, the last
value again, and vector autoregression, least squares on the same windows. A second LSTM begins at
the latter's answers and learns what is not linear. All work on the logarithm of the dust; errors
are in micrograms per cubic metre.
"""

import numpy as np
from _example import BLUE, GREEN, GREY, INK, ORANGE, curves, figure, legend, options, save

from fastnn import fit, optim, predict
from fastnn.data import load_beijing_pm25
from fastnn.functional import l1_loss
from fastnn.models.series import SeriesPredictor, VectorAutoregression, windows

STEPS, AHEAD = 24, (1, 3, 6, 12, 24)  # hours
FIRST_TEST = np.datetime64("2014-01-01T00")
STYLES = {
    "persistence": (GREY, "--"), "vector autoregression": (ORANGE, "-"),
    "LSTM": (GREEN, "-"), "LSTM on autoregression": (BLUE, "-"),
}  # fmt: skip


def filled(values):
    """Missing values replaced by the last one before; 0 where there was none."""
    last = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    return np.nan_to_num(values[last])


def table(series):
    """(T, 14) features, not scaled, the dust first; and where the dust was measured (T,)."""
    values = series.values.copy()
    known = ~np.isnan(values[:, 0])
    values[:, 0] = filled(values[:, 0])
    sums = [0, 4, 5, 6, 7, 8, 9]  # dust, snow, rain, wind: few are very large
    values[:, sums] = np.log1p(values[:, sums])
    hour = (series.times - series.times.astype("datetime64[D]")) / np.timedelta64(24, "h")
    day = (series.times - series.times.astype("datetime64[Y]")) / np.timedelta64(8766, "h")
    turns = [f(2 * np.pi * share) for share in (hour, day) for f in (np.sin, np.cos)]
    return np.column_stack([values, *turns]), known


def cut(x, known, times):
    """past (N, STEPS, D), the dust (N, len(AHEAD), 1) then, and the hour (N,) of each window's end,
    where the dust was measured at all these hours."""
    past, future = windows(x, STEPS, AHEAD[-1])
    at_end, later = windows(known[:, None], STEPS, AHEAD[-1])
    ahead = np.array(AHEAD) - 1
    kept = at_end[:, -1, 0] & later[:, ahead, 0].all(1)
    return past[kept], future[kept][:, ahead, :1], times[STEPS - 1 : STEPS - 1 + len(kept)][kept]


def train(past, future, epochs, shortcut=None):
    model = SeriesPredictor(past.shape[2], 1, len(AHEAD), units=64, dropout=0.2, shortcut=shortcut)
    optimizer = optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.02)
    fit(
        model, (past, future), epochs=epochs, batch_size=128, loss=l1_loss, metrics=(),
        optimizer=optimizer, grad_clip=1.0, progress=False,
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs),
    )  # fmt: skip
    return model


def main(argv=None):
    arguments = options(__doc__, argv, epochs=(6, 2), windows=(40_000, 5_000))
    series = load_beijing_pm25()
    x, known = table(series)
    border = int(np.searchsorted(series.times, FIRST_TEST))
    mean, std = x[:border].mean(0), x[:border].std(0)
    x = np.float32((x - mean) / std)
    past, future, _ = cut(x[:border], known[:border], series.times[:border])
    every = -(-len(past) // arguments.windows)
    past, future = past[::every], future[::every]
    tests, answers, ends = cut(x[border:], known[border:], series.times[border:])
    regression = VectorAutoregression().fit(past, future)
    found = {
        "persistence": np.repeat(tests[:, -1:, :1], len(AHEAD), 1),
        "vector autoregression": regression.predict(tests),
    }
    for name, shortcut in (("LSTM", None), ("LSTM on autoregression", regression)):
        found[name] = predict(train(past, future, arguments.epochs, shortcut), tests)
    answers, *moved = (np.expm1(mean[0] + std[0] * y[:, :, 0]) for y in (answers, *found.values()))
    found = dict(zip(found, moved, strict=True))
    results = {name: np.abs(y - answers).mean(0) for name, y in found.items()}
    print(f"{len(past):,} windows to train, {len(tests):,} to test; mean absolute error")
    for name, errors in results.items():
        print(f"{name}: " + ", ".join(f"{e:.1f}" for e in errors)
              + f" micrograms after {', '.join(map(str, AHEAD))} h")  # fmt: skip

    picture = figure(11, 4.6, "Beijing's fine dust in the next hours")
    left, right = picture.subplots(1, 2, width_ratios=(8, 5))
    curves(left, "PM2.5, micrograms per cubic metre: measured, and as foretold 6 hours before", "")
    chosen = (ends >= np.datetime64("2014-02-10T00")) & (ends < np.datetime64("2014-03-03T00"))
    then = ends[chosen] + np.timedelta64(6, "h")
    six = AHEAD.index(6)
    left.plot(then, answers[chosen, six], color=INK, linewidth=1.2,
              label="measured")  # fmt: skip
    for name in ("persistence", "LSTM on autoregression"):
        left.plot(then, found[name][chosen, six], STYLES[name][1],
                  color=STYLES[name][0], linewidth=1.1, label=name)  # fmt: skip
    left.tick_params(axis="x", rotation=30)
    legend(left, loc="upper left")
    curves(right, "mean absolute error in 2014, micrograms per cubic metre", "hours ahead")
    for name, errors in results.items():
        color, line = STYLES[name]
        right.plot(AHEAD, errors, line, marker="o", markersize=3, color=color, linewidth=1.6,
                   label=f"{name}: {errors[six]:.1f} after 6 h")  # fmt: skip
    right.set(xticks=AHEAD, ylim=(0, None))
    legend(right, loc="lower right")
    save(picture, arguments.out, "pm25.png")
    return results


if __name__ == "__main__":
    main()
