"""What stands for an embedding that training could not learn: what the features alone say."""

import torch
from torch import nn

from maxella.model.feature_part import FeatureBags


class ColdStartMap(nn.Module):
    """intercept + Σ over the columns of a row of weight · table; fitted once all else is trained.

    A linear map from features to embeddings (Gantner et al. 2010, "Learning attribute-to-feature
    mappings for cold-start recommendations").
    """

    def __init__(self, n_columns: int, dim: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(n_columns, dim))
        self.intercept = nn.Parameter(torch.zeros(dim))

    def forward(self, bags: FeatureBags, rows: torch.Tensor) -> torch.Tensor:
        """(n,) rows of these bags → (n, dim)."""
        return self.intercept + bags.sums(rows, self.table)
