"""What a retrieval loss sees: who was offered what, and what they took."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Choices:
    """n positive pairs of U users and I items, as embeddings and positions.

    Every loss reads the first five; the rest is for losses that say so.
    """

    users: torch.Tensor  # (U, d)
    items: torch.Tensor  # (I, d)
    item_biases: torch.Tensor | None  # (I,); None: zeros
    user_positions: torch.Tensor  # (n,) int64 into users, not decreasing
    item_positions: torch.Tensor  # (n,) int64 into items
    # (n,) what a pair's own place in the history of its user adds to its score
    own_scores: torch.Tensor | None = None
    teacher: tuple[torch.Tensor, torch.Tensor] | None = None  # (U, t), (I, t)
    distillation: float = 0.0  # the teacher's share of the loss
    item_weights: torch.Tensor | None = None  # (I,) items that each column stands for; None: ones
    negatives: torch.Tensor | None = None  # (n,) int64 into items; −1 where there is none

    @property
    def known_biases(self) -> torch.Tensor:
        """(I,) item biases, zeros where there are none."""
        return (
            self.items.new_zeros(len(self.items))
            if self.item_biases is None
            else (self.item_biases)
        )

    @property
    def known_own_scores(self) -> torch.Tensor:
        """(n,) own scores, zeros where there are none."""
        return (
            self.users.new_zeros(len(self.user_positions))
            if self.own_scores is None
            else self.own_scores
        )

    @property
    def known_weights(self) -> torch.Tensor:
        """(I,) item weights, ones where there are none."""
        return (
            self.items.new_ones(len(self.items)) if self.item_weights is None else self.item_weights
        )
