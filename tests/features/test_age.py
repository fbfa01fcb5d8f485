"""Buckets of ages; what the unknown, the unborn and the oldest item get."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxella.errors import ConfigError
from maxella.features.age import Age

AGES = st.lists(st.floats(-1e5, 1e5) | st.just(np.nan), max_size=30).map(np.array)


@given(fitted=AGES, asked=AGES, buckets=st.integers(1, 5))
def test_every_age_has_one_bucket_which_grows_with_it(fitted, asked, buckets):
    age = Age.fit(fitted, buckets=buckets)
    found = age.encode(asked)
    assert len(age.names) == age.n_buckets <= buckets + 3
    assert ((found == 0) == np.isnan(asked)).all()
    assert ((found == 1) == (asked < 0)).all()
    assert (found < age.n_buckets).all()
    order = np.argsort(asked[~np.isnan(asked)])
    assert (np.diff(found[~np.isnan(asked)][order]) >= 0).all()
    assert Age.from_dict(json.loads(json.dumps(age.to_dict()))) == age


def test_buckets_hold_like_shares_of_the_fit():
    ages = np.arange(100.0)
    counts = np.bincount(Age.fit(ages, buckets=4).encode(ages))
    assert counts.tolist() == [0, 0, 25, 25, 25, 25]


def test_no_age_at_all_leaves_before_and_after():
    assert Age.fit(np.array([np.nan, -3.0])).names == (
        "unknown",
        "before its date",
        "0 days and more",
    )


@pytest.mark.parametrize("buckets", [0, 2.5, True])
def test_a_number_of_buckets_that_is_none_is_refused(buckets):
    with pytest.raises(ConfigError, match="buckets wants a whole number from 1"):
        Age.fit(np.array([1.0]), buckets=buckets)
