"""Which items are held out and which are seen, in the order in which users are scored."""

from dataclasses import dataclass

import numpy as np
import torch

from maxella.data.interactions import Interactions
from maxella.data.ranges import is_first
from maxella.features.id import UNKNOWN_ROW


@dataclass(frozen=True)
class Cells:
    """Some cells of a (batch, item rows) matrix of scores, row by row."""

    rows: np.ndarray  # (n,) ascending
    columns: np.ndarray  # (n,)
    places: np.ndarray  # (n,) the place of each cell in its row, from 0
    counts: np.ndarray  # (batch,) cells in each row

    @classmethod
    def of(cls, rows: np.ndarray, columns: np.ndarray, batch: int) -> "Cells":
        """The cells at (n,) ascending rows and (n,) columns."""
        counts = np.bincount(rows, minlength=batch)
        places = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
        return cls(rows, columns, places, counts)

    def padded(self, matrix: torch.Tensor) -> np.ndarray:
        """(batch, item rows) → (batch, most cells in a row) values of the cells, then inf."""
        values = matrix[self.rows, self.columns].numpy()
        padded = np.full((len(self.counts), self.counts.max()), np.inf, dtype=values.dtype)
        padded[self.rows, self.places] = values
        return padded

    def without(self, matrix: torch.Tensor) -> torch.Tensor:
        """(batch, item rows) → the same with −inf in the cells."""
        matrix = matrix.clone()  # it may be the ranker's own
        matrix[self.rows, self.columns] = -torch.inf
        return matrix


@dataclass(frozen=True)
class Pairs:
    """Held-out and seen (user, item) pairs of the evaluated users, as sorted keys.

    A user's position is their place in `users`; a key is position · item rows + item row.
    Users with many held-out items come first, so that a chunk of users pads little.
    """

    users: np.ndarray  # (users,) int64 user row at each position
    held_out: np.ndarray  # (n,) int64 keys, distinct but for those of the unknown item
    seen: np.ndarray  # (m,) int64 keys, distinct, none held out, none of the unknown item
    n_item_rows: int

    @classmethod
    def of(cls, test: Interactions, seen: Interactions, n_item_rows: int) -> "Pairs":
        """The pairs of two logs; a pair in both is held out and does not count as seen."""
        last = max(test.items.max(), seen.items.max(initial=0))
        if last >= n_item_rows:
            raise ValueError(f"item rows must lie below n_item_rows = {n_item_rows}, got {last}")
        counts = np.bincount(test.users)
        users = counts.nonzero()[0]
        users = users[np.argsort(-counts[users], kind="stable")]
        position = np.full(max(len(counts), seen.users.max(initial=0) + 1), -1, dtype=np.int64)
        position[users] = np.arange(len(users))

        held_out = np.sort(position[test.users] * n_item_rows + test.items)
        # Different items share the unknown row, so there a repeat is no repeat.
        held_out = held_out[is_first(held_out) | (held_out % n_item_rows == UNKNOWN_ROW)]

        counts_as_seen = (position[seen.users] >= 0) & (seen.items != UNKNOWN_ROW)
        keys = position[seen.users[counts_as_seen]] * n_item_rows + seen.items[counts_as_seen]
        keys.sort()
        nearest = np.minimum(np.searchsorted(held_out, keys), len(held_out) - 1)
        keys = keys[is_first(keys) & (held_out[nearest] != keys)]
        return cls(users, held_out, keys, n_item_rows)

    def positions_of(self, users: np.ndarray) -> np.ndarray:
        """(m,) user rows, all evaluated → (m,) their positions."""
        order = np.argsort(self.users)
        return order[np.searchsorted(self.users, users, sorter=order)]

    @property
    def held_out_users(self) -> np.ndarray:
        """(n,) user position of each held-out pair."""
        users: np.ndarray = self.held_out // self.n_item_rows
        return users

    @property
    def held_out_items(self) -> np.ndarray:
        """(n,) item row of each held-out pair."""
        items: np.ndarray = self.held_out % self.n_item_rows
        return items

    @property
    def held_out_is_known(self) -> np.ndarray:
        """(n,) whether the held-out item is one that the model knows."""
        is_known: np.ndarray = self.held_out_items != UNKNOWN_ROW
        return is_known

    def held_out_cells(self, start: int, stop: int) -> Cells:
        """The held-out pairs of the users at positions from start to stop."""
        return self._cells(self.held_out, start, stop)

    def seen_cells(self, start: int, stop: int) -> Cells:
        """The seen pairs of the users at positions from start to stop."""
        return self._cells(self.seen, start, stop)

    def _cells(self, keys: np.ndarray, start: int, stop: int) -> Cells:
        first, last = np.searchsorted(keys, [start * self.n_item_rows, stop * self.n_item_rows])
        rows, columns = np.divmod(keys[first:last], self.n_item_rows)
        return Cells.of(rows - start, columns, stop - start)
