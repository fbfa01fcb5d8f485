import json
from pathlib import Path

import polars as pl
import pytest

from maxella.data.describe import describe
from maxella.errors import DataError
from maxella.sources.load import load_source
from maxella.sources.tables import Tables

LOG = pl.DataFrame(
    {
        # Users a, b, c have 3, 2, 1 interactions; items x, y, z have 3, 2, 1.
        "user_id": ["a", "a", "a", "b", "b", "c"],
        "item_id": ["x", "y", "z", "x", "y", "x"],
        "rating": pl.Series([5, 3, 3, 1, 5, 3], dtype=pl.Float32),
        "timestamp": [10, 20, 30, 5, 40, 7],
    }
)
USERS = pl.DataFrame({"user_id": ["a", "b", "c", "d"], "age": [7, None, 7, None]})
ITEMS = pl.DataFrame(
    {"item_id": ["x", "y", "z"], "genres": [["A"], ["A", "B"], ["A"]], "empty": [None] * 3}
)


def toy(log=LOG):
    return Tables("toy", log, USERS, ITEMS, notes=("something",))


def test_the_table_of_the_notebook():
    figures = describe(toy())
    assert figures["users"]["rows"] == 4
    id_column, age = figures["users"]["columns"]
    assert (id_column["name"], id_column["distinct"], id_column["type"]) == ("user_id", 4, "String")
    assert (age["distinct"], age["type"], age["missing"], age["missing_percent"]) == (
        1,
        "Int64",
        2,
        50.0,
    )
    _, genres, empty = figures["items"]["columns"]
    assert (genres["distinct"], genres["type"], genres["missing"]) == (2, "List(String)", 0)
    assert (empty["distinct"], empty["missing_percent"]) == (0, 100.0)


def test_distributions():
    figures = describe(toy())
    assert (figures["n_interactions"], figures["n_users"], figures["n_items"]) == (6, 3, 3)
    assert figures["density"] == 6 / 9
    # Of 1, 2, 3 the quartiles lie halfway between neighbours.
    expected = {"minimum": 1, "maximum": 3, "mean": 2.0}
    expected |= {"lower_quartile": 1.5, "median": 2.0, "upper_quartile": 2.5}
    assert figures["activity"] == expected
    assert figures["popularity"] == expected
    assert [tuple(bar.values()) for bar in figures["ratings"]] == [(1, 1, 1), (3, 3, 3), (5, 5, 2)]
    assert figures["mean_rating"] == pytest.approx(20 / 6)
    assert figures["time_span"] == [5, 40]
    assert figures["notes"] == ["something"]


def test_many_distinct_ratings_are_binned():
    n = 101  # 0, 0.1, ..., 10: ten in each bin of width 1, and 10 itself in the last
    log = pl.DataFrame(
        {
            "user_id": [str(i) for i in range(n)],
            "item_id": ["x"] * n,
            "rating": [i / 10 for i in range(n)],
        }
    )
    bars = describe(toy(log))["ratings"]
    assert [bar["count"] for bar in bars] == [10] * 9 + [11]
    assert (bars[0]["low"], bars[-1]["high"]) == (0.0, 10.0)


def test_without_ratings_and_times():
    figures = describe(toy(LOG.select("user_id", "item_id")))
    assert figures["ratings"] == []
    assert figures["mean_rating"] is None
    assert figures["time_span"] is None


def test_json_round_trip():
    plain = describe(toy())
    read_again = json.loads(json.dumps(plain))
    assert read_again["users"]["columns"][1] == {
        "name": "age",
        "distinct": 1,
        "type": "Int64",
        "missing": 2,
        "missing_percent": 50.0,
    }
    assert read_again["ratings"][0] == {"low": 1.0, "high": 1.0, "count": 1}


@pytest.mark.slow
def test_the_notebooks_own_figures(shared_data: Path):
    figures = describe(load_source("notebook", shared_data / "notebook-tables.zip"))
    columns = {
        c["name"]: c for t in (figures["interactions"], figures["users"]) for c in t["columns"]
    }
    # Cell 11, all with nothing missing.
    expected = {"age": 7, "gender": 2, "user_id": 6040, "occupation": 21, "occupation_code": 21}
    expected |= {"rating": 5, "zip_code": 3439}
    assert {name: columns[name]["distinct"] for name in expected} == expected
    assert all(column["missing"] == 0 for column in columns.values())
    # Cells 11 and 14 have 3,619 titles; these tables have 3,664.
    assert figures["n_items"] == 3664


def test_without_interactions_there_is_nothing_to_describe():
    with pytest.raises(DataError, match="Wanted interactions in toy; there are none"):
        describe(toy(LOG[:0]))
