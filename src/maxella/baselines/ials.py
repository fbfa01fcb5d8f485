"""iALS: a dot product of factors, fitted to all cells by alternating least squares."""

from dataclasses import dataclass, replace

import torch

from maxella.baselines.popularity import Popularity
from maxella.closed_form.ials import fold_in, ials, usual_l2
from maxella.data.history import History
from maxella.data.labelled import LabelledPairs, TaskData
from maxella.seeds import torch_generator


@dataclass(frozen=True)
class ImplicitALS:
    """The factors of `closed_form.ials`, with its penalty; popularity for who has no history."""

    user_factors: torch.Tensor  # (user rows, factors) float32
    item_factors: torch.Tensor  # (item rows, factors) float32
    has_history: torch.Tensor  # (user rows,) bool
    popularity: Popularity
    l2: float

    @classmethod
    def fit(
        cls,
        train: TaskData,
        validation: LabelledPairs | None = None,  # noqa: ARG003 all baselines are made alike
        *,
        factors: int = 128,
        seed: int = 42,
    ) -> "ImplicitALS":
        """From a start drawn by `seed`."""
        history = History.of(train.pairs, train.n_user_rows, train.n_item_rows)
        users, items = ials(history, factors, torch_generator(seed, "ials"))
        has_history = history.starts.diff() > 0
        return cls(users, items, has_history, Popularity.fit(train), usual_l2(history))

    def told(self, known: TaskData) -> "ImplicitALS":
        """The same items, and users at the minimum of the loss for what is `known` by now."""
        history = History.of(known.pairs, known.n_user_rows, known.n_item_rows)
        users = fold_in(history, self.item_factors, l2=self.l2)
        return replace(self, user_factors=users, has_history=history.starts.diff() > 0)

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) scores; popularity without history."""
        scores = self.user_factors[users] @ self.item_factors.T
        return torch.where(self.has_history[users][:, None], scores, self.popularity.score(users))
