"""A metric as two sums over users, so that it adds up and can be resampled."""

from dataclasses import dataclass

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

    def padded(self, n_users: int) -> "UserSums":
        """The same value, with users who count for nothing behind the others up to `n_users`."""
        more = (0, n_users - len(self.numerators))
        numerators, denominators = np.pad(self.numerators, more), np.pad(self.denominators, more)
        return UserSums(numerators, denominators, self.is_root)

    def value(self) -> float:
        """The metric over all users."""
        ratio = self.numerators.sum() / self.denominators.sum()
        return float(np.sqrt(ratio) if self.is_root else ratio)
