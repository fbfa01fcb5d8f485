"""One of several values, such as an occupation or a director: a column for each."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from maxella.features.bags import WeightedBags
from maxella.features.encoder import KnownValues
from maxella.features.tokens import columns_of
from maxella.features.values import as_categories, require_whole_number


@dataclass(frozen=True)
class Category(KnownValues):
    """A column for each value of the fit. Numbers and booleans are told apart by their text.

    >>> occupation = Category.fit(pl.Series(["writer", "farmer", None, "writer"]))
    >>> occupation.column_names
    ('farmer', 'writer', 'missing')
    >>> bags = occupation.encode(pl.Series(["writer", "lawyer", None]))
    >>> bags.begins.tolist(), bags.columns.tolist()
    ([0, 1, 1], [1, 2])
    """

    @classmethod
    def fit(cls, values: pl.Series, *, min_count: int = 1) -> Self:
        """The values that occur at least `min_count` times."""
        require_whole_number("min_count", min_count, 1)
        texts = as_categories(values)
        counts = texts.drop_nulls().rename("text").value_counts()
        known = counts.filter(pl.col("count") >= min_count)["text"].sort()
        return cls(texts.has_nulls(), tuple(known))

    def read(self, values: pl.Series) -> tuple[WeightedBags, np.ndarray]:
        """The value's column, with weight 1."""
        texts = as_categories(values)
        return WeightedBags.one_hot(columns_of(texts, self.known)), texts.is_null().to_numpy()
