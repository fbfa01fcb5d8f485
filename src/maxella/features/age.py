"""How old an item is when it is asked for: which bucket its age in days falls into."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from maxella.features.values import require_whole_number

UNKNOWN_AGE = 0  # the bucket of an age that is not known


@dataclass(frozen=True)
class Age:
    """Buckets of ages: not known, before the item's date, quantiles from there on, and older ones.

    A bucket reaches up to its edge, that excluded; the last one is for what nothing of the fit is.

    >>> ages = Age.fit(np.array([3.0, 10.0, 400.0, 5000.0, np.nan]), buckets=2)
    >>> ages.names
    ('unknown', 'before its date', 'under 400 days', 'under 5001 days', '5001 days and more')
    >>> ages.encode(np.array([np.nan, -7.0, 0.0, 9000.0])).tolist()
    [0, 1, 2, 4]
    """

    edges: tuple[float, ...]  # days, ascending, the first 0

    @classmethod
    def fit(cls, ages: np.ndarray, *, buckets: int = 10) -> "Age":
        """(n,) days, NaN where not known → the edges of so many quantiles of those from 0 on."""
        require_whole_number("buckets", buckets, 1)
        ages = ages[ages >= 0]
        if not len(ages):
            return cls((0.0,))
        shares = np.arange(1, buckets) / buckets
        quantiles = np.quantile(ages, shares, method="higher")
        edges = np.unique([*quantiles, np.floor(ages.max()) + 1])
        return cls((0.0, *edges[edges > 0].tolist()))

    @property
    def n_buckets(self) -> int:
        """Buckets, that of unknown ages among them."""
        return len(self.edges) + 2

    @property
    def names(self) -> tuple[str, ...]:
        """What each bucket stands for."""
        under = [f"under {edge:g} days" for edge in self.edges[1:]]
        return ("unknown", "before its date", *under, f"{self.edges[-1]:g} days and more")

    def encode(self, ages: np.ndarray) -> np.ndarray:
        """(...,) days, NaN where not known → (...,) int64 buckets."""
        buckets = 1 + np.searchsorted(self.edges, ages, side="right")
        found: np.ndarray = np.where(np.isnan(ages), UNKNOWN_AGE, buckets)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"edges": list(self.edges)}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> "Age":
        """What `to_dict` gave."""
        return cls(tuple(facts["edges"]))
