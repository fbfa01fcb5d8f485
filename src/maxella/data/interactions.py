"""The log of who took what, as typed columns of row numbers."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interactions:
    """n interactions as parallel columns; splits and batches are views made by `take`."""

    users: np.ndarray  # (n,) int64 user rows
    items: np.ndarray  # (n,) int64 item rows
    ratings: np.ndarray | None = None  # (n,) float32, NaN where none was given
    timestamps: np.ndarray | None = None  # (n,) int64, seconds since 1970
    requests: np.ndarray | None = None  # (n,) int64 rows of `data.requests.Requests`

    def __post_init__(self) -> None:
        columns = [self.users, self.items, self.ratings, self.timestamps, self.requests]
        lengths = {len(column) for column in columns if column is not None}
        if len(lengths) != 1:
            raise ValueError(f"columns must be of one length, got {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: np.ndarray) -> "Interactions":
        """The interactions at these positions (or where a mask is true), in that order."""
        return Interactions(
            self.users[rows],
            self.items[rows],
            None if self.ratings is None else self.ratings[rows],
            None if self.timestamps is None else self.timestamps[rows],
            None if self.requests is None else self.requests[rows],
        )

    @property
    def rated(self) -> "Interactions":
        """The interactions that have a rating."""
        if self.ratings is None:
            return self.take(np.empty(0, dtype=np.int64))
        has_rating = ~np.isnan(self.ratings)
        return self if has_rating.all() else self.take(has_rating)

    def join(self, other: "Interactions") -> "Interactions":
        """These interactions, then the other's; both have the same columns."""
        return Interactions(
            np.concatenate([self.users, other.users]),
            np.concatenate([self.items, other.items]),
            _joined(self.ratings, other.ratings),
            _joined(self.timestamps, other.timestamps),
            _joined(self.requests, other.requests),
        )


def _joined(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    return None if first is None or second is None else np.concatenate([first, second])
