"""A head in which all features of the user and the item meet."""

from typing import Self

import torch
from torch import nn

from maxella.data.entity_features import EntityFeatures
from maxella.model.cross import CrossLayers
from maxella.model.feature_part import WIDTH, FeatureBags, SideBySide
from maxella.model.head import EmbeddedPairs, HeadShape
from maxella.model.point_heads import DotHead


class CrossHead(DotHead):
    """The biases and dot product of `DotHead`, and a linear reading of DCN-v2 over all features.

    x_0 is [A u, B v] and an embedding for each feature of the user and of the item, side by
    side. The reading starts at zero, so the head starts as the dot product alone.
    """

    def __init__(self, shape: HeadShape, *, low_rank: bool = False) -> None:
        super().__init__(shape)
        self.block_names = ["user", "item"]
        self.block_widths = [shape.factors, shape.factors]
        self.user_side = self._side("user", shape.features.users, shape.generator)
        self.item_side = self._side("item", shape.features.items, shape.generator)
        self.feature_rows: torch.Tensor | None = None  # (U,) of other users; None: their own rows
        width = sum(self.block_widths)
        self.cross = CrossLayers(width, shape.generator, low_rank=low_rank)
        self.read = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.read.weight)

    def _side(
        self, side: str, known: EntityFeatures | None, generator: torch.Generator
    ) -> SideBySide | None:
        if known is None:
            return None
        names = [f"{side}.{name}" for name in known.features.blocks]
        self.block_names += names
        self.block_widths += [WIDTH] * len(names)
        return SideBySide(FeatureBags.of(known), generator=generator)

    def sums(self, pairs: EmbeddedPairs) -> torch.Tensor:
        """Pairs → (n,) sums."""
        parts = [
            pairs.of_users(self.user_link(pairs.user_embeddings)),
            pairs.of_items(self.item_link(pairs.item_embeddings)),
        ]
        if self.user_side is not None:
            rows = pairs.users if self.feature_rows is None else self.feature_rows[pairs.users]
            parts.append(pairs.of_users(self.user_side(rows)))
        if self.item_side is not None:
            parts.append(pairs.of_items(self.item_side(pairs.items)))
        crossed = self.read(self.cross(torch.cat(parts, dim=1))).squeeze(1)
        return super().sums(pairs) + crossed  # type: ignore[no-any-return]

    def of_users(self, rows: torch.Tensor) -> Self:
        """The same head for other users, of whom it knows the features that these rows have."""
        other = super().of_users(rows)
        other.feature_rows = rows if self.feature_rows is None else self.feature_rows[rows]
        return other

    def block_norms(self) -> torch.Tensor:
        """(blocks, blocks) as `CrossLayers` has them. Names: `block_names`."""
        return self.cross.block_norms(self.block_widths)
