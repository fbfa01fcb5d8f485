"""The rows of one task: who, what, and the label; one row for each (user, item) pair."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class LabelledPairs:
    """n pairs of a user and an item with a label each, as parallel columns.

    A label is what the kind of task makes of it: a weight (retrieval), a number of rating points
    (rating), 0 or 1 (binary). None is NaN: rows without a label are not here.
    """

    users: np.ndarray  # (n,) int64 user rows
    items: np.ndarray  # (n,) int64 item rows
    labels: np.ndarray  # (n,) float32
    timestamps: np.ndarray | None = None  # (n,) int64, seconds since 1970
    contexts: np.ndarray | None = None  # (n,) int64 rows of the contexts, where features tell them

    def __post_init__(self) -> None:
        lengths = {len(column) for column in vars(self).values() if column is not None}
        if len(lengths) != 1:
            raise ValueError(f"columns must be of one length, got {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: np.ndarray) -> "LabelledPairs":
        """The pairs at these positions (or where a mask is true), in that order."""
        optional = (self.timestamps, self.contexts)
        return LabelledPairs(
            self.users[rows],
            self.items[rows],
            self.labels[rows],
            *(None if column is None else column[rows] for column in optional),
        )

    def of_some_users(self, most: int = 2000) -> "LabelledPairs":
        """The pairs of at most so many users, evenly over the rows; without contexts.

        So a user is asked once.
        """
        users = np.unique(self.users)
        kept = users[:: max(1, -(-len(users) // most))]
        return replace(self.take(np.isin(self.users, kept)), contexts=None)


@dataclass(frozen=True)
class TaskData:
    """What is known for one task: its own labels, and everything else that its users did."""

    name: str
    kind: str  # of the table of kinds: retrieval, rating, binary
    pairs: LabelledPairs
    # By event of the log, the task's own among them: its pairs, labelled 1. None without events.
    events: Mapping[str, LabelledPairs]
    n_user_rows: int
    n_item_rows: int
