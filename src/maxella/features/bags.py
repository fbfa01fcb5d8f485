"""What every kind of feature gives: for each value a weighted bag of columns.

It is a sparse matrix by rows. One `embedding_bag` with weights turns it into embeddings,
whatever the kinds: an empty bag adds nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NO_COLUMN = -1


@dataclass(frozen=True)
class WeightedBags:
    """The columns of n values and their weights, one value after another."""

    begins: np.ndarray  # (n,) int64: where each value's columns begin
    columns: np.ndarray  # (m,) int64, ascending within a value, each once
    weights: np.ndarray  # (m,) float32

    @classmethod
    def of(
        cls, rows: np.ndarray, columns: np.ndarray, weights: np.ndarray, n_values: int
    ) -> "WeightedBags":
        """(m,) ascending rows from 0 to n_values - 1, their columns and weights → bags."""
        begins = np.searchsorted(rows, np.arange(n_values))
        return cls(begins, columns.astype(np.int64), weights.astype(np.float32))

    @classmethod
    def one_hot(cls, columns: np.ndarray) -> "WeightedBags":
        """(n,) columns → bags of one column with weight 1; an empty one for `NO_COLUMN`.

        >>> WeightedBags.one_hot(np.array([2, NO_COLUMN, 0])).counts.tolist()
        [1, 0, 1]
        """
        rows = np.flatnonzero(columns != NO_COLUMN)
        return cls.of(rows, columns[rows], np.ones(len(rows)), len(columns))

    @classmethod
    def empty(cls, n_values: int) -> "WeightedBags":
        """An empty bag for each value."""
        return cls.one_hot(np.full(n_values, NO_COLUMN))

    def __len__(self) -> int:
        return len(self.begins)

    @property
    def counts(self) -> np.ndarray:
        """(n,) columns of each value, 0 too."""
        return np.diff(self.begins, append=len(self.columns))

    def take(self, rows: np.ndarray) -> "WeightedBags":
        """(r,) rows, in any order and repeated at will → their bags."""
        counts = self.counts[rows]
        begins = counts.cumsum() - counts
        places = np.arange(counts.sum()) + np.repeat(self.begins[rows] - begins, counts)
        return WeightedBags(begins, self.columns[places], self.weights[places])

    def with_unknown(self) -> "WeightedBags":
        """The same values, as rows from 1 on: of row 0, the unknown one, the bag is empty."""
        return WeightedBags(np.insert(self.begins, 0, 0), self.columns, self.weights)

    def followed_by(self, other: "WeightedBags") -> "WeightedBags":
        """These values, then the other's, of the same columns."""
        return WeightedBags(
            np.concatenate([self.begins, other.begins + len(self.columns)]),
            np.concatenate([self.columns, other.columns]),
            np.concatenate([self.weights, other.weights]),
        )

    def with_block_of(self, block: slice, givers: np.ndarray) -> "WeightedBags":
        """(n,) givers, a value for each → the same bags, but a block of columns is the giver's.

        >>> bags = WeightedBags.of(np.array([0, 0, 1]), np.array([0, 2, 1]), np.ones(3), 2)
        >>> bags.with_block_of(slice(0, 2), np.array([1, 0])).columns.tolist()
        [1, 2, 0]
        """
        both = self.followed_by(self.take(givers))
        n = len(self)
        rows = np.repeat(np.arange(2 * n), both.counts)
        in_block = (both.columns >= block.start) & (both.columns < block.stop)
        kept = np.flatnonzero(in_block == (rows >= n))
        kept = kept[np.lexsort((both.columns[kept], rows[kept] % n))]
        return WeightedBags.of(rows[kept] % n, both.columns[kept], both.weights[kept], n)


def side_by_side(parts: Sequence[WeightedBags], widths: Sequence[int]) -> WeightedBags:
    """One bag for each value out of several features' bags of the same n values.

    `widths` are the features' numbers of columns; each feature's columns stand behind those
    of the features before it.

    >>> one, other = (WeightedBags.one_hot(np.array(columns)) for columns in ([0, 1], [0, 2]))
    >>> side_by_side([one, other], [2, 3]).columns.tolist()
    [0, 2, 1, 4]
    """
    counts = np.stack([part.counts for part in parts], axis=1)  # (n, parts)
    begins = counts.ravel().cumsum().reshape(counts.shape) - counts
    columns = np.empty(counts.sum(), dtype=np.int64)
    weights = np.empty(len(columns), dtype=np.float32)
    offset = 0
    for i, (part, width) in enumerate(zip(parts, widths, strict=True)):
        places = np.arange(len(part.columns)) + np.repeat(begins[:, i] - part.begins, counts[:, i])
        columns[places] = part.columns + offset
        weights[places] = part.weights
        offset += width
    return WeightedBags(begins[:, 0].copy(), columns, weights)
