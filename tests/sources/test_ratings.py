"""Ratings as people write them."""

import polars as pl
import pytest

from maxella.errors import DataError
from maxella.sources.load import load_source
from maxella.sources.plain import decimal_comma
from maxella.sources.ratings import as_ratings


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4", 4),
        (" 4.5 ", 4.5),
        ("4,5", 4.5),
        ("-1", -1),
        ("1e1", 10),
        ("4 stars", 4),
        ("1 Star", 1),
        ("4,5 Sterne", 4.5),
        ("4/5", 4),
        ("4.0 out of 5 stars", 4),
        ("★★★★", 4),
        ("★★★☆☆", 3),
        ("★★½", 2.5),
        ("four", None),
        ("4 or 5", None),
        ("1,234,567", None),
        ("☆☆", None),
    ],
)
def test_a_text(text, number):
    numbers, is_given = as_ratings(pl.Series([text]))
    assert (numbers[0], is_given[0]) == (number, True)


@pytest.mark.parametrize("text", ["n/a", "N/A", "-", "null", "", " ", "not rated"])
def test_no_rating(text):
    _, is_given = as_ratings(pl.Series([text, None]))
    assert is_given.to_list() == [False, False]


def test_shares_of_one_whole_are_read():
    numbers, _ = as_ratings(pl.Series(["4/5", "3/5", "8/10"]))
    assert numbers.to_list() == [4, 3, None]


def read(folder, ratings):
    rows = [f'u{n};i1;"{rating}"' for n, rating in enumerate(ratings)]
    (folder / "log.csv").write_text("\n".join(["user_id;item_id;rating", *rows]), "utf-8")
    return load_source("delimited", folder / "log.csv")


def test_a_gap_among_many_is_a_gap_and_said(tmp_path):
    tables = read(tmp_path, ["3", "n/a", *["4"] * 3000])
    assert tables.interactions["rating"].to_list()[:3] == [3, None, 4]
    assert "1 of 3,002 ratings are 'n/a', which is no rating." in tables.notes


@pytest.mark.parametrize(
    ("ratings", "numbers", "part"),
    [
        (["4,5", "3"], [4.5, 3], "decimal commas: '4,5'"),
        (["4 stars", "3"], [4, 3], "1 ratings are read out of texts such as '4 stars'"),
        (["★★★★", "★"], [4, 1], "such as '★★★★'"),
    ],
)
def test_what_is_read_is_said(tmp_path, ratings, numbers, part):
    tables = read(tmp_path, ratings)
    assert tables.interactions["rating"].to_list() == numbers
    assert part in tables.notes[0]


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"as rating; got '8/10' in .*log.csv, line 5. Mend"):
        read(tmp_path, ["4/5", "3/5", "n/a", "8/10"])


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["4,5", "3", None], [4.5, 3, None]),
        (["-0,25", "12,50"], [-0.25, 12.5]),
        (["1,234", "12,345"], None),  # thousands
        (["1,2", "1,2,3"], None),  # a list
        (["1", "2"], None),
        (["1,5", "x"], None),
        (["01,5"], None),
    ],
)
def test_decimal_commas(texts, numbers):
    found = decimal_comma(pl.Series(texts, dtype=pl.String))
    assert (None if found is None else found.to_list()) == numbers
