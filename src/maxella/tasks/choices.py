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
        return self._of_items(self.item_biases, 0.0)

    @property
    def known_self_scores(self) -> torch.Tensor:
        """(n,) self-scores, zeros where there are none."""
        return self._of_pairs(self.self_scores, 0.0)

    @property
    def known_weights(self) -> torch.Tensor:
        """(I,) item weights, ones where there are none."""
        return self._of_items(self.item_weights, 1.0)

    @property
    def known_pair_weights(self) -> torch.Tensor:
        """(n,) how often each pair counts: once, if nothing is said."""
        return self._of_pairs(self.pair_weights, 1.0)

    def weighted(self, losses: torch.Tensor) -> torch.Tensor:
        """(n,) losses of pairs, each as often as it counts."""
        return losses * self.known_pair_weights

    def sums(self, rows: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """(U, d) users or (I, d) items, (n,) those of the pairs → how often each row's count."""
        zeros = rows.new_zeros(len(rows))
        return zeros.index_add_(0, positions, self.known_pair_weights)

    def _of_pairs(self, given: torch.Tensor | None, value: float) -> torch.Tensor:
        return self.users.new_full((len(self.user_positions),), value) if given is None else given

    def _of_items(self, given: torch.Tensor | None, value: float) -> torch.Tensor:
        return self.items.new_full((len(self.items),), value) if given is None else given
