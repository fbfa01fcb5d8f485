"""What a user has visited and not taken, by how often a visit to the item ends in it."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from maxella.baselines.events import other_events, visits
from maxella.baselines.popularity import Popularity
from maxella.data.history import History
from maxella.data.interactions import pair_keys
from maxella.data.labelled import LabelledPairs, TaskData

_DAMPING = 20.0  # visits at the mean rate that every item has besides its own


@dataclass(frozen=True)
class Conversion:
    """Visited and not taken, by conversion rate; then the rest by popularity.

    An item's rate is (taken + 20 m) / (visited + 20), of the users who took it and those who
    met it by another event, m the ratio of the two over all items. Whoever has visited nothing,
    and the unknown user, get popularity.
    """

    visits: History
    rates: torch.Tensor  # (item rows,) float32
    popularity: Popularity

    @classmethod
    def fit(
        cls,
        train: TaskData,
        validation: LabelledPairs | None = None,  # noqa: ARG003 all baselines are made alike
        final: TaskData | None = None,
    ) -> "Conversion":
        """Rates and popularity of training."""
        train = final or train
        n = train.n_item_rows
        met = [pair_keys(pairs, n) for pairs in other_events(train).values()]
        visited = np.bincount(np.unique(np.concatenate([*met, np.empty(0, int)])) % n, minlength=n)
        taken = np.bincount(np.unique(pair_keys(train.pairs, n)) % n, minlength=n)
        mean = taken.sum() / max(1, visited.sum())
        rates = (taken + _DAMPING * mean) / (visited + _DAMPING)
        return cls(visits(train), torch.from_numpy(rates).float(), Popularity.fit(train))

    def told(self, known: TaskData) -> "Conversion":
        """The same rates, for users who have done what is `known` by now."""
        return replace(self, visits=visits(known))

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows): 1 + rate if visited, popularity below 1."""
        below_one = self.popularity.score(users) / (self.popularity.counts.max() + 1)
        return torch.where(self.visits.matrix(users) > 0, 1 + self.rates, below_one)
