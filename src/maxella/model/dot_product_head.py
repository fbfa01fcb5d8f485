"""The head of retrieval: scores of items as dot products."""

import torch
from torch import nn

from maxella.features.id import UNKNOWN_ROW
from maxella.model.head import Head, HeadShape
from maxella.model.row_table import RowTable


class DotProductHead(Head):
    """score(u, i) = (u + P u)·v_i + b_i, from a query u and an item's embedding v_i.

    The biases b and the projection P are this task's own, and either may be left out: several
    retrieval tasks share the encoders and differ by them. Both start at zero. u is the encoder's
    query times `gains`, which are ones until `training.mixture` says how much each part counts.
    """

    gains: torch.Tensor  # (dim,)

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.register_buffer("gains", torch.ones(shape.dim))
        self.item_biases = self.projection = None
        if shape.item_biases:
            self.item_biases = nn.Embedding(shape.n_item_rows, 1, padding_idx=UNKNOWN_ROW)
            nn.init.zeros_(self.item_biases.weight)
        if shape.projects:
            self.projection = nn.Linear(shape.dim, shape.dim, bias=False)
            nn.init.zeros_(self.projection.weight)

    def row_tables(self) -> dict[str, RowTable]:
        """The biases, where it has any."""
        biases = self.item_biases
        return {} if biases is None else {"item_biases": RowTable(biases, "item")}

    def queries(self, users: torch.Tensor) -> torch.Tensor:
        """(n, dim) queries of the encoder → (n, dim) those of this task."""
        users = users * self.gains
        return users if self.projection is None else users + self.projection(users)

    def items_met(self, items: torch.Tensor) -> torch.Tensor:
        """(n, dim) embeddings → (n, dim) those with which the encoder's query gives the score."""
        met = items if self.projection is None else items + items @ self.projection.weight
        return met * self.gains

    def vectors(
        self, queries: torch.Tensor, items: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, dim) queries of the encoder, (item rows, dim) embeddings → those of the scores.

        A score is one plain product of an (n, d) and an (item rows, d) vector: the item's bias is
        one more dimension, (u, 1)·(v, b) = u·v + b.
        """
        queries, biases = self.queries(queries), self.biases(torch.arange(len(items)))
        if biases is None:
            return queries, items
        ones = queries.new_ones(len(queries), 1)
        return torch.cat([queries, ones], dim=1), torch.cat([items, biases[:, None]], dim=1)

    def biases(self, items: torch.Tensor) -> torch.Tensor | None:
        """(n,) item rows → (n,) biases, where the head has them."""
        return None if self.item_biases is None else self.item_biases(items).squeeze(1)
