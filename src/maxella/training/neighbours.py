"""What the nearest items of each item say, found beside all else that is trained."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from maxella.closed_form.neighbours import item_neighbours
from maxella.data.dataset import Dataset
from maxella.data.log import Log
from maxella.model.beside import Beside
from maxella.model.dot_product_head import DotProductHead
from maxella.model.model import Model
from maxella.model.neighbours import NeighbourPart
from maxella.seeds import numpy_generator
from maxella.training.trial import Trial

OTHER_EVENTS = 0.3  # what a pair of any event counts beside one of the task (docs/log.md)
SHARES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)  # in spreads of the dot products
DEFAULT_SHARE = 1.0
_BLOCK = 256  # users scored at once


@dataclass
class Neighbours:
    """Fits the neighbour part of a task in closed form; moves nothing else.

    It is found from the task's labels and, where histories are made of several events, from all
    that users did. What it adds to scores is set to vary so many times as much as the dot products
    do: as ranks the validation part best by NDCG@100 (of a log of several events the new items
    there), or as
    the `share` given says.
    """

    task: str
    seed: int
    share: float = DEFAULT_SHARE  # where there is nothing to choose by
    name: str = "neighbours"
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Find it."""
        part: NeighbourPart = model.neighbours[self.task]  # type: ignore[assignment]
        train = dataset.train
        blocks = [(train.picks(self.task), 1.0)]
        if len(model.events) > 1:
            blocks.append((train.history(), OTHER_EVENTS))
        rng = numpy_generator(self.seed, "neighbours")
        items, weights = item_neighbours(blocks, part.items.shape[1], rng)
        part.items.copy_(items)
        part.weights.copy_(weights)
        weights = weights * spread(model, dataset.train, self.task, "neighbours")

        def put(share: float) -> None:
            part.weights.copy_(weights * share)

        trial = Trial.of(model, dataset, self.task, only_new=True)
        share = trial.best(SHARES, put)
        share = self.share if share is None else share
        put(share)
        self.facts = {"share": share}


def spread(model: Model, log: Log, task: str, part: str) -> float:
    """How many times as much all other scores vary as what one part adds; the median user's.

    `part` is the attribute of the model that has it by task. 1 where either varies for nobody.
    """
    head: DotProductHead = model.heads[task]  # type: ignore[assignment]
    history = log.history(model.events, in_time_order=model.user_encoder.reads_order)
    queries, items = head.vectors(*model.embed(history))
    of_part = getattr(model, part)[task]
    parts = model.beside(task, log).parts
    (added,) = (one for one in parts if one.part is of_part)
    others = [one for one in parts if one is not added]
    users = torch.from_numpy(np.unique(log.pairs(task).of_some_users().users))
    ratios = []
    for block in torch.split(users, _BLOCK):
        scores = Beside(others).add(queries[block] @ items.T, block)
        ratios.append(scores.std(dim=1) / added.scores(block).std(dim=1))
    found = torch.cat(ratios)
    found = found[found.isfinite()]
    return (float(found.median()) if len(found) else 0.0) or 1.0
