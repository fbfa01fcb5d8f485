"""What was predicted of given pairs, and what came: that which pointwise metrics look at."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from maxella.evaluation.metric import UserSums


@dataclass(frozen=True)
class Predictions:
    """n held-out pairs with a prediction and a label each; every user has one or more.

    Of a model that gives distributions over K levels these are here too.
    """

    users: np.ndarray  # (n,) int64 user positions, from 0 on without gaps
    predictions: np.ndarray  # (n,) float64
    labels: np.ndarray  # (n,) float64
    levels: np.ndarray = field(default_factory=lambda: np.empty(0))  # (K,) ascending
    probabilities: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))  # (n, K) float64
    of_past: np.ndarray | None = (
        None  # (n,) predictions from what came before, where others are not
    )

    @property
    def errors(self) -> np.ndarray:
        """(n,) prediction - label."""
        return np.asarray(self.predictions - self.labels)

    @cached_property
    def counts(self) -> np.ndarray:
        """(users,) pairs of each user."""
        return np.bincount(self.users)

    @cached_property
    def steps(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) P(r < the label) and (n,) P(r ≤ the label)."""
        ends = self.labels[:, None]
        below = (self.probabilities * (self.levels < ends)).sum(axis=1)
        return below, (self.probabilities * (self.levels <= ends)).sum(axis=1)

    def by_user(self, values: np.ndarray) -> np.ndarray:
        """(n,) values → (users,) their sums."""
        return np.bincount(self.users, weights=values)

    def mean(self, values: np.ndarray) -> UserSums:
        """(n,) values → their mean over interactions."""
        return UserSums.ratio(self.by_user(values), self.counts)

    def user_means(self, values: np.ndarray) -> np.ndarray:
        """(n,) values → (users,) each user's mean."""
        return np.asarray(self.by_user(values) / self.counts)

    def take(self, is_in: np.ndarray) -> tuple[np.ndarray, "Predictions"]:
        """Some of the pairs, (n,) bool; the positions of their users, who close up, come first."""
        positions, users = np.unique(self.users[is_in], return_inverse=True)
        told = self.probabilities[is_in] if len(self.levels) else self.probabilities
        past = None if self.of_past is None else self.of_past[is_in]
        taken = (self.predictions[is_in], self.labels[is_in], self.levels, told, past)
        some = Predictions(users, *taken)
        return positions, some
