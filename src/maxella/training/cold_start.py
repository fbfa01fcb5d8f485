"""What features alone say of an item or a user, found once all else is trained."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from maxella.closed_form.ridge import ridge
from maxella.data.dataset import Dataset
from maxella.features.bags import WeightedBags
from maxella.model.cold_start import ColdStartMap
from maxella.model.feature_part import FeatureBags, FeaturePart
from maxella.model.model import ENCODER, Model
from maxella.model.row_table import Side
from maxella.seeds import torch_generator


@dataclass
class ColdStart:
    """Fits each map from features to what training learnt, and fills the rows it could not learn.

    That is every item that no training row names. What rows name is not moved, so their
    figures are those of a model without maps. Users are read when they are served. Nothing
    happens where the model has no features.
    """

    seed: int
    name: str = "cold-start mapping"
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Fit, then fill."""
        generator = torch_generator(self.seed, "stand-ins")
        users, items = model.embed(
            dataset.train.history(model.events, in_time_order=model.user_encoder.reads_order)
        )
        everything = dataset.train.history()
        of_users = everything.starts.diff()
        of_items = torch.bincount(everything.items, minlength=dataset.items.n_rows)
        sides: tuple[tuple[Side, FeaturePart | None, nn.ModuleDict, torch.Tensor], ...] = (
            ("user", model.user_encoder.feature_part, model.cold_users, of_users),
            ("item", model.item_encoder.features, model.cold_items, of_items),
        )
        for (side, part, maps, counts), whole in zip(sides, (users, items), strict=True):
            if part is None:
                continue
            known = {name: one.table.weight for name, one in model.head_tables(side).items()}
            known[ENCODER] = whole
            trained = (counts > 0).nonzero().squeeze(1)
            for name, one in maps.items():
                _fit(one, part.bags, known[name], trained, generator)  # type: ignore[arg-type]
        model.fill_cold_items((of_items == 0).nonzero().squeeze(1))


def _fit(
    one: ColdStartMap,
    bags: FeatureBags,
    embeddings: torch.Tensor,
    rows: torch.Tensor,
    generator: torch.Generator,
) -> None:
    rows = rows[torch.randperm(len(rows), generator=generator)]
    known = WeightedBags(bags.begins.numpy(), bags.columns.numpy(), bags.weights.numpy())
    found = ridge(known.take(rows.numpy()), len(one.table), embeddings[rows])
    one.table.copy_(found.table)
    one.intercept.copy_(found.intercept)
