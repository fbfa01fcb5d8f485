import numpy as np
import polars as pl
import pytest

from maxella.data.dataset import build_dataset
from maxella.data.interactions import Interactions
from maxella.data.split import Split
from maxella.errors import DataError
from maxella.features.id import UNKNOWN_ROW, Vocabulary

LOG = pl.DataFrame(
    {
        "user_id": ["u2", "u1", "u2", "u3"],
        "item_id": ["007", "7", "7", "x"],
        "rating": [5.0, 1.0, 2.0, 3.0],
        "timestamp": [4, 3, 2, 1],
    }
)


def test_a_dataset_is_the_split_in_rows():
    split = Split(np.array([0]), np.array([2]), np.array([3]), np.array([1]), np.array([], int))
    dataset = build_dataset(LOG, split)
    # Rows by first appearance: u2 u1 u3, and 007 7 x.
    assert dataset.train.users.tolist() == [1]
    assert dataset.train.items.tolist() == [1]
    assert dataset.given.users.tolist() == [2]
    assert dataset.known_in_validation.items.tolist() == [1, 2]
    assert dataset.validation.items.tolist() == [2]
    assert dataset.test.users.tolist() == [3]
    assert dataset.known.ratings.tolist() == [5, 1, 2]
    assert dataset.known.timestamps.tolist() == [4, 3, 2]
    assert dataset.rating_range == (5, 5)


def test_a_log_without_ratings_or_times_has_none():
    bare = build_dataset(LOG.select("user_id", "item_id"), Split(*[np.array([0, 1, 2])] * 5))
    assert bare.train.ratings is None
    assert bare.known.timestamps is None
    assert bare.rating_range is None


def test_a_withheld_rating_leaves_the_interaction():
    none = np.array([], int)
    split = Split(np.array([0, 1, 2]), none, np.array([3]), none, unrated=np.array([0, 2]))
    train = build_dataset(LOG, split).train
    assert train.items.tolist() == [1, 2, 2]
    np.testing.assert_equal(train.ratings, [np.nan, 1, np.nan])
    assert train.rated.items.tolist() == [2]
    assert LOG["rating"].to_list() == [5, 1, 2, 3]


def test_a_column_of_gaps_is_none():
    gaps = LOG.with_columns(rating=pl.lit(None, dtype=pl.Float64))
    none = np.array([], int)
    dataset = build_dataset(gaps, Split(np.arange(4), none, none, none, none))
    assert dataset.train.ratings is None
    assert dataset.rating_range is None


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


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        Interactions(np.array([1, 2]), np.array([1]))
