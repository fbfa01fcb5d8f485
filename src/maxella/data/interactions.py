"""The log of who did what, as typed columns of row numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from maxella.data.labelled import LabelledPairs
from maxella.data.ranges import is_last


@dataclass(frozen=True)
class Interactions:
    """n rows of a log as parallel columns; splits and batches are views made by `take`.

    What a task learns of a row is its label there, NaN where it learns nothing. A pair of a user
    and an item has a row for each of its events; `of` gives the one label that a task has of it.
    """

    users: np.ndarray  # (n,) int64 user rows
    items: np.ndarray  # (n,) int64 item rows
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)  # task → (n,) float32
    timestamps: np.ndarray | None = None  # (n,) int64, seconds since 1970
    events: np.ndarray | None = None  # (n,) int64 positions in `Dataset.events`
    contexts: np.ndarray | None = None  # (n,) int64 rows of `data.contexts.Contexts`

    def __post_init__(self) -> None:
        optional = (self.timestamps, self.events, self.contexts)
        columns = [self.users, self.items, *self.labels.values(), *optional]
        lengths = {len(column) for column in columns if column is not None}
        if len(lengths) != 1:
            raise ValueError(f"columns must be of one length, got {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: np.ndarray) -> "Interactions":
        """The rows at these positions (or where a mask is true), in that order."""
        return Interactions(
            self.users[rows],
            self.items[rows],
            {task: labels[rows] for task, labels in self.labels.items()},
            *(
                None if column is None else column[rows]
                for column in (self.timestamps, self.events, self.contexts)
            ),
        )

    def join(self, other: "Interactions") -> "Interactions":
        """These rows, then the other's; both have the same columns."""
        return Interactions(
            np.concatenate([self.users, other.users]),
            np.concatenate([self.items, other.items]),
            {task: np.concatenate([self.labels[task], other.labels[task]]) for task in self.labels},
            _joined(self.timestamps, other.timestamps),
            _joined(self.events, other.events),
            _joined(self.contexts, other.contexts),
        )

    def of(self, task: str, *, keep: str = "last") -> LabelledPairs:
        """The labels of a task, one for each pair: the last in time, or the largest.

        Rows of one time, and of a log without times, count in the order of the log. Rows
        without a label of the task take no part, so no event changes another's label.
        """
        labels = self.labels[task]
        has_label = ~np.isnan(labels)
        if self.events is not None:
            has_label = _one_of_each(self, labels, has_label, keep)
        columns = self if has_label.all() else self.take(has_label)
        return LabelledPairs(
            columns.users,
            columns.items,
            columns.labels[task],
            columns.timestamps,
            columns.contexts,
        )

    def with_one_label_a_pair(self, keeps: Mapping[str, str]) -> "Interactions":
        """The same rows; of a pair's labels of one task only that which `of` gives is left."""
        if self.events is None:
            return self
        found = dict(self.labels)
        for task, keep in keeps.items():
            labels = self.labels[task]
            is_kept = _one_of_each(self, labels, ~np.isnan(labels), keep)
            found[task] = np.where(is_kept, labels, np.float32(np.nan))
        return replace(self, labels=found)

    def of_event(self, event: int) -> "Interactions":
        """The rows of one event."""
        if self.events is None:
            raise ValueError("wanted a log with events; this one has none")
        return self.take(self.events == event)


def _one_of_each(
    log: Interactions, labels: np.ndarray, has_label: np.ndarray, keep: str
) -> np.ndarray:
    """(n,) bool: of the labelled rows of each pair, the last or that with the largest label."""
    rows = has_label.nonzero()[0]
    by = [rows] if log.timestamps is None else [rows, log.timestamps[rows]]
    if keep == "largest":
        by.append(labels[rows])
    order = np.lexsort((*by, log.items[rows], log.users[rows]))
    rows = rows[order]
    last = is_last(log.users[rows]) | is_last(log.items[rows])
    found = np.zeros(len(log), dtype=bool)
    found[rows[last]] = True
    return found


def _joined(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    return None if first is None or second is None else np.concatenate([first, second])


def pair_keys(pairs: LabelledPairs | Interactions, n_item_rows: int) -> np.ndarray:
    """(n,) one number for each pair of a user and an item."""
    return np.asarray(pairs.users * n_item_rows + pairs.items)
