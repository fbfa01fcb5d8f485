"""The one label that a task has of a pair, for all orders of the log and whatever else happened."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxella.data.interactions import Interactions
from maxella.data.labelled import LabelledPairs
from maxella.data.log import Log

VIEW, BUY = 0, 1
LABELS = st.sampled_from([None, 1.0, 2.0, 5.0])
ROWS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), LABELS, LABELS),
    min_size=1,
    max_size=14,
)


def log_of(rows, times=None, order=None):
    """Rows of (user, item, event, label of a, label of b), in an order."""
    users, items, events, of_a, of_b = zip(*rows, strict=True)
    numbers = [np.array(column, dtype=np.int64) for column in (users, items, events)]
    labels = {"a": np.array(of_a, dtype=np.float32), "b": np.array(of_b, dtype=np.float32)}
    log = Interactions(numbers[0], numbers[1], labels, times, numbers[2])
    return log if order is None else log.take(np.array(order))


def labels_of(pairs):
    found = list(
        zip(pairs.users.tolist(), pairs.items.tolist(), pairs.labels.tolist(), strict=True)
    )
    assert len({pair[:2] for pair in found}) == len(found)  # one a pair
    return sorted(found)


def by_loop(rows, column, keep):
    """The label of each pair, by a dict that is written in the order of time."""
    found = {}
    for row in rows:
        if row[column] is not None:
            old = found.get(row[:2], -math.inf)
            found[row[:2]] = row[column] if keep == "last" else max(old, row[column])
    return sorted((*pair, label) for pair, label in found.items())


@given(rows=ROWS, data=st.data())
def test_for_all_orders_each_task_keeps_its_own_last_label(rows, data):
    order = data.draw(st.permutations(range(len(rows))))
    log = log_of(rows, np.arange(len(rows)), order)
    for column, task in enumerate("ab", start=3):
        for keep in ("last", "largest"):
            assert labels_of(log.of(task, keep=keep)) == by_loop(rows, column, keep)


@given(rows=ROWS)
def test_without_times_the_order_of_the_log_is_that_of_time(rows):
    log = log_of(rows)
    for column, task in enumerate("ab", start=3):
        assert labels_of(log.of(task)) == by_loop(rows, column, "last")


@given(rows=ROWS)
def test_rows_of_one_time_count_in_the_order_of_the_log(rows):
    log = log_of(rows, np.zeros(len(rows), dtype=np.int64))
    assert labels_of(log.of("a")) == by_loop(rows, 3, "last")


@given(rows=ROWS, more=ROWS, data=st.data())
def test_no_row_without_a_label_of_the_task_changes_one(rows, more, data):
    silent = [(user, item, event, None, label) for user, item, event, _, label in more]
    order = data.draw(st.permutations(range(len(rows) + len(silent))))
    times = np.array(data.draw(st.permutations(range(len(order)))))  # of the silent rows any
    times[: len(rows)].sort()
    for keep in ("last", "largest"):
        found = log_of([*rows, *silent], times, order).of("a", keep=keep)
        assert labels_of(found) == by_loop(rows, 3, keep)


@given(rows=ROWS, data=st.data())
def test_with_one_label_a_pair_all_rows_stay_and_each_task_has_its_labels(rows, data):
    order = data.draw(st.permutations(range(len(rows))))
    log = log_of(rows, np.arange(len(rows)), order)
    single = log.with_one_label_a_pair({"a": "largest", "b": "last"})
    assert single.users.tolist() == log.users.tolist()
    assert single.events.tolist() == log.events.tolist()
    for column, (task, keep) in enumerate((("a", "largest"), ("b", "last")), start=3):
        has_label = ~np.isnan(single.labels[task])
        pairs = LabelledPairs(
            single.users[has_label], single.items[has_label], single.labels[task][has_label]
        )
        assert labels_of(pairs) == by_loop(rows, column, keep) == labels_of(single.of(task))


def test_a_label_brings_the_time_and_the_context_of_its_row():
    log = Interactions(
        np.array([1, 1, 1]),
        np.array([2, 2, 2]),
        {"a": np.array([3, 4, np.nan], dtype=np.float32)},
        np.array([7, 6, 8]),
        np.array([VIEW, VIEW, BUY]),
        np.array([30, 31, 32]),
    )
    last, largest = log.of("a"), log.of("a", keep="largest")
    assert (last.labels.tolist(), last.timestamps.tolist(), last.contexts.tolist()) == (
        [3],
        [7],
        [30],
    )
    assert (largest.labels[0], largest.timestamps[0], largest.contexts[0]) == (4, 6, 31)


def test_of_equal_labels_the_largest_is_the_last_in_time():
    log = log_of([(1, 1, BUY, 5.0, None), (1, 1, VIEW, 5.0, None)], np.array([9, 3]))
    assert log.of("a", keep="largest").timestamps.tolist() == [9]


def test_rows_of_an_event():
    log = log_of([(1, 1, VIEW, None, 1.0), (1, 2, BUY, None, None), (2, 3, VIEW, 2.0, None)])
    assert log.of_event(VIEW).items.tolist() == [1, 3]
    assert len(log.of_event(2)) == 0
    with pytest.raises(ValueError, match="wanted a log with events"):
        Interactions(log.users, log.items).of_event(VIEW)


def test_joined_rows_are_these_and_then_the_others():
    log = log_of([(1, 1, VIEW, 1.0, None), (1, 2, BUY, None, 2.0)], np.array([1, 2]))
    both = log.take(np.array([1])).join(log.take(np.array([0])))
    assert both.items.tolist() == [2, 1]
    assert both.events.tolist() == [BUY, VIEW]
    assert both.timestamps.tolist() == [2, 1]
    np.testing.assert_equal(both.labels["b"], [2, np.nan])
    assert both.contexts is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: Interactions(np.array([1, 2]), np.array([1])),
        lambda: Interactions(np.array([1]), np.array([1]), {"a": np.ones(2, dtype=np.float32)}),
        lambda: Interactions(np.array([1]), np.array([1]), events=np.array([1, 2])),
        lambda: LabelledPairs(np.array([1]), np.array([1]), np.ones(2, dtype=np.float32)),
    ],
)
def test_columns_of_different_lengths_are_refused(make):
    with pytest.raises(ValueError, match="one length"):
        make()


@pytest.fixture
def shop():
    """Bob views 1 and 2 and buys 2, then views 3; Ann buys 3."""
    rows = [
        (1, 1, VIEW, None, None),
        (1, 2, VIEW, None, None),
        (1, 2, BUY, 1.0, None),
        (2, 3, BUY, 1.0, None),
        (1, 3, VIEW, None, None),
    ]
    return Log(
        log_of(rows, np.array([5, 4, 6, 1, 2])), 4, 5, ("view", "buy", "return"), {"a": "last"}
    )


def test_what_users_did_by_event_by_task_and_in_all(shop):
    def items(history):
        return [
            history.items[a:b].tolist()
            for a, b in zip(history.starts, history.starts[1:], strict=False)
        ]

    views, buys = (shop.history([event]) for event in ("view", "buy"))
    assert items(views) == [[], [1, 2, 3], [], []]
    assert items(buys) == items(shop.picks("a")) == [[], [2], [3], []]
    assert items(shop.history()) == [[], [1, 2, 3], [3], []]
    assert shop.history().events is None
    both = shop.history(["buy", "return", "view"])
    assert items(both) == [[], [1, 2, 2, 3], [3], []]
    assert both.events.tolist() == [2, 0, 2, 2, 0]  # by their places in the list
    by_time = shop.history(["view"], in_time_order=True)
    assert items(by_time) == [[], [3, 2, 1], [], []]
    # A pair that is met again counts at its latest time: item 2 is bought last.
    last = shop.history(in_time_order=True)
    assert items(last) == [[], [3, 1, 2], [3], []]
    assert last.times.tolist() == [2, 5, 6, 1]
    assert shop.events_of("a") == ["buy"]


def test_what_a_task_is_told_of_the_log(shop):
    data = shop.task_data("a", "retrieval")
    assert labels_of(data.pairs) == [(1, 2, 1.0), (2, 3, 1.0)]
    assert list(data.events) == ["view", "buy", "return"]
    assert labels_of(data.events["view"]) == [(1, 1, 1.0), (1, 2, 1.0), (1, 3, 1.0)]
    assert len(data.events["return"]) == 0
    assert (data.n_user_rows, data.n_item_rows) == (4, 5)


def test_a_log_asks_for_the_label_that_its_tasks_keep(shop):
    rows = log_of([(1, 1, VIEW, 5.0, None), (1, 1, BUY, 1.0, None)], np.array([1, 2]))
    for keep, label in (("last", 1.0), ("largest", 5.0)):
        log = Log(rows, 2, 2, ("view", "buy"), {"a": keep})
        assert labels_of(log.pairs("a")) == [(1, 1, label)]
        assert labels_of(log.of(rows).join(rows).pairs("a")) == [(1, 1, label)]


def test_some_users_are_distinct_evenly_drawn_and_asked_once():
    users = np.repeat(np.arange(10_001), 2)
    ones = np.ones(len(users), dtype=np.float32)
    pairs = LabelledPairs(users, users, ones, contexts=np.arange(len(users)))
    some = pairs.of_some_users()
    kept = np.unique(some.users)
    assert 1600 < len(kept) <= 2000
    assert (np.diff(kept) == kept[1] - kept[0]).all()
    assert np.bincount(some.users).max() == 2  # all pairs of whoever is kept
    assert some.contexts is None
    assert len(pairs.take(users < 5).of_some_users()) == 10
    assert len(pairs.take(users < 0).of_some_users()) == 0
