"""What is known of the users, or of the items, beside their ids: a bag of columns for each row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from maxella.features.bags import WeightedBags
from maxella.features.feature_set import FeatureSet, FeatureSpec
from maxella.features.id import UNKNOWN_ROW, Vocabulary


@dataclass(frozen=True)
class EntityFeatures:
    """Features of one side, in the order of its rows; the unknown row has an empty bag."""

    features: FeatureSet
    bags: WeightedBags  # (rows,)

    @classmethod
    def fit(
        cls,
        table: pl.DataFrame,
        key: str,
        ids: Vocabulary,
        specs: Sequence[FeatureSpec],
        fit_on: np.ndarray,
    ) -> "EntityFeatures":
        """From a table with a column of ids, called `key`, and the features' columns.

        (rows,) bool says which rows training has: the encoders see no other.
        """
        in_order = ids.in_order(table, key)
        features = FeatureSet.fit(in_order, specs, fit_on[1:])
        return cls(features, features.encode(in_order).with_unknown())

    def of_others(self, table: pl.DataFrame, key: str, ids: Vocabulary) -> "EntityFeatures":
        """The same features of other ids, read from their table."""
        bags = self.features.encode(ids.in_order(table, key))
        return EntityFeatures(self.features, bags.with_unknown())

    def followed_by(self, others: "EntityFeatures") -> "EntityFeatures":
        """These rows, then those of the others but their unknown one."""
        return EntityFeatures(self.features, self.bags.followed_by(others.bags.take(others.rows)))

    @property
    def rows(self) -> np.ndarray:
        """(rows - 1,) all but the unknown one."""
        return np.arange(1, len(self.bags))

    def permuted(self, name: str, rng: np.random.Generator) -> "EntityFeatures":
        """One feature permuted among all rows but the unknown one; the others as they are."""
        givers = np.insert(rng.permutation(self.rows), 0, UNKNOWN_ROW)
        bags = self.bags.with_block_of(self.features.blocks[name], givers)
        return EntityFeatures(self.features, bags)


@dataclass(frozen=True)
class Features:
    """Those of both sides and how contexts are read, where there are any."""

    users: EntityFeatures | None = None
    items: EntityFeatures | None = None
    context: FeatureSet | None = None
