"""The training log in batches: by row, or by whole user.

A batch names each of its users and items once and says by position who did what.
That is what makes the softmax over a batch cheap (`tasks.losses`), and embeddings
are computed once for each distinct row.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from maxella.data.columns import Columns, MakeColumns
from maxella.data.history import Bags, moved
from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.data.ranges import is_last, ranges


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
        return self if device.type == "cpu" else moved(self, device)


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
        self._n_labels = _n_labels(log.rows)

    def __len__(self) -> int:
        return math.ceil(len(self._log) / self.size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        order = rng.permutation(len(self._log))
        for start in range(0, len(order), self.size):
            rows = order[start : start + self.size]
            rows = rows[np.argsort(self._log.users[rows], kind="stable")]
            users, user_positions = np.unique(self._log.users[rows], return_inverse=True)
            columns = Columns(*np.unique(self._log.items[rows], return_inverse=True))
            share = len(rows) / len(self._log)
            tasks = _task_rows(self._log, rows, user_positions, columns, share, self._n_labels)
            yield _batch(users, user_positions, columns, tasks, None, share)


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
        self._n_labels = _n_labels(rows)
        self._users, self._counts = np.unique(self._log.users, return_counts=True)
        self._starts = np.cumsum(self._counts) - self._counts
        self._events = self._pair_events = None
        if events:
            self._events = log.places_of_events(events)[order]
            pairs = self._log.users, self._log.items
            self._pair_events = log.history(events).events_of(*pairs, len(events))
        self._is_read = _is_read(self._log, self._events)

    def __len__(self) -> int:
        return math.ceil(len(self._users) / self.size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        order = rng.permutation(len(self._users))
        for start in range(0, len(order), self.size):
            chosen = np.sort(order[start : start + self.size])
            users = self._users[chosen]
            user_positions, rows = ranges(self._starts[chosen], self._counts[chosen])
            share = len(chosen) / len(self._users)
            columns = self._columns(user_positions, self._log.items[rows], share, rng)
            tasks = _task_rows(
                self._log, rows, user_positions, columns, share, self._n_labels, self._pair_events
            )
            history = self._history(rows, user_positions, columns, len(users))
            yield _batch(users, user_positions, columns, tasks, history, share)

    def _history(
        self, rows: np.ndarray, user_positions: np.ndarray, columns: Columns, n_users: int
    ) -> Bags:
        is_read = self._is_read[rows]
        users = torch.from_numpy(user_positions[is_read])
        items, positions = (
            torch.from_numpy(of) for of in (columns.items, columns.item_positions[is_read])
        )
        events = None if self._events is None else torch.from_numpy(self._events[rows][is_read])
        counts = torch.bincount(users, minlength=n_users)
        return Bags(items[positions], counts, (items, positions), events)


def _batch(
    users: np.ndarray,
    user_positions: np.ndarray,
    columns: Columns,
    tasks: Mapping[str, TaskRows],
    history: Bags | None,
    share: float,
) -> Batch:
    return Batch(
        torch.from_numpy(users),
        torch.from_numpy(columns.items),
        torch.from_numpy(user_positions),
        torch.from_numpy(columns.item_positions),
        tasks,
        history,
        share,
        None if columns.weights is None else torch.from_numpy(columns.weights),
    )


def _n_labels(log: Interactions) -> dict[str, int]:
    """The labels of each task in a log."""
    return {task: int((~np.isnan(labels)).sum()) for task, labels in log.labels.items()}


def _task_rows(
    log: Interactions,
    rows: np.ndarray,
    user_positions: np.ndarray,
    columns: Columns,
    share: float,
    n_labels: Mapping[str, int],
    pair_events: torch.Tensor | None = None,
) -> dict[str, TaskRows]:
    """(m,) rows of the log, sorted by user → the labels of each task among them."""
    tasks = {}
    for task, of_log in log.labels.items():
        labels = of_log[rows]
        kept = ~np.isnan(labels)
        drawn = None if columns.negatives is None else columns.negatives[kept]
        tasks[task] = TaskRows(
            torch.from_numpy(user_positions[kept]),
            torch.from_numpy(columns.item_positions[kept]),
            torch.from_numpy(labels[kept]),
            share * n_labels[task],
            None if drawn is None else torch.from_numpy(drawn),
            None if pair_events is None else pair_events[rows[kept]],
        )
    return tasks


def _is_read(log: Interactions, events: np.ndarray | None) -> np.ndarray:
    """(n,) bool: which rows a history has: the last of each pair, by each event."""
    keys = log.users * (int(log.items.max(initial=0)) + 1) + log.items
    rows = np.arange(len(log))
    if events is not None:
        keys = keys * (int(events.max(initial=0)) + 1) + events
        rows = np.flatnonzero(events >= 0)
    rows = rows[np.argsort(keys[rows], kind="stable")]
    found = np.zeros(len(log), dtype=bool)
    found[rows[is_last(keys[rows])]] = True
    return found
