import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxella.data.explore import explore
from maxella.data.indexed_log import index_log
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
        "event": ["view", "view", "buy", "view", "view", "view"],
    }
)


def explored(log=LOG):
    users, items = (log.select(key).unique() for key in ("user_id", "item_id"))
    split = split_interactions(log, kind="none", test=0.0, validation=0.0, seed=0)
    return explore(index_log(Tables("toy", log, users, items), split))


def bars(found):
    return [(bar["name"], bar["count"]) for bar in found]


def test_times():
    found = explored()
    assert bars(found["months"]) == [("1970-01", 5), ("1970-02", 0), ("1970-03", 1)]
    assert [bar["count"] for bar in found["months_of_year"]] == [5, 0, 1] + [0] * 9
    # 0 and 7 · DAY are Thursdays, 59 days later a Sunday: 59 = 8 · 7 + 3.
    assert bars(found["weekdays"])[3:] == [
        ("Thursday", 3),
        ("Friday", 1),
        ("Saturday", 1),
        ("Sunday", 1),
    ]


def test_tails():
    found = explored()  # users a, b, c and items x, y, z have 3, 2, 1 interactions
    assert bars(found["activity"]) == bars(found["popularity"]) == [("1", 1), ("2\u20133", 2)]
    assert found["users_of_half"] == found["items_of_half"] == 1


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_tails_of_any_log(counts):
    users = [str(user) for user, count in enumerate(counts) for _ in range(count)]
    items = [str(item) for count in counts for item in range(count)]
    found = explored(pl.DataFrame({"user_id": users, "item_id": items}))
    for bar in found["activity"]:
        low, _, high = bar["name"].partition("\u2013")
        assert bar["count"] == sum(int(low) <= count <= int(high or low) for count in counts)
    n, most_first = found["users_of_half"], sorted(counts, reverse=True)
    assert 2 * sum(most_first[: n - 1]) < sum(counts) <= 2 * sum(most_first[:n])


def test_labels():
    found = explored()
    assert bars(found["ratings"]) == [("1", 1), ("3", 3), ("5", 1)]
    assert bars(found["events"]) == [("buy", 1), ("view", 5)]
    many = LOG[[0] * 101].with_columns(rating=pl.Series([k / 10 for k in range(101)]))
    assert bars(explored(many)["ratings"])[0] == ("0 to 1", 10)


def test_without_their_columns_pictures_are_empty():
    found = explored(LOG.select("user_id", "item_id"))
    assert found["months"] == found["weekdays"] == found["ratings"] == found["events"] == []
    assert bars(found["popularity"]) == [("1", 1), ("2\u20133", 2)]


@pytest.mark.parametrize("beyond", [10**15, -(10**12)])
def test_times_beyond_the_calendar_are_no_times(beyond):
    assert explored(LOG.with_columns(timestamp=pl.lit(beyond)))["weekdays"] == []


def test_a_few_centuries_have_no_plot_by_month():
    log = LOG.with_columns(timestamp=pl.Series([0] * 5 + [10**10]))
    assert explored(log)["months"] == []
    assert sum(bar["count"] for bar in explored(log)["weekdays"]) == 6
