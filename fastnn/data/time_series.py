"""Series of measurements at equal intervals."""

import csv
import os
from typing import NamedTuple

import numpy as np

from .places import find_folder

_SERIES = {  # file, column of the values, unit of the dates
    "airline": ("airline-passengers.csv", "Passengers", "M"),
    "sunspots": ("monthly-sunspots.csv", "Sunspots", "M"),
    "temperatures": ("daily-min-temperatures.csv", "Temp", "D"),
}
_WINDS = ("NE", "NW", "SE", "cv")


class TimeSeries(NamedTuple):
    """times (T,) datetime64, values (T, D) float64 with NaN where nothing was measured, and the D
    columns' names."""

    times: np.ndarray
    values: np.ndarray
    features: list


def load_beijing_pm25(folder=None):
    """The air of Beijing, hourly from 2010 to 2014: a `TimeSeries` of 43,824 steps.

    Columns: PM2.5 in micrograms per cubic metre (2,067 are missing), dew point and temperature in
    degrees Celsius, pressure in hPa, hours of snow and of rain, then wind: the speed in m/s, summed
    up since its direction last changed, under the direction it had (NE, NW, SE, or cv: calm or
    varying), 0 in the three other columns.

    The file pollution.csv is looked for in `folder`, or else in $FASTNN_DATA/timeseries. X. Liang
    et al., "Assessing Beijing's PM2.5 pollution", Proceedings of the Royal Society A 471 (2015).
    Raises FileNotFoundError where it is not there, ValueError for another table.
    """
    rows = _rows("load_beijing_pm25", folder, "pollution.csv", "pm2.5")
    times = [
        f"{row['year']}-{int(row['month']):02}-{int(row['day']):02}T{int(row['hour']):02}"
        for row in rows
    ]
    plain = ["pm2.5", "DEWP", "TEMP", "PRES", "Is", "Ir"]
    values = [
        [*(float("nan" if row[name] == "NA" else row[name]) for name in plain),
         *(float(row["Iws"]) * (row["cbwd"] == wind) for wind in _WINDS)]
        for row in rows
    ]  # fmt: skip
    features = [
        "PM2.5", "dew point", "temperature", "pressure", "snow", "rain",
        *(f"wind {wind}" for wind in _WINDS),
    ]  # fmt: skip
    return TimeSeries(np.array(times, "datetime64[h]"), np.array(values), features)


def load_time_series(name, folder=None):
    """A `TimeSeries` of one column.

    name  "sunspots", monthly from 1749 to 1983; "temperatures", daily minima in Melbourne from 1981
          to 1990; "airline", thousands of passengers a month from 1949 to 1960

    Its file is looked for in `folder`, or else in $FASTNN_DATA/timeseries. Raises
    FileNotFoundError where it is not there, ValueError for another name or another table.
    """
    if name not in _SERIES:
        raise ValueError(
            f"load_time_series: name must be one of {', '.join(_SERIES)}, got {name!r}"
        )
    file, column, unit = _SERIES[name]
    rows = _rows("load_time_series", folder, file, column)
    first = next(iter(rows[0]))  # Month, or Date
    times = np.array([row[first] for row in rows], f"datetime64[{unit}]")
    return TimeSeries(times, np.array([[float(row[column])] for row in rows]), [column])


def _rows(op, folder, file, column):
    """The table's lines as dicts, after a check that it has the column."""
    path = os.path.join(find_folder(op, "timeseries", folder, [file]), file)
    with open(path, newline="") as table:
        reader = csv.DictReader(table)
        if column not in (reader.fieldnames or ()):
            found = ", ".join(reader.fieldnames or ["no columns"])
            raise ValueError(f"{path}: a column {column} expected, got {found}")
        return list(reader)
