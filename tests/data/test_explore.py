import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxella.data.explore import DAMPING, explore
from maxella.data.groups import (
    MOST_BINS,
    MOST_GROUPS,
    item_groupings,
    people_groupings,
    user_groupings,
)
from maxella.data.indexed_log import index_log
from maxella.data.means import damped_means
from maxella.data.split import split_interactions
from maxella.sources.tables import Tables

DAY = 86_400
LOG = pl.DataFrame(
    {
        "user_id": ["a", "a", "a", "b", "b", "c"],
        "item_id": ["x", "y", "z", "x", "y", "x"],
        "rating": pl.Series([5, 3, 3, 1, None, 3], dtype=pl.Float32),
        # 1970-01-01 was a Thursday; the last is the 1st of March.
        "timestamp": [0, 0, DAY, 2 * DAY, 7 * DAY, 59 * DAY],
    }
)
USERS = pl.DataFrame({"user_id": ["a", "b", "c", "d"], "sex": ["f", "m", None, "f"]})
ITEMS = pl.DataFrame(
    {"item_id": ["x", "y", "z"], "title": ["X", None, "Z"], "genres": [["A"], ["A", "B"], []]}
)


def explored(log=LOG, users=USERS, items=ITEMS):
    split = split_interactions(log, kind="none", test=0.0, validation=0.0, seed=0)
    return explore(index_log(Tables("toy", log, users, items), split))


def counts(groups):
    return [(group["name"], group["count"]) for group in groups]


def test_times():
    found = explored()
    assert counts(found["months"]) == [("1970-01", 5), ("1970-02", 0), ("1970-03", 1)]
    assert found["months"][0]["mean"] == 3.0  # of 5, 3, 3 and 1: one has no rating
    assert found["months"][1]["mean"] is None
    assert [group["count"] for group in found["months_of_year"]] == [5, 0, 1] + [0] * 9
    # 0 and 7 · DAY are Thursdays, 59 days later a Sunday: 59 = 8 · 7 + 3.
    assert counts(found["weekdays"])[3:] == [
        ("Thursday", 3),
        ("Friday", 1),
        ("Saturday", 1),
        ("Sunday", 1),
    ]


def test_groups_of_users():
    (sex,) = explored()["by_user"]
    assert sex["column"] == "sex"
    assert [tuple(group.values()) for group in sex["groups"]] == [
        ("f", 1, 3, pytest.approx(11 / 3)),  # d has no interaction
        ("m", 1, 2, 1.0),
        ("missing", 1, 1, 3.0),
    ]
    assert explored()["levels"] == [1.0, 3.0, 5.0]
    assert sex["ratings"] == [[0, 2, 1], [1, 0, 0], [0, 1, 0]]
    assert [item["id"] for item in sex["favourites"][1]["most_rated"]] == ["x", "y"]
    assert [item["id"] for item in sex["favourites"][1]["best_loved"]] == ["x"]  # y has no rating


def test_groups_of_items():
    (genres,) = explored()["by_item"]
    assert counts(genres["groups"]) == [("A", 5), ("B", 2)]
    assert [group["size"] for group in genres["groups"]] == [2, 1]
    assert genres["groups"][1]["mean"] == 3.0


def test_of_many_tags_the_busiest_are_shown():
    items = ITEMS.with_columns(genres=pl.Series([["A"] + [f"t{k}" for k in range(99)], ["A"], []]))
    (tags,) = explored(items=items)["by_item"]
    assert len(tags["groups"]) == MOST_GROUPS
    assert counts(tags["groups"])[0] == ("A", 5)


def test_favourites():
    found = explored()
    first, second, third = found["favourites"]["most_rated"]
    assert (first["id"], first["name"], first["count"], first["mean"]) == ("x", "X", 3, 3.0)
    assert second["name"] == "y"  # an item without a name goes by its id
    # The mean of all is 3; x has it too, y and z have one rating of 3.
    assert first["damped_mean"] == second["damped_mean"] == third["damped_mean"] == 3.0
    high = LOG.with_columns(rating=pl.Series([5, 5, 1, 5, 1, 5], dtype=pl.Float32))
    (best, *_) = explored(high)["favourites"]["best_loved"]
    mean = 22 / 6
    assert best["id"] == "x"
    assert best["damped_mean"] == pytest.approx((15 + DAMPING * mean) / (3 + DAMPING))


def test_without_ratings_and_times():
    found = explored(LOG.select("user_id", "item_id"))
    assert found["mean_rating"] is None
    assert found["months"] == found["weekdays"] == found["favourites"]["best_loved"] == []
    assert [item["damped_mean"] for item in found["favourites"]["most_rated"]] == [None] * 3
    assert found["by_user"][0]["ratings"] == []


@pytest.mark.parametrize("beyond", [10**15, -(10**12)])
def test_times_beyond_the_calendar_are_no_times(beyond):
    assert explored(LOG.with_columns(timestamp=pl.lit(beyond)))["weekdays"] == []


def test_a_few_centuries_have_no_plot_by_month():
    log = LOG.with_columns(timestamp=pl.Series([0] * 5 + [10**10]))
    assert explored(log)["months"] == []
    assert sum(group["count"] for group in explored(log)["weekdays"]) == 6


def test_what_parts_users():
    n = 60
    table = pl.DataFrame(
        {
            "zip": [f"{k:05}" for k in range(n)],  # too many texts
            "age": [10 + k for k in range(n)],
            "score": [7 * k % 60 / 10 for k in range(n)],
            "job": ["a", "b", "c"] * 20,
            "job_code": [7, 3, 5] * 20,  # says what job says
            "active": [True, False] * 30,
            "land": ["here"] * n,
            "joined": pl.Series(range(n)).cast(pl.Datetime("us")),
            "nothing": pl.Series([None] * n, dtype=pl.Int64),
            "odd": [float("nan"), None] * 30,
        }
    )
    groupings = {grouping.column: grouping for grouping in user_groupings(table)}
    assert list(groupings) == ["age", "score", "job", "active"]
    assert groupings["age"].names[:2] == ("10\u201319", "20\u201329")
    assert groupings["score"].names[0] == "0 to below 1"
    assert groupings["age"].codes[[0, 9, 10]].tolist() == [0, 0, 1]
    assert groupings["job"].names == ("a", "b", "c")


def test_ages_as_codes_are_in_order():
    (grouping,) = user_groupings(pl.DataFrame({"age": [56, 1, 18, 25, 1]}))
    assert grouping.names == ("1", "18", "25", "56")


@given(st.lists(st.one_of(st.none(), st.floats(width=32)), min_size=1, max_size=99))
def test_bins_hold_their_numbers(numbers):
    table = pl.DataFrame({"x": pl.Series(numbers, dtype=pl.Float64)})
    for grouping in user_groupings(table):
        assert len(grouping.codes) == len(numbers)
        assert grouping.codes.min() >= 0
        assert grouping.codes.max() < len(grouping.names) <= max(MOST_BINS, MOST_GROUPS) + 1


def test_what_parts_items():
    n = 80
    table = pl.DataFrame(
        {
            "title": [f"Film {k}" for k in range(n)],
            "director": [f"d{k // 2}" for k in range(n)],
            "colour": ["red", "blue"] * 40,
            "labels": [["a", "b"], ["b", "b"], None, []] * 20,
            "year": list(range(n)),
        }
    )
    assert [g.column for g in item_groupings(table)] == ["colour", "labels"]
    labels = item_groupings(table)[1]
    assert [(labels.names[c], r) for c, r in zip(labels.codes, labels.rows, strict=True)][:4] == [
        ("a", 0),
        ("b", 0),
        ("b", 1),  # once, though the item has it twice
        ("a", 4),
    ]
    assert [grouping.column for grouping in people_groupings(table)] == ["director"]


def test_damped_means():
    rows, values = np.array([0, 0, 2]), np.array([4.0, 2.0, 5.0])
    # (6 + 2 · 1) / (2 + 2), the centre, (5 + 2) / (1 + 2)
    assert damped_means(rows, values, 3, 2.0, 1.0).tolist() == [2.0, 1.0, pytest.approx(7 / 3)]
