"""Rows of items, or of users, → embeddings."""

import torch
from torch import nn

from maxella.features.id import UNKNOWN_ROW
from maxella.model.feature_part import FeaturePart


class RowEncoder(nn.Module):
    """The sum of what the id of a row says about it and what its features say.

    The unknown row embeds to zeros and stays there.
    """

    def __init__(
        self,
        n_rows: int,
        dim: int,
        *,
        scale: float,
        generator: torch.Generator,
        features: FeaturePart | None = None,
    ) -> None:
        """A table of `n_rows` embeddings, uniform in [−scale, scale] (Keras' start: .05)."""
        super().__init__()
        self.n_rows = n_rows
        self.dim = dim
        self.features = features
        self.table = nn.Embedding(n_rows, dim, padding_idx=UNKNOWN_ROW)
        with torch.no_grad():
            self.table.weight.uniform_(-scale, scale, generator=generator)
            self.table.weight[UNKNOWN_ROW] = 0

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(n,) int64 rows → (n, dim)."""
        of_ids: torch.Tensor = self.table(rows)
        return of_ids if self.features is None else of_ids + self.features(rows)
