"""EASE: one weight from every item to every other, in closed form."""

from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from maxella.baselines.popularity import Popularity
from maxella.closed_form.gram import gram, item_weights, refuse_large
from maxella.data.history import History
from maxella.data.labelled import LabelledPairs, TaskData


@dataclass(frozen=True)
class Ease:
    """A linear item-to-item model without self-weights (Steck 2019, arXiv:1905.03375).

    With X the 0/1 matrix of who took what, minimises ‖X - XB‖² + λ‖B‖² under
    diag(B) = 0. A user's scores are their row of X times B. The unknown user and a user
    without history, whose row is empty, get popularity as their scores.
    """

    history: History
    weights: torch.Tensor  # (item rows, item rows) float32, zero diagonal
    popularity: Popularity

    @classmethod
    def fit(
        cls, train: TaskData, validation: LabelledPairs | None = None, l2: float = 1000.0
    ) -> "Ease":
        """The exact minimum, computed with two (item rows)² matrices of float32 at most.

        ConfigError above 20,000 item rows, with the memory it would need.
        """
        refuse_large("EASE", train.n_item_rows, 2, "Leave 'ease' out of the baselines.")
        del validation
        history = History.of(train.pairs, train.n_user_rows, train.n_item_rows)
        popularity = Popularity.fit(train)
        return cls(history, item_weights(gram(history), l2), popularity)

    def told(self, known: TaskData) -> "Ease":
        """The same weights, for users who have done what is `known` by now."""
        history = History.of(known.pairs, self.history.n_user_rows, self.history.n_item_rows)
        return replace(self, history=history)

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows) scores; popularity without history."""
        bags = self.history.bags(users)
        scores = functional.embedding_bag(bags.items, self.weights, bags.begins, mode="sum")
        has_history = bags.counts > 0
        return torch.where(has_history[:, None], scores, self.popularity.score(users))
