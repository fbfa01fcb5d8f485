"""The mean rating, and how far each user and each item lie from it."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from maxella.data.labelled import LabelledPairs, TaskData
from maxella.data.means import damped_means
from maxella.errors import DataError
from maxella.features.id import UNKNOWN_ROW


@dataclass(frozen=True)
class Bias:
    """Predicts μ + user effect + item effect, within the range of the training ratings.

    An effect is a damped mean of what the other terms leave over: its sum divided by
    (number + damping), so that few ratings move it little (Koren 2008, section 2.1). The
    effect of the unknown user, the unknown item and of whom training does not hold is 0.
    """

    mean: float
    user_effects: torch.Tensor  # (user rows,) float64, stars
    item_effects: torch.Tensor  # (item rows,) float64, stars
    lowest: float
    highest: float
    user_damping: float

    @classmethod
    def fit(
        cls,
        train: TaskData,
        validation: LabelledPairs | None = None,  # noqa: ARG003 all baselines are made alike
        final: TaskData | None = None,
        *,
        user_damping: float = 5.0,
        item_damping: float = 3.0,
        sweeps: int = 10,
    ) -> "Bias":
        """Items first, then users, `sweeps` times. DataError without ratings."""
        train = final or train
        pairs, n_user_rows, n_item_rows = train.pairs, train.n_user_rows, train.n_item_rows
        if not len(pairs):
            raise DataError(
                f"The bias model wants training labels of {train.name}; there are none. "
                "Leave 'bias' out of the baselines."
            )
        ratings = pairs.labels.astype(np.float64)
        mean = float(ratings.mean())
        user_effects, item_effects = np.zeros(n_user_rows), np.zeros(n_item_rows)
        for _ in range(sweeps):
            left = ratings - mean - user_effects[pairs.users]
            item_effects = _damped_means(pairs.items, left, n_item_rows, item_damping)
            left = ratings - mean - item_effects[pairs.items]
            user_effects = _damped_means(pairs.users, left, n_user_rows, user_damping)
        return cls(
            mean,
            torch.from_numpy(user_effects),
            torch.from_numpy(item_effects),
            float(ratings.min()),
            float(ratings.max()),
            user_damping,
        )

    def told(self, known: TaskData) -> "Bias":
        """The same items, and user effects from the ratings that are `known` by now."""
        pairs = known.pairs
        left = pairs.labels - self.mean - self.item_effects.numpy()[pairs.items]
        effects = _damped_means(pairs.users, left, len(self.user_effects), self.user_damping)
        return replace(self, user_effects=torch.from_numpy(effects))

    def predict(self, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) float32 predicted ratings."""
        predictions = self.mean + self.user_effects[users] + self.item_effects[items]
        return predictions.clamp(self.lowest, self.highest).float()


def _damped_means(rows: np.ndarray, values: np.ndarray, n_rows: int, damping: float) -> np.ndarray:
    """As `damped_means` around 0; 0 for the unknown row."""
    means = damped_means(rows, values, n_rows, damping)
    means[UNKNOWN_ROW] = 0
    return means
