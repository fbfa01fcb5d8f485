"""What features alone say of an item or a user, found once all else is trained."""

from dataclasses import dataclass, field
from typing import Any

import torch

from maxella.closed_form.ridge import ridge
from maxella.data.dataset import Dataset
from maxella.features.bags import WeightedBags
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
        generator = torch_generator(self.seed, "stand-ins")  # the name fixes the draws
        users, items = model.embed(
            dataset.train.history(model.events, in_time_order=model.user_encoder.reads_order)
        )
        everything = dataset.train.history()
        of_users = everything.starts.diff()
        of_items = torch.bincount(everything.items, minlength=dataset.items.n_rows)
        sides: dict[Side, Any] = {
            "user": (model.cold_users, users, of_users),
            "item": (model.cold_items, items, of_items),
        }
        for side, (maps, whole, counts) in sides.items():
            part = model.feature_part(side)
            if part is None:
                continue
            known = {name: one.table.weight for name, one in model.head_tables(side).items()}
            known[ENCODER] = whole
            rows = (counts > 0).nonzero().squeeze(1)
            bags = [part.bags.begins, part.bags.columns, part.bags.weights]
            of_features = WeightedBags(*(one.numpy() for one in bags))
            for name, one in maps.items():
                drawn = rows[torch.randperm(len(rows), generator=generator)]
                found = ridge(of_features.take(drawn.numpy()), len(one.table), known[name][drawn])
                one.table.copy_(found.table)
                one.intercept.copy_(found.intercept)
        model.fill_cold_items((of_items == 0).nonzero().squeeze(1))
