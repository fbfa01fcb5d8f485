"""How visited items stand against each other and against new ones, found after all else."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from maxella.data.dataset import Dataset
from maxella.data.history import History
from maxella.data.interactions import pair_keys
from maxella.data.labelled import LabelledPairs
from maxella.data.log import Log
from maxella.data.ranges import is_first
from maxella.data.visits import Visits
from maxella.model.beside import Beside
from maxella.model.dot_product_head import DotProductHead
from maxella.model.model import Model
from maxella.model.revisit import RevisitPart
from maxella.seeds import numpy_generator
from maxella.training.trial import Trial

_PRIOR = 10.0  # cells that hold a rate at the mean of its pattern
_L2 = 1e-3  # on the weights, for each choice
_COLUMNS = 4096  # items that stand for the new ones
_BLOCK = 512  # users scored at once
_PAIRS = 2**16  # scored at once
LIFTS = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0)  # of visited items, in nats
TEMPERATURES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)


@dataclass
class Revisits:
    """Fits the scores of visited items to one hidden choice of each user; moves nothing else.

    A nested logit (McFadden 1974). Who chose a new item chose j with e^{τ s_uj} over its sum over
    what u had not met, s the scores of the rest of the model. Who chose a visited one chose i with
    e^{x_i·θ + α τ s_ui} over its sum over the cells that u had visited; x holds what events the
    cell has, the rates at which cells of this item, in all and by pattern of events, became labels,
    and how often the item was chosen and visited, all without the cell itself. Whether it is a
    visited one at all has the odds e^κ Σ e^{x·θ + α τ s} / Σ e^{τ s}. τ, then θ and α, then κ are
    found. So (x·θ + κ) / τ is one number for an item and a pattern of events, on the scale of the
    scores: the table of the part, and α its taste.

    One temperature for all makes the best of the new items look better than they are. So the
    visited ones are then lifted, by what ranks the validation part best in NDCG@100.

    The hidden choices are of the validation part, where it has any: scores rank what they have
    learnt from too well, and new items then stand too high. Else they are of training, and α is 0.
    Of each user it is the last in time, and then only earlier visits count; without times one at
    random. What an earlier pass `found` is taken as it is.
    """

    task: str
    seed: int
    found: dict[str, torch.Tensor] | None = None  # the state of the part, by an earlier pass
    name: str = "revisits"
    facts: dict[str, Any] = field(default_factory=dict)

    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Fit; a log in which nobody chose what they had visited leaves the part as it is."""
        part: RevisitPart = model.revisits[self.task]  # type: ignore[assignment]
        if self.found is not None:
            part.load_state_dict(self.found)
            return
        log = dataset.train
        pairs = log.pairs(self.task)
        visits = _visits_before(Visits.of(log, self.task), pairs)
        asked = dataset.validation.pairs(self.task)
        asked = asked.take(np.isin(asked.users, log.rows.users))
        hidden = asked if len(asked) else pairs
        hidden = hidden.take(_one_of_each(hidden, numpy_generator(self.seed, "revisits")))
        is_known = ~np.isin(pair_keys(pairs, log.n_item_rows), pair_keys(hidden, log.n_item_rows))
        choice = _Choice.of(visits.take(~visits.are_in(pairs.take(is_known))), hidden)
        if not choice.is_visited.any():
            return
        scores = _Scores.of(model, self.task, log, hidden)
        temperature, new = _new_items(scores, choice)
        rates = _Rates.of(visits, pairs, part)
        tastes = temperature * scores.of_pairs(choice.cells.users, choice.cells.items)
        tastes *= len(asked) > 0
        features = torch.cat([rates.features(choice.cells, part), tastes[:, None]], dim=1)
        theta = _fit(features, choice)
        offset = _offset(choice.log_sums(features @ theta), new, choice.is_visited)
        table = (rates.table(part) @ theta[:-1] + offset) / temperature

        @torch.no_grad()
        def put(lift: float) -> None:
            part.table.copy_(table + lift / temperature)
            part.taste.copy_(theta[-1])

        lift = Trial.of(model, dataset, self.task).best(LIFTS, put) or 0.0
        put(lift)
        self.facts = {
            "visited": float(choice.is_visited.mean()),
            "temperature": temperature,
            "taste": float(theta[-1]),
            "lift": lift,
        }


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
        one = np.eye(self.visits.shape[1], dtype=np.int64)[places]
        return self._features(
            self.visits[cells.items] - one,
            self.chosen[cells.items] - one * own[:, None],
            self.picks[cells.items] - own,
            places,
        )

    def table(self, part: RevisitPart) -> torch.Tensor:
        """(item rows, patterns, features): of a cell that is visited and not chosen, as in use."""
        every = []
        for place in range(len(part.patterns)):
            others = self.visits.copy()
            others[:, place] = np.maximum(others[:, place] - 1, 0)
            places = np.full(len(others), place)
            every.append(self._features(others, self.chosen, self.picks, places))
        return torch.stack(every, dim=1)

    def _features(
        self, visits: np.ndarray, chosen: np.ndarray, picks: np.ndarray, places: np.ndarray
    ) -> torch.Tensor:
        """(m, patterns) and (m,) counts, (m,) the pattern of each → (m, features)."""
        mean = max(1, self.chosen.sum()) / max(1, self.visits.sum())
        of_patterns = self.chosen.sum(axis=0) / np.maximum(1, self.visits.sum(axis=0))
        prior = np.maximum(of_patterns, mean / _PRIOR)
        rates = (chosen + _PRIOR * prior) / (visits + _PRIOR) / prior  # (m, patterns)
        n_visits = visits.sum(axis=1)
        overall = (chosen.sum(axis=1) + _PRIOR * mean) / (n_visits + _PRIOR) / mean
        columns = [np.log(overall), np.log1p(picks), np.log1p(n_visits)]
        patterns = np.eye(self.visits.shape[1])[places]
        numbers = np.concatenate([patterns, np.log(rates), np.stack(columns, 1)], axis=1)
        return torch.from_numpy(numbers).float()


@dataclass(frozen=True)
class _Choice:
    """U users, each with m visited cells in all, and what they chose."""

    users: np.ndarray  # (U,) user rows, ascending
    items: np.ndarray  # (U,) item rows that they chose
    cells: Visits  # of these users, by user
    owners: torch.Tensor  # (m,) int64 into the users
    targets: torch.Tensor  # (U,) int64 the chosen cell, 0 where it is none
    is_visited: np.ndarray  # (U,) bool: whether it is one

    @classmethod
    def of(cls, visits: Visits, hidden: LabelledPairs) -> "_Choice":
        hidden = hidden.take(np.argsort(hidden.users, kind="stable"))
        is_asked = np.isin(visits.users, hidden.users)
        if visits.times is not None and hidden.timestamps is not None:
            place = np.searchsorted(hidden.users, visits.users).clip(max=len(hidden) - 1)
            is_asked &= visits.times < hidden.timestamps[place]
        cells = visits.take(is_asked)
        places, is_visited = _places(cells.keys, pair_keys(hidden, visits.n_item_rows))
        owners = torch.from_numpy(np.searchsorted(hidden.users, cells.users))
        targets = torch.from_numpy(places)
        return cls(hidden.users, hidden.items, cells, owners, targets, is_visited)

    def log_sums(self, scores: torch.Tensor) -> torch.Tensor:
        """(m,) scores of the cells → (U,) log Σ e^score over each user's; −inf without any."""
        nothing = scores.new_full((len(self.users),), -torch.inf)
        highest = nothing.scatter_reduce(0, self.owners, scores.detach(), "amax")
        highest = highest.nan_to_num(neginf=0.0)
        lifted = (scores - highest[self.owners]).exp()
        return highest + torch.zeros_like(highest).index_add(0, self.owners, lifted).log()


def _places(ascending: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m,) numbers, (n,) others → (n,) where each of these is, and whether it is there at all."""
    if not len(ascending):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    places = np.searchsorted(ascending, wanted).clip(max=len(ascending) - 1)
    return places, ascending[places] == wanted


def _visits_before(visits: Visits, pairs: LabelledPairs) -> Visits:
    """The cells without those that were first visited once they were labels already."""
    if visits.times is None or pairs.timestamps is None:
        return visits
    keys = pair_keys(pairs, visits.n_item_rows)
    order = np.argsort(keys)
    places, is_label = _places(keys[order], visits.keys)
    return visits.take(~is_label | (visits.times < pairs.timestamps[order][places]))


def _one_of_each(pairs: LabelledPairs, rng: np.random.Generator) -> np.ndarray:
    """(n,) bool: one pair of each user, the last in time or a random one."""
    by = rng.random(len(pairs)) if pairs.timestamps is None else pairs.timestamps
    order = np.lexsort((by, pairs.users))[::-1]
    found = np.zeros(len(order), dtype=bool)
    found[order[is_first(pairs.users[order])]] = True
    return found


@dataclass(frozen=True)
class _Scores:
    """The model's scores from what is known without the hidden pairs, visits apart."""

    queries: torch.Tensor  # (user rows, d)
    items: torch.Tensor  # (item rows, d)
    beside: Beside
    met: History

    @classmethod
    @torch.no_grad()
    def of(cls, model: Model, task: str, log: Log, hidden: LabelledPairs) -> "_Scores":
        rows, n_items = log.rows, log.n_item_rows
        is_hidden = ~np.isnan(rows.labels[task])
        is_hidden &= np.isin(pair_keys(rows, n_items), pair_keys(hidden, n_items))
        log = log.of(rows.take(~is_hidden))
        history = log.history(model.events, in_time_order=model.user_encoder.reads_order)
        head: DotProductHead = model.heads[task]  # type: ignore[assignment]
        beside = model.beside(task, log)
        return cls(*head.vectors(*model.embed(history)), beside, log.history())

    def of_pairs(self, users: np.ndarray, items: np.ndarray) -> torch.Tensor:
        """(n,) user and item rows → (n,)."""
        rows = torch.from_numpy(np.stack([users, items]))
        found = [
            (self.queries[of_users] * self.items[of_items]).sum(dim=1)
            for of_users, of_items in torch.split(rows, _PAIRS, dim=1)
        ]
        return self.beside.add_to_pairs(torch.cat(found), *rows)

    def of_new(self, users: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows, (k,) item rows → (batch, k), −inf for what a user has met."""
        scores = self.beside.add(self.queries[users] @ self.items[columns].T, users, columns)
        return scores.masked_fill_(self.met.matrix(users)[:, columns] > 0, -torch.inf)


def _new_items(scores: _Scores, choice: _Choice) -> tuple[float, torch.Tensor]:
    """τ and (U,) log Σ e^{τ s} over what each user has not met."""
    n_items = len(scores.items)
    columns = torch.arange(1, n_items)
    if len(columns) > _COLUMNS:
        columns = columns[:: len(columns) // _COLUMNS + 1]
    log_sums = torch.empty(len(TEMPERATURES), len(choice.users))
    for block in torch.split(torch.arange(len(choice.users)), _BLOCK):
        of_new = scores.of_new(torch.from_numpy(choice.users)[block], columns)
        for n, temperature in enumerate(TEMPERATURES):
            log_sums[n, block] = (temperature * of_new).logsumexp(dim=1)
    log_sums += np.log((n_items - 1) / len(columns))
    of_chosen = scores.of_pairs(choice.users, choice.items)
    fits = torch.tensor(TEMPERATURES)[:, None] * of_chosen - log_sums
    best = int(fits[:, torch.from_numpy(~choice.is_visited)].sum(dim=1).argmax())
    return TEMPERATURES[best], log_sums[best]


def _fit(features: torch.Tensor, choice: _Choice) -> torch.Tensor:
    """(m, features) of the cells → (features,) θ with the least loss of who chose one of them."""
    is_visited = torch.from_numpy(choice.is_visited)
    theta = torch.zeros(features.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([theta], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        scores = features @ theta
        losses = choice.log_sums(scores) - scores[choice.targets]
        value = losses[is_visited].mean() + _L2 * theta.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return theta.detach()


def _offset(visited: torch.Tensor, new: torch.Tensor, is_visited: np.ndarray) -> float:
    """κ at which σ(κ + visited − new) sums to as many as chose a visited item; by bisection."""
    low, high = -100.0, 100.0
    odds, wanted = (visited - new).double(), float(is_visited.sum())
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if (odds + middle).sigmoid().sum() > wanted else (middle, high)
    return low
