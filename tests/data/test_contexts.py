"""Contexts of a log: which are the same, and which days and ages they have."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.data.contexts import ContextFeatures, fit_ages, read_log
from maxella.data.dataset import build_dataset
from maxella.data.split import Split
from maxella.errors import ConfigError
from maxella.features.feature_set import FeatureSet, FeatureSpec
from maxella.features.id import Vocabulary

DAY = 86_400
SPECS = [
    FeatureSpec("device", "category"),
    FeatureSpec("tags", "labels"),
    FeatureSpec("price", "number", {"buckets": 2}),
]
AGE = FeatureSpec("released", "age", {"buckets": 2}, "age")
ROWS = st.tuples(
    st.sampled_from(["phone", "tv", None]),
    st.lists(st.sampled_from("abc"), max_size=2),
    st.sampled_from([1.0, 2.0, None]),
    st.integers(0, 3 * DAY),
)


def table(rows):
    schema = {"device": pl.String, "tags": pl.List(pl.String), "price": pl.Float64}
    return pl.DataFrame(rows, schema=schema | {"timestamp": pl.Int64}, orient="row")


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=12), st.booleans())
def test_rows_are_one_context_where_nothing_tells_them_apart(rows, has_ages):
    log = table(rows)
    features = FeatureSet.fit(log, SPECS, np.arange(len(rows)))
    contexts, of_rows = read_log(log, features, has_ages=has_ages)
    assert len(of_rows) == len(rows)
    assert of_rows.min() == 1  # row 0 is the unknown context
    assert contexts.bags.counts[0] == 0
    assert np.isnan(contexts.days[0])
    each = features.encode(log)
    found = contexts.bags.take(of_rows)
    assert found.columns.tolist() == each.columns.tolist()
    assert found.weights.tolist() == each.weights.tolist()
    told = [
        (device, *sorted(set(tags)), price, *([time // DAY] if has_ages else []))
        for device, tags, price, time in rows
    ]
    assert len(set(of_rows.tolist())) == len(set(told))
    assert len(contexts.bags) == 1 + len(set(told))


def test_the_age_of_items_is_taken_from_their_dates_and_the_times_of_picks():
    items = pl.DataFrame({"item_id": ["b", "a"], "released": [4 * DAY, None]})
    ids = Vocabulary.fit(pl.Series(["a", "b"]))
    ages = fit_ages(AGE, items, ids, np.array([1, 2, 2, 2]), np.array([9, 5, 6, 12]) * DAY)
    assert np.array_equal(ages.days, [np.nan, np.nan, 4.0], equal_nan=True)
    assert ages.encoder.edges == (0.0, 2.0, 9.0)  # of the ages 1, 2 and 8
    more = ages.of_others(pl.DataFrame({"item_id": ["c"], "released": [7 * DAY + 5]}))
    assert more.days[-1] == 7.0


def test_encoders_see_no_row_beyond_training():
    log = pl.DataFrame(
        {"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"], "device": ["tv", "phone", "tv"]}
    )
    none = np.empty(0, dtype=np.int64)
    split = Split(np.array([0]), none, np.array([1, 2]), none)
    dataset = build_dataset(log, split, {}, [FeatureSpec("device", "category")])
    assert dataset.context_features.column_names == ("device=tv",)
    assert dataset.test.rows.contexts.tolist()[1] == dataset.train.rows.contexts[0]
    assert dataset.contexts.bags.counts[dataset.test.rows.contexts[0]] == 0  # a device not known


def test_columns_that_a_context_lacks_are_missing_in_it():
    log = table([("tv", ["a"], 1.0, 0), ("phone", [], 2.0, DAY)])
    features = ContextFeatures(FeatureSet.fit(log, SPECS, np.arange(2)))
    assert features.columns == ["device", "tags", "price"]
    assert features.read_time == []
    found = features.read(pl.DataFrame({"device": ["tv"]}))
    assert features.features.column_names[found.bags.columns[0]] == "device=tv"


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ([AGE, FeatureSpec("released", "age", {}, "again")], "one feature of the kind 'age'"),
        ([AGE], "wants a timestamp"),
        ([FeatureSpec("browser", "category")], "column of the table"),
    ],
)
def test_what_cannot_be_read_is_named(specs, message):
    log = pl.DataFrame({"user_id": ["u"], "item_id": ["a"]})
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(ConfigError, match=message):
        build_dataset(log, Split(np.array([0]), none, none, none), {}, specs)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (FeatureSpec("born", "age", {}, "age"), "column of the items"),
        (FeatureSpec("released", "age", {"bucket": 3}, "age"), "option of the kind 'age'"),
    ],
)
def test_an_age_that_cannot_be_had_is_named(spec, message):
    items = pl.DataFrame({"item_id": ["a"], "released": [0]})
    with pytest.raises(ConfigError, match=message):
        fit_ages(spec, items, Vocabulary.fit(pl.Series(["a"])), np.array([1]), np.array([5]))
