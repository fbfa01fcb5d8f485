"""What a model said in an exam, whole and slice by slice: some of the users, some of the items."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from maxella.evaluation.sums import Group

Side = Literal["user", "item"]


@dataclass(frozen=True)
class Slice:
    """One value of one way to slice, such as `F` of `user.gender`.

    A slice of users holds all their held-out pairs, a slice of items the pairs with these items
    and the users who have any: at the ranks that they have among all candidates. Lists do not
    depend on what is held out, so slices of items have no metrics of lists.
    """

    name: str
    value: str
    side: Side
    is_in: np.ndarray  # (user rows,) or (item rows,) bool


def is_within(one: Slice | None, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """(n,) user rows and item rows → (n,) whether each pair is in a slice; all without one."""
    if one is None:
        return np.ones(len(users), dtype=bool)
    return np.asarray(one.is_in[users if one.side == "user" else items])


@dataclass(frozen=True)
class Answers:
    """Answers that were asked for once: how to measure them, and what is no metric."""

    user_rows: np.ndarray  # (users,) the row of the user at each position, whoever is asked
    group: Callable[[Slice | None], Group]  # the metrics over everything, or over a slice
    counts: Mapping[str, int]  # how much was asked
    ceiling: Mapping[str, float] = field(default_factory=dict)  # what a perfect ranking reaches
    curves: Mapping[str, Any] = field(default_factory=dict)  # points to be drawn, by name
