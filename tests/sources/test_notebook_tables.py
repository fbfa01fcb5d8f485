from pathlib import Path

import polars as pl
import pytest

from maxella.errors import DataError
from maxella.sources.load import load_source

SAMPLES = Path(__file__).parents[1] / "samples"


def test_columns_move_to_where_they_belong():
    tables = load_source("notebook", SAMPLES / "notebook")
    # User 216 rated both movies called "Café": the later one stays.
    assert tables.interactions.rows() == [
        ("216", "Duck, The", 2.0, 976867230, 1),
        ("494", "Duck, The", 5.0, 976215651, 1),
        ("494", "Café", 4.0, 976215700, 1),
        ("216", "Café", 3.0, 976867300, 2),
    ]
    assert tables.users.rows() == [
        ("216", 45, "M", "retired", 13, "02138"),
        ("494", 35, "F", "other/not specified", 0, "17870"),
    ]
    assert tables.items.rows() == [
        (
            "Duck, The",
            "Duck, The",
            "10",
            ["Children", "Comedy"],
            "Director One",
            "Star One",
            47088000,
        ),
        ("Café", "Café", "20", ["Drama"], "Director Two", "Star Two", -217123200),
        ("Unrated", "Unrated", "30", [], None, None, None),
    ]
    shared, repeats = tables.notes
    assert shared.startswith("4 movies share 3 titles")
    assert repeats.startswith("1 of 5 interactions repeat")


def test_a_genre_that_is_no_list_of_codes_is_never_run(tmp_path):
    for name in ("ratings.csv", "movies.csv"):
        text = (SAMPLES / "notebook" / name).read_text("iso-8859-1")
        (tmp_path / name).write_text(text.replace("[7]", "exit(99)"), "iso-8859-1")
    items = load_source("notebook", tmp_path).items
    assert items["genres"][1].to_list() == ["99"]  # a code without a label stays as written


def test_a_missing_column_is_named(tmp_path):
    for name in ("ratings.csv", "movies.csv"):
        text = (SAMPLES / "notebook" / name).read_text("iso-8859-1")
        (tmp_path / name).write_text(text.replace("user_gender", "gender"), "iso-8859-1")
    with pytest.raises(DataError, match=r"'user_gender' in .*ratings.csv"):
        load_source("notebook", tmp_path)


@pytest.mark.slow
def test_the_enriched_1m(shared_data):
    tables = load_source(None, shared_data / "notebook-tables.zip")
    # 1,000,209 rows; 3,706 movies share 3,664 titles.
    assert tables.interactions.height == 1_000_209 - 3_124
    assert tables.notes[1].startswith("3,124 of 1,000,209 interactions repeat")
    assert tables.users.height == 6040
    assert tables.items.height == 3664
    original = load_source("movielens", shared_data / "ml-1m.zip")
    columns = ["user_id", "age", "gender", "occupation", "occupation_code", "zip_code"]
    assert (
        tables.users.select(columns)
        .sort("user_id")
        .equals(original.users.select(columns).sort("user_id"))
    )
    genres = tables.items.filter(pl.col("item_id") == "eXistenZ")["genres"][0].to_list()
    assert genres == ["Action", "Sci-Fi", "Thriller"]
