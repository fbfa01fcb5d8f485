"""What a baseline's own settings are to be: tried on held-out pairs, one setting after another."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from maxella.baselines.events import other_events
from maxella.data.interactions import pair_keys
from maxella.data.labelled import LabelledPairs, TaskData
from maxella.data.ranges import is_first, is_last
from maxella.evaluation.metric import of_users
from maxella.evaluation.ranking_exam import RankingExam
from maxella.evaluation.ranks import Ranker
from maxella.features.id import UNKNOWN_ROW
from maxella.seeds import numpy_generator

_HELD_OUT = 0.1  # of the training pairs, where there is no validation part
_ITEMS = 4000  # in a trial whose cost grows with the cube of the items
EVENT_COUNTS = (0.0, 0.1, 0.3, 1.0)  # of one pair of another event beside one of the task


@dataclass(frozen=True)
class Trial:
    """What is known when settings are tried, and what is asked."""

    known: TaskData
    asked: LabelledPairs

    @classmethod
    def of(
        cls, train: TaskData, validation: LabelledPairs | None, *, latest: bool = False
    ) -> "Trial":
        """Training and the validation pairs of its users; without any a part of training is asked.

        It is a tenth, at random, or if `latest` the last pair in time of each user who has
        another. It leaves the events that are the task's own as well, or it would stand among
        what is known.
        """
        if validation is not None:
            validation = validation.take(np.isin(validation.users, train.pairs.users))
            if len(validation):
                return cls(train, validation.of_some_users())
        pairs, n_item_rows = train.pairs, train.n_item_rows
        draw = numpy_generator(0, "baselines")
        held_out = _last_of_each(pairs) if latest else draw.random(len(pairs)) < _HELD_OUT
        asked = pairs.take(held_out)
        gone, others = pair_keys(asked, n_item_rows), other_events(train)

        def rest(of: LabelledPairs) -> LabelledPairs:
            return of.take(~np.isin(pair_keys(of, n_item_rows), gone))

        events = {name: rest(of) for name, of in train.events.items()} | others
        return cls(replace(train, pairs=rest(pairs), events=events), asked.of_some_users())

    def of_popular_items(self) -> "Trial":
        """The same with the 4,000 items alone that have most pairs, as rows 1, 2, ..."""
        known = self.known
        if known.n_item_rows <= _ITEMS + 1:
            return self
        counts = np.bincount(known.pairs.items, minlength=known.n_item_rows)
        counts[UNKNOWN_ROW] = 0
        popular = np.sort(np.argsort(-counts, kind="stable")[:_ITEMS])
        popular = popular[popular != UNKNOWN_ROW]
        row_of = np.full(known.n_item_rows, UNKNOWN_ROW)
        row_of[popular] = np.arange(1, len(popular) + 1)

        def of_these(pairs: LabelledPairs) -> LabelledPairs:
            kept = pairs.take(row_of[pairs.items] != UNKNOWN_ROW)
            return replace(kept, items=row_of[kept.items])

        events = {name: of_these(of) for name, of in known.events.items()}
        pairs, n_item_rows = of_these(known.pairs), len(popular) + 1
        few = replace(known, pairs=pairs, events=events, n_item_rows=n_item_rows)
        return Trial(few, of_these(self.asked))

    def ndcg(self, ranker: Ranker) -> float:
        """NDCG@100 among all items without those known in the task; 0 where nothing is asked."""
        found = self.ndcgs(ranker)
        return float(found.mean()) if len(found) else 0.0

    def ndcgs(self, ranker: Ranker) -> np.ndarray:
        """(users,) the same of each user who is asked."""
        if not len(self.asked):
            return np.empty(0)
        exam = RankingExam(
            "trial", self.asked, self.known.pairs, metrics=["ndcg@100"], protocols=["filtered"]
        )
        group = exam.ask(ranker, self.known.n_item_rows).group(None)
        return of_users(group.statistics["filtered.ndcg@100"])


def _last_of_each(pairs: LabelledPairs) -> np.ndarray:
    """(n,) bool: the last pair of each user who has another; of one time the last in the log."""
    rows = np.arange(len(pairs))
    by = [rows] if pairs.timestamps is None else [rows, pairs.timestamps]
    order = np.lexsort((*by, pairs.users))
    users = pairs.users[order]
    found = np.zeros(len(pairs), dtype=bool)
    found[order] = is_last(users) & ~is_first(users)
    return found


def choose(
    grid: Mapping[str, Sequence[float]], quality: Callable[[dict[str, float]], float]
) -> tuple[dict[str, float], dict[str, Any] | None]:
    """The settings of most quality, and for reports: these and the number of `trials`, if any.

    From the middle of all values one setting after another goes to that of its values which is
    best; of equals that which was tried first. 1 + Σ (values - 1) trials.

    >>> choose({"x": (1, 2, 3), "y": (5, 6)}, lambda s: -abs(s["x"] - 1) - s["y"])
    ({'x': 1, 'y': 5}, {'trials': 4, 'x': 1, 'y': 5})
    """
    if not grid:
        return {}, None
    chosen = {name: values[len(values) // 2] for name, values in grid.items()}
    best, trials = quality(chosen), 1
    for name, values in grid.items():
        start = chosen
        for value in values:
            if value == start[name]:
                continue
            found = quality(start | {name: value})
            trials += 1
            if found > best:
                best, chosen = found, start | {name: value}
    return chosen, {"trials": trials, **chosen}


def event_grid(events: Iterable[str]) -> dict[str, Sequence[float]]:
    """How much each of these events may count, under names that no other setting has."""
    return {f"events.{name}": EVENT_COUNTS for name in events}


def event_counts(events: Iterable[str], settings: Mapping[str, float]) -> dict[str, float]:
    """What each of these events counts, 1 if no setting says; without those that count nothing."""
    counts = {event: settings.get(f"events.{event}", 1.0) for event in events}
    return {event: count for event, count in counts.items() if count}
