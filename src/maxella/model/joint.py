"""The joint model: two towers, one retrieval score, one rating."""

import torch
from torch import nn

from maxella.features.id import UNKNOWN_ROW
from maxella.model.tower import Tower


class JointModel(nn.Module):
    """score(u, i) = u·v + b_i, from the towers' embeddings; rating(u, i) from a head on both.

    One set of weights serves both tasks. `item_biases` off gives the plain dot product
    of the notebook. A rating range clips predictions, not what training sees.
    """

    rating_range: torch.Tensor

    def __init__(
        self,
        user_tower: Tower,
        item_tower: Tower,
        rating_head: nn.Module,
        *,
        item_biases: bool,
        rating_range: tuple[float, float] | None,
    ) -> None:
        super().__init__()
        self.user_tower = user_tower
        self.item_tower = item_tower
        self.rating_head = rating_head
        self.item_biases = None
        if item_biases:
            self.item_biases = nn.Embedding(item_tower.n_rows, 1, padding_idx=UNKNOWN_ROW)
            nn.init.zeros_(self.item_biases.weight)
        # A buffer, so that a bundle carries it.
        low, high = rating_range or (-torch.inf, torch.inf)
        self.register_buffer("rating_range", torch.tensor([low, high]))

    def retrieval_biases(self, items: torch.Tensor) -> torch.Tensor | None:
        """(n,) item rows → (n,) item biases of the retrieval score, where the model has them."""
        return None if self.item_biases is None else self.item_biases(items).squeeze(1)

    def rate(
        self,
        user_embeddings: torch.Tensor,
        item_embeddings: torch.Tensor,
        users: torch.Tensor,
        items: torch.Tensor,
    ) -> torch.Tensor:
        """(n, dim) embeddings and (n,) rows of n pairs → (n,) ratings, not clipped."""
        return self.rating_head(  # type: ignore[no-any-return]
            user_embeddings, item_embeddings, users, items
        )
