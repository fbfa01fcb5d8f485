"""The column of a missing value: the last one of a feature, where the fit saw one."""

from dataclasses import dataclass

import numpy as np

from maxella.features.bags import NO_COLUMN, WeightedBags, side_by_side


def with_missing(
    bags: WeightedBags, is_missing: np.ndarray, n_others: int, *, has_column: bool
) -> WeightedBags:
    """Bags of `n_others` columns → with column `n_others` where a value is missing.

    Without such a column a missing value adds nothing, as an unknown one.
    """
    if not has_column:
        return bags
    missing = WeightedBags.one_hot(np.where(is_missing, 0, NO_COLUMN))
    return side_by_side([bags, missing], [n_others, 1])


def names_with_missing(names: tuple[str, ...], *, has_column: bool) -> tuple[str, ...]:
    """The names of a feature's columns, that of missing values last."""
    return (*names, "missing") if has_column else names


@dataclass(frozen=True)
class Known:
    """What a kind holds that has a column for each of some values."""

    known: tuple[str, ...]  # ascending
    has_missing: bool

    @property
    def n_columns(self) -> int:
        """Known values, and the missing one."""
        return len(self.known) + self.has_missing

    @property
    def column_names(self) -> tuple[str, ...]:
        """The values as texts."""
        return names_with_missing(self.known, has_column=self.has_missing)

    def with_missing(self, bags: WeightedBags, is_missing: np.ndarray) -> WeightedBags:
        """Bags of the known values → with the column of missing ones, where there is one."""
        return with_missing(bags, is_missing, len(self.known), has_column=self.has_missing)
