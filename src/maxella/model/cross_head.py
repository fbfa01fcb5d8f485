"""A head in which all features of the user and the item meet."""

from typing import Self

import torch
from torch import nn

from maxella.model.cross import CrossLayers
from maxella.model.feature_part import WIDTH, FeatureBags, SideBySide
from maxella.model.head import EmbeddedPairs, HeadShape
from maxella.model.point_heads import DotHead

_DEPTH = 2


class CrossHead(DotHead):
    """The biases and dot product of `DotHead`, and a linear reading of DCN-v2 over all features.

    x_0 is [A u, B v] and an embedding for each feature of the user and of the item, side by
    side. The reading starts at zero, so the head starts as the dot product alone.
    """

    low_rank = False

    def __init__(self, shape: HeadShape) -> None:
        super().__init__(shape)
        self.block_names = ["user", "item"]
        self.block_widths = [shape.factors, shape.factors]
        self.user_side = self._side(shape, "user")
        self.item_side = self._side(shape, "item")
        width = sum(self.block_widths)
        rank = width // 4 if self.low_rank else None
        self.cross = CrossLayers(width, _DEPTH, rank, generator=shape.generator)
        self.read = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.read.weight)

    def _side(self, shape: HeadShape, side: str) -> SideBySide | None:
        known = shape.user_features if side == "user" else shape.item_features
        if known is None:
            return None
        names = [f"{side}.{name}" for name in known.features.blocks]
        self.block_names += names
        self.block_widths += [WIDTH] * len(names)
        return SideBySide(FeatureBags.of(known), generator=shape.generator)

    def sums(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n,) sums."""
        parts = [
            pairs.of_users(self.user_link(pairs.user_embeddings)),
            pairs.of_items(self.item_link(pairs.item_embeddings)),
        ]
        if self.user_side is not None:
            parts.append(pairs.of_users(self.user_side(pairs.users)))
        if self.item_side is not None:
            parts.append(pairs.of_items(self.item_side(pairs.items)))
        crossed = self.read(self.cross(torch.cat(parts, dim=1))).squeeze(1)
        return super().sums(pairs) + crossed  # type: ignore[no-any-return]

    def of_users(self, rows: torch.Tensor) -> Self:
        """The same head for other users, of whom it knows no features."""
        other = super().of_users(rows)
        if self.user_side is not None:
            other.user_side = self.user_side.of_rows(rows)
        return other

    def block_norms(self) -> torch.Tensor:
        """(blocks, blocks) as `CrossLayers` has them. Names: `block_names`."""
        return self.cross.block_norms(self.block_widths)


class LowRankCrossHead(CrossHead):
    """The same with matrices of a quarter of the rank."""

    low_rank = True
