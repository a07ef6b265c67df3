"""Names with genders, tracks of storms, series of measurements."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fastnn.data import (
    load_beijing_pm25,
    load_chinese_names,
    load_hurdat2,
    load_names_gender,
    load_time_series,
)
from fastnn.data.names import given_name


def needs(name):
    return pytest.mark.skipif(
        not Path(os.environ.get("FASTNN_DATA", "nowhere"), name).is_dir(),
        reason=f"{name} is not in $FASTNN_DATA",
    )


@pytest.mark.parametrize(
    "load",
    [load_names_gender, load_chinese_names, load_hurdat2, load_beijing_pm25,
     lambda *folder: load_time_series("sunspots", *folder)],
)  # fmt: skip
def test_data_that_is_not_there(load, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"load_\w+: .* must hold .*; no "):
        load(tmp_path)
    monkeypatch.setenv("FASTNN_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=rf"load_\w+: {tmp_path}/\S+ must hold"):
        load()


# -- names -----------------------------------------------------------------------------------------


def test_names_that_are_both_are_left_out(tmp_path):
    with zipfile.ZipFile(tmp_path / "nltk-names.zip", "w") as archive:
        archive.writestr("names/female.txt", "Eve\nAnn \nAnn\n\nKim\nZoe\r\nIda\n")
        archive.writestr("names/male.txt", "Kim\nBob\nAl\n")
    (names, labels), (held_out, answers) = load_names_gender(tmp_path, every=3)
    assert names == ["Ann", "Bob", "Ida", "Zoe"] and labels.tolist() == [1, 0, 1, 1]
    assert held_out == ["Al", "Eve"] and answers.tolist() == [0, 1]
    assert labels.dtype == np.int64


def test_a_chinese_given_name_is_on_one_side(tmp_path):
    rows = ["李安,F", "王安,F", "上官安安,M", "李明,M", "王明,M", "李文,M", "王文,F", "赵文,M"]
    (tmp_path / "ChineseNames.csv").write_text(
        "\n".join(["\ufeff姓名,性别", *rows, "李安,M"]), "utf-8"
    )
    (names, labels), (held_out, answers) = load_chinese_names(tmp_path, every=2)
    assert names == ["李文", "王安", "王文", "赵文"]  # 李安 is both
    assert labels.tolist() == [0, 1, 1, 0]
    assert held_out == ["上官安安", "李明", "王明"] and answers.tolist() == [0, 0, 0]


def test_chinese_given_names_have_the_fold_of_their_first_bearer(tmp_path):
    rows = ["文,0,3", "明,1,0", " 文,0,0", "安,0,0", "明,1,2", "安,1,5"]
    (tmp_path / "namesex_data_v2.csv").write_text("\n".join(["gname,sex,fold", *rows]), "utf-8")
    (names, labels), (held_out, answers) = load_chinese_names(tmp_path, given=True)
    assert (names, labels.tolist()) == (["文"], [1])
    assert (held_out, answers.tolist()) == (["明"], [0])


def test_other_chinese_tables(tmp_path):
    (tmp_path / "ChineseNames.csv").write_text("name,gender\n李安,F\n", "utf-8")
    with pytest.raises(ValueError, match="columns 姓名, 性别 expected, got name, gender"):
        load_chinese_names(tmp_path)


@needs("names-gender")
def test_the_real_names():
    (names, labels), (held_out, answers) = load_names_gender()
    assert (len(names), len(held_out)) == (6491, 722)
    assert labels.mean() == pytest.approx(0.6426, abs=1e-4) == answers.mean()
    assert not set(names) & set(held_out)


@needs("names-gender-zh")
@pytest.mark.parametrize("given", [False, True])
def test_the_real_chinese_names(given):
    (names, labels), (held_out, answers) = load_chinese_names(given=given)
    assert len(names) + len(held_out) == (8230 if given else 9393)
    assert 0.09 < len(held_out) / len(names) < 0.13
    assert abs(labels.mean() - 0.5) < 0.02 and abs(answers.mean() - 0.5) < 0.05
    own = (lambda name: name) if given else given_name
    assert not {own(name) for name in names} & {own(name) for name in held_out}


# -- storms ----------------------------------------------------------------------------------------

STORMS = """\
AL012009,                ANA,      3,
20090812, 0600,  , TD, 10.5N,  20.5W,  30, 1006, -999,
20090812, 0915, L, TD, 11.5N,  21.5W,  30, 1006, -999,
20090812, 1200,  , TS, 12.0S,   1.5E, -99, 1006, -999,
AL022010,            UNNAMED,      1,
20100901, 0000,  , TD, 10.0N,  20.0W,  25, 1006, -999,
"""


def test_storms_every_six_hours(tmp_path):
    (tmp_path / "hurdat2.txt").write_text(STORMS)
    (ana,), (unnamed,) = load_hurdat2(tmp_path)
    assert (ana.id, ana.name, unnamed.name) == ("AL012009", "ANA", "UNNAMED")
    assert ana.times.astype(str).tolist() == ["2009-08-12T06", "2009-08-12T12"]
    assert ana.position.tolist() == [[10.5, -20.5], [-12.0, 1.5]]
    np.testing.assert_array_equal(ana.wind, [30, np.nan])
    assert [len(part) for part in load_hurdat2(tmp_path, test_from=2009)] == [0, 2]


def test_another_file_of_storms(tmp_path):
    (tmp_path / "hurdat2.txt").write_text(STORMS.replace("      3,", "      2,"))
    with pytest.raises(ValueError, match=r"line 4: a storm's id, .* got '20090812, 1200"):
        load_hurdat2(tmp_path)


@needs("hurdat2")
def test_the_real_storms():
    train, test = load_hurdat2()
    assert (len(train), len(test)) == (652, 146)
    for storm in train + test:
        assert len(storm.times) == len(storm.position) == len(storm.wind) > 0
        assert np.all(np.diff(storm.times) == np.timedelta64(6, "h"))
    assert test[-1].name == "OSCAR" and test[-1].position[-1].tolist() == [62.4, -9.1]


# -- series ----------------------------------------------------------------------------------------


def test_pm25_has_a_column_a_wind(tmp_path):
    (tmp_path / "pollution.csv").write_text(
        "No,year,month,day,hour,pm2.5,DEWP,TEMP,PRES,cbwd,Iws,Is,Ir\n"
        "1,2010,1,2,3,NA,-21,-11,1021,NW,1.79,0,2\n"
        "2,2010,1,2,4,129,-16,-4,1020,cv,0.89,1,0\n"
    )
    series = load_beijing_pm25(tmp_path)
    assert series.times.astype(str).tolist() == ["2010-01-02T03", "2010-01-02T04"]
    np.testing.assert_array_equal(
        series.values,
        [[np.nan, -21, -11, 1021, 0, 2, 0, 1.79, 0, 0], [129, -16, -4, 1020, 1, 0, 0, 0, 0, 0.89]],
    )
    assert len(series.features) == 10 and series.features[7] == "wind NW"


def test_a_series_of_one_column(tmp_path):
    (tmp_path / "monthly-sunspots.csv").write_text('"Month","Sunspots"\n"1749-01",58.0\n')
    series = load_time_series("sunspots", tmp_path)
    assert series.values.tolist() == [[58.0]] and series.features == ["Sunspots"]
    assert series.times.astype(str).tolist() == ["1749-01"]
    (tmp_path / "monthly-sunspots.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="a column Sunspots expected, got a, b"):
        load_time_series("sunspots", tmp_path)
    with pytest.raises(ValueError, match=r"name must be one of airline, .*, got 'rain'"):
        load_time_series("rain", tmp_path)


@needs("timeseries")
def test_the_real_series():
    series = load_beijing_pm25()
    assert series.values.shape == (43_824, 10) and np.isnan(series.values).sum() == 2067
    assert np.all(np.diff(series.times) == np.timedelta64(1, "h"))
    for name, count in (("sunspots", 2820), ("temperatures", 3650), ("airline", 144)):
        assert load_time_series(name).values.shape == (count, 1)
