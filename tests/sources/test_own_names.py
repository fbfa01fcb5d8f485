from datetime import UTC, datetime

import polars as pl
import pytest

from maxella.errors import DataError
from maxella.sources.own_names import IDS, OwnNames

SHOP = OwnNames({"user_id": "customer no", "item_id": "sku", "timestamp": "at"}, "ms")
OPTIONAL = ("rating", "timestamp", "event")


@pytest.mark.parametrize(
    "columns",
    [("customer no", "sku"), ("user_id", "item_id"), ("customer no", "item_id"), ("userId", "sku")],
)
def test_ids_are_found_under_both_names(columns):
    table = pl.DataFrame(dict(zip(columns, (["u"], [7]), strict=True)))
    assert SHOP.ours(table, IDS).select(IDS).rows() == [("u", "7")]


def test_the_own_name_goes_first():
    table = pl.DataFrame({"user_id": ["no"], "customer no": ["yes"], "sku": ["i"]})
    assert SHOP.ours(table, IDS)["user_id"].to_list() == ["yes"]


def test_both_names_are_said_where_neither_is_there():
    table = pl.DataFrame({"customer nr": ["u"], "sku": ["i"]})
    with pytest.raises(DataError) as raised:
        SHOP.ours(table, IDS)
    assert str(raised.value) == (
        "Wanted a column 'customer no' (or 'user_id') in the table; it has customer nr, sku. "
        "Did you mean 'customer nr'? Rename the column that holds it."
    )


def test_a_column_that_the_log_has_not_is_not_guessed():
    names = OwnNames({"rating": ""})
    table = pl.DataFrame({"user_id": ["u"], "item_id": ["i"], "rating": [3], "stars": [4]})
    assert names.ours(table, IDS, OPTIONAL).columns == ["user_id", "item_id", "stars"]


@pytest.mark.parametrize(
    ("column", "value", "seconds"),
    [
        ("at", 1_500_000_000_000, 1_500_000_000),  # as in the log
        ("timestamp", 1_500_000_000, 1_500_000_000),  # as ours
        ("at", "1500000000000", 1_500_000_000),
        ("at", "2017-07-14 02:40:00", 1_500_000_000),
        ("timestamp", datetime(2017, 7, 14, 2, 40, tzinfo=UTC), 1_500_000_000),
    ],
)
def test_times_count_as_in_the_log_or_as_ours(column, value, seconds):
    table = pl.DataFrame({"user_id": ["u"], "item_id": ["i"], column: [value]})
    times = SHOP.ours(table, IDS, OPTIONAL)["timestamp"]
    assert SHOP.seconds(table, times).to_list() == [seconds]


def test_a_log_that_calls_times_as_we_do_counts_them_as_it_does():
    names = OwnNames(time_unit="ms")
    table = pl.DataFrame({"timestamp": [5000]})
    assert names.seconds(table, table["timestamp"]).to_list() == [5]


@pytest.mark.parametrize("value", [None, "soon"])
def test_what_is_no_time_is_said(value):
    table = pl.DataFrame({"at": pl.Series([value], dtype=pl.String)})
    with pytest.raises(DataError, match="in milliseconds since 1970; got"):
        SHOP.seconds(table, table["at"])


def test_dates_are_of_the_form_that_the_log_has():
    data = {"columns": {"timestamp": "at"}, "time_format": "%m/%d/%Y"}
    table = pl.DataFrame({"at": ["07/04/2017"]})
    assert OwnNames.of(data).seconds(table, table["at"]).to_list() == [1_499_126_400]
    ours = table.rename({"at": "timestamp"}).with_columns(timestamp=pl.lit("2017-07-04"))
    assert OwnNames.of(data).seconds(ours, ours["timestamp"]).to_list() == [1_499_126_400]
