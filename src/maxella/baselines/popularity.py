"""The items that most people took, for everyone."""

from dataclasses import dataclass

import numpy as np
import torch

from maxella.data.labelled import LabelledPairs, TaskData
from maxella.features.id import UNKNOWN_ROW


@dataclass(frozen=True)
class Popularity:
    """An item's score is its number of training interactions, whoever asks.

    A repeated pair counts as often as it occurs. The unknown user and a user without
    history get the same scores as all others.
    """

    counts: torch.Tensor  # (item rows,) float32

    @classmethod
    def fit(
        cls,
        train: TaskData,
        validation: LabelledPairs | None = None,  # noqa: ARG003 all baselines are made alike
        final: TaskData | None = None,
    ) -> "Popularity":
        """Popularity counted on the task's pairs; the unknown item counts nothing."""
        train = final or train
        counts = np.bincount(train.pairs.items, minlength=train.n_item_rows).astype(np.float32)
        counts[UNKNOWN_ROW] = 0.0
        return cls(torch.from_numpy(counts))

    def told(self, known: TaskData) -> "Popularity":  # noqa: ARG002 it looks at no user
        """The same for all users, whatever they have done by now."""
        return self

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) counts."""
        return self.counts.repeat(len(users), 1)
