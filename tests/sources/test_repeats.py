"""Rows of one user, item and event count as one, and no event touches another's columns."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from maxella.sources.load import load_source
from maxella.sources.repeats import one_row_each, unite_repeats

KEY = ["user_id", "item_id", "event"]
ROWS = st.lists(
    st.tuples(
        st.sampled_from("uv"),
        st.sampled_from("ij"),
        st.sampled_from(["view", "cart", "purchase"]),
        st.none() | st.integers(1, 5),
        st.none() | st.sampled_from(["web", "app"]),
    ),
    min_size=1,
    max_size=25,
)


def log_of(rows, **more):
    names = ["user_id", "item_id", "event", "rating", "device"]
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None).with_columns(
        pl.col("rating").cast(pl.Float32), pl.col("device").cast(pl.String), **more
    )


@given(rows=ROWS, data=st.data())
def test_for_all_orders_of_rows_with_distinct_times_the_result_is_the_same_set(rows, data):
    log = log_of(rows).with_row_index("timestamp")
    order = data.draw(st.permutations(range(len(rows))))
    one, _ = one_row_each(log)
    other, _ = one_row_each(log[order])
    assert_frame_equal(one.sort(KEY), other.sort(KEY))


@given(rows=ROWS)
def test_each_column_has_the_last_value_given(rows):
    log = log_of(rows)
    expected = {}
    for *key, rating, device in rows:
        old = expected.get(tuple(key), (None, None, 0))
        expected[tuple(key)] = (
            old[0] if rating is None else rating,
            old[1] if device is None else device,
            old[2] + 1,
        )
    united, n_repeats = one_row_each(log)
    assert n_repeats == len(rows) - len(expected)
    if "count" not in united.columns:
        united = united.with_columns(count=pl.lit(1))
    assert {row[:3]: row[3:] for row in united.rows()} == expected


@given(rows=ROWS, data=st.data())
def test_ratings_of_an_event_are_never_touched_by_rows_of_another(rows, data):
    event = data.draw(st.sampled_from(["view", "cart", "purchase"]))
    log = log_of(rows).with_row_index("timestamp")
    alone, _ = one_row_each(log.filter(pl.col("event") == event))
    among, _ = one_row_each(log)
    columns = [*KEY, "rating"]
    assert_frame_equal(among.filter(pl.col("event") == event)[columns], alone[columns])


def test_a_cart_after_each_rated_purchase_leaves_the_ratings(tmp_path):
    pairs = [(user, item) for user in range(24) for item in range(30)]
    lines = [
        f"{user},{item},{event},{rating},{time}"
        for user, item in pairs
        for event, rating, time in (("purchase", 1 + (user + item) % 5, 10), ("cart", "", 20))
    ]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,event,rating,time", *lines]))
    log = load_source(None, tmp_path / "log.csv").interactions
    assert log["rating"].count() == 720
    assert log.filter(event="purchase")["rating"].null_count() == 0


def test_times_too_far_apart_for_one_number_are_in_order_too():
    rows = [(user, "i", time) for user in "abc" for time in (2**62, -(2**62), 5)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    united, _ = one_row_each(log)
    assert united["timestamp"].to_list() == [2**62] * 3


def test_last_is_by_time_and_of_equal_times_by_the_order_of_the_rows():
    log = pl.DataFrame(
        {
            "user_id": ["u"] * 4,
            "item_id": ["i"] * 4,
            "rating": [1, 2, 3, 4],
            "timestamp": [7, 9, 9, 8],
        }
    )
    united, _ = one_row_each(log)
    assert united.rows() == [("u", "i", 3, 9, 4)]


def test_rows_that_stand_for_several_already_add_up():
    log = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["i"] * 3, "count": [3, 4, 1]})
    united, _ = one_row_each(log)
    assert united.rows() == [("u", "i", 7), ("v", "i", 1)]
    again, n_repeats = one_row_each(united)
    assert (again.rows(), n_repeats) == (united.rows(), 0)


def test_without_repeats_the_rows_stay_as_they_are():
    log = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["i", "i"]})
    assert one_row_each(log)[0].columns == ["user_id", "item_id"]
    assert unite_repeats(log, ["user_id"])[0] is log


def test_counts_of_the_files_own_add_up_and_may_be_any_number(tmp_path):
    rows = ["u,i,1.5", "u,i,2", "v,i,-1", "w,i,3"]
    (tmp_path / "log.csv").write_text("\n".join(["user_id,item_id,hours", *rows]))
    tables = load_source("delimited", tmp_path / "log.csv", columns={"count": "hours"})
    assert tables.interactions.rows() == [("u", "i", 3.5), ("v", "i", -1.0), ("w", "i", 3.0)]
    assert "1 of 4 rows have a count of 0 or less." in tables.notes
    assert "and the sum of their counts" in tables.notes[1]
