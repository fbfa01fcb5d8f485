import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.errors import ConfigError, DataError
from maxella.features.feature_set import FeatureSet, FeatureSpec
from maxella.features.kinds import FEATURE_KINDS

FILMS = pl.DataFrame(
    {
        "item_id": ["1", "2", "3", "4"],
        "title": ["The War", "War", None, "Peace and War"],
        "genres": [["War", "Drama"], ["Drama"], [], ["Comedy"]],
        "year": [1990, 2000, None, 2010],
        "released": [0, 86_400, 10**9, None],
    }
)
SPECS = [
    FeatureSpec("genres", "labels"),
    FeatureSpec("year", "number", {"buckets": 2}),
    FeatureSpec("year", "category", name="vintage"),
    FeatureSpec("title", "text", {"min_count": 1}),
    FeatureSpec("released", "time", {"parts": ["year"]}),
]
FIRST_THREE = np.array([True, True, True, False])


def everything(features, table):
    bags = features.encode(table)
    return json.dumps(features.to_dict()), bags.begins.tolist(), bags.columns.tolist()


def test_features_side_by_side(dense):
    features = FeatureSet.fit(FILMS, SPECS, FIRST_THREE)
    assert {spec.kind for spec in SPECS} == set(FEATURE_KINDS)
    assert features.column_names == (
        "genres=Drama",
        "genres=War",
        "genres=missing",
        "year=scaled",
        "year=≤ 1990.0",
        "year=> 1990.0",
        "year=missing",
        "vintage=1990",
        "vintage=2000",
        "vintage=missing",
        "title=the",
        "title=war",
        "title=missing",
        "released=1970",
        "released=2001",
    )
    found = dense(features.encode(FILMS), features.n_columns)
    for feature in features.features:
        alone = feature.encoder.encode(FILMS[feature.column])
        block = features.blocks[feature.name]
        assert found[:, block].tolist() == dense(alone, feature.encoder.n_columns).tolist()
        assert all(name.startswith(feature.name) for name in features.column_names[block])
    assert list(features.blocks) == ["genres", "year", "vintage", "title", "released"]
    assert block.stop == features.n_columns == len(features.column_names)


@settings(deadline=None, max_examples=10)
@given(
    fit_on=st.lists(st.integers(0, 3), max_size=4),
    others=st.lists(st.integers(0, 3), min_size=4, max_size=4),
)
def test_rows_outside_the_fit_are_not_peeked_at(fit_on, others):
    seen = np.isin(np.arange(4), fit_on)
    # Other rows take the values of one another, of the rows of the fit, or are emptied.
    changed = FILMS[np.where(seen, np.arange(4), others)]
    emptied = FILMS.with_columns(
        pl.when(pl.Series(seen)).then(pl.col(name)).alias(name) for name in FILMS.columns
    )
    expected = everything(FeatureSet.fit(FILMS, SPECS, seen), FILMS)
    for table in (changed, emptied):
        assert everything(FeatureSet.fit(table, SPECS, seen), FILMS) == expected
    rows = np.array(fit_on, dtype=np.int64)  # in any order, some of them twice
    assert everything(FeatureSet.fit(FILMS, SPECS, rows), FILMS) == expected
    alone = FILMS.filter(pl.Series(seen))
    everyone = np.ones(len(alone), dtype=bool)
    assert everything(FeatureSet.fit(alone, SPECS, everyone), FILMS) == expected


def test_json_gives_the_same_features_again():
    features = FeatureSet.fit(FILMS, SPECS, FIRST_THREE)
    facts = features.to_dict()
    written = json.loads(json.dumps(facts, allow_nan=False))
    assert written == facts
    again = FeatureSet.from_dict(written)
    assert again == features
    assert everything(again, FILMS) == everything(features, FILMS)


def test_no_features():
    features = FeatureSet.fit(FILMS, [], FIRST_THREE)
    assert features.n_columns == 0
    assert features.blocks == {}
    assert features.encode(FILMS).counts.tolist() == [0, 0, 0, 0]
    assert FeatureSet.from_dict(features.to_dict()) == features


def test_no_rows():
    features = FeatureSet.fit(FILMS, SPECS, FIRST_THREE)
    assert len(features.encode(FILMS[:0])) == 0
    assert FeatureSet.fit(FILMS, SPECS, np.array([], dtype=np.int64)).n_columns == 0


def test_a_column_that_the_table_lacks_is_named():
    with pytest.raises(ConfigError, match=r"^Feature 'era': No column .*Did you mean 'year'"):
        FeatureSet.fit(FILMS, [FeatureSpec("yaer", "number", name="era")], FIRST_THREE)
    features = FeatureSet.fit(FILMS, SPECS, FIRST_THREE)
    with pytest.raises(ConfigError, match=r"^Feature 'title': No column .* 'title'"):
        features.encode(FILMS.drop("title"))


def test_wrong_specs_are_named():
    for wrong, message in (
        ([FeatureSpec("year", "nummer")], "^Feature 'year': No kind.*Did you mean 'number'"),
        ([FeatureSpec("year", "number", {"buckets": -1})], "^Feature 'year': buckets wants"),
        ([FeatureSpec("year", "number")] * 2, "'year' is there twice. Give one"),
    ):
        with pytest.raises(ConfigError, match=message):
            FeatureSet.fit(FILMS, wrong, FIRST_THREE)
    with pytest.raises(DataError, match="column 'title'"):
        FeatureSet.fit(FILMS, [FeatureSpec("title", "number")], FIRST_THREE)
    with pytest.raises(IndexError):
        FeatureSet.fit(FILMS, SPECS, FIRST_THREE[:2])
