"""What features alone say of an item or a user, found once all else is trained."""

import torch

from maxella.closed_form.ridge import ridge
from maxella.data.history import History
from maxella.features.bags import WeightedBags
from maxella.features.id import UNKNOWN_ROW
from maxella.model.feature_part import FeatureBags
from maxella.model.joint import JointModel, user_parts
from maxella.model.stand_in import StandIn


@torch.no_grad()
def find_stand_ins(model: JointModel, history: History, generator: torch.Generator) -> None:
    """Fit each stand-in to what training learnt, and put it in the place of what it could not.

    That is every item that no training interaction names. What interactions name is not moved,
    so their figures are those of a model without stand-ins. Users are read when they are
    served. Nothing happens where the model has no features.
    """
    everyone = torch.arange(model.user_tower.n_rows)
    bags = history.bags(everyone)
    ids = model.user_tower.ids
    if ids is not None and ids.features is not None:
        trained = everyone[bags.counts > 0]
        parts = {name: table.weight for name, table in user_parts(model.rating_head).items()}
        parts["tower"] = model.user_tower(everyone, bags)
        for name, stand_in in model.user_stand_ins.items():
            _fit(stand_in, ids.features.bags, parts[name], trained, generator)  # type: ignore[arg-type]
    features = model.item_tower.features
    if features is None:
        return
    items = torch.arange(model.item_tower.n_rows)
    counts = torch.bincount(history.items, minlength=len(items))
    trained = items[counts > 0]
    for name, table in model.item_parts().items():
        whole = model.item_tower(items) if name == "tower" else table.weight
        _fit(model.item_stand_ins[name], features.bags, whole, trained, generator)  # type: ignore[arg-type]
    put_stand_ins(model, items[counts == 0])


@torch.no_grad()
def put_stand_ins(model: JointModel, cold: torch.Tensor) -> None:
    """Let what features say be all that the model holds of (n,) item rows; never the unknown one.

    Nothing happens where the model has no features of items.
    """
    features = model.item_tower.features
    if features is None:
        return
    cold = cold[cold != UNKNOWN_ROW]
    for name, table in model.item_parts().items():
        found = model.item_stand_ins[name](features.bags, cold)
        table.weight[cold] = found - features(cold) if name == "tower" else found


def _fit(
    stand_in: StandIn,
    bags: FeatureBags,
    embeddings: torch.Tensor,
    rows: torch.Tensor,
    generator: torch.Generator,
) -> None:
    rows = rows[torch.randperm(len(rows), generator=generator)]
    known = WeightedBags(bags.begins.numpy(), bags.columns.numpy(), bags.weights.numpy())
    found = ridge(known.take(rows.numpy()), len(stand_in.table), embeddings[rows])
    stand_in.table.copy_(found.table)
    stand_in.intercept.copy_(found.intercept)
