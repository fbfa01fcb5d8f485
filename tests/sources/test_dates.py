"""Which number of a date is the day, by what a column gives away."""

import datetime as dt

import polars as pl
import pytest

from maxella.errors import DataError
from maxella.sources.dates import as_moments, find_form
from maxella.sources.load import load_source


@pytest.mark.parametrize(
    ("texts", "form", "part"),
    [
        (["31.12.2024", "1.2.2024"], "%d.%m.%Y", "first number is the day, as it goes above 12"),
        (["01.02.2024", "03.02.2024"], "%d.%m.%Y", "as dots between them say"),
        (["12/31/2024", "1/2/2024"], "%m/%d/%Y", "second number is the day"),
        (["31/12/2024", "1/2/2024"], "%d/%m/%Y", "first number is the day"),
        (["1/2/2024", "1/3/2024", "2/1/2024"], "%m/%d/%Y", "month first, by which the rows are in"),
        (["1/2/2024", "5/2/2024", "2/3/2024"], "%d/%m/%Y", "day first, by which the rows are in"),
        (["3/2/2024", "1/3/2024", "2/1/2024"], "%m/%d/%Y", "ASSUMED"),
        (["3-2-2024", "1-3-2024", "2-1-2024"], "%d-%m-%Y", 'time_format = "%m-%d-%Y"'),
        (["2024/12/31"], "%Y/%m/%d", "year, month and day"),
        (["31.12.24 7:05"], "%d.%m.%y %H:%M", "the day"),
        (["12/31/2024 5:07 PM"], "%m/%d/%Y %I:%M %p", "the day"),
        (["31.12.2024 17:05:09", "1.1.2025 00:00:00"], "%d.%m.%Y %H:%M:%S%.f", "the day"),
        (["2024-12-31"], None, "ISO"),
    ],
)
def test_a_form(texts, form, part):
    found = find_form(pl.Series("when", texts))
    assert found.format == form
    assert part in found.reason
    moments = as_moments(pl.Series("when", texts), form)
    assert moments.null_count() == 0
    assert moments[0].year == 2024


@pytest.mark.parametrize(
    "texts",
    [["31.12.2024", "soon"], ["13/13/2024"], ["1.2.2024", "1/2/2024"], ["1.2.2024", "1.2.24"], []],
)
def test_no_form(texts):
    assert find_form(pl.Series("when", texts, dtype=pl.String)) is None


def log(folder, times, **options):
    rows = [f"u{n},i1,{time}" for n, time in enumerate(times)]
    (folder / "log.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]))
    return load_source("delimited", folder / "log.csv", **options)


def seconds(*date):
    return int(dt.datetime(*date, tzinfo=dt.UTC).timestamp())


def test_times_are_read_by_the_form_that_is_given_or_found(tmp_path):
    times = ["1/2/2024", "3/1/2024"]
    for form, expected in (("%m/%d/%Y", (2024, 1, 2)), ("%d/%m/%Y", (2024, 2, 1))):
        tables = log(tmp_path, times, time_format=form)
        assert tables.interactions["timestamp"][0] == seconds(*expected)
        assert tables.notes == ()
    tables = log(tmp_path, times)
    assert tables.interactions["timestamp"][0] == seconds(2024, 1, 2)
    assert "month first" in tables.notes[0]


def test_what_is_not_of_the_form_is_named(tmp_path):
    with pytest.raises(DataError, match=r"of the form %d.%m.%Y as timestamp; got '2.13.2024' .*3"):
        log(tmp_path, ["31.12.2024", "2.13.2024"], time_format="%d.%m.%Y")


@pytest.mark.parametrize(
    ("times", "unit", "expected"),
    [
        (["1965-03-01", "1970-01-02"], "s", [seconds(1965, 3, 1), 86400]),
        (["01.03.1965", "31.12.1969"], "s", [seconds(1965, 3, 1), -86400]),
        ([-86_400_000, 1500], "ms", [-86400, 1]),
        (["2024-03-01T10:00:00.250Z"], "s", [seconds(2024, 3, 1, 10)]),
    ],
)
def test_times_before_1970_and_of_other_units(tmp_path, times, unit, expected):
    assert log(tmp_path, times, time_unit=unit).interactions["timestamp"].to_list() == expected


def test_dates_of_items_are_times_where_their_order_is_sure(tmp_path):
    (tmp_path / "items.csv").write_text("item_id,released,odd\ni1,31.12.1999,1/2/2000\n")
    items = log(tmp_path, ["2024-01-01"], items=tmp_path / "items.csv").items
    assert items["released"][0].year == 1999
    assert items["odd"][0] == "1/2/2000"
