from pathlib import Path

import polars as pl
import pytest

from maxella.errors import DataError
from maxella.sources.load import load_source

SAMPLES = Path(__file__).parents[1] / "samples"


def test_100k_keeps_all_columns():
    tables = load_source("movielens", SAMPLES / "ml-100k")
    assert tables.users.rows() == [
        ("1", 24, "M", "technician", "85711"),
        ("2", 53, "F", "other", "02138"),
        ("3", 33, "F", "writer", "T8H1N"),
    ]
    # 1995-01-01 is day 9131 since 1970, 1962-02-14 day -2878, 1971-02-04 day 399.
    url = "http://example.org/"
    assert tables.items.rows() == [
        ("1", "Paper Moons (1995)", 1995, ["Animation", "Comedy"], 9131 * 86400, None, url + "1"),
        ("2", "Café by the Sea (1962)", 1962, ["Drama"], -2878 * 86400, None, url + "2"),
        ("3", "unknown", None, [], None, None, None),
        ("4", "Never Rated, The (1998) (V)", 1998, ["Comedy"], 399 * 86400, None, url + "4"),
    ]
    assert tables.interactions.row(0) == ("1", "1", 5.0, 881250949)


def test_1m_reads_labels_latin_1_and_people():
    tables = load_source("movielens", SAMPLES / "ml-1m", people=SAMPLES / "people.csv")
    assert tables.users.rows() == [
        ("1", 1, "F", "K-12 student", 10, "48067"),
        ("2", 56, "M", "self-employed", 16, "02460"),
        ("3", 25, "M", "other/not specified", 0, "55117-1234"),
    ]
    assert tables.items.drop("genres").rows() == [
        ("10", "Paper Moons (1995)", 1995, "Director One", "Star One", 816998400),
        ("20", "Café: by the Sea (1962)", 1962, None, None, None),
        ("30", '"Loud" Night (2000)', 2000, "Director Two", None, None),
        ("40", "Never Rated, The (1998)", 1998, None, None, None),
    ]


def test_people_fill_gaps_but_replace_nothing(tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("movie_id,director,release_date\n1,Someone,5\n3,Else,6\n")
    items = load_source("movielens", SAMPLES / "ml-100k", people=people).items
    assert items["release_date"].to_list()[:3] == [9131 * 86400, -2878 * 86400, 6]
    assert items["director"].to_list() == ["Someone", None, "Else", None]


def test_10m_has_half_stars_and_no_users():
    tables = load_source("movielens", SAMPLES / "ml-10m")
    assert tables.interactions["rating"].to_list() == [5.0, 0.5, 3.5, 4.0]
    assert tables.users.rows() == [("1",), ("2",), ("3",)]
    assert tables.items["genres"].to_list() == [["Animation", "Comedy"], []]


def test_csv_joins_links_and_keeps_their_leading_zeros():
    items = load_source("movielens", SAMPLES / "ml-latest-small").items
    assert items.rows() == [
        ("10", "Paper Moons (1995)", 1995, ["Animation", "Comedy"], "0114709", "862"),
        ("20", "Café by the Sea, The (1962)", 1962, ["Drama"], "0113497", None),
        ("30", "A Series (2006\u20132008)", 2006, [], "0000042", "7"),
    ]


def test_missing_companions_are_noted(tmp_path):
    (tmp_path / "u.data").write_bytes((SAMPLES / "ml-100k" / "u.data").read_bytes())
    tables = load_source(None, tmp_path / "u.data")
    assert len(tables.notes) == 2
    assert all("is not there" in note for note in tables.notes)
    assert tables.items["item_id"].to_list() == ["1", "2", "3"]


def test_files_saved_anew_as_utf_8_read_the_same(tmp_path):
    for name in ("ratings.dat", "users.dat", "movies.dat"):
        text = (SAMPLES / "ml-1m" / name).read_text("iso-8859-1")
        (tmp_path / name).write_text(text, "utf-8")
    items = load_source("movielens", tmp_path).items
    assert items["title"][1] == "Café: by the Sea (1962)"


@pytest.mark.parametrize(
    ("name", "interactions", "users", "items", "rated"),
    [
        ("ml-100k", 100_000, 943, 1682, 1682),
        ("ml-1m", 1_000_209, 6040, 3883, 3706),
        ("ml-latest-small", 100_836, 610, 9742, 9724),
    ],
)
def test_published_counts(shared_data, name, interactions, users, items, rated):
    tables = load_source(None, shared_data / f"{name}.zip")
    assert tables.name == name
    assert tables.interactions.height == interactions
    assert tables.users.height == users
    assert tables.items.height == items
    assert tables.interactions["item_id"].n_unique() == rated
    assert tables.notes == ()
    # Every user has rated at least twenty movies, as all three READMEs say.
    assert tables.interactions.group_by("user_id").len()["len"].min() == 20


def test_people_of_1m(shared_data):
    tables = load_source(
        "movielens", shared_data / "ml-1m.zip", people=shared_data / "ml-1m-people.csv"
    )
    [toy_story] = tables.items.filter(pl.col("item_id") == "1").rows(named=True)
    assert toy_story["director"] == "John Lasseter"
    assert toy_story["release_date"] == 816998400


def test_people_may_not_replace_a_column_of_another_type(tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("movie_id,genres\n1,Comedy\n")
    with pytest.raises(DataError, match=r"u.item has 'genres' already"):
        load_source("movielens", SAMPLES / "ml-100k", people=people)


def test_people_are_one_file(tmp_path):
    with pytest.raises(DataError, match=r"Wanted one file at .*; there are 0"):
        load_source("movielens", SAMPLES / "ml-100k", people=tmp_path)
