"""A number, such as an age or a price: how far from the mean, and in which bucket."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from maxella.features.bags import NO_COLUMN, WeightedBags, side_by_side
from maxella.features.encoder import Encoder
from maxella.features.values import as_numbers, require_whole_number

# In standard deviations: beyond it a value says no more than "very much". Only the buckets
# tell small from smaller where an outlier of the fit has made the standard deviation large.
FARTHEST = 3.0
REMEDY = "Leave unknown ones empty, or name the kind 'category', or 'time' for dates."


@dataclass(frozen=True)
class Number(Encoder):
    """The scaled value as the weight of a column, and a column for each quantile bucket.

    The scaled value is (x - mean) / deviation, clipped to ±3. A bucket reaches up to its edge,
    that included; the last one is open. Where all numbers of the fit are equal, or there are
    none, nothing is to be told by them: no such columns. Infinite values are missing.

    >>> years = Number.fit(pl.Series([1980, 1990, 2000, 2010, None]), buckets=2)
    >>> years.column_names
    ('scaled', '≤ 1990.0', '> 1990.0', 'missing')
    >>> bags = years.encode(pl.Series([1995.0, 3000.0, None]))
    >>> bags.begins.tolist(), bags.columns.tolist(), bags.weights.tolist()
    ([0, 2, 4], [0, 2, 0, 2, 3], [0.0, 1.0, 3.0, 1.0, 1.0])
    """

    mean: float
    deviation: float  # 0: there is no scaled value
    edges: tuple[float, ...]  # ascending; empty: there are no buckets

    @classmethod
    def fit(cls, values: pl.Series, *, buckets: int = 10) -> Self:
        """Mean, deviation and the edges of `buckets` quantiles, equal ones merged; 0: no buckets.

        Edges are values of the fit.
        """
        require_whole_number("buckets", buckets, 0)
        numbers = as_numbers(values, REMEDY)
        has_missing = bool(np.isnan(numbers).any())
        numbers = np.sort(numbers[~np.isnan(numbers)])  # sums do not hang on the order of rows
        if not len(numbers) or numbers[0] == numbers[-1]:
            return cls(has_missing, 0.0, 0.0, ())
        largest = np.abs(numbers).max()  # squares of the largest floats would be infinite
        mean = (numbers / largest).mean() * largest
        deviation = (numbers / largest).std() * largest
        shares = np.arange(1, buckets) / max(buckets, 1)
        edges = np.unique(np.quantile(numbers, shares, method="inverted_cdf"))
        edges = edges[edges < numbers[-1]]  # nothing of the fit is above the largest
        return cls(has_missing, float(mean), float(deviation), tuple(edges.tolist()))

    @property
    def names(self) -> tuple[str, ...]:
        """`scaled`, and the upper ends of the buckets."""
        upper = [f"≤ {edge}" for edge in self.edges]
        buckets = [*upper, f"> {self.edges[-1]}"] if upper else []
        return ("scaled", *buckets) if self.deviation else tuple(buckets)

    def read(self, values: pl.Series) -> tuple[WeightedBags, np.ndarray]:
        """The scaled value and its bucket."""
        numbers = as_numbers(values, REMEDY)
        parts = [self._scaled(numbers), self._bucket(numbers)]
        n_scaled = int(self.deviation > 0)
        return side_by_side(parts, [n_scaled, len(self.names) - n_scaled]), np.isnan(numbers)

    def _scaled(self, numbers: np.ndarray) -> WeightedBags:
        if not self.deviation:
            return WeightedBags.empty(len(numbers))
        rows = np.flatnonzero(~np.isnan(numbers))
        with np.errstate(over="ignore"):  # infinite is clipped too
            scaled = (numbers[rows] - self.mean) / self.deviation
        scaled = scaled.clip(-FARTHEST, FARTHEST)
        return WeightedBags.of(rows, np.zeros(len(rows)), scaled, len(numbers))

    def _bucket(self, numbers: np.ndarray) -> WeightedBags:
        if not self.edges:
            return WeightedBags.empty(len(numbers))
        buckets = np.searchsorted(self.edges, numbers)  # the first edge that is ≥ the number
        return WeightedBags.one_hot(np.where(np.isnan(numbers), NO_COLUMN, buckets))
