"""The training log in batches: by row, or by whole user.

A batch names each of its users and items once and says by position who did what.
That is what makes the softmax over a batch cheap (`tasks.losses`), and embeddings
are computed once for each distinct row.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch

from maxella.data.columns import Columns, MakeColumns
from maxella.data.history import Bags
from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.data.ranges import is_first, ranges


@dataclass(frozen=True)
class TaskRows:
    """The n labels of one task in a batch, sorted by user."""

    user_positions: torch.Tensor  # (n,) int64 into the batch's users, not decreasing
    item_positions: torch.Tensor  # (n,) int64 into its items
    labels: torch.Tensor  # (n,) float32
    expected: float  # labels to be expected in such a batch: what a sum of losses is divided by
    negatives: torch.Tensor | None = None  # (n,) int64 into the items; −1 where there is none
    # (n, events) bool: by which events of the history each pair is there; None: by one, always
    pair_events: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Batch:
    """Some users, what they did, and the labels that each task has of it."""

    users: torch.Tensor  # (U,) int64 distinct user rows
    items: torch.Tensor  # (I,) int64 distinct item rows: the columns of the scores
    user_positions: torch.Tensor  # (m,) int64 into users, not decreasing: rows of the log
    item_positions: torch.Tensor  # (m,) int64 into items
    tasks: Mapping[str, TaskRows]
    history: Bags | None  # of whole users what they did
    share: float  # of the training part's users that it holds; batches of rows: of the rows
    # (I,) float32 items of the catalogue that each column stands for; None: itself alone
    item_weights: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.user_positions)

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        return self if device.type == "cpu" else _moved(self, device)


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        return tuple(_moved(one, device) for one in value)
    if isinstance(value, Mapping):
        return {name: _moved(one, device) for name, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{of.name: _moved(getattr(value, of.name), device) for of in fields(value)}
        )
    return value


class Batches(Protocol):
    """What the training loop goes over."""

    def __len__(self) -> int:
        """Batches in an epoch."""
        ...

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Every row of the training part once, in an order drawn from `rng`."""
        ...


class RowBatches:
    """Batches of `size` rows drawn without regard to the user; the last may be smaller."""

    def __init__(self, log: Log, size: int) -> None:
        self.size = size
        self._log = log.rows
        self._labels = _Labels.of(log.rows)

    def __len__(self) -> int:
        return math.ceil(len(self._log) / self.size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        order = rng.permutation(len(self._log))
        for start in range(0, len(order), self.size):
            rows = order[start : start + self.size]
            rows = rows[np.argsort(self._log.users[rows], kind="stable")]
            users, user_positions = np.unique(self._log.users[rows], return_inverse=True)
            items, item_positions = np.unique(self._log.items[rows], return_inverse=True)
            share = len(rows) / len(self._log)
            columns = Columns(items, item_positions)
            yield self._labels.batch(rows, users, user_positions, columns, share)


class UserBatches:
    """Batches of `size` whole users with all that they did, over the columns given.

    `events` are those of the log that a history is made of, told apart by their place in the
    list; a history of all rows where none are named. A history has a pair that repeats once, as
    `data.history` has it. With `in_time_order` a user's rows come by
    time, else as the log has them.
    """

    def __init__(
        self,
        log: Log,
        size: int,
        columns: MakeColumns,
        events: Sequence[str] = (),
        *,
        in_time_order: bool = False,
    ) -> None:
        rows = log.rows
        order = np.argsort(rows.users, kind="stable")
        if in_time_order and rows.timestamps is not None:
            order = np.lexsort((rows.timestamps, rows.users))
        self.size = size
        self._log = rows.take(order)
        self._columns = columns
        self._labels = _Labels.of(self._log)
        self._users, self._counts = np.unique(self._log.users, return_counts=True)
        self._starts = np.cumsum(self._counts) - self._counts
        self._events = self._pair_events = None
        if events:
            place = np.full(len(log.events), -1)
            place[log.codes(events)] = np.arange(len(events))
            self._events = place[self._log.events]
            self._pair_events = _pair_events(self._log, self._events, len(events))
        self._is_read = _is_read(self._log, self._events)

    def __len__(self) -> int:
        return math.ceil(len(self._users) / self.size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        order = rng.permutation(len(self._users))
        for start in range(0, len(order), self.size):
            chosen = np.sort(order[start : start + self.size])
            user_positions, rows = ranges(self._starts[chosen], self._counts[chosen])
            share = len(chosen) / len(self._users)
            columns = self._columns(user_positions, self._log.items[rows], share, rng)
            batch = self._labels.batch(
                rows, self._users[chosen], user_positions, columns, share, self._pair_events
            )
            yield replace(batch, history=self._history(batch, rows))

    def _history(self, batch: Batch, rows: np.ndarray) -> Bags:
        users, items = batch.user_positions, batch.item_positions
        events = None if self._events is None else torch.from_numpy(self._events[rows])
        if self._is_read is not None:
            is_in = torch.from_numpy(self._is_read[rows])
            users, items = users[is_in], items[is_in]
            events = None if events is None else events[is_in]
        counts = torch.bincount(users, minlength=len(batch.users))
        return Bags(batch.items[items], counts, (batch.items, items), events)


@dataclass(frozen=True)
class _Labels:
    """The labels of a log by task."""

    labels: Mapping[str, np.ndarray]  # (n,)
    has_label: Mapping[str, np.ndarray | None]  # (n,) bool; None: every row has one
    counts: Mapping[str, int]

    @classmethod
    def of(cls, log: Interactions) -> "_Labels":
        has_label = {task: ~np.isnan(labels) for task, labels in log.labels.items()}
        return cls(
            log.labels,
            {task: None if has.all() else has for task, has in has_label.items()},
            {task: int(has.sum()) for task, has in has_label.items()},
        )

    def batch(
        self,
        rows: np.ndarray,
        users: np.ndarray,
        user_positions: np.ndarray,
        columns: Columns,
        share: float,
        pair_events: np.ndarray | None = None,
    ) -> Batch:
        """(m,) rows of the log, sorted by user, as a batch without a history."""
        tasks = {}
        for task, labels in self.labels.items():
            has = self.has_label[task]
            kept = slice(None) if has is None else has[rows]
            drawn = None if columns.negatives is None else columns.negatives[kept]
            events = None if pair_events is None else pair_events[rows[kept]]
            tasks[task] = TaskRows(
                torch.from_numpy(user_positions[kept]),
                torch.from_numpy(columns.item_positions[kept]),
                torch.from_numpy(labels[rows][kept]),
                share * self.counts[task],
                None if drawn is None else torch.from_numpy(drawn),
                None if events is None else torch.from_numpy(events),
            )
        return Batch(
            torch.from_numpy(users),
            torch.from_numpy(columns.items),
            torch.from_numpy(user_positions),
            torch.from_numpy(columns.item_positions),
            tasks,
            None,
            share,
            None if columns.weights is None else torch.from_numpy(columns.weights),
        )


def _is_read(log: Interactions, events: np.ndarray | None) -> np.ndarray | None:
    """(n,) bool: which rows a history has: the last of each pair, by each event. None: all."""
    keys = log.users * (int(log.items.max(initial=0)) + 1) + log.items
    if events is not None:
        keys = keys * (int(events.max(initial=0)) + 1) + events.clip(min=0)
    is_in = np.ones(len(log), dtype=bool) if events is None else events >= 0
    rows = is_in.nonzero()[0]
    rows = rows[np.argsort(keys[rows], kind="stable")]
    found = np.zeros(len(log), dtype=bool)
    found[rows[np.diff(keys[rows], append=-1) != 0]] = True
    return None if found.all() else found


def _pair_events(log: Interactions, events: np.ndarray, n_events: int) -> np.ndarray:
    """(n, events) bool: by which of the events each row's pair occurs in the log."""
    keys = log.users * (int(log.items.max(initial=0)) + 1) + log.items
    order = np.argsort(keys, kind="stable")
    of_pairs = is_first(keys[order]).cumsum() - 1
    found = np.zeros((int(of_pairs[-1]) + 1 if len(of_pairs) else 0, n_events), dtype=bool)
    is_in = events[order] >= 0
    found[of_pairs[is_in], events[order][is_in]] = True
    of_rows = np.empty(len(log), dtype=np.int64)
    of_rows[order] = of_pairs
    by_row: np.ndarray = found[of_rows]
    return by_row
