"""The column of a missing value: the last one of a feature, where the fit saw one."""

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
