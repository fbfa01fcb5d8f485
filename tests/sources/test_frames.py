import sys
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from maxella.errors import ConfigError, DataError
from maxella.sources.frames import kind_of, of_kind, to_polars, with_added

WHEN = [datetime(2024, 1, 31, 23, 30, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC), None]
COLUMNS = {
    "text": (pd.Series(["a", "b", None], dtype="str"), ["a", "b", None]),
    "object": (pd.Series(["a", None, np.nan], dtype=object), ["a", None, None]),
    "category": (pd.Categorical(["x", "y", "x"]), ["x", "y", "x"]),
    "nullable": (pd.array([2**53 + 1, None, 3], dtype="Int64"), [2**53 + 1, None, 3]),
    "float": ([0.5, np.nan, 2.0], [0.5, None, 2.0]),
    "whole beside missing": ([1.0, np.nan, 2.0], [1, None, 2]),
    "boolean": (pd.array([True, None, False], dtype="boolean"), [True, None, False]),
    "zone": (pd.to_datetime(WHEN, utc=True).tz_convert("Europe/Berlin"), WHEN),
    "list": ([["a"], ["b", "c"], None], [["a"], ["b", "c"], None]),
    "decimal": ([Decimal("1.5"), Decimal(2), None], [1.5, 2.0, None]),
}


@pytest.fixture
def without_pyarrow(monkeypatch):
    """As where pandas is installed alone: Polars cannot convert its columns."""

    def refuse(*_):
        raise ImportError("pyarrow is required for converting a pandas series to Polars")

    monkeypatch.setattr(pl, "from_pandas", refuse)


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_of_pandas_are_read_as_they_are_meant(name):
    values, expected = COLUMNS[name]
    frame = pd.DataFrame({name: values}).set_axis([7, 7, 9])
    assert to_polars(frame, "interactions")[name].to_list() == expected


def test_whole_numbers_beside_missing_ones_stay_whole():
    frame = pd.DataFrame({name: COLUMNS[name][0] for name in ("float", "whole beside missing")})
    kinds = to_polars(frame, "interactions").schema
    assert list(kinds.values()) == [pl.Float64, pl.Int64]


@pytest.mark.parametrize("name", COLUMNS)
def test_without_pyarrow_pandas_is_read_alike(name, without_pyarrow):
    values, expected = COLUMNS[name]
    read = to_polars(pd.DataFrame({name: values}), "interactions")[name]
    assert read.to_list() == expected


def test_categories_of_every_library_are_text():
    arrow = pa.table({"c": pa.array(["x", "y"]).dictionary_encode()})
    for frame in (arrow, arrow.to_pandas(), pl.DataFrame({"c": ["x", "y"]}).cast(pl.Categorical)):
        assert to_polars(frame, "items").schema == {"c": pl.String}


def test_columns_are_told_by_name():
    mixed = pd.DataFrame({"user": ["a", "b"], "code": ["x", 7]})
    with pytest.raises(DataError, match="one plain type in column 'code' of interactions"):
        to_polars(mixed, "interactions")
    some = to_polars(mixed, "interactions", ["user"])
    assert some.rows() == [("a", None), ("b", None)]
    months = pd.DataFrame({"month": pd.period_range("2020-01", periods=2, freq="M")})
    with pytest.raises(DataError, match="column 'month' of users"):
        to_polars(months, "users")
    twice = pd.DataFrame([[1, 2]], columns=["1", 1])
    with pytest.raises(DataError, match="a name of its own for each column of items"):
        to_polars(twice, "items")


@pytest.mark.parametrize(
    "other", [None, "log", {"a": [1]}, np.zeros((2, 2)), pd.Series([1]), pl.LazyFrame({"a": [1]})]
)
def test_what_is_no_frame_in_memory_is_refused(other):
    with pytest.raises(DataError, match=f"Wanted pairs as a frame.*got {type(other).__name__}"):
        to_polars(other, "pairs")


ANSWERS = pl.DataFrame(
    {"user_id": ["a", "b"], "rank": [1, 2], "score": [1.5, None], "lists": [["x"], []]}
)


@pytest.mark.parametrize("kind", ["polars", "pandas", "pyarrow"])
@pytest.mark.parametrize("rows", [2, 0])
def test_answers_go_out_as_they_came(kind, rows):
    frame = of_kind(ANSWERS.head(rows), kind)
    assert kind_of(frame, "answers") == kind
    assert to_polars(frame, "answers").drop("lists").equals(ANSWERS.head(rows).drop("lists"))
    if kind == "pandas":
        assert list(map(str, frame.dtypes)) == ["str", "int64", "float64", "object"]


def test_columns_are_added_to_a_frame_that_stays_as_it_is():
    pairs = pd.DataFrame({"note": pd.Categorical(["x", "y"]), "score": [9, 9]}, index=[5, 5])
    found = with_added(pairs, ANSWERS.select("user_id", "score"), "pairs")
    assert found["note"].equals(pairs["note"])
    assert found.index.tolist() == [5, 5]
    assert found.columns.tolist() == ["note", "score", "user_id"]
    assert found["score"][:1].tolist() == [1.5]


def test_a_kind_that_cannot_be_had_is_said(monkeypatch):
    with pytest.raises(ConfigError, match=r"'panda'\. Known: .* Did you mean 'pandas'"):
        of_kind(ANSWERS, "panda")
    monkeypatch.setitem(sys.modules, "modin", None)  # as where it is not installed
    monkeypatch.setitem(sys.modules, "modin.pandas", None)
    with pytest.raises(ConfigError, match="frames of modin, which is not installed"):
        of_kind(ANSWERS, "modin")
