import csv
import datetime as dt
import io
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from maxella.errors import DataError
from maxella.sources.delimited import read_pairs, read_side
from maxella.sources.load import detect, load_source
from maxella.sources.mapping import guess_columns

SAMPLES = Path(__file__).parents[1] / "samples"
MAPPING = {"user_id": "customer", "item_id": "product", "timestamp": "when"}


def read(folder: Path, text: str, name: str = "log.csv", **options):
    (folder / name).write_text(text, "utf-8")
    return load_source("delimited", folder / name, **options)


def test_a_folder_with_users_and_items():
    tables = load_source("delimited", SAMPLES / "delimited", columns=MAPPING)
    # 2020-01-01 is 1577836800 seconds after 1970.
    assert tables.interactions.rows() == [
        ("007", "a,1", 3.0, 1577836810, "02138"),
        ("007", "é", 4.0, 1577923200, "11111"),
        ("8", "a,1", 2.5, 1578009600, "11111"),
    ]
    assert tables.users.rows() == [("007", 41), ("8", None)]
    assert tables.items.rows() == [("a,1", 'A "thing"', 1.5), ("é", "B", 2.0), ("unsold", "C", 3.0)]


def test_users_and_items_may_lie_elsewhere():
    folder = SAMPLES / "delimited"
    tables = load_source(
        "delimited",
        folder / "ratings.csv",
        columns=MAPPING,
        users=folder / "users.csv",
        items=folder / "items.tsv",
    )
    assert tables.users.height == 2
    assert tables.items.height == 3
    assert load_source("delimited", folder / "ratings.csv", columns=MAPPING).items.width == 1


def test_rating_and_timestamp_may_be_absent(tmp_path):
    tables = read(tmp_path, "user_id,item_id\n1,2\n")
    assert tables.interactions.rows() == [("1", "2")]


def test_a_row_without_a_rating_is_a_pick(tmp_path):
    tables = read(tmp_path, "user_id,item_id,rating\n1,2,\n1,3,4.5\n2,3,\n")
    assert tables.interactions["rating"].to_list() == [None, 4.5, None]
    assert "2 of 3 interactions have no rating; they count as picks alone." in tables.notes


def test_an_empty_name_says_that_there_is_no_such_column(tmp_path):
    text = "user_id,item_id,timestamp\n1,2,yesterday\n"
    with pytest.raises(DataError, match=r"'yesterday' in .*log.csv, line 2"):
        read(tmp_path, text)
    assert read(tmp_path, text, columns={"timestamp": ""}).interactions.rows() == [("1", "2")]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_that_of_the_header(tmp_path, separator):
    text = "user_id,item_id,rating\n1,2,3\n".replace(",", separator)
    assert read(tmp_path, text).interactions.rows() == [("1", "2", 3.0)]


def test_encodings(tmp_path):
    text = "user_id,item_id\n1,é\n"
    for encoding in ("iso-8859-1", "utf-16", "utf-8-sig"):
        (tmp_path / "log.csv").write_bytes(text.encode(encoding))
        tables = load_source("delimited", tmp_path / "log.csv", encoding=encoding)
        assert tables.interactions.rows() == [("1", "é")]
    # A byte order mark belongs to the file, not to the first column's name.
    assert load_source("delimited", tmp_path / "log.csv").interactions.rows() == [("1", "é")]


def test_only_plain_numbers_become_numbers(tmp_path):
    text = "user_id,item_id,zip,n,x,gap\n1,2,02138,7,1e3,\n1,3,10001,-8,0.5,4\n"
    log = read(tmp_path, text).interactions
    assert log["zip"].to_list() == ["02138", "10001"]
    assert log["n"].to_list() == [7, -8]
    assert log["x"].to_list() == [1000.0, 0.5]
    assert log["gap"].to_list() == [None, 4]


def test_blank_lines_are_no_rows(tmp_path):
    tables = read(tmp_path, "user_id,item_id,note\n\n1,2,\n\n\n3,4,x\n\n")
    assert tables.interactions.rows() == [("1", "2", None), ("3", "4", "x")]


def test_parquet(tmp_path):
    frame = pl.DataFrame(
        {
            "user": [7, 8],
            "item_id": ["007", "a"],
            "rating": [3, 4],
            "time": [dt.datetime(1970, 1, 1, 0, 0, 5), dt.datetime(1970, 1, 2)],  # noqa: DTZ001  # Parquet of today holds such
            "tags": [["a"], []],
        }
    )
    frame.write_parquet(tmp_path / "log.parquet")
    assert detect(tmp_path / "log.parquet") == "delimited"
    log = load_source(None, tmp_path / "log.parquet").interactions
    assert log.rows() == [("7", "007", 3.0, 5, ["a"]), ("8", "a", 4.0, 86400, [])]


def test_columns_of_users_and_items_in_parquet_stay_as_they_are(tmp_path):
    log = {"user_id": ["u"], "item_id": ["i"], "rating": [3.0], "timestamp": [7]}
    users = {"user_id": ["u"], "age": [41], "zip_code": ["02138"]}
    items = {"item_id": ["i"], "genres": [["Drama", "War"]], "cast": [[]], "star": [None]}
    kinds = {"cast": pl.List(pl.String), "star": pl.String}
    frames = {
        "interactions": pl.DataFrame(log, schema_overrides={"rating": pl.Float32}),
        "users": pl.DataFrame(users),
        "items": pl.DataFrame(items, schema_overrides=kinds),
    }
    for name, frame in frames.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    tables = load_source("delimited", tmp_path)
    for name, frame in frames.items():
        assert_frame_equal(getattr(tables, name), frame)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"user_id": [1.0], "item_id": ["a"]}, "user_id in .* is of type Float64"),
        ({"user_id": ["a", None], "item_id": ["a", "b"]}, "user_id.*line 2"),
        ({"user_id": ["a"], "item_id": ["a"], "rating": [["a"]]}, "rating.* type List"),
        ({"user_id": [], "item_id": []}, "is empty"),
        ({"item_id": ["a"]}, "Wanted a column 'user_id'"),
    ],
)
def test_bad_parquet(tmp_path, columns, message):
    pl.DataFrame(columns).write_parquet(tmp_path / "log.parquet")
    with pytest.raises(DataError, match=message):
        load_source("delimited", tmp_path / "log.parquet")


def test_what_is_no_parquet(tmp_path):
    (tmp_path / "log.parquet").write_bytes(b"PAR1 and then nothing of the kind")
    with pytest.raises(DataError, match=r"log.parquet as Parquet"):
        load_source("delimited", tmp_path / "log.parquet")


def test_spellings_of_the_notebook_and_movielens():
    assert guess_columns(["UserID", "movie", "user_rating", "time"]) == {
        "user_id": "UserID",
        "item_id": "movie",
        "rating": "user_rating",
        "timestamp": "time",
    }


def test_a_mapping_to_nothing_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"Wanted a column 'star' .* Did you mean 'stars'"):
        read(tmp_path, "user_id,item_id,stars\n1,2,3\n", columns={"rating": "star"})


# All of Unicode but surrogates, which no file can hold, and the zero byte, which no text does.
IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(pairs=st.lists(st.tuples(IDS, IDS), min_size=1, max_size=8, unique=True))
def test_ids_survive_a_csv_as_written(pairs):
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerows([("user_id", "item_id", "rating"), *[(*pair, 3) for pair in pairs]])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "log.csv"
        file.write_bytes(buffer.getvalue().encode())
        log = load_source("delimited", file).interactions
    assert log.select("user_id", "item_id").rows() == pairs


@given(
    pairs=st.lists(
        st.tuples(*[st.from_regex(r"0{0,3}[0-9a-zA-Z é_\-\.+]{1,6}", fullmatch=True)] * 2),
        min_size=1,
        max_size=8,
        unique=True,
    )
)
def test_unquoted_ids_keep_zeros_spaces_and_signs(pairs):
    lines = ["user_id\titem_id\tn", *[f"{user}\t{item}\t1" for user, item in pairs]]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "log.tsv"
        file.write_text("\n".join(lines), "utf-8")
        log = load_source("delimited", file).interactions
    assert log.select("user_id", "item_id").rows() == pairs


@pytest.mark.parametrize("columns", [{"title": "item"}, {"user_id": "item_id"}])
def test_a_column_mapped_to_a_name_is_not_taken_for_another(tmp_path, columns):
    item = next(iter(columns.values()))
    with pytest.raises(DataError, match=r"Wanted a column 'item_id' in .*log.csv; it has "):
        read(tmp_path, f"user_id,{item}\n1,2\n", columns=columns)


def test_ids_of_new_items_stay_text_as_in_training(tmp_path):
    (tmp_path / "items.csv").write_text("item_id,brand_id,price\n1,7,2.5\n")
    items = read_side(tmp_path / "items.csv", "item_id")
    assert items.rows() == [("1", "7", 2.5)]
    tables = read(tmp_path, "user_id,item_id\n1,1\n", items=tmp_path / "items.csv")
    assert_frame_equal(tables.items, items)


def test_two_names_for_one_column_are_refused(tmp_path):
    with pytest.raises(DataError, match="maps two to one"):
        read(tmp_path, "a,b\n1,2\n", columns={"user_id": "a", "item_id": "a"})


def test_the_stars_of_an_item_are_no_ratings(tmp_path):
    (tmp_path / "items.csv").write_text("item,stars,name\n2,4.5,x\n")
    (tmp_path / "ratings.csv").write_text("user,item,stars\n1,2,3\n")
    columns = {"rating": "stars", "title": "name"}
    tables = load_source("delimited", tmp_path, columns=columns)
    assert tables.interactions.rows() == [("1", "2", 3.0)]
    assert tables.items.columns == ["item_id", "stars", "title"]


def test_pairs_are_read_with_ids_as_text_and_the_rest_as_it_is(tmp_path):
    (tmp_path / "pairs.tsv").write_text("item_id\tuser_id\tnote\n007\t1\t2.50\n")
    assert read_pairs(tmp_path / "pairs.tsv").rows() == [("007", "1", "2.50")]
    frame = pl.DataFrame({"user_id": [1], "item_id": [7], "note": [2.5]})
    frame.write_parquet(tmp_path / "pairs.parquet")
    assert read_pairs(tmp_path / "pairs.parquet").rows() == [("1", "7", 2.5)]


def test_pairs_want_both_ids(tmp_path):
    (tmp_path / "pairs.csv").write_text("user_id,thing\n1,2\n")
    with pytest.raises(DataError, match=r"Wanted a column 'item_id' in .*pairs.csv"):
        read_pairs(tmp_path / "pairs.csv")
