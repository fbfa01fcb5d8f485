"""What a retrieval loss sees: who was offered what, and what they took."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Choices:
    """n positive pairs of U users and I items, as embeddings and positions.

    Every loss reads the first six; the rest is for losses that say so.
    """

    users: torch.Tensor  # (U, d)
    items: torch.Tensor  # (I, d)
    item_biases: torch.Tensor | None  # (I,); None: zeros
    user_positions: torch.Tensor  # (n,) int64 into users, not decreasing
    item_positions: torch.Tensor  # (n,) int64 into items
    pair_weights: torch.Tensor | None = None  # (n,) how often each pair counts; None: once
    # (n,) what a pair's own place in the history of its user adds to its score
    self_scores: torch.Tensor | None = None
    teacher: tuple[torch.Tensor, torch.Tensor] | None = None  # (U, t), (I, t)
    distillation: float = 0.0  # the teacher's share of the loss
    item_weights: torch.Tensor | None = None  # (I,) items that each column stands for; None: ones
    negatives: torch.Tensor | None = None  # (n,) int64 into items; −1 where there is none

    @property
    def known_biases(self) -> torch.Tensor:
        """(I,) item biases, zeros where there are none."""
        return _or(self.item_biases, self.items, 0.0)

    @property
    def known_self_scores(self) -> torch.Tensor:
        """(n,) self-scores, zeros where there are none."""
        if self.self_scores is not None:
            return self.self_scores
        return self.users.new_zeros(len(self.user_positions))

    @property
    def known_weights(self) -> torch.Tensor:
        """(I,) item weights, ones where there are none."""
        return _or(self.item_weights, self.items, 1.0)

    def weighted(self, losses: torch.Tensor) -> torch.Tensor:
        """(n,) losses of pairs, each as often as it counts."""
        return losses if self.pair_weights is None else losses * self.pair_weights


def _or(given: torch.Tensor | None, rows: torch.Tensor, value: float) -> torch.Tensor:
    return rows.new_full((len(rows),), value) if given is None else given
