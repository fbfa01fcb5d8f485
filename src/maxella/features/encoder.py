"""What every kind of feature is: one raw column as weighted bags of columns."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from pydantic import TypeAdapter

from maxella.features.bags import NO_COLUMN, WeightedBags, side_by_side


@dataclass(frozen=True)
class Encoder(ABC):
    """What a fit has found out of a column.

    A value that the fit did not know has an empty bag. The column `missing`, the last one, is
    there if the fit saw a missing value; else a missing value has an empty bag too. Names are for
    readers: two columns may share one, such as a category that is called "missing".
    """

    has_missing: bool

    @classmethod
    @abstractmethod
    def fit(cls, values: pl.Series, *args: Any, **options: Any) -> Self:
        """The encoder of these values; DataError, or ConfigError for a wrong option.

        Options are keywords of the kind's own.
        """

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """What each column stands for, that of missing values apart."""

    @abstractmethod
    def read(self, values: pl.Series) -> tuple[WeightedBags, np.ndarray]:
        """(n,) values → their bags of the columns named, and (n,) bool: which are missing.

        DataError where they are of another type.
        """

    @property
    def n_columns(self) -> int:
        """Bags hold columns from 0 to n_columns - 1."""
        return len(self.names) + self.has_missing

    @property
    def column_names(self) -> tuple[str, ...]:
        """What each column stands for."""
        return (*self.names, "missing") if self.has_missing else self.names

    def encode(self, values: pl.Series) -> WeightedBags:
        """(n,) values → their bags; DataError where they are of another type."""
        bags, is_missing = self.read(values)
        if not self.has_missing:
            return bags
        missing = WeightedBags.one_hot(np.where(is_missing, 0, NO_COLUMN))
        return side_by_side([bags, missing], [len(self.names), 1])

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values, for JSON."""
        facts: dict[str, Any] = TypeAdapter(type(self)).dump_python(self, mode="json")
        return facts

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Self:
        """What `to_dict` gave."""
        return TypeAdapter(cls).validate_python(facts)


@dataclass(frozen=True)
class KnownValues(Encoder):
    """A column for each of some values."""

    known: tuple[str, ...]  # ascending

    @property
    def names(self) -> tuple[str, ...]:
        """The values as texts."""
        return self.known
