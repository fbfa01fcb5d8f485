import numpy as np
import polars as pl
import pytest

from maxella.errors import ConfigError
from maxella.sources.synthetic import read_synthetic


@pytest.fixture(scope="module")
def joined():
    tables = read_synthetic(n_users=1000, n_items=400, n_interactions=20_000, n_groups=4, seed=3)
    item_groups = tables.items.select("item_id", pl.col("genres").list.first().alias("genre"))
    return tables.interactions.join(tables.users, on="user_id").join(item_groups, on="item_id")


def test_the_size_is_as_asked(joined):
    assert joined.height == 20_000
    assert joined["user_id"].n_unique() == 1000


def test_users_pick_mostly_within_their_group_and_like_it_better(joined):
    within = pl.col("group") == pl.col("genre")
    # .8 and a quarter of the rest, less what repeated draws of popular items take away.
    assert 0.75 < joined.select(within.mean()).item() < 0.86
    likes = joined.group_by(within.alias("within")).agg(pl.col("rating").mean())
    mean = dict(likes.iter_rows())
    assert 0.8 < mean[True] - mean[False] < 1.6  # planted: 1.4, less what clipping takes


def test_popularity_falls_within_a_group(joined):
    counts = dict(joined.group_by("item_id").len().iter_rows())
    assert counts["i0"] > 3 * counts["i396"]  # the first and the last item of group 0


def test_the_seed_decides():
    size = {"n_users": 50, "n_items": 40, "n_interactions": 500}
    one, same, other = (read_synthetic(**size, seed=seed).interactions for seed in (1, 1, 2))
    assert one.equals(same)
    assert not one.equals(other)


def test_a_world_smaller_than_asked_for_is_filled_at_most():
    log = read_synthetic(n_users=5, n_items=3, n_interactions=1000, n_groups=1).interactions
    assert log.height <= 15
    assert not log.select("user_id", "item_id").is_duplicated().any()


def test_times_ascend_within_a_year():
    times = read_synthetic().interactions["timestamp"].to_numpy()
    assert (np.diff(times) >= 0).all()
    assert times[-1] - times[0] < 366 * 86400


@pytest.mark.parametrize(
    "size", [{"n_groups": 0}, {"n_groups": 300}, {"n_interactions": 10, "n_users": 20}]
)
def test_a_world_that_cannot_be_is_refused(size):
    with pytest.raises(ConfigError, match="n_groups"):
        read_synthetic(**size)
