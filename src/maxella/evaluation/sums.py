"""A metric as two sums over users, so that it adds up and can be resampled."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class UserSums:
    """Each user's share of a metric: value = Σ numerators / Σ denominators, over users.

    A mean over interactions has each user's number of interactions as its
    denominators, a mean over users has ones. `is_root` takes the square root of it.
    """

    numerators: np.ndarray  # (users,) float64
    denominators: np.ndarray  # (users,) float64
    is_root: bool = False

    @classmethod
    def mean_over_users(cls, values: np.ndarray) -> "UserSums":
        """(users,) values, each user counting the same."""
        return cls(values, np.ones(len(values)))

    def of_users(self, owners: np.ndarray, n_users: int) -> "UserSums":
        """The same value, of sums over queries: (queries,) says which user each one is of."""
        numerators, denominators = (
            np.bincount(owners, weights=sums, minlength=n_users)
            for sums in (self.numerators, self.denominators)
        )
        return UserSums(numerators, denominators, self.is_root)

    def padded(self, n_users: int) -> "UserSums":
        """The same value, with users who count for nothing behind the others up to `n_users`."""
        more = (0, n_users - len(self.numerators))
        numerators, denominators = np.pad(self.numerators, more), np.pad(self.denominators, more)
        return UserSums(numerators, denominators, self.is_root)

    def take(self, positions: np.ndarray) -> "UserSums":
        """The metric over the users at these positions."""
        return UserSums(self.numerators[positions], self.denominators[positions], self.is_root)

    def value(self) -> float:
        """The metric over all users."""
        ratio = self.numerators.sum() / self.denominators.sum()
        return float(np.sqrt(ratio) if self.is_root else ratio)


@dataclass(frozen=True)
class Group:
    """m of all evaluated users, and the metrics over them."""

    positions: np.ndarray  # (m,) int64, ascending
    sums: Mapping[str, UserSums]  # each of these m
    others: Mapping[str, float] = field(default_factory=dict)  # values that are no such sums

    def values(self) -> dict[str, float]:
        """Each metric's value, but of those for which no user counts."""
        of_sums = {name: of.value() for name, of in self.sums.items() if of.denominators.any()}
        return {**self.others, **of_sums}
