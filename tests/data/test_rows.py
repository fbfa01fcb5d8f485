"""Rows by event and by condition, and what is said of names and values that are none."""

import polars as pl
import pytest

from maxella.data.rows import chosen_rows, is_condition
from maxella.errors import ConfigError

LOG = pl.DataFrame(
    {
        "event": ["view", "buy", "buy", "cart"],
        "rating": [None, 5.0, 2.0, 4.0],
        "price": [3, 4, 5, None],
        "device": ["phone", None, "tv", "big tv"],
        "is_new": [True, False, None, True],
    }
)


@pytest.mark.parametrize(
    ("rows", "chosen", "known"),
    [
        (None, [1, 1, 1, 1], [1, 1, 1, 1]),
        ("buy", [0, 1, 1, 0], [0, 1, 1, 0]),
        (" buy ", [0, 1, 1, 0], [0, 1, 1, 0]),
        (["view", "cart"], [1, 0, 0, 1], [1, 0, 0, 1]),
        ("rating >= 4", [0, 1, 0, 1], [0, 1, 1, 1]),
        ("rating>=4", [0, 1, 0, 1], [0, 1, 1, 1]),
        ("rating > 4", [0, 1, 0, 0], [0, 1, 1, 1]),
        ("rating <= 4", [0, 0, 1, 1], [0, 1, 1, 1]),
        ("rating < 4", [0, 0, 1, 0], [0, 1, 1, 1]),
        ("rating == 4.0", [0, 0, 0, 1], [0, 1, 1, 1]),
        ("rating != 4", [0, 1, 1, 0], [0, 1, 1, 1]),
        ("price < 4.5", [1, 1, 0, 0], [1, 1, 1, 0]),
        ("price > -1e9", [1, 1, 1, 0], [1, 1, 1, 0]),
        ("device == tv", [0, 0, 1, 0], [1, 0, 1, 1]),
        ('device == "big tv"', [0, 0, 0, 1], [1, 0, 1, 1]),
        ("device == big tv", [0, 0, 0, 1], [1, 0, 1, 1]),
        ("is_new == true", [1, 0, 0, 1], [1, 1, 0, 1]),
        ("is_new != True", [0, 1, 0, 0], [1, 1, 0, 1]),
        ("buy and rating >= 4", [0, 1, 0, 0], [0, 1, 1, 0]),
        ("view and rating >= 4", [0, 0, 0, 0], [0, 0, 0, 0]),
        ("rating >= 3 and price < 5", [0, 1, 0, 0], [0, 1, 1, 0]),
        ("rating >= 3 and rating < 5", [0, 0, 0, 1], [0, 1, 1, 1]),
    ],
)
def test_which_rows_are_chosen_and_which_are_in_question(rows, chosen, known):
    found = chosen_rows(LOG, rows, where="tasks.a.rows")
    assert found[0].tolist() == [bool(one) for one in chosen]
    assert found[1].tolist() == [bool(one) for one in known]


def test_an_empty_log_has_no_rows():
    chosen, known = chosen_rows(LOG.clear(), "rating >= 4", where="rows")
    assert len(chosen) == len(known) == 0


def test_what_a_condition_is():
    assert is_condition("rating>=4")
    assert is_condition("buy and price < 3")
    for rows in (None, "buy", "add to cart", ["rating >= 4"], ("a", "b")):
        assert not is_condition(rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("bui", r"tasks\.a\.rows: .*event.*'bui'.*buy"),
        (["view", "kart"], r"'kart'.*cart"),
        ("ratting >= 4", r"tasks\.a\.rows = 'ratting >= 4': .*column.*'ratting'.*rating"),
        ("rating >= four", r"type Float64, which has no value four"),
        ("is_new == 1", r"type Boolean, which has no value 1"),
        ("buy and prise < 4", r"'prise'.*price"),
    ],
)
def test_what_there_is_not_is_named_with_what_is_near(rows, message):
    with pytest.raises(ConfigError, match=message):
        chosen_rows(LOG, rows, where="tasks.a.rows")


def test_events_are_wanted_where_the_log_has_none():
    with pytest.raises(ConfigError, match=r"'buy'.*this log has none.*data\.columns\.event"):
        chosen_rows(LOG.drop("event"), "buy", where="tasks.a.rows")
