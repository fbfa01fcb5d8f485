"""Values that hold several tokens, such as labels or words."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from maxella.features.bags import NO_COLUMN
from maxella.features.id import UNKNOWN_ROW, Vocabulary
from maxella.features.values import as_categories


@dataclass(frozen=True)
class Tokens:
    """The tokens of n values, one value after another."""

    rows: np.ndarray  # (m,) int64, ascending: the value that each belongs to
    codes: np.ndarray  # (m,) int64 into distinct
    distinct: Vocabulary
    n_values: int

    @classmethod
    def of(cls, lists: pl.Series, fold: Callable[[pl.Series], pl.Series] | None = None) -> "Tokens":
        """(n,) lists of what may be categories, missing ones too → their tokens.

        `fold` gives texts the form in which they count as equal.
        """
        sizes = lists.list.len().fill_null(0)
        rows = np.repeat(np.arange(len(lists)), sizes.to_numpy())
        texts = as_categories(lists.filter(sizes > 0).explode())
        # Many tokens, few of them distinct: fold those alone.
        written = Vocabulary.fit(texts)
        folded = written.ids if fold is None else fold(written.ids)
        distinct = Vocabulary.fit(folded)
        row_of_written = np.concatenate([[UNKNOWN_ROW], distinct.rows_of(folded)])
        found = row_of_written[written.rows_of(texts)]
        is_there = found != UNKNOWN_ROW
        return cls(rows[is_there], found[is_there] - 1, distinct, len(lists))

    @property
    def is_missing(self) -> np.ndarray:
        """(n,) bool: which values have no token."""
        is_missing = np.ones(self.n_values, dtype=bool)
        is_missing[self.rows] = False
        return is_missing

    def spread(self, min_count: int) -> pl.DataFrame:
        """`token` and `count`, in how many values each occurs; those in fewer left out, sorted."""
        _, codes, _ = _cells(self.rows, self.codes, len(self.distinct))
        counts = np.bincount(codes, minlength=len(self.distinct))
        spread = pl.DataFrame({"token": self.distinct.ids, "count": counts})
        return spread.filter(pl.col("count") >= min_count).sort("token")

    def counted(self, known: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(k,) rows and columns of the known tokens, ascending, and how often each occurs."""
        columns = columns_of(self.distinct.ids, known)[self.codes]
        is_known = columns != NO_COLUMN
        return _cells(self.rows[is_known], columns[is_known], len(known))


def columns_of(texts: pl.Series, known: tuple[str, ...]) -> np.ndarray:
    """(n,) texts → (n,) int64 positions in `known`; `NO_COLUMN` for those not in it."""
    vocabulary = Vocabulary(pl.Series(known, dtype=pl.String))
    columns: np.ndarray = vocabulary.rows_of(texts) - 1
    return columns


def _cells(
    rows: np.ndarray, columns: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct pairs of a row and a column < `width`, ascending, and how often each occurs."""
    cells, counts = np.unique(rows * width + columns, return_counts=True)
    return (*np.divmod(cells, max(width, 1)), counts)
