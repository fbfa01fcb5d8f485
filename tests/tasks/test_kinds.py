"""What each kind of task makes of the rows of a log."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxella.data.dataset import build_dataset
from maxella.data.split import Split
from maxella.errors import ConfigError, DataError
from maxella.model.heads import HEADS
from maxella.tasks.kinds import KINDS
from maxella.tasks.task import Task

EVENTS = ["view", "cart", "buy"]
TASKS = [
    Task("visits", "retrieval"),
    Task("buys", "retrieval", rows="buy"),
    Task("wants", "retrieval", rows=["cart", "buy"], event_weights={"buy": 3.0, "cart": 0.5}),
    Task("repeats", "retrieval", rows="view", counts_repeats=True),
    Task("stars", "rating"),
    Task("bought stars", "rating", rows="buy"),
    Task("liked", "binary", rows="rating >= 4"),
    Task("liked buys", "binary", rows="buy and rating >= 4"),
    Task("bought", "binary", rows="buy", among=["view", "cart"]),
]
ROWS = st.lists(
    st.tuples(
        st.sampled_from("uv"),
        st.sampled_from("ij"),
        st.sampled_from(EVENTS),
        st.sampled_from([None, 1.0, 4.0, 5.0]),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=12,
)


def table_of(rows):
    names = ["user_id", "item_id", "event", "rating", "count"]
    types = [pl.String, pl.String, pl.String, pl.Float64, pl.Int64]
    # Every event occurs, so that a task may name it.
    rows = [("w", "k", event, 5.0, 1) for event in EVENTS] + rows
    table = pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")
    return table.with_columns(timestamp=pl.int_range(pl.len()))


def pairs_of(table, tasks):
    """Through a data set of which all rows train: task → {(user, item): label}."""
    none = np.array([], dtype=np.int64)
    labels = {task.name: KINDS[task.kind].labels(table, task) for task in tasks}
    dataset = build_dataset(table, Split(np.arange(len(table)), none, none, none), labels)
    found = {}
    for task in tasks:
        pairs = dataset.train.pairs(task.name)
        ids = dataset.users.ids_of(pairs.users), dataset.items.ids_of(pairs.items)
        keys = list(zip(*(side.to_list() for side in ids), strict=True))
        assert len(set(keys)) == len(keys)
        found[task.name] = dict(zip(keys, pairs.labels.tolist(), strict=True))
    return found


def by_hand(table):
    """The same, by reading the log from its first row on."""
    found = {task.name: {} for task in TASKS}
    for user, item, event, rating, count, _ in table.sort("timestamp").iter_rows():
        key = user, item
        found["visits"][key] = 1.0
        if event == "buy":
            found["buys"][key] = 1.0
        if event in ("cart", "buy"):
            weight = {"buy": 3.0, "cart": 0.5}[event]
            found["wants"][key] = max(weight, found["wants"].get(key, 0.0))
        if event == "view":
            found["repeats"][key] = count
        if rating is not None:
            found["stars"][key] = rating
            found["liked"][key] = float(rating >= 4)
            if event == "buy":
                found["bought stars"][key] = rating
                found["liked buys"][key] = float(rating >= 4)
        found["bought"][key] = max(float(event == "buy"), found["bought"].get(key, 0.0))
    counts = table.filter(pl.col("event") == "view")["count"].sort().to_list()
    for key, count in found["repeats"].items():  # 1 at the lower of two medians
        share = count / counts[(len(counts) - 1) // 2]
        found["repeats"][key] = pytest.approx(share if share < 1 else 1 + math.log(share))
    return found


@given(rows=ROWS, data=st.data())
def test_for_all_orders_of_the_rows_each_task_has_its_own_labels(rows, data):
    table = table_of(rows)
    order = data.draw(st.permutations(range(len(table))))
    assert pairs_of(table[order], TASKS) == by_hand(table)


def test_a_cart_after_a_rated_purchase_takes_no_rating_away():
    rows = [("u", "i", "buy", 5.0, 1), ("u", "i", "cart", None, 1), ("u", "i", "view", None, 1)]
    found = pairs_of(table_of(rows), TASKS)
    assert found["stars"]["u", "i"] == found["bought stars"]["u", "i"] == 5
    assert found["liked"]["u", "i"] == found["liked buys"]["u", "i"] == 1
    assert found["bought"]["u", "i"] == 1
    assert found["wants"]["u", "i"] == 3


def test_of_a_condition_the_last_answer_counts():
    rows = [("u", "i", "buy", 5.0, 1), ("u", "i", "buy", 1.0, 1)]
    assert pairs_of(table_of(rows), TASKS)["liked"]["u", "i"] == 0


LOG = pl.DataFrame({"event": EVENTS, "rating": [None, 2.0, 5.0]})


@pytest.mark.parametrize(
    ("task", "error", "message"),
    [
        (Task("a", "retrieval", rows="bye"), ConfigError, r"tasks\.a\.rows: .*'bye'.*'buy'"),
        (
            Task("a", "retrieval", event_weights={"byu": 2.0}),
            ConfigError,
            r"tasks\.a\.event_weights: .*'byu'.*'buy'",
        ),
        (Task("a", "rating", column="ratin"), ConfigError, r"tasks\.a: .*'ratin'.*'rating'.*leave"),
        (
            Task("a", "rating", column="event"),
            DataError,
            r"wants numbers in the column event.*String",
        ),
        (
            Task("a", "binary", rows="buy"),
            ConfigError,
            r"nothing of what is a 0.*among.*rating >= 4",
        ),
        (Task("a", "binary"), ConfigError, r"nothing of what is a 0"),
        (Task("a", "binary", rows="buy", among="vew"), ConfigError, r"tasks\.a\.among: .*'view'"),
    ],
)
def test_a_task_that_cannot_be_made_says_what_it_wants(task, error, message):
    with pytest.raises(error, match=message):
        KINDS[task.kind].labels(LOG, task)


def test_a_column_of_gaps_has_no_ratings():
    gaps = LOG.with_columns(rating=pl.lit(None, dtype=pl.Float64))
    with pytest.raises(DataError, match="has none there"):
        KINDS["rating"].labels(gaps, Task("a", "rating"))


def test_labels_leave_the_log_as_it_is():
    before = LOG.clone()
    for task in (Task("a", "rating", rows="buy"), Task("a", "retrieval", rows="buy")):
        KINDS[task.kind].labels(LOG, task)
    assert LOG.equals(before)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_has_heads_of_its_own(name):
    kind = KINDS[name]
    assert all(name in HEADS[head].kinds for head in kind.heads)
    assert set(kind.heads) == {head for head, choice in HEADS.items() if name in choice.kinds}
    assert kind.loses_by in ("loss", "head")
    assert kind.headline


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_makes_an_exam_of_the_held_out_labels_that_has_its_headline(name):
    table = table_of(
        [("u", "i", "buy", 5.0, 1), ("u", "j", "view", 1.0, 1), ("v", "i", "buy", 1.0, 1)]
    )
    task = {"retrieval": TASKS[1], "rating": TASKS[4], "binary": TASKS[6]}[name]
    labels = {task.name: KINDS[name].labels(table, task)}
    none = np.array([], dtype=np.int64)
    split = Split(np.arange(4), none, np.arange(4, 6), none)
    dataset = build_dataset(table, split, labels)
    exam = KINDS[name].exam(task.name, dataset.test, dataset.known)
    assert exam.name == task.name
    asked = dataset.test.pairs(task.name)
    assert exam.test.items.tolist() == asked.items.tolist()
    assert len(asked) == {"retrieval": 1, "rating": 2, "binary": 2}[name]
    for key in KINDS[name].headline:
        assert exam.metric_of(key)


def test_a_count_of_any_unit_weighs_one_at_its_median():
    counts = pl.Series([1, 2, 4, 8, 40, 0, -3])
    table = pl.DataFrame({"user_id": [*"abcdefg"], "item_id": ["i"] * 7, "count": counts})
    task = Task("plays", "retrieval", counts_repeats=True)
    expected = [0.25, 0.5, 1, 1 + math.log(2), 1 + math.log(10), math.nan, math.nan]
    for unit in (1, 60, 0.001):
        found = KINDS["retrieval"].labels(table.with_columns(count=unit * counts), task).labels
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_counts_nothing_is_no_pick_though_every_pick_counts_the_same():
    table = pl.DataFrame({"user_id": ["a", "b"], "item_id": ["i", "i"], "count": [5, 0]})
    found = KINDS["retrieval"].labels(table, Task("plays", "retrieval")).labels
    assert found[0] == 1
    assert np.isnan(found[1])
