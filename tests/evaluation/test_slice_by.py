from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxella.errors import ConfigError
from maxella.evaluation.slices import MOST_VALUES, by_activity, by_column, by_popularity


def rows_by_value(slices):
    return {one.value: one.is_in.nonzero()[0].tolist() for one in slices}


def by(values, tests=None, side="user", **options):
    """Rows by value of the column `x`."""
    series = pl.Series("x", values, **options)
    tests = np.ones(len(series), dtype=int) if tests is None else np.array(tests)
    return rows_by_value(by_column(f"{side}.x", side, series, tests))


def test_quartiles_of_activity_have_their_bounds_in_the_name():
    known = np.array([99, 1, 2, 3, 4, 5, 6, 7, 8, 500])
    tests = np.array([0, 1, 9, 1, 1, 1, 1, 1, 1, 0])  # rows 0 and 9 are not evaluated
    slices = by_activity(known, tests)
    expected = {"1 to 2": [1, 2], "3 to 4": [3, 4], "5 to 6": [5, 6], "7 to 8": [7, 8]}
    assert rows_by_value(slices) == expected
    assert {(one.name, one.side) for one in slices} == {("activity", "user")}


def test_users_who_tie_in_activity_stay_together():
    assert rows_by_value(by_activity(np.array([0, 0, 0, 0]), np.array([0, 1, 2, 3]))) == {
        "0": [1, 2, 3]
    }
    # Five of eight have 3 interactions: they begin in the first quartile and fill it.
    known = np.array([3, 3, 3, 3, 3, 4, 5, 6])
    found = rows_by_value(by_activity(known, np.ones(8, dtype=int)))
    assert found == {"3": [0, 1, 2, 3, 4], "4": [5], "5 to 6": [6, 7]}


def test_thirds_of_popularity():
    # 12 training interactions: those above an item are 0, 4, 7, 9, 10, 11 for 4 3 2 1 1 1
    # (ties stand together, so 9 for all of the last three); thirds begin at 0, 4 and 8.
    trained = np.array([0, 1, 4, 1, 3, 2, 1, 0])
    slices = by_popularity(trained, np.ones(8, dtype=int))
    assert rows_by_value(slices) == {
        "head": [2],
        "middle": [4, 5],
        "tail": [1, 3, 6],
        "cold": [0, 7],
    }
    assert [one.value for one in slices] == ["head", "middle", "tail", "cold"]


def test_values_come_by_their_test_interactions():
    found = by(["a", "b", None, "b", " ", "c"], [9, 1, 1, 1, 1, 0])
    assert list(found.items()) == [("a", [0]), ("b", [1, 3]), ("missing", [2, 4])]


def test_all_but_the_most_frequent_values_are_other():
    letters = [chr(ord("a") + n) for n in range(MOST_VALUES + 2)]
    found = by([None, *letters], np.arange(MOST_VALUES + 3) + 1)
    assert list(found) == [*letters[:1:-1], "other", "missing"]
    assert found["other"] == [1, 2]


def test_a_value_that_is_called_other_or_missing_keeps_its_name():
    letters = [chr(ord("a") + n) for n in range(MOST_VALUES)]
    found = by([None, "other", "missing", *letters], [1, 9, 9, *range(20, 20 + MOST_VALUES)])
    assert found["(other)"] == [1, 2]
    assert found["(missing)"] == [0]


def test_few_numbers_are_values_in_their_order():
    assert list(by([10.0, 9.0, None, 1.5, float("nan")])) == ["1.5", "9", "10", "missing"]
    assert by([True, False, True], [2, 1, 2]) == {"true": [0, 2], "false": [1]}


@pytest.mark.parametrize("side", ["user", "item"])
def test_many_numbers_are_quartiles_of_users_or_of_test_interactions(side):
    numbers = [None, *range(2, 18)]
    tests = [1, 48, *[1] * 15]  # rows 1 to 16
    found = by(numbers, tests, side=side)
    if side == "user":
        assert list(found) == ["2 to 5", "6 to 9", "10 to 13", "14 to 17", "missing"]
    else:  # 48 of 63 test interactions are with the item of row 1
        assert list(found) == ["2", "3 to 17", "missing"]
    assert found["missing"] == [0]


def test_dates_are_cut_like_numbers():
    days = [date(2000, 1, day) for day in range(1, 17)]
    assert next(iter(by(days))) == "2000-01-01 to 2000-01-04"


def test_a_list_is_in_the_slice_of_each_of_its_labels():
    genres = [None, ["War", "Drama", "War"], ["Drama", None], [], [None]]
    found = by(genres, dtype=pl.List(pl.String))
    assert found == {"Drama": [1, 2], "War": [1], "missing": [0, 3, 4]}


def test_a_list_may_be_in_a_value_and_in_other():
    labels = [[chr(ord("a") + n)] for n in range(MOST_VALUES)]
    found = by([*labels, *labels, ["a", "z"]])
    assert found["other"] == [2 * MOST_VALUES]
    assert 2 * MOST_VALUES in found["a"]


@pytest.mark.parametrize("values", [[{"a": 1}], [b"x"]])
def test_a_column_that_cannot_be_cut_is_refused_by_name(values):
    with pytest.raises(ConfigError, match=r"'user\.x' is of type .* Leave it out"):
        by(values)


@given(
    values=st.one_of(
        st.lists(st.none() | st.integers(-40, 40), min_size=1, max_size=60),
        st.lists(st.none() | st.sampled_from("abcdefghijklmnopq "), min_size=1, max_size=60),
        st.lists(st.none() | st.floats(), min_size=1, max_size=60),
    ),
    side=st.sampled_from(["user", "item"]),
    data=st.data(),
)
def test_a_column_of_single_values_parts_what_is_tested(values, side, data):
    size = len(values)
    tests = np.array(data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)))
    slices = by_column(f"{side}.x", side, pl.Series("x", values), tests)
    in_slices = sum((one.is_in.astype(int) for one in slices), np.zeros(size, dtype=int))
    assert in_slices.tolist() == (tests > 0).astype(int).tolist()
    assert len({one.value for one in slices}) == len(slices) <= MOST_VALUES + 2
