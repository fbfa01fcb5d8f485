"""What moments add to scores and ratings, counted once all else is trained."""

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from maxella.closed_form.ridge import ridge
from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.data.ranges import is_first, ranges
from maxella.data.requests import Requests
from maxella.features.age import UNKNOWN_AGE
from maxella.features.bags import WeightedBags, side_by_side
from maxella.features.id import UNKNOWN_ROW
from maxella.model.joint import JointModel
from maxella.model.rating_head import RatedPairs
from maxella.model.request_part import Moments
from maxella.seeds import numpy_generator, torch_generator

_DAMPINGS = (3.0, 10.0, 30.0, 100.0, 300.0)  # picks that hold a ratio at 1
_STRENGTHS = (0.25, 0.5, 0.75, 1.0)
_SURE = 2.0  # standard errors that a gain has to be above
_HELD_OUT = 10  # one user in so many chooses between them
_MOST_QUERIES = 2000  # that choose
_MOST_COLUMNS = 4096  # items that a query is set against
_MOST_RATINGS = 1_000_000  # that offsets are found from
_PAIRS = 1 << 12  # rated at once: what a rating head keeps fits the cache
_SWEEPS = 20


@torch.no_grad()
def find_request_part(
    model: JointModel,
    train: Interactions,
    requests: Requests,
    seed: int,
    *,
    retrieves: bool,
    rates: bool,
) -> None:
    """Count what moments change beside the average one, and touch no other part of the model.

    By Bayes' rule p(i | u, c) = p(i | u) · p(c | u, i) / p(c | u). The trained model stands for
    the first factor; the ratio is counted as if it were the same for all users: how often item
    i was picked at moments c, against how often such moments are.
    As the model may know part of it by its users, one user in ten, left out of the counts, says
    how much of the logarithm is added to the scores, and none where that is no gain beyond
    chance. Ratings get what a ridge regression of their errors finds.

    `retrieves`, `rates`: what the model has learnt. Nothing happens without a request part.
    """
    if model.request is None:
        return
    train = train.take((train.users != UNKNOWN_ROW) & (train.items != UNKNOWN_ROW))
    moments = Moments(model.request, requests)
    _find_shares(moments, train)
    history = History.of(train, model.user_tower.n_rows, model.item_tower.n_rows)
    everyone = torch.arange(history.n_user_rows)
    users = model.user_tower(everyone, history.bags(everyone))
    items = model.item_tower(torch.arange(history.n_item_rows))
    if retrieves:
        _find_scores(model, moments, train, history, users, items, seed)
    if rates:
        _find_ratings(model, moments, train, users, items, seed)


def _find_shares(moments: Moments, train: Interactions) -> None:
    """How often each column is met, and each age of an item, over the training interactions."""
    part, requests = moments.part, moments.requests
    counts = np.bincount(_requests(train), minlength=len(requests.bags))
    of_cells = np.repeat(counts, requests.bags.counts) * requests.bags.weights
    sums = np.bincount(requests.bags.columns, of_cells, minlength=len(part.ratings))
    part.column_shares.copy_(torch.from_numpy(sums / len(train)))
    if part.has_ages:
        days = np.sort(requests.days[_requests(train)])
        shares = _age_shares(days, part.item_days.numpy(), part.edges.numpy())
        part.age_shares.copy_(torch.from_numpy(shares))


def _age_shares(days: np.ndarray, item_days: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """(n,) ascending days of picks, (items,) dates → (items, buckets) shares of these days.

    By the age that an item had then. Of an item without a date it is the unknown one; an item
    that no day has seen has no shares.
    """
    below = np.searchsorted(days, item_days[:, None] + edges)  # (items, edges): days before each
    counts = np.diff(below, axis=1, prepend=0, append=len(days))
    counts[counts[:, 1:].sum(axis=1) == 0] = 0
    shares = np.zeros((len(item_days), 1 + counts.shape[1]))
    shares[:, UNKNOWN_AGE + 1 :] = counts / max(1, len(days))
    is_unknown = np.isnan(item_days)
    shares[is_unknown] = 0.0
    shares[is_unknown, UNKNOWN_AGE] = 1.0
    return shares


def _find_scores(
    model: JointModel,
    moments: Moments,
    train: Interactions,
    history: History,
    users: torch.Tensor,
    items: torch.Tensor,
    seed: int,
) -> None:
    rng = numpy_generator(seed, "requests")
    asked = rng.permutation(np.unique(train.users))
    is_held_out = np.zeros(len(users), dtype=bool)
    is_held_out[asked[: len(asked) // _HELD_OUT]] = True
    inner, outer = (train.take(is_held_out[train.users] == out) for out in (False, True))
    if not len(outer):
        return
    exam = _Exam.of(model, moments, outer, history, users, items, rng)
    for count in (_count_columns, _count_ages):
        before, best = exam.losses(), 0.0
        chosen = {"damping": _DAMPINGS[-1], "strength": 0.0}
        for damping, strength in itertools.product(_DAMPINGS, _STRENGTHS):
            count(moments, inner, damping=damping, strength=strength)
            gains = before - exam.losses()
            gain, error = float(gains.sum()), float(gains.square().sum().sqrt())
            if gain > max(best, _SURE * error):
                best = gain
                chosen = {"damping": damping, "strength": strength}
        count(moments, train, **chosen)


def _count_columns(
    moments: Moments, picks: Interactions, *, damping: float, strength: float
) -> None:
    """k_ci = strength · log((picks of i at moments of c + d) / (picks of i · share of c + d)).

    A column that weighs below zero somewhere, such as a scaled number, is none that counts.
    """
    part, bags = moments.part, moments.requests.bags
    n_rows, n_columns = part.table.shape
    taken = bags.take(_requests(picks))
    cells = np.repeat(picks.items, taken.counts) * n_columns + taken.columns
    found = np.bincount(cells, taken.weights, minlength=n_rows * n_columns)
    found = found.reshape(n_rows, n_columns)
    of_items = np.bincount(picks.items, minlength=n_rows)[:, None]
    expected = of_items * (found.sum(axis=0) / max(1, len(picks)))
    counts = np.ones(n_columns, dtype=bool)
    counts[bags.columns[bags.weights < 0]] = False
    ratios = np.log((found * counts + damping) / (expected * counts + damping))
    part.table.copy_(torch.from_numpy(strength * ratios))


def _count_ages(moments: Moments, picks: Interactions, *, damping: float, strength: float) -> None:
    """Σ over items of n_i · p(a | i), p(a | i) ∝ share_ia e^{s_a}, is n_a, the picks at age a.

    Solved by iterative scaling (Darroch and Ratcliff 1972), with d picks as expected added.
    """
    part = moments.part
    if not part.has_ages:
        return
    shares = part.age_shares.double().numpy()
    items, rows = torch.from_numpy(picks.items), torch.from_numpy(_requests(picks))
    buckets = moments.age_buckets(rows, items).numpy()
    found = np.bincount(buckets, minlength=shares.shape[1])
    of_items = np.bincount(picks.items, minlength=len(shares))[:, None]
    factors = np.ones(shares.shape[1])
    for _ in range(_SWEEPS):
        totals = np.maximum(shares @ factors, np.finfo(float).tiny)[:, None]
        expected = (of_items * shares / totals).sum(axis=0) * factors
        factors *= (found + damping) / (expected + damping)
    averages = shares @ factors
    logs = np.log(averages, where=averages > 0, out=np.zeros_like(averages))
    part.age_scores.copy_(torch.from_numpy(strength * np.log(factors)))
    part.age_averages.copy_(torch.from_numpy(strength * logs))


@dataclass(frozen=True)
class _Exam:
    """Queries, users at a moment each, and what the model without moments makes of them."""

    moments: Moments
    requests: torch.Tensor  # (q,) request rows
    columns: torch.Tensor  # (k,) items that they are set against
    scores: torch.Tensor  # (q, k), −inf for what the user has
    owners: torch.Tensor  # (n,) the query of each pick
    items: torch.Tensor  # (n,) item rows
    pick_scores: torch.Tensor  # (n,) without what a pick adds to its own score, as history

    @classmethod
    def of(
        cls,
        model: JointModel,
        moments: Moments,
        picks: Interactions,
        history: History,
        users: torch.Tensor,
        items: torch.Tensor,
        rng: np.random.Generator,
    ) -> "_Exam":
        picks = picks.take(np.lexsort((picks.items, _requests(picks), picks.users)))
        keys = picks.users * len(moments.requests.bags) + _requests(picks)
        starts = np.flatnonzero(is_first(keys))
        chosen = rng.permutation(len(starts))[:_MOST_QUERIES]
        counts = np.diff(starts, append=len(picks))[chosen]
        owners, at = ranges(starts[chosen], counts)
        picks = picks.take(at)
        queries = torch.from_numpy(keys[starts[chosen]] // len(moments.requests.bags))
        known = (torch.bincount(history.items, minlength=len(items)) > 0).nonzero().squeeze(1)
        if len(known) > _MOST_COLUMNS:
            drawn = rng.choice(len(known), _MOST_COLUMNS, replace=False)
            known = known[torch.from_numpy(np.sort(drawn))]
        biases = model.retrieval_biases(torch.arange(len(items)))
        biases = items.new_zeros(len(items)) if biases is None else biases
        scores = users[queries] @ items[known].T + biases[known]
        scores = scores.masked_fill(_is_taken(history, queries, known), -torch.inf)
        picked, takers = torch.from_numpy(picks.items), torch.from_numpy(picks.users)
        pick_scores = (users[takers] * items[picked]).sum(dim=1) + biases[picked]
        pick_scores -= _own_scores(model, history, picks, items)
        requests = torch.from_numpy(
            _requests(picks)[np.searchsorted(owners, np.arange(len(chosen)))]
        )
        return cls(moments, requests, known, scores, torch.from_numpy(owners), picked, pick_scores)

    def losses(self) -> torch.Tensor:
        """(q,) Σ over the picks of −log softmax over the pick and what its user lacks."""
        scores = self.scores + self.moments.scores(self.requests, self.columns)
        of_picks = self.moments.pair_scores(self.requests[self.owners], self.items)
        margins = scores.logsumexp(dim=1)[self.owners] - self.pick_scores - of_picks
        sums = torch.zeros(len(scores))
        return sums.index_add_(0, self.owners, functional.softplus(margins))


def _is_taken(history: History, users: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """(q,) user rows, (k,) ascending item rows → (q, k) whether each user has each item."""
    bags = history.bags(users)
    places = torch.searchsorted(columns, bags.items).clamp(max=len(columns) - 1)
    is_column = columns[places] == bags.items
    rows = torch.arange(len(users)).repeat_interleave(bags.counts)
    taken = torch.zeros(len(users), len(columns), dtype=torch.bool)
    taken[rows[is_column], places[is_column]] = True
    return taken


def _own_scores(
    model: JointModel, history: History, picks: Interactions, items: torch.Tensor
) -> torch.Tensor:
    """(n,) what each pick adds to its own score through the history part."""
    bags = history.bags(torch.arange(history.n_user_rows))
    own = model.own_scores(bags, torch.arange(len(items)), items, history.items)
    if own is None:
        return torch.zeros(len(picks))
    of_users = np.repeat(np.arange(history.n_user_rows), history.starts.diff().numpy())
    keys = of_users * len(items) + history.items.numpy()  # ascending
    return own[np.searchsorted(keys, picks.users * len(items) + picks.items)]


def _find_ratings(
    model: JointModel,
    moments: Moments,
    train: Interactions,
    users: torch.Tensor,
    items: torch.Tensor,
    seed: int,
) -> None:
    rated = train.rated
    order = torch.randperm(len(rated), generator=torch_generator(seed, "requests' ratings"))
    rated = rated.take(order[:_MOST_RATINGS].numpy())
    if rated.ratings is None or not len(rated):
        return
    predicted = []
    for block in torch.split(torch.from_numpy(np.stack([rated.users, rated.items])), _PAIRS, dim=1):
        each = torch.arange(block.shape[1])
        pairs = RatedPairs(users[block[0]], items[block[1]], block[0], block[1], each, each)
        predicted.append(model.rating_head(pairs))
    errors = torch.from_numpy(rated.ratings) - torch.cat(predicted)
    part = moments.part
    bags, widths = [moments.requests.bags.take(_requests(rated))], [len(part.ratings)]
    if part.has_ages:
        rows, picked = torch.from_numpy(_requests(rated)), torch.from_numpy(rated.items)
        bags.append(WeightedBags.one_hot(moments.age_buckets(rows, picked).numpy()))
        widths.append(len(part.age_ratings))
    found = ridge(side_by_side(bags, widths), sum(widths), errors.unsqueeze(1)).table.squeeze(1)
    part.ratings.copy_(found[: len(part.ratings)])
    part.age_ratings.copy_(found[len(part.ratings) :])


def _requests(log: Interactions) -> np.ndarray:
    assert log.requests is not None  # noqa: S101 - there is a part that reads them
    return log.requests
