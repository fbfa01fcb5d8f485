"""What users have met by events other than those of a task."""

from dataclasses import dataclass

import numpy as np

from maxella.data.interactions import pair_keys
from maxella.data.labelled import LabelledPairs
from maxella.data.log import Log
from maxella.data.ranges import is_first
from maxella.features.id import UNKNOWN_ROW


@dataclass(frozen=True)
class Visits:
    """Distinct (user, item) cells, by user, then by item, and the events of each as bits."""

    users: np.ndarray  # (cells,) int64
    items: np.ndarray  # (cells,) int64
    patterns: np.ndarray  # (cells,) int64: bit k is set if the event of code k occurred
    times: np.ndarray | None  # (cells,) int64 seconds of the first of them
    n_item_rows: int

    @classmethod
    def of(cls, log: Log, task: str) -> "Visits":
        """The cells of events that are no label of a task; whether one is a label too, or not."""
        rows = log.rows
        assert rows.events is not None  # noqa: S101 - a log of several events
        others = ~np.isin(rows.events, rows.events[~np.isnan(rows.labels[task])])
        others &= (rows.users != UNKNOWN_ROW) & (rows.items != UNKNOWN_ROW)
        keys = rows.users[others] * log.n_item_rows + rows.items[others]
        order = np.argsort(keys, kind="stable")
        first = is_first(keys[order]).nonzero()[0]
        bits = 1 << rows.events[others][order]
        patterns = np.bitwise_or.reduceat(bits, first) if len(first) else bits
        times = None
        if rows.timestamps is not None and len(first):
            times = np.minimum.reduceat(rows.timestamps[others][order], first)
        users, items = np.divmod(keys[order][first], log.n_item_rows)
        return cls(users, items, patterns, times, log.n_item_rows)

    @property
    def keys(self) -> np.ndarray:
        """(cells,) user · item rows + item, ascending."""
        keys: np.ndarray = self.users * self.n_item_rows + self.items
        return keys

    def take(self, cells: np.ndarray) -> "Visits":
        """Some of the cells, in their order: (cells,) bool."""
        times = None if self.times is None else self.times[cells]
        columns = self.users[cells], self.items[cells], self.patterns[cells], times
        return Visits(*columns, self.n_item_rows)

    def are_in(self, pairs: LabelledPairs) -> np.ndarray:
        """(cells,) bool: whether each cell is one of some pairs."""
        found: np.ndarray = np.isin(self.keys, pair_keys(pairs, self.n_item_rows))
        return found
