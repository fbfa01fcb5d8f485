"""Which items are held out and which are seen, in the order in which queries are scored."""

from dataclasses import dataclass

import numpy as np
import torch

from maxella.data.interactions import Interactions
from maxella.data.ranges import is_first, ranges
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

    A query is a user; where the log says when each item was asked for, a user at a moment. A
    user's position is their place in `users`, a query's its place in `query_users`; a key is
    query · item rows + item row. What holds many held-out items comes first, so that a chunk
    of queries pads little.
    """

    users: np.ndarray  # (users,) int64 user row at each position
    query_users: np.ndarray  # (queries,) int64 user position of each query
    query_requests: np.ndarray | None  # (queries,) int64 request row of each query
    held_out: np.ndarray  # (n,) int64 keys, distinct but for those of the unknown item
    seen: np.ndarray  # (m,) int64 keys, distinct, none held out, none of the unknown item
    n_item_rows: int

    @classmethod
    def of(cls, test: Interactions, seen: Interactions, n_item_rows: int) -> "Pairs":
        """The pairs of two logs; a pair in both is held out and does not count as seen."""
        last = max(test.items.max(), seen.items.max(initial=0))
        if last >= n_item_rows:
            raise ValueError(f"item rows must lie below n_item_rows = {n_item_rows}, got {last}")
        users, positions = _by_count(test.users)
        query_users, query_requests, queries = np.arange(len(users)), None, positions
        if test.requests is not None:
            width = int(test.requests.max()) + 1
            pairs, codes = np.unique(positions * width + test.requests, return_inverse=True)
            order, queries = _by_count(codes)
            query_users, query_requests = np.divmod(pairs[order], width)

        held_out = np.sort(queries * n_item_rows + test.items)
        # Different items share the unknown row, so there a repeat is no repeat.
        held_out = held_out[is_first(held_out) | (held_out % n_item_rows == UNKNOWN_ROW)]

        owners, items = _of_each(users[query_users], seen)
        keys = np.sort(owners * n_item_rows + items)
        nearest = np.minimum(np.searchsorted(held_out, keys), len(held_out) - 1)
        keys = keys[is_first(keys) & (held_out[nearest] != keys)]
        return cls(users, query_users, query_requests, held_out, keys, n_item_rows)

    def positions_of(self, users: np.ndarray) -> np.ndarray:
        """(m,) user rows, all evaluated → (m,) their positions."""
        order = np.argsort(self.users)
        return order[np.searchsorted(self.users, users, sorter=order)]

    @property
    def held_out_queries(self) -> np.ndarray:
        """(n,) query of each held-out pair."""
        queries: np.ndarray = self.held_out // self.n_item_rows
        return queries

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
        """The held-out pairs of the queries from start to stop."""
        return self._cells(self.held_out, start, stop)

    def seen_cells(self, start: int, stop: int) -> Cells:
        """The seen pairs of the queries from start to stop."""
        return self._cells(self.seen, start, stop)

    def _cells(self, keys: np.ndarray, start: int, stop: int) -> Cells:
        first, last = np.searchsorted(keys, [start * self.n_item_rows, stop * self.n_item_rows])
        rows, columns = np.divmod(keys[first:last], self.n_item_rows)
        return Cells.of(rows - start, columns, stop - start)


def _by_count(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) whole numbers → the distinct ones, the most frequent first, and (n,) their places."""
    counts = np.bincount(codes)
    distinct = counts.nonzero()[0]
    distinct = distinct[np.argsort(-counts[distinct], kind="stable")]
    place = np.empty(len(counts), dtype=np.int64)
    place[distinct] = np.arange(len(distinct))
    return distinct, place[codes]


def _of_each(users: np.ndarray, seen: Interactions) -> tuple[np.ndarray, np.ndarray]:
    """(queries,) user rows → the query and the item row of each item that its user has seen."""
    n_rows = max(int(users.max()), int(seen.users.max(initial=0))) + 1
    n_queries = np.bincount(users, minlength=n_rows)
    seen = seen.take((n_queries[seen.users] > 0) & (seen.items != UNKNOWN_ROW))
    if n_queries.max() == 1:
        query = np.empty(n_rows, dtype=np.int64)
        query[users] = np.arange(len(users))
        return query[seen.users], seen.items
    order = np.argsort(seen.users, kind="stable")
    counts = np.bincount(seen.users, minlength=n_rows)
    starts = np.cumsum(counts) - counts
    queries, places = ranges(starts[users], counts[users])
    return queries, seen.items[order][places]
