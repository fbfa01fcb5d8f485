"""Metrics of predicted distributions over rating levels: pure functions of `Forecasts`.

A new metric is one function and one line in `DISTRIBUTION_METRICS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from maxella.evaluation.sums import UserSums
from maxella.model.interval import central_interval

PROBABILITY = 0.8  # that the intervals should hold
LEAST = 1e-6  # the probability that a rating counts with at least: some are no level


@dataclass(frozen=True)
class Forecasts:
    """n held-out ratings and what was said of each."""

    users: np.ndarray  # (n,) int64 user positions
    shares: np.ndarray  # (n, K) float64 probabilities
    levels: np.ndarray  # (K,) ascending
    ratings: np.ndarray  # (n,)

    def take(self, is_in: np.ndarray, users: np.ndarray) -> "Forecasts":
        """Some of them, (n,) bool, and the user positions that they have then."""
        return Forecasts(users, self.shares[is_in], self.levels, self.ratings[is_in])

    @cached_property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) lowest and (n,) highest level of the central intervals."""
        return central_interval(self.shares, self.levels, PROBABILITY)

    @cached_property
    def steps(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) P(r < the rating) and (n,) P(r ≤ the rating)."""
        ends = self.ratings[:, None]
        below = (self.shares * (self.levels < ends)).sum(axis=1)
        return below, (self.shares * (self.levels <= ends)).sum(axis=1)

    def mean(self, values: np.ndarray) -> UserSums:
        """(n,) values → their mean over interactions."""
        counts = np.bincount(self.users).astype(np.float64)
        return UserSums(np.bincount(self.users, weights=values), counts)


def log_loss(forecasts: Forecasts) -> UserSums:
    """Mean of −log P(the rating), in nats; a rating that is no level counts as 10⁻⁶."""
    below, up_to = forecasts.steps
    return forecasts.mean(-np.log(np.maximum(up_to - below, LEAST)))


def coverage_80(forecasts: Forecasts) -> UserSums:
    """Share of the ratings that lie within their interval, ends included."""
    low, high = forecasts.interval
    return forecasts.mean((low <= forecasts.ratings) & (forecasts.ratings <= high))


def width_80(forecasts: Forecasts) -> UserSums:
    """Mean of highest − lowest level of the interval, in rating points."""
    low, high = forecasts.interval
    return forecasts.mean(high - low)


def pit_coverage_80(forecasts: Forecasts) -> UserSums:
    """Mean share of [P(r < the rating), P(r ≤ the rating)] that lies in [.1, .9].

    The coverage of the central 80 % under the probability integral transform, with its
    random draw within a level taken in expectation (Czado, Gneiting and Held 2009, "Predictive
    model assessment for count data"): .8 where the distributions are calibrated, however
    large the levels are.
    """
    below, up_to = forecasts.steps
    tail = (1 - PROBABILITY) / 2
    inside = np.minimum(up_to, 1 - tail) - np.maximum(below, tail)
    size = up_to - below
    is_level = size > 0
    share = np.divide(np.maximum(inside, 0), size, where=is_level, out=np.zeros_like(size))
    is_inside = (below >= tail) & (below <= 1 - tail)
    return forecasts.mean(np.where(is_level, share, is_inside))


DISTRIBUTION_METRICS: dict[str, Callable[[Forecasts], UserSums]] = {
    "log_loss": log_loss,
    "coverage_80": coverage_80,
    "width_80": width_80,
    "pit_coverage_80": pit_coverage_80,
}
