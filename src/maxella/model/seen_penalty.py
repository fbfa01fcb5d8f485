"""The part of the score that keeps a user's seen items down, in dimensions of its own."""

import torch
from torch import nn

from maxella.data.history import Bags
from maxella.model.row_encoder import RowEncoder
from maxella.model.sum_encoder import HistorySum


class SeenPenalty(nn.Module):
    """d(u, i) = d_u · e_i: d_u a linear reading of the history, e_i a table of the items.

    Added to the retrieval score it sinks what the user has; left out, the score is what it
    was. A user who was not there in training is read like any other.
    """

    def __init__(
        self, n_item_rows: int, dim: int, mean_length: float, *, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.users = HistorySum(n_item_rows, dim, mean_length, scale=0.05, generator=generator)
        self.items = RowEncoder(n_item_rows, dim, scale=0.05, generator=generator)

    def embeddings(self, bags: Bags) -> tuple[torch.Tensor, torch.Tensor]:
        """The histories of a batch of users → (batch, dim) d_u and (item rows, dim) e_i."""
        return self.users(bags), self.items.table.weight
