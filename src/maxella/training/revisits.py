"""How visited items stand against each other and against new ones, found after all else."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from maxella.data.dataset import Dataset
from maxella.data.labelled import LabelledPairs
from maxella.data.log import Log
from maxella.data.visits import Visits
from maxella.model.dot_product_head import DotProductHead
from maxella.model.model import Model
from maxella.model.revisit import RevisitPart
from maxella.seeds import numpy_generator

_PRIOR = 10.0  # cells that hold a rate at the mean of its pattern
_L2 = 1e-3  # on the weights, for each choice
_COLUMNS = 4096  # items that stand for the new ones
_BLOCK = 512  # users scored at once


@dataclass
class Revisits:
    """Fits the scores of visited items to one hidden choice of each user; moves nothing else.

    A conditional logit (McFadden 1974): who chose item i from the visited cells C_u, or something
    new, has the probabilities e^{x_ui·θ} and Σ_new e^{s_uj} over their sum. x holds what events
    the cell has, the rate at which cells of this item, and of this item with these events, became
    labels, and how often the item was chosen and visited, all without the cell itself. With the
    item's numbers x·θ is one number for an item and a pattern of events: the table of the part.

    The hidden choice is the last in time, and then only earlier visits count; else one at random.
    """

    task: str
    seed: int
    name: str = "revisits"
    facts: dict[str, Any] = field(default_factory=dict)

    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Fit; a log in which nobody chose what they had visited leaves the part as it is."""
        part: RevisitPart = model.revisits[self.task]  # type: ignore[assignment]
        log = dataset.train
        pairs = log.pairs(self.task)
        visits = _visits_before(Visits.of(log, self.task), pairs)
        hidden = _one_of_each(pairs, numpy_generator(self.seed, "revisits"))
        known = pairs.take(~hidden)
        rates = _Rates.of(visits, pairs, part)
        cells = visits.take(~visits.are_in(known))
        choice = _Choice.of(cells, pairs.take(hidden), log.n_item_rows)
        if not choice.is_visited.any():
            return
        outside = _new_items(model, self.task, log, choice.users)
        theta = _fit(rates.features(choice.cells, part), choice, outside)
        with torch.no_grad():
            part.table.copy_(rates.table(part) @ theta)
        self.facts["visited"] = float(choice.is_visited.mean())


@dataclass(frozen=True)
class _Rates:
    """How often items were visited and chosen: numbers of cells."""

    visits: np.ndarray  # (item rows, patterns)
    chosen: np.ndarray  # (item rows, patterns) of these, the labels of the task
    picks: np.ndarray  # (item rows,) labels, visited or not
    are_chosen: np.ndarray  # (cells,) bool
    keys: np.ndarray  # (cells,) ascending

    @classmethod
    def of(cls, visits: Visits, pairs: LabelledPairs, part: RevisitPart) -> "_Rates":
        n_items, n_patterns = part.table.shape
        places = part.places(torch.from_numpy(visits.patterns)).numpy()
        at = visits.items * n_patterns + places
        are_chosen = visits.are_in(pairs)
        shape, size = (n_items, n_patterns), n_items * n_patterns
        return cls(
            np.bincount(at, minlength=size).reshape(shape),
            np.bincount(at[are_chosen], minlength=size).reshape(shape),
            np.bincount(pairs.items, minlength=n_items),
            are_chosen,
            visits.keys,
        )

    def features(self, cells: Visits, part: RevisitPart) -> torch.Tensor:
        """(m, features) of some cells, each left out of its own counts."""
        places = part.places(torch.from_numpy(cells.patterns)).numpy()
        own = self.are_chosen[np.searchsorted(self.keys, cells.keys)].astype(np.int64)
        one = np.zeros((len(places), self.visits.shape[1]), dtype=np.int64)
        one[np.arange(len(places)), places] = 1
        return self._features(
            self.visits[cells.items] - one,
            self.chosen[cells.items] - one * own[:, None],
            self.picks[cells.items] - own,
            places,
        )

    def table(self, part: RevisitPart) -> torch.Tensor:
        """(item rows, patterns, features) of all."""
        every = [
            self._features(self.visits, self.chosen, self.picks, np.full(len(self.picks), place))
            for place in range(len(part.patterns))
        ]
        return torch.stack(every, dim=1)

    def _features(
        self, visits: np.ndarray, chosen: np.ndarray, picks: np.ndarray, places: np.ndarray
    ) -> torch.Tensor:
        """(m, patterns) and (m,) counts, (m,) the pattern of each → (m, features)."""
        rows = np.arange(len(places))
        of_patterns = self.chosen.sum(axis=0) / np.maximum(1, self.visits.sum(axis=0))
        mean = self.chosen.sum() / max(1, self.visits.sum())
        prior = _PRIOR * np.maximum(of_patterns, mean / _PRIOR)[places]
        rate = (chosen[rows, places] + prior) / (visits[rows, places] + _PRIOR)
        overall = (chosen.sum(axis=1) + _PRIOR * mean) / (visits.sum(axis=1) + _PRIOR)
        columns = [np.log(rate), np.log(overall), np.log1p(picks), np.log1p(visits.sum(axis=1))]
        numbers = np.concatenate([np.eye(self.visits.shape[1])[places], np.stack(columns, 1)], 1)
        return torch.from_numpy(numbers).float()


@dataclass(frozen=True)
class _Choice:
    """U users, each with m visited cells in all, and what they chose."""

    users: np.ndarray  # (U,) user rows
    cells: Visits  # of these users, by user
    owners: torch.Tensor  # (m,) int64 into the users
    targets: torch.Tensor  # (U,) int64 the chosen cell, 0 where it is none
    is_visited: np.ndarray  # (U,) bool: whether it is one

    @classmethod
    def of(cls, visits: Visits, hidden: LabelledPairs, n_item_rows: int) -> "_Choice":
        order = np.argsort(hidden.users, kind="stable")
        users, items = hidden.users[order], hidden.items[order]
        is_asked = np.isin(visits.users, users)
        if visits.times is not None and hidden.timestamps is not None:
            place = np.searchsorted(users, visits.users).clip(max=len(users) - 1)
            is_asked &= visits.times < hidden.timestamps[order][place]
        cells = visits.take(is_asked)
        keys, wanted = cells.keys, users * n_item_rows + items
        places = np.searchsorted(keys, wanted).clip(max=max(0, len(keys) - 1))
        is_visited = keys[places] == wanted if len(keys) else np.zeros(len(users), dtype=bool)
        owners = torch.from_numpy(np.searchsorted(users, cells.users))
        return cls(users, cells, owners, torch.from_numpy(places), is_visited)


def _visits_before(visits: Visits, pairs: LabelledPairs) -> Visits:
    """The cells without those that were first visited once they were labels already."""
    if visits.times is None or pairs.timestamps is None:
        return visits
    keys = pairs.users * visits.n_item_rows + pairs.items
    order = np.argsort(keys)
    places = np.searchsorted(keys[order], visits.keys).clip(max=max(0, len(keys) - 1))
    is_label = keys[order][places] == visits.keys
    return visits.take(~is_label | (visits.times < pairs.timestamps[order][places]))


def _one_of_each(pairs: LabelledPairs, rng: np.random.Generator) -> np.ndarray:
    """(n,) bool: one pair of each user, the last in time or a random one."""
    by = rng.random(len(pairs)) if pairs.timestamps is None else pairs.timestamps
    order = np.lexsort((by, pairs.users))
    is_last = np.ones(len(order), dtype=bool)
    is_last[:-1] = np.diff(pairs.users[order]) != 0
    found = np.zeros(len(order), dtype=bool)
    found[order[is_last]] = True
    return found


@torch.no_grad()
def _new_items(model: Model, task: str, log: Log, users: np.ndarray) -> torch.Tensor:
    """(U,) log Σ e^score over the items that each user has not met."""
    history = log.history(model.events, in_time_order=model.user_encoder.reads_order)
    queries, items = model.embed(history)
    head: DotProductHead = model.heads[task]  # type: ignore[assignment]
    rows = torch.arange(1, len(items))
    if len(rows) > _COLUMNS:
        rows = rows[:: len(rows) // _COLUMNS + 1]
    biases = head.biases(rows)
    met = log.history()
    found = []
    for block in torch.split(torch.from_numpy(users), _BLOCK):
        scores = head.queries(queries[block]) @ items[rows].T
        scores = scores if biases is None else scores + biases
        is_met = met.matrix(block)[:, rows] > 0
        found.append(scores.masked_fill(is_met, -torch.inf).logsumexp(dim=1))
    return torch.cat(found) + np.log((len(items) - 1) / len(rows))


def _fit(features: torch.Tensor, choice: _Choice, outside: torch.Tensor) -> torch.Tensor:
    """(m, features) of the cells → (features,) θ with the least loss, by L-BFGS."""
    is_visited = torch.from_numpy(choice.is_visited)
    theta = torch.zeros(features.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([theta], max_iter=100, line_search_fn="strong_wolfe")
    n_users = len(outside)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        scores = features @ theta
        chosen = torch.where(is_visited, scores[choice.targets], outside)
        # log Σ over a user's cells and the outside, stable: less the highest of each.
        highest = outside.scatter_reduce(0, choice.owners, scores.detach(), "amax")
        sums = (
            (outside - highest)
            .exp()
            .index_add(0, choice.owners, (scores - highest[choice.owners]).exp())
        )
        value = (highest + sums.log() - chosen).sum() / n_users + _L2 * theta.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return theta.detach()
