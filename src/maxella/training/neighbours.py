"""What the nearest items of each item say, found beside all else that is trained."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from maxella.closed_form.neighbours import item_neighbours
from maxella.data.dataset import Dataset
from maxella.data.log import Log
from maxella.evaluation.ranking_exam import RankingExam
from maxella.model.dot_product_head import DotProductHead
from maxella.model.model import Model
from maxella.model.neighbours import NeighbourPart, PickedNeighbours
from maxella.seeds import numpy_generator
from maxella.tasks.kinds import KINDS

OTHER_EVENTS = 0.3  # what a pair of any event counts beside one of the task (docs/log.md)
SHARES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)  # in spreads of the dot products
DEFAULT_SHARE = 1.0
_USERS = 2000  # that are asked, evenly over the rows


@dataclass
class Neighbours:
    """Fits the neighbour part of a task in closed form; moves nothing else.

    It is found from the task's labels and, where the log has several events, from all that users
    did. What it adds to scores is set to vary so many times as much as the dot products do: as
    ranks the validation part best by NDCG@100 (the new items there, where the log has several
    events), or once as much without one.
    """

    task: str
    seed: int
    name: str = "neighbours"
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Find it."""
        part: NeighbourPart = model.neighbours[self.task]  # type: ignore[assignment]
        train = dataset.train
        blocks = [(train.picks(self.task), 1.0)]
        if len(train.events) > 1:
            blocks.append((train.history(), OTHER_EVENTS))
        rng = numpy_generator(self.seed, "neighbours")
        items, weights = item_neighbours(blocks, part.items.shape[1], rng)
        part.items.copy_(items)
        part.weights.copy_(weights)
        both = _Scores.of(model, self.task, dataset.known_in_validation)
        one = both.spread(_some(train.pairs(self.task).users))
        exam = _exam(dataset, self.task)
        share = DEFAULT_SHARE
        if len(exam.test):
            ndcg = {each: _ndcg(exam, replace(both, weight=one * each)) for each in SHARES}
            share = max(ndcg, key=ndcg.__getitem__)
        part.weights.mul_(one * share)
        self.facts = {"share": share}


@dataclass(frozen=True)
class _Scores:
    """Dot products, and beside them what neighbours say, with a weight: a ranker."""

    queries: torch.Tensor  # (user rows, d)
    items: torch.Tensor  # (item rows, d)
    neighbours: PickedNeighbours
    weight: float = 1.0

    @classmethod
    def of(cls, model: Model, task: str, known: Log) -> "_Scores":
        head: DotProductHead = model.heads[task]  # type: ignore[assignment]
        part: NeighbourPart = model.neighbours[task]  # type: ignore[assignment]
        history = known.history(model.events, in_time_order=model.user_encoder.reads_order)
        return cls(*head.vectors(*model.embed(history)), part.of(known.picks(task)))

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """As a ranker has them."""
        return self._products(users) + self.weight * self.neighbours.scores(users)

    def spread(self, users: np.ndarray) -> float:
        """Of what varies as the dot products do, the weight: the median over these users."""
        rows = torch.from_numpy(users)
        added = torch.cat(
            [self.neighbours.scores(block).std(dim=1) for block in torch.split(rows, 256)]
        )
        rest = torch.cat([self._products(block).std(dim=1) for block in torch.split(rows, 256)])
        return float((rest / added)[added > 0].nanmedian()) if (added > 0).any() else 0.0

    def _products(self, users: torch.Tensor) -> torch.Tensor:
        return self.queries[users] @ self.items.T


def _exam(dataset: Dataset, task: str) -> RankingExam:
    """Validation pairs of some users who have picks in training."""
    known = dataset.known_in_validation
    exam: RankingExam = KINDS["retrieval"].exam(task, dataset.validation, known)  # type: ignore[assignment]
    protocol, test = "filtered", exam.test
    if exam.visited is not None:
        protocol, n_items = "new", known.n_item_rows
        met = exam.visited.users * n_items + exam.visited.items
        test = test.take(~np.isin(test.users * n_items + test.items, met))
    test = test.take(np.isin(test.users, known.pairs(task).users))
    test = test.take(np.isin(test.users, _some(test.users)))
    return replace(exam, test=test, metrics=["ndcg@100"], protocols=[protocol])


def _ndcg(exam: RankingExam, scores: _Scores) -> float:
    (found,) = exam.ask(scores, len(scores.items)).group(None).statistics.values()
    return found.value()


def _some(users: np.ndarray) -> np.ndarray:
    """At most 2,000 distinct users."""
    distinct = np.unique(users)
    return distinct[:: -(-len(distinct) // _USERS) or 1]
