"""Contexts of a log: which are the same, and what they hold."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.data.contexts import distinct_contexts, read_contexts
from maxella.data.dataset import build_dataset
from maxella.data.split import Split
from maxella.errors import ConfigError
from maxella.features.feature_set import FeatureSet, FeatureSpec

SPECS = [
    FeatureSpec("device", "category"),
    FeatureSpec("tags", "labels"),
    FeatureSpec("price", "number", {"buckets": 2}),
]
ROWS = st.tuples(
    st.sampled_from(["phone", "tv", None]),
    st.lists(st.sampled_from("abc"), max_size=2),
    st.sampled_from([1.0, 2.0, None]),
)


def table(rows):
    schema = {"device": pl.String, "tags": pl.List(pl.String), "price": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=12))
def test_rows_are_one_context_where_nothing_tells_them_apart(rows):
    log = table(rows)
    features = FeatureSet.fit(log, SPECS, np.arange(len(rows)))
    contexts, of_rows = distinct_contexts(features, log)
    assert len(of_rows) == len(rows)
    assert of_rows.min() == 1  # row 0 is the unknown context
    assert contexts.counts[0] == 0
    each = features.encode(log)
    found = contexts.take(of_rows)
    assert found.columns.tolist() == each.columns.tolist()
    assert found.weights.tolist() == each.weights.tolist()
    told = {(device, *sorted(set(tags)), price) for device, tags, price in rows}
    assert len(set(of_rows.tolist())) == len(told)
    assert len(contexts) == 1 + len(told)


def test_contexts_are_in_the_order_of_their_columns():
    log = table([("tv", ["a"], None), ("phone", ["b"], None), ("tv", [], None), ("tv", ["a"], 1)])
    features = FeatureSet.fit(log, SPECS[:2], np.arange(4))
    assert features.column_names[:2] == ("device=phone", "device=tv")
    contexts, of_rows = distinct_contexts(features, log)
    assert of_rows.tolist() == [2, 1, 3, 2]  # a, b, missing behind tv and phone
    assert len(contexts) == 4


def test_encoders_see_no_row_beyond_training():
    log = pl.DataFrame(
        {"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"], "device": ["tv", "phone", "tv"]}
    )
    none = np.empty(0, dtype=np.int64)
    split = Split(np.array([0]), none, np.array([1, 2]), none)
    dataset = build_dataset(log, split, {}, [FeatureSpec("device", "category")])
    assert dataset.context_features.column_names == ("device=tv",)
    assert dataset.test.rows.contexts.tolist()[1] == dataset.train.rows.contexts[0]
    assert dataset.contexts.counts[dataset.test.rows.contexts[0]] == 0  # a device not known


def test_columns_that_a_context_lacks_are_missing_in_it():
    log = table([("tv", ["a"], 1.0), ("phone", [], 2.0)])
    features = FeatureSet.fit(log, SPECS, np.arange(2))
    assert features.columns == ["device", "tags", "price"]
    found = read_contexts(features, pl.DataFrame({"device": ["tv"]}))
    assert found.counts[0] == 0
    assert features.column_names[found.columns[0]] == "device=tv"


def test_what_cannot_be_read_is_named():
    log = pl.DataFrame({"user_id": ["u"], "item_id": ["a"]})
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(ConfigError, match="column of the table"):
        build_dataset(
            log,
            Split(np.array([0]), none, none, none),
            {},
            [FeatureSpec("browser", "category")],
        )
