import numpy as np
import polars as pl
import pytest

from maxella.data.dataset import TaskLabels, build_dataset
from maxella.data.split import Split
from maxella.errors import DataError
from maxella.features.id import UNKNOWN_ROW, Vocabulary

LOG = pl.DataFrame(
    {
        "user_id": ["u2", "u1", "u2", "u3"],
        "item_id": ["007", "7", "7", "x"],
        "event": ["buy", "view", "view", "buy"],
        "timestamp": [4, 3, 2, 1],
    }
)
STARS = TaskLabels(np.array([5, 1, 2, 3], dtype=np.float32))
BUYS = TaskLabels(np.array([1, np.nan, np.nan, 1], dtype=np.float32))


def split_of(train, validation=(), test=(), given=()):
    parts = (train, validation, test, given)
    return Split(*(np.array(rows, dtype=np.int64) for rows in parts))


def test_a_dataset_is_the_split_in_rows():
    dataset = build_dataset(LOG, split_of([0], [2], [3], [1]), {"stars": STARS, "buys": BUYS})
    # Rows by first appearance: u2 u1 u3, and 007 7 x.
    assert dataset.train.rows.users.tolist() == [1]
    assert dataset.train.rows.items.tolist() == [1]
    assert dataset.given.rows.users.tolist() == [2]
    assert dataset.known_in_validation.rows.items.tolist() == [1, 2]
    assert dataset.validation.rows.items.tolist() == [2]
    assert dataset.test.rows.users.tolist() == [3]
    assert dataset.known.rows.labels["stars"].tolist() == [5, 1, 2]
    np.testing.assert_equal(dataset.known.rows.labels["buys"], [1, np.nan, np.nan])
    assert dataset.known.rows.timestamps.tolist() == [4, 3, 2]
    assert dataset.known.events == ("buy", "view")
    assert dataset.known.rows.events.tolist() == [0, 1, 1]
    assert dataset.known.pairs("buys").items.tolist() == [1]
    assert (dataset.test.n_user_rows, dataset.test.n_item_rows) == (4, 4)


def test_settled_it_trains_on_the_validation_part_too():
    # Row 1 is u1 and 7, row 2 u2 and 7, row 0 u2 and 007: a view beside a buy of one pair.
    log = pl.concat(
        [LOG, LOG[:1].with_columns(event=pl.lit("view"), timestamp=pl.lit(9, pl.Int64))]
    )
    stars = TaskLabels(np.array([5, 1, 2, 3, 4], dtype=np.float32))
    dataset = build_dataset(log, split_of([0], [2, 4], [3], [1]), {"stars": stars})
    settled = dataset.settled
    assert settled.train.rows.items.tolist() == [1, 2, 1]
    # Of one pair the later label counts.
    np.testing.assert_equal(settled.train.rows.labels["stars"], [np.nan, 2, 4])
    assert len(settled.validation) == 0
    assert settled.validation.rows.labels.keys() == {"stars"}
    assert settled.given is dataset.given
    assert settled.test is dataset.test
    assert sorted(settled.known.rows.timestamps) == sorted(dataset.known.rows.timestamps)


def test_a_log_without_events_or_times_has_none():
    bare = LOG.select("user_id", "item_id")
    known = build_dataset(bare, split_of([0, 1, 2]), {"stars": STARS}).known
    assert known.rows.timestamps is None
    assert known.rows.events is None
    assert known.events == ()


@pytest.mark.parametrize(
    ("times", "is_future"),
    [([1, 5, 2, 3], True), ([2, 5, 2, 5], True), ([3, 5, 2, 6], False), (None, False)],
)
def test_the_future_is_tested_where_no_user_s_test_comes_before_what_is_known(times, is_future):
    # Users u2 u1 u2 u1, of whom the last two rows test; other users' times do not matter.
    log = LOG.drop("timestamp").with_columns(user_id=pl.Series(["u2", "u1", "u2", "u1"]))
    log = log if times is None else log.with_columns(timestamp=pl.Series(times))
    if times == [1, 5, 2, 3]:  # of u1 nothing is known before
        log = log.with_columns(user_id=pl.Series(["u2", "u2", "u2", "u1"]))
        log = log.with_columns(timestamp=pl.Series([1, 2, 2, 0]))
    assert build_dataset(log, split_of([0, 1], test=[2, 3]), {}).tests_the_future == is_future


def test_a_column_of_times_that_is_all_gaps_is_none():
    gaps = LOG.with_columns(timestamp=pl.lit(None, dtype=pl.Int64))
    assert build_dataset(gaps, split_of([0, 1, 2, 3]), {}).train.rows.timestamps is None


def test_a_withheld_label_leaves_the_interaction_and_the_other_tasks():
    tasks = {"stars": TaskLabels(STARS.labels, kept_share=1 / 3), "buys": BUYS}
    dataset = build_dataset(LOG, split_of([0, 1, 2], test=[3]), tasks, seed=1)
    train = dataset.train.rows
    assert train.items.tolist() == [1, 2, 2]
    kept = ~np.isnan(train.labels["stars"])
    assert kept.sum() == len(dataset.train.pairs("stars")) == 1
    assert train.labels["stars"][kept] == STARS.labels[:3][kept]
    np.testing.assert_equal(train.labels["buys"], [1, np.nan, np.nan])
    assert dataset.test.pairs("stars").labels.tolist() == [3]
    assert STARS.labels.tolist() == [5, 1, 2, 3]
    again = build_dataset(LOG, split_of([0, 1, 2], test=[3]), tasks, seed=1)
    np.testing.assert_equal(again.train.rows.labels["stars"], train.labels["stars"])
    draws = {
        tuple(
            np.isnan(
                build_dataset(LOG, split_of([0, 1, 2]), tasks, seed=seed).train.rows.labels["stars"]
            )
        )
        for seed in range(9)
    }
    assert len(draws) > 1


def test_training_has_one_label_a_pair_and_no_label_of_the_test_counts():
    log = pl.DataFrame(
        {
            "user_id": ["u"] * 4,
            "item_id": ["i"] * 4,
            "event": ["buy", "view", "buy", "view"],
            "timestamp": [1, 2, 3, 4],
        }
    )
    labels = np.array([5, 2, 4, 3], dtype=np.float32)
    split = split_of([0, 1, 2], test=[3])
    for keep, label, row in (("last", 4, 2), ("largest", 5, 0)):
        dataset = build_dataset(log, split, {"a": TaskLabels(labels, keep)})
        wanted = np.where(np.arange(3) == row, label, np.nan)
        np.testing.assert_equal(dataset.train.rows.labels["a"], wanted)
        assert dataset.known.pairs("a").labels.tolist() == [label]
        assert dataset.test.pairs("a").labels.tolist() == [3]


def test_ids_go_in_and_come_out():
    vocabulary = Vocabulary.fit(pl.Series(["b", None, "a", "b"]))
    assert vocabulary.n_rows == 3
    rows = vocabulary.rows_of(["a", "never", "b"])
    assert rows.tolist() == [2, UNKNOWN_ROW, 1]
    assert vocabulary.ids_of(rows).to_list() == ["a", None, "b"]
    assert len(vocabulary.rows_of([])) == 0


def test_a_vocabulary_refuses_ids_twice():
    with pytest.raises(DataError, match="distinct"):
        Vocabulary(pl.Series(["a", "a"]))
