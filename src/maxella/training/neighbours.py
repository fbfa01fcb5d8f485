"""What the nearest items of each item say, found beside all else that is trained."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from maxella.closed_form.neighbours import L2, item_neighbours
from maxella.data.dataset import Dataset
from maxella.data.log import Log
from maxella.model.beside import Beside
from maxella.model.dot_product_head import DotProductHead
from maxella.model.model import Model
from maxella.model.neighbours import NeighbourPart
from maxella.seeds import numpy_generator
from maxella.training.trial import Trial

OTHER_EVENTS = 0.3  # what a pair of any event counts beside one of the task (docs/log.md)
# What is tried on the validation part, one after another; the first of each stays unless another
# is surely better.
GRID = {
    "share": (0.0, 0.1, 0.3, 1.0, 3.0, 10.0),  # in spreads of the dot products
    "l2": (L2, 60.0),  # of the regressions
    "popularity": (-0.25, 0.0),  # power of a neighbour's picks that its weight is multiplied by
}
DEFAULT_SHARE = 1.0
_BLOCK = 256  # users scored at once


@dataclass
class Neighbours:
    """Fits the neighbour part of a task in closed form; moves nothing else.

    It is found from the task's labels and, where histories are made of several events, from all
    that users did. What it adds to scores is set to vary so many times as much as the dot products
    do; then the penalty of the regressions and the power of popularity are chosen: all as ranks
    the validation part best by NDCG@100, of a log of several events the new items there.
    """

    task: str
    seed: int
    # Where there is nothing to choose by: by an earlier pass.
    chosen: Mapping[str, float] = field(default_factory=dict)
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
        settings = {name: values[0] for name, values in GRID.items()} | {"share": DEFAULT_SHARE}
        settings |= self.chosen
        trial = Trial.of(model, dataset, self.task, only_new=True)
        l2s = GRID["l2"] if trial.asks else (settings["l2"],)
        found = item_neighbours(blocks, part.items.shape[1], rng, l2s=l2s)
        part.items.copy_(found.items)

        @lru_cache(maxsize=1)
        def as_others(l2: float, popularity: float) -> torch.Tensor:
            """Weights of which the sums vary as all other scores do."""
            weights = found.weighted(l2, popularity)
            part.weights.copy_(weights)
            return weights * spread(model, dataset.train, self.task, "neighbours")

        def put(settings: Mapping[str, float]) -> None:
            weights = as_others(settings["l2"], settings["popularity"])
            part.weights.copy_(weights * settings["share"])

        self.facts = trial.search(GRID, settings, put)


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
