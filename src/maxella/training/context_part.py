"""What contexts add to scores and ratings, counted once all else is trained."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from maxella.closed_form.ridge import ridge
from maxella.data.dataset import Dataset
from maxella.data.history import History
from maxella.data.labelled import LabelledPairs
from maxella.data.ranges import is_first, ranges
from maxella.features.id import UNKNOWN_ROW
from maxella.model.beside import Beside
from maxella.model.context_part import InContext
from maxella.model.dot_product_head import DotProductHead
from maxella.model.head import EmbeddedPairs, PairHead
from maxella.model.model import Model
from maxella.model.user_encoder import Pairs
from maxella.seeds import numpy_generator, torch_generator

_DAMPINGS = (3.0, 10.0, 30.0, 100.0, 300.0)  # picks that hold a ratio at 1
_STRENGTHS = (0.25, 0.5, 0.75, 1.0)
_SURE = 2.0  # standard errors that a gain has to be above
_HELD_OUT = 10  # one user in so many chooses between them
_MOST_QUERIES = 2000  # that choose
_MOST_COLUMNS = 4096  # items that a query is set against
_MOST_RATINGS = 1_000_000  # that offsets are found from
_PAIRS = 1 << 12  # rated at once: what a rating head keeps fits the cache


@dataclass
class ContextStage:
    """Counts what contexts change beside the average one, and touches no other part of the model.

    By Bayes' rule p(i | u, c) = p(i | u) · p(c | u, i) / p(c | u). The trained model stands for
    the first factor; the ratio is counted as if it were the same for all users: how often item
    i was picked in contexts c, against how often such contexts are.
    As the model may know part of it by its users, one user in ten, left out of the counts, says
    how much of the logarithm is added to the scores, and none where that is no gain beyond
    chance. Answers of pairs get what a ridge regression of their errors finds.
    """

    seed: int
    name: str = "context"
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Count, task by task that is told the context."""
        assert dataset.contexts is not None  # noqa: S101 - asked for only where there are any
        log = dataset.train
        everything = log.history(model.events, in_time_order=model.user_encoder.reads_order)
        users, items = model.embed(everything)
        for task, part in model.contexts.items():
            pairs = log.pairs(task)
            pairs = pairs.take((pairs.users != UNKNOWN_ROW) & (pairs.items != UNKNOWN_ROW))
            asked = InContext(part, dataset.contexts)  # type: ignore[arg-type]
            _find_means(asked, pairs)
            head = model.heads[task]
            if isinstance(head, DotProductHead):
                picks = log.picks(task)
                beside = model.beside(task, log)
                trained = _Trained(model, head, everything, picks, users, items, beside)
                _find_scores(trained, asked, pairs, self.seed)
            elif isinstance(head, PairHead):
                _find_offsets(head, asked, pairs, users, items, self.seed)


@dataclass(frozen=True)
class _Trained:
    """A retrieval task of a model without contexts."""

    model: Model
    head: DotProductHead
    everything: History  # what users did, as the encoder reads it
    history: History  # the task's own pairs
    users: torch.Tensor  # (user rows, dim)
    items: torch.Tensor  # (item rows, dim)
    beside: Beside

    def self_scores(self, pairs: LabelledPairs) -> torch.Tensor:
        """(n,) what each pair adds to its own score as a part of the history."""
        everyone = torch.arange(len(self.users))
        places = Pairs(
            torch.from_numpy(pairs.users),
            torch.from_numpy(pairs.items),
            self.everything.events_of(pairs.users, pairs.items, len(self.model.events)),
        )
        met, rows = self.head.items_met(self.items), torch.arange(len(self.items))
        encoder = self.model.user_encoder
        found = encoder.self_scores(self.everything.bags(everyone), places, rows, met)
        return torch.zeros(len(pairs)) if found is None else found


def _find_means(asked: InContext, train: LabelledPairs) -> None:
    """How often each column is met over the training interactions."""
    part, contexts = asked.part, asked.contexts
    counts = np.bincount(_contexts(train), minlength=len(contexts))
    of_cells = np.repeat(counts, contexts.counts) * contexts.weights
    sums = np.bincount(contexts.columns, of_cells, minlength=part.table.shape[1])
    part.column_means.copy_(torch.from_numpy(sums / len(train)))


def _find_scores(trained: _Trained, asked: InContext, train: LabelledPairs, seed: int) -> None:
    rng = numpy_generator(seed, "requests")
    people = rng.permutation(np.unique(train.users))
    is_held_out = np.zeros(len(trained.users), dtype=bool)
    is_held_out[people[: len(people) // _HELD_OUT]] = True
    inner, outer = (train.take(is_held_out[train.users] == out) for out in (False, True))
    if not len(outer):
        return
    exam = _Exam.of(trained, asked, outer, rng)
    before, best = exam.losses(), 0.0
    chosen = {"damping": _DAMPINGS[-1], "strength": 0.0}
    for damping, strength in itertools.product(_DAMPINGS, _STRENGTHS):
        _count(asked, inner, damping=damping, strength=strength)
        gains = before - exam.losses()
        gain, error = float(gains.sum()), float(gains.square().sum().sqrt())
        if gain > max(best, _SURE * error):
            best = gain
            chosen = {"damping": damping, "strength": strength}
    _count(asked, train, **chosen)


def _count(asked: InContext, picks: LabelledPairs, *, damping: float, strength: float) -> None:
    """k_ci = strength · log((picks of i in contexts of c + d) / (picks of i · P(c) + d)).

    A column that weighs below zero somewhere, such as a scaled number, is none that counts.
    """
    part, contexts = asked.part, asked.contexts
    n_rows, n_columns = part.table.shape
    taken = contexts.take(_contexts(picks))
    cells = np.repeat(picks.items, taken.counts) * n_columns + taken.columns
    found = np.bincount(cells, taken.weights, minlength=n_rows * n_columns)
    found = found.reshape(n_rows, n_columns)
    of_items = np.bincount(picks.items, minlength=n_rows)[:, None]
    expected = of_items * (found.sum(axis=0) / max(1, len(picks)))
    counts = np.ones(n_columns, dtype=bool)
    counts[contexts.columns[contexts.weights < 0]] = False
    ratios = np.log((found * counts + damping) / (expected * counts + damping))
    part.table.copy_(torch.from_numpy(strength * ratios))


@dataclass(frozen=True)
class _Exam:
    """Queries, users in a context each, and what the model without contexts makes of them."""

    asked: InContext
    contexts: torch.Tensor  # (q,) context rows
    columns: torch.Tensor  # (k,) items that they are set against
    scores: torch.Tensor  # (q, k), −inf for what the user has
    owners: torch.Tensor  # (n,) the query of each pick
    items: torch.Tensor  # (n,) item rows
    pick_scores: torch.Tensor  # (n,) without what a pick adds to its own score, as history

    @classmethod
    def of(
        cls,
        trained: _Trained,
        asked: InContext,
        picks: LabelledPairs,
        rng: np.random.Generator,
    ) -> "_Exam":
        picks = picks.take(np.lexsort((picks.items, _contexts(picks), picks.users)))
        keys = picks.users * len(asked.contexts) + _contexts(picks)
        starts = np.flatnonzero(is_first(keys))
        chosen = rng.permutation(len(starts))[:_MOST_QUERIES]
        counts = np.diff(starts, append=len(picks))[chosen]
        owners, at = ranges(starts[chosen], counts)
        picks = picks.take(at)
        queries = torch.from_numpy(keys[starts[chosen]] // len(asked.contexts))
        items, head = trained.items, trained.head
        taken = torch.bincount(trained.history.items, minlength=len(items)) > 0
        known = taken.nonzero().squeeze(1)
        if len(known) > _MOST_COLUMNS:
            drawn = rng.choice(len(known), _MOST_COLUMNS, replace=False)
            known = known[torch.from_numpy(np.sort(drawn))]
        found = head.biases(torch.arange(len(items)))
        biases = items.new_zeros(len(items)) if found is None else found
        users = head.queries(trained.users)
        scores = users[queries] @ items[known].T + biases[known]
        trained.beside.add(scores, queries, known)
        scores = scores.masked_fill(_is_taken(trained.history, queries, known), -torch.inf)
        picked, takers = torch.from_numpy(picks.items), torch.from_numpy(picks.users)
        pick_scores = (users[takers] * items[picked]).sum(dim=1) + biases[picked]
        pick_scores -= trained.self_scores(picks)
        trained.beside.add_to_pairs(pick_scores, takers, picked)  # no pair speaks for itself there
        first = np.searchsorted(owners, np.arange(len(chosen)))
        rows = torch.from_numpy(_contexts(picks)[first])
        return cls(asked, rows, known, scores, torch.from_numpy(owners), picked, pick_scores)

    def losses(self) -> torch.Tensor:
        """(q,) Σ over the picks of −log softmax over the pick and what its user lacks."""
        scores = self.scores + self.asked.scores(self.contexts, self.columns)
        of_picks = self.asked.of_pairs(self.contexts[self.owners], self.items)
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


def _find_offsets(
    head: PairHead,
    asked: InContext,
    train: LabelledPairs,
    users: torch.Tensor,
    items: torch.Tensor,
    seed: int,
) -> None:
    order = torch.randperm(len(train), generator=torch_generator(seed, "requests' ratings"))
    train = train.take(order[:_MOST_RATINGS].numpy())
    if not len(train):
        return
    answers = []
    for block in torch.split(torch.from_numpy(np.stack([train.users, train.items])), _PAIRS, dim=1):
        each = torch.arange(block.shape[1])
        answers.append(
            head(EmbeddedPairs(users[block[0]], items[block[1]], block[0], block[1], each, each))
        )
    errors = head.counted(torch.from_numpy(train.labels)) - torch.cat(answers)
    table = asked.part.table
    bags = asked.contexts.take(_contexts(train))
    table[0] = ridge(bags, table.shape[1], errors.unsqueeze(1)).table.squeeze(1)


def _contexts(pairs: LabelledPairs) -> np.ndarray:
    assert pairs.contexts is not None  # noqa: S101 - there is a part that reads them
    return pairs.contexts
