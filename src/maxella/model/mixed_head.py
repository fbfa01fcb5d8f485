"""A rating head that averages others: what errs in different ways errs less together."""

import copy
from dataclasses import replace
from typing import Self

import torch
from torch import nn

from maxella.model.gaussian_factors import GaussianFactors
from maxella.model.ordinal_head import OrdinalHead
from maxella.model.rating_head import HeadShape, RatedPairs, RatingHead
from maxella.model.variational_head import VariationalHead


class MixedHead(RatingHead):
    """The mean of variational and ordinal heads, of rating_dim factors and of twice as many.

    Each part learns by its own bound, as if it were alone. Parts that differ in rank and in
    likelihood gain twice as much from their average as those that differ in their start alone
    (docs/log.md).
    """

    def __init__(self, shape: HeadShape) -> None:
        super().__init__(shape.levels)
        shapes = [replace(shape, rating_dim=times * shape.rating_dim) for times in (1, 2)]
        self.parts = nn.ModuleList(
            kind(of_part) for of_part in shapes for kind in (VariationalHead, OrdinalHead)
        )

    @property
    def heads(self) -> list[GaussianFactors]:
        """The parts."""
        return list(self.parts)  # type: ignore[arg-type]

    def of_users(self, rows: torch.Tensor) -> Self:
        """The same head for other users: (U,) rows of its user tables, which become 0 to U - 1."""
        other = copy.copy(self)
        parts = nn.ModuleList(head.of_users(rows) for head in self.heads)
        other._modules = self._modules | {"parts": parts}  # noqa: SLF001 - as in the base
        return other

    def forward(self, pairs: RatedPairs) -> torch.Tensor:
        """Pairs → (n,) ratings: the mean over the parts."""
        return torch.stack([head(pairs) for head in self.heads]).mean(dim=0)

    def distribution(self, pairs: RatedPairs) -> torch.Tensor:
        """Pairs → (n, K) probabilities of the levels: the mean over the parts."""
        return torch.stack([head.distribution(pairs) for head in self.heads]).mean(dim=0)
