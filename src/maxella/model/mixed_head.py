"""A head that averages others: what errs in different ways errs less together."""

import copy
from dataclasses import replace
from typing import Self

import torch
from torch import nn

from maxella.model.gaussian_factors import GaussianFactors
from maxella.model.head import EmbeddedPairs, HeadShape, PairHead, Targets
from maxella.model.ordinal_head import OrdinalHead
from maxella.model.row_table import RowTable
from maxella.model.variational_head import VariationalHead


class MixedHead(PairHead):
    """The mean of variational and ordinal heads, of `factors` factors and of twice as many.

    Each part learns by its own bound, as if it were alone. Parts that differ in rank and in
    likelihood gain twice as much from their average as those that differ in their start alone
    (docs/log.md).
    """

    def __init__(self, shape: HeadShape) -> None:
        super().__init__(shape, shape.levels)
        shapes = [replace(shape, factors=times * shape.factors) for times in (1, 2)]
        self.parts = nn.ModuleList(
            kind(of_part) for of_part in shapes for kind in (VariationalHead, OrdinalHead)
        )

    @property
    def heads(self) -> list[GaussianFactors]:
        """The parts."""
        return list(self.parts)  # type: ignore[arg-type]

    def row_tables(self) -> dict[str, RowTable]:
        """Those of all parts."""
        return {
            f"parts {number} {name}": one
            for number, head in enumerate(self.heads)
            for name, one in head.row_tables().items()
        }

    def of_users(self, rows: torch.Tensor) -> Self:
        """The same head for other users: (U,) rows of its user tables, which become 0 to U - 1."""
        other = copy.copy(self)
        parts = nn.ModuleList(head.of_users(rows) for head in self.heads)
        other._modules = self._modules | {"parts": parts}  # noqa: SLF001 - as in the base
        return other

    def forward(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n,) answers: the mean over the parts."""
        return torch.stack([head(pairs) for head in self.heads]).mean(dim=0)

    def terms(self, pairs: EmbeddedPairs, targets: Targets) -> dict[str, torch.Tensor]:
        """The means of the parts' bounds."""
        found = [head.terms(pairs, targets) for head in self.heads]
        return {name: torch.stack([one[name] for one in found]).mean() for name in found[0]}

    def distribution(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n, K) probabilities of the levels: the mean over the parts."""
        return torch.stack([head.distribution(pairs) for head in self.heads]).mean(dim=0)

    def tastes(self, items: torch.Tensor) -> torch.Tensor:
        """(item rows, dim) → (item rows, w) those of the parts, side by side."""
        return torch.cat([head.tastes(items) for head in self.heads], dim=1)

    def fit_users(self, pairs: EmbeddedPairs, labels: torch.Tensor) -> None:
        """As of any head, each part for itself."""
        for head in self.heads:
            head.fit_users(pairs, labels)
