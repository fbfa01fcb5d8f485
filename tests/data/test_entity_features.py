import numpy as np
import polars as pl
import pytest

from maxella.data.entity_features import EntityFeatures
from maxella.features.feature_set import FeatureSpec
from maxella.features.id import Vocabulary

SPECS = [
    FeatureSpec("genres", "labels"),
    FeatureSpec("year", "number"),
    FeatureSpec("title", "text", {"min_count": 1}),
]


@pytest.fixture
def known():
    """50 items, some without a year, a genre or a word."""
    rng = np.random.default_rng(4)
    table = pl.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(50)],
            "genres": [
                [g for g in ("War", "Drama", "Comedy") if rng.random() < 0.4] for _ in range(50)
            ],
            "year": [None if n % 7 == 0 else 1900 + n for n in range(50)],
            "title": [
                " ".join(rng.choice(["a", "new", "day"], rng.integers(3))) for _ in range(50)
            ],
        }
    )
    ids = Vocabulary.fit(table["item_id"])
    return EntityFeatures.fit(table, "item_id", ids, SPECS, np.ones(51, dtype=bool))


def test_the_encoders_see_no_row_but_those_of_training():
    table = pl.DataFrame(
        {"item_id": ["a", "b", "c"], "genre": ["War", "Drama", "Noir"], "year": [1.0, 3.0, 900.0]}
    )
    specs = [FeatureSpec("genre", "category"), FeatureSpec("year", "number")]
    ids = Vocabulary.fit(table["item_id"])
    is_trained = np.array([False, True, True, False])  # the unknown row, a, b, c
    found = EntityFeatures.fit(table, "item_id", ids, specs, is_trained)
    alone = EntityFeatures.fit(
        table.head(2), "item_id", Vocabulary.fit(table["item_id"].head(2)), specs, np.ones(3, bool)
    )
    assert found.features.n_columns == alone.features.n_columns  # no column for Noir
    for name in ("genre", "year"):
        assert blocks(found, name)[:3] == blocks(alone, name)


@pytest.mark.parametrize("name", [spec.column for spec in SPECS])
def test_permuting_a_feature_moves_its_blocks_whole_and_no_other(known, name):
    permuted = known.permuted(name, np.random.default_rng(1))
    moved = blocks(permuted, name) != blocks(known, name)
    assert moved
    assert sorted(blocks(permuted, name)) == sorted(blocks(known, name))
    for other in known.features.blocks:
        if other != name:
            assert blocks(permuted, other) == blocks(known, other)
    assert permuted.bags.counts[0] == 0
    again = known.permuted(name, np.random.default_rng(1))
    assert blocks(again, name) == blocks(permuted, name)


def blocks(known, name):
    """The block of each row: its columns and their weights."""
    block, bags = known.features.blocks[name], known.bags
    ends = np.append(bags.begins[1:], len(bags.columns))
    return [
        [
            (int(column), float(weight))
            for column, weight in zip(bags.columns[a:b], bags.weights[a:b], strict=True)
            if block.start <= column < block.stop
        ]
        for a, b in zip(bags.begins, ends, strict=True)
    ]
