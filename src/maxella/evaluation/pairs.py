"""Which items are held out and which left out, in the order in which queries are scored."""

from dataclasses import dataclass

import numpy as np
import torch

from maxella.data.labelled import LabelledPairs
from maxella.data.ranges import is_first, ranges
from maxella.features.id import UNKNOWN_ROW


@dataclass(frozen=True)
class Cells:
    """Some cells of a (batch, item rows) matrix of scores, row by row."""

    rows: np.ndarray  # (n,) ascending
    columns: np.ndarray  # (n,)
    places: np.ndarray  # (n,) the place of each cell in its row, from 0
    counts: np.ndarray  # (batch,) cells in each row

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
    """Held-out pairs and those left out of the candidates, of the evaluated users, as sorted keys.

    A query is a user; where contexts are told apart, a user in a context. A user's position is
    their place in `users`, a query's its place in `query_users`; a key is query · item rows +
    item row. What holds many held-out items comes first, so that a chunk of queries pads little.
    """

    users: np.ndarray  # (users,) int64 user row at each position
    query_users: np.ndarray  # (queries,) int64 user position of each query
    query_contexts: np.ndarray | None  # (queries,) int64 context row of each query
    held_out: np.ndarray  # (n,) int64 keys, distinct but for those of the unknown item
    known: np.ndarray  # (m,) int64 keys, distinct, none held out, none of the unknown item
    met: np.ndarray  # (m,) int64 keys, distinct, none of the unknown item; held out or not
    n_item_rows: int

    @classmethod
    def of(
        cls,
        test: LabelledPairs,
        known: LabelledPairs,
        n_item_rows: int,
        visited: LabelledPairs | None = None,
    ) -> "Pairs":
        """A pair that is known and held out stays a candidate; it is met, as the visited are."""
        logs = [test, known, *([] if visited is None else [visited])]
        last = max(log.items.max(initial=0) for log in logs)
        if last >= n_item_rows:
            raise ValueError(f"item rows must lie below n_item_rows = {n_item_rows}, got {last}")
        users, positions = _by_count(test.users)
        query_users, query_contexts, queries = np.arange(len(users)), None, positions
        if test.contexts is not None:
            width = int(test.contexts.max()) + 1
            pairs, codes = np.unique(positions * width + test.contexts, return_inverse=True)
            order, queries = _by_count(codes)
            query_users, query_contexts = np.divmod(pairs[order], width)

        held_out = np.sort(queries * n_item_rows + test.items)
        # Different items share the unknown row, so there a repeat is no repeat.
        held_out = held_out[is_first(held_out) | (held_out % n_item_rows == UNKNOWN_ROW)]

        keys = _keys(users[query_users], known, n_item_rows)
        met = keys
        if visited is not None:
            met = np.sort(np.append(keys, _keys(users[query_users], visited, n_item_rows)))
            met = met[is_first(met)]
        keys = keys[~_is_among(keys, held_out)]
        return cls(users, query_users, query_contexts, held_out, keys, met, n_item_rows)

    @property
    def held_out_queries(self) -> np.ndarray:
        """(n,) query of each held-out pair."""
        return np.asarray(self.held_out // self.n_item_rows)

    @property
    def held_out_items(self) -> np.ndarray:
        """(n,) item row of each held-out pair; the unknown one where the model knows none."""
        return np.asarray(self.held_out % self.n_item_rows)

    def truth(self, protocol: str) -> np.ndarray:
        """(n,) whether each held-out pair is looked for under a protocol."""
        if protocol not in {"new", "visited"}:
            return np.ones(len(self.held_out), dtype=bool)
        is_met = _is_among(self.held_out, self.met)
        return is_met if protocol == "visited" else ~is_met

    def cells(self, keys: np.ndarray, start: int, stop: int) -> Cells:
        """The pairs of these keys and of the queries from start to stop."""
        first, last = np.searchsorted(keys, [start * self.n_item_rows, stop * self.n_item_rows])
        rows, columns = np.divmod(keys[first:last], self.n_item_rows)
        rows -= start
        counts = np.bincount(rows, minlength=stop - start)
        places = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
        return Cells(rows, columns, places, counts)


def _by_count(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) whole numbers → the distinct ones, the most frequent first, and (n,) their places."""
    counts = np.bincount(codes)
    distinct = counts.nonzero()[0]
    distinct = distinct[np.argsort(-counts[distinct], kind="stable")]
    place = np.empty(len(counts), dtype=np.int64)
    place[distinct] = np.arange(len(distinct))
    return distinct, place[codes]


def _keys(users: np.ndarray, log: LabelledPairs, n_item_rows: int) -> np.ndarray:
    """(queries,) user rows → keys of a log's pairs of these users, distinct and ascending."""
    is_asked = np.zeros(max(users.max(), log.users.max(initial=0)) + 1, dtype=bool)
    is_asked[users] = True
    kept = is_asked[log.users] & (log.items != UNKNOWN_ROW)
    known = np.sort(log.users[kept] * n_item_rows + log.items[kept])
    known = np.compress(is_first(known), known)
    first, last = np.searchsorted(known, [users * n_item_rows, (users + 1) * n_item_rows])
    queries, places = ranges(first, last - first)
    return np.asarray(queries * n_item_rows + known[places] % n_item_rows)


def _is_among(keys: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) whether each key is among some others, which are ascending."""
    nearest = np.searchsorted(others, keys)
    return np.asarray(np.append(others, -1)[nearest] == keys)
