"""A tower: rows of users (or of items) → their embeddings."""

import torch
from torch import nn

from maxella.features.id import UNKNOWN_ROW


class Tower(nn.Module):
    """The sum of what each feature of a row says about it; for now, its id.

    A feature joins by adding its embedding in `forward`; callers go on passing rows.
    The unknown row embeds to zeros and stays there.
    """

    def __init__(self, n_rows: int, dim: int, *, scale: float, generator: torch.Generator) -> None:
        """A table of `n_rows` embeddings, uniform in [−scale, scale] (Keras' start: .05)."""
        super().__init__()
        self.n_rows = n_rows
        self.dim = dim
        self.table = nn.Embedding(n_rows, dim, padding_idx=UNKNOWN_ROW)
        with torch.no_grad():
            self.table.weight.uniform_(-scale, scale, generator=generator)
            self.table.weight[UNKNOWN_ROW] = 0

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(n,) int64 rows → (n, dim)."""
        return self.table(rows)  # type: ignore[no-any-return]
