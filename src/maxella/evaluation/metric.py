"""A metric: what is known of it, and what it found, to be worked out anew for other users."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

_STEP = 1e-3  # of a numerical derivative: a thousandth of a user


@dataclass(frozen=True)
class Metric:
    """One line of a table of metrics. Whatever prefers a value to another asks it."""

    function: Callable[..., Any]
    label: str
    meaning: str
    importance: int = 9  # 1 stays longest where a table is too wide
    direction: Literal["higher", "lower", "target"] = "higher"
    target: float | None = None  # goes with the direction "target": the nearer, the better
    digits: int = 3

    def turned(self, value: Any) -> Any:
        """A value, or an array of them, as one of which more is better.

        >>> Metric(abs, "width", "", direction="target", target=0.5).turned(0.75)
        -0.25
        """
        if self.direction == "target":
            return -abs(value - self.target)
        return value if self.direction == "higher" else -value

    def facts(self) -> dict[str, Any]:
        """What a report says of it: all but the function."""
        return {name: value for name, value in vars(self).items() if name != "function"}


class Statistic(Protocol):
    """A metric over m users; NaN where there is nothing to measure."""

    @property
    def counts(self) -> np.ndarray: ...  # (m,) bool: who counts for it

    def value(self) -> float: ...  # each user counting once

    def values(self, weights: np.ndarray) -> np.ndarray:
        """(resamples, m) how often each user counts → (resamples,) the metric."""
        ...

    def effects(self) -> np.ndarray:
        """(m,) how fast the metric moves as a user counts more; all together they move nothing."""
        ...


def _ratio(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[0] / sums[1])


@dataclass(frozen=True)
class UserSums:
    """A metric that is a function of sums over users: of a numerator and a denominator, mostly.

    A mean over interactions has each user's number of interactions as its denominator, a
    mean over users has ones.
    """

    sums: np.ndarray  # (s, users) float64
    of: Callable[[np.ndarray], np.ndarray] = _ratio  # (s, ...) sums over users → (...)
    is_biased: bool = False  # tends to be too high, and more so in a resample

    @classmethod
    def ratio(cls, numerators: np.ndarray, denominators: np.ndarray) -> "UserSums":
        """Σ numerators / Σ denominators, both (users,)."""
        return cls(np.stack([numerators, denominators]).astype(np.float64))

    @classmethod
    def mean_over_users(cls, values: np.ndarray) -> "UserSums":
        """(users,) values, each user counting the same."""
        return cls.ratio(values, np.ones(len(values)))

    @property
    def root(self) -> "UserSums":
        """The square root of a ratio."""
        return UserSums(self.sums, lambda sums: np.sqrt(_ratio(sums)))

    @property
    def counts(self) -> np.ndarray:
        """(users,) bool: who adds anything to a sum."""
        return np.asarray(np.any(self.sums, axis=0))

    def of_users(self, owners: np.ndarray, n_users: int) -> "UserSums":
        """The same value, of sums over queries: (queries,) says which user each one is of."""
        by_user = [np.bincount(owners, weights=row, minlength=n_users) for row in self.sums]
        return UserSums(np.stack(by_user), self.of, self.is_biased)

    def value(self) -> float:
        """The metric over all users."""
        return float(self.of_totals(self.sums.sum(axis=1)))

    def values(self, weights: np.ndarray) -> np.ndarray:
        """(resamples, users) → (resamples,)."""
        return self.of_totals(self.sums @ weights.T)

    def effects(self) -> np.ndarray:
        """(users,) the derivative of the metric by how often each user counts."""
        total = self.sums.sum(axis=1, keepdims=True)
        more, less = (self.of_totals(total + step * self.sums) for step in (_STEP, -_STEP))
        found = np.asarray((more - less) / (2 * _STEP))
        found[np.abs(found) < 1e-11 * abs(self.value())] = 0.0  # all that rounding left
        return found

    def of_totals(self, totals: np.ndarray) -> np.ndarray:
        """(s, ...) sums over users → (...) the metric; NaN where no one counts."""
        with np.errstate(invalid="ignore"):
            return self.of(totals)


def of_users(mean: Statistic) -> np.ndarray:
    """(users,) the value of each user who counts for a mean over users."""
    counts = mean.counts
    return np.asarray(mean.values(np.eye(len(counts)))[counts])


@dataclass(frozen=True)
class Group:
    """m of all evaluated users, and the metrics over them."""

    positions: np.ndarray  # (m,) int64, ascending
    statistics: Mapping[str, Statistic]  # each of these m
    others: Mapping[str, float] = field(default_factory=dict)  # values that cannot be resampled
    interactions: int = 0

    def values(self) -> dict[str, float]:
        """Each metric's value, but of those that have nothing to measure."""
        found = {**self.others, **{name: of.value() for name, of in self.statistics.items()}}
        return {name: value for name, value in found.items() if not np.isnan(value)}
