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
from maxella.data.ranges import ranges


@dataclass(frozen=True)
class TaskRows:
    """The n labels of one task in a batch, sorted by user."""

    user_positions: torch.Tensor  # (n,) int64 into the batch's users, not decreasing
    item_positions: torch.Tensor  # (n,) int64 into its items
    labels: torch.Tensor  # (n,) float32
    expected: float  # labels to be expected in such a batch: what a sum of losses is divided by
    negatives: torch.Tensor | None = None  # (n,) int64 into the items; −1 where there is none
    # By channel: (n,) the place of each pair in the histories, −1 where it is not there; None where
    # the labels are the history, one by one.
    history_places: tuple[torch.Tensor | None, ...] = ()

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
    histories: tuple[Bags, ...]  # of whole users what they did, by channel
    share: float  # of the training part's users that it holds; batches of rows: of the rows
    # (I,) float32 items of the catalogue that each column stands for; None: itself alone
    item_weights: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.user_positions)

    @property
    def all_rows(self) -> Bags:
        """What each user did, whatever the event; a pair that repeats is there once."""
        users, items = self.user_positions, self.item_positions
        pairs = users * len(self.items) + items
        distinct = torch.unique(pairs)
        if len(distinct) < len(pairs):
            users, items = distinct // len(self.items), distinct % len(self.items)
        counts = torch.bincount(users, minlength=len(self.users))
        return Bags(self.items[items], counts, (self.items, items))

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

    `channels` are events; a batch has a history of each, or one of all rows where there are none.
    A history has a pair that repeats once, as `data.history` has it. With `in_time_order` a
    user's rows come by time, else as the log has them.
    """

    def __init__(
        self,
        log: Log,
        size: int,
        columns: MakeColumns,
        channels: Sequence[str] = (),
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
        codes: list[int | None] = [*log.codes(channels)] or [None]
        self._twins = [_twins(self._log, code) for code in codes]

    def __len__(self) -> int:
        return math.ceil(len(self._users) / self.size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        order = rng.permutation(len(self._users))
        for start in range(0, len(order), self.size):
            chosen = np.sort(order[start : start + self.size])
            user_positions, rows = ranges(self._starts[chosen], self._counts[chosen])
            share = len(chosen) / len(self._users)
            columns = self._columns(user_positions, self._log.items[rows], share, rng)
            histories, places = self._histories(rows, len(chosen), user_positions, columns)
            yield self._labels.batch(
                rows, self._users[chosen], user_positions, columns, share, histories, places
            )

    def _histories(
        self, rows: np.ndarray, n_users: int, user_positions: np.ndarray, columns: Columns
    ) -> tuple[tuple[Bags, ...], list[np.ndarray | None]]:
        """The histories of a batch, and where in each the pairs of (m,) rows of the log stand."""
        histories: list[Bags] = []
        places: list[np.ndarray | None] = []
        shift = np.arange(len(rows)) - rows  # from rows of the log to those of the batch
        for of_log in self._twins:
            users, items, found = user_positions, columns.item_positions, None
            if of_log is not None:
                twins = of_log[rows]
                is_in = twins == rows
                found = np.append(is_in.cumsum() - 1, -1)[np.where(twins < 0, -1, twins + shift)]
                users, items = users[is_in], items[is_in]
            histories.append(_bags(n_users, users, items, columns.items))
            places.append(found)
        return tuple(histories), places


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
        histories: tuple[Bags, ...] = (),
        places: Sequence[np.ndarray | None] = (),
    ) -> Batch:
        """(m,) rows of the log, sorted by user, as a batch."""
        tasks = {}
        for task, labels in self.labels.items():
            has = self.has_label[task]
            kept = slice(None) if has is None else has[rows]
            drawn = None if columns.negatives is None else columns.negatives[kept]
            tasks[task] = TaskRows(
                torch.from_numpy(user_positions[kept]),
                torch.from_numpy(columns.item_positions[kept]),
                torch.from_numpy(labels[rows][kept]),
                share * self.counts[task],
                None if drawn is None else torch.from_numpy(drawn),
                tuple(_places(of_channel, has, kept, len(rows)) for of_channel in places),
            )
        return Batch(
            torch.from_numpy(users),
            torch.from_numpy(columns.items),
            torch.from_numpy(user_positions),
            torch.from_numpy(columns.item_positions),
            tasks,
            histories,
            share,
            None if columns.weights is None else torch.from_numpy(columns.weights),
        )


def _places(
    of_rows: np.ndarray | None, has: np.ndarray | None, kept: Any, n_rows: int
) -> torch.Tensor | None:
    if of_rows is None and has is None:
        return None
    every = np.arange(n_rows) if of_rows is None else of_rows
    return torch.from_numpy(every[kept])


def _bags(n_users: int, users: np.ndarray, items: np.ndarray, item_rows: np.ndarray) -> Bags:
    """(m,) positions of users, not decreasing, and of items in (I,) item rows → a history each."""
    of_items, rows = torch.from_numpy(items), torch.from_numpy(item_rows)
    counts = torch.bincount(torch.from_numpy(users), minlength=n_users)
    return Bags(rows[of_items], counts, (rows, of_items))


def _twins(log: Interactions, event: int | None) -> np.ndarray | None:
    """(n,) for each row of a log the row with the same pair in the history of an event, or of all.

    −1 where the pair is not there. Of a repeated pair the last row is the history's, and its own
    twin. None where every row is.
    """
    keys = log.users * (int(log.items.max(initial=0)) + 1) + log.items
    rows = np.arange(len(log)) if event is None else np.flatnonzero(log.events == event)
    rows = rows[np.argsort(keys[rows], kind="stable")]
    rows = rows[np.diff(keys[rows], append=-1) != 0]
    if len(rows) == len(log):
        return None
    if not len(rows):
        return np.full(len(log), -1)
    nearest = rows[np.searchsorted(keys[rows], keys).clip(max=len(rows) - 1)]
    return np.where(keys[nearest] == keys, nearest, -1)
