"""What the features of a row add to its embedding, and what they say where there is none."""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.nn import functional

from maxella.data.entity_features import EntityFeatures
from maxella.model.cross import CrossLayers

WIDTH = 16  # dimensions of a feature where features meet in layers
_HIDDEN = 64  # units of the hidden layer


class FeatureBags(nn.Module):
    """The bags of all rows of one side: facts of the data, no weights, so no part of a state."""

    begins: torch.Tensor
    columns: torch.Tensor
    weights: torch.Tensor

    def __init__(
        self,
        widths: list[int],
        begins: torch.Tensor,
        columns: torch.Tensor,
        weights: torch.Tensor,
    ) -> None:
        super().__init__()
        self.widths = widths  # columns of each feature
        self.register_buffer("begins", begins, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        self.register_buffer("weights", weights, persistent=False)

    @classmethod
    def of(cls, known: EntityFeatures) -> "FeatureBags":
        """Those of all rows."""
        widths = [block.stop - block.start for block in known.features.blocks.values()]
        bags = known.bags
        tensors = map(torch.from_numpy, (bags.begins, bags.columns, bags.weights))
        return cls(widths, *tensors)

    @property
    def n_columns(self) -> int:
        """The columns of all features."""
        return sum(self.widths)

    def take(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(n,) rows → their columns and weights, (m,) each, and (n,) how many each row has."""
        stops = torch.cat([self.begins[1:], self.begins.new_tensor([len(self.columns)])])
        counts = (stops - self.begins)[rows]
        shift = self.begins[rows] - counts.cumsum(0) + counts
        places = torch.arange(int(counts.sum()), device=rows.device)
        places = places + shift.repeat_interleave(counts)
        return self.columns[places], self.weights[places], counts

    def sums(self, rows: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """(n,) rows, (columns, dim) → (n, dim) Σ over the columns of a row of weight · table."""
        columns, weights, counts = self.take(rows)
        found: torch.Tensor = functional.embedding_bag(
            columns, table, counts.cumsum(0) - counts, mode="sum", per_sample_weights=weights
        )
        return found


class SideBySide(nn.Module):
    """An embedding for each feature of a row, one after another."""

    feature_of: torch.Tensor

    def __init__(self, bags: FeatureBags, *, generator: torch.Generator) -> None:
        super().__init__()
        self.bags: FeatureBags = bags
        self.dim = WIDTH * len(bags.widths)
        of_columns = torch.arange(len(bags.widths)).repeat_interleave(torch.tensor(bags.widths))
        self.register_buffer("feature_of", of_columns, persistent=False)
        self.table = nn.Embedding(max(1, bags.n_columns), WIDTH)
        nn.init.normal_(self.table.weight, std=WIDTH**-0.5, generator=generator)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(n,) rows → (n, features · 16); zeros where a row has nothing of a feature."""
        columns, weights, counts = self.bags.take(rows)
        n_features = len(self.bags.widths)
        places = torch.arange(len(rows), device=rows.device).repeat_interleave(counts) * n_features
        of_each = torch.bincount(
            places + self.feature_of[columns], minlength=len(rows) * n_features
        )
        begins = of_each.cumsum(0) - of_each
        found: torch.Tensor = functional.embedding_bag(
            columns, self.table.weight, begins, mode="sum", per_sample_weights=weights
        )
        return found.view(len(rows), self.dim)


class FeaturePart(nn.Module):
    """Σ over the columns of a row of weight · embedding, which starts at zero.

    So an encoder with features starts as the one without. `layers` other than "sum" adds what
    they make of the features together, of `SideBySide`: "mlp" a hidden layer, "cross" DCN-v2,
    "low_rank_cross" the same with a quarter of the rank. Their projection starts at zero, too.
    """

    def __init__(
        self, known: EntityFeatures, dim: int, layers: str, *, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.bags = FeatureBags.of(known)
        self.table = nn.Embedding(max(1, self.bags.n_columns), dim)
        nn.init.zeros_(self.table.weight)
        self.together = None
        if layers != "sum":
            side_by_side = SideBySide(self.bags, generator=generator)
            project = nn.Linear(side_by_side.dim, dim, bias=False)
            nn.init.zeros_(project.weight)
            met = LAYERS[layers](side_by_side.dim, generator)
            self.together = nn.Sequential(side_by_side, met, project)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """(n,) int64 rows → (n, dim)."""
        found = self.bags.sums(rows, self.table.weight)
        return found if self.together is None else found + self.together(rows)

    def block_norms(self) -> torch.Tensor | None:
        """(features, features) as `CrossLayers` has them, where features meet in such."""
        met = None if self.together is None else self.together[1]
        if not isinstance(met, CrossLayers):
            return None
        return met.block_norms([WIDTH] * len(self.bags.widths))


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


def _mlp(width: int, generator: torch.Generator) -> nn.Module:
    layers = nn.Linear(width, _HIDDEN), nn.Linear(_HIDDEN, width)
    for linear in layers:
        nn.init.xavier_uniform_(linear.weight, generator=generator)
        nn.init.zeros_(linear.bias)
    return nn.Sequential(layers[0], nn.ReLU(), layers[1])


# (width, generator) → a module from (n, width) to (n, width)
LAYERS: dict[str, Callable[[int, torch.Generator], nn.Module]] = {
    "mlp": _mlp,
    "cross": CrossLayers,
    "low_rank_cross": partial(CrossLayers, low_rank=True),
}
