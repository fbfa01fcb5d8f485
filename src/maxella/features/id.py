"""The id feature: raw ids on one side, rows on the other, and no other door.

Row 0 is "unknown": every id that the vocabulary does not hold maps to it.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from maxella.errors import DataError

UNKNOWN_ROW = 0
_FEW = 32  # ids up to which bisection is quicker than a join


@dataclass(frozen=True)
class Vocabulary:
    """Distinct ids in a fixed order; the id at position j of `ids` has row j + 1."""

    ids: pl.Series  # (n,) strings, distinct, none missing

    def __post_init__(self) -> None:
        if self.ids.dtype != pl.String or self.ids.null_count() or self.ids.n_unique() < len(self):
            raise DataError(
                "A vocabulary wants distinct string ids without gaps; got "
                f"{len(self.ids)} of type {self.ids.dtype}, {self.ids.n_unique()} distinct, "
                f"{self.ids.null_count()} missing. Use Vocabulary.fit, which sees to it."
            )

    @classmethod
    def fit(cls, values: pl.Series) -> "Vocabulary":
        """The distinct values in the order of their first appearance, missing ones left out."""
        ids = values.cast(pl.String).drop_nulls().unique(maintain_order=True)
        return cls(ids.rename("id"))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_rows(self) -> int:
        """Rows of an array indexed by this vocabulary: one for each id and the unknown row."""
        return len(self) + 1

    def rows_of(self, ids: pl.Series | Sequence[str]) -> np.ndarray:
        """(n,) ids → (n,) int64 rows; `UNKNOWN_ROW` for ids not held.

        >>> Vocabulary.fit(pl.Series(["b", "a", "b"])).rows_of(["a", "b", "c"]).tolist()
        [2, 1, 0]
        """
        asked = pl.Series("id", ids, dtype=pl.String)
        if len(asked) <= _FEW:
            return np.array([self._row_of(one) for one in asked], dtype=np.int64)
        wanted = asked.to_frame()
        known = pl.DataFrame({"id": self.ids, "row": np.arange(1, self.n_rows, dtype=np.int64)})
        joined = wanted.join(known, on="id", how="left", maintain_order="left")
        return joined["row"].fill_null(UNKNOWN_ROW).to_numpy(writable=True)

    def _row_of(self, one: str | None) -> int:
        """The same of one id by bisection, in microseconds; a join reads every id that there is."""
        ascending, rows = self._ascending
        at = len(self) if one is None else bisect_left(ascending, one)
        return int(rows[at]) if at < len(self) and ascending[at] == one else UNKNOWN_ROW

    @cached_property
    def _ascending(self) -> tuple[pl.Series, np.ndarray]:
        """The ids in ascending order, of code points as in Python, and (n,) the row of each."""
        order = self.ids.arg_sort()
        return self.ids.gather(order), order.to_numpy().astype(np.int64) + 1

    @cached_property
    def _by_row(self) -> pl.Series:
        """(rows,) the id of each; missing for the unknown one."""
        unknown = pl.Series("id", [None], dtype=pl.String)
        return pl.concat([unknown, self.ids], rechunk=True)

    def in_order(self, table: pl.DataFrame, key: str) -> pl.DataFrame:
        """A table with a column of ids, called `key` → one row for each id here, in their order.

        An id that the table lacks has nothing but missing values.
        """
        wanted = self.ids.rename(key).to_frame()
        return wanted.join(table, on=key, how="left", maintain_order="left")

    def ids_of(self, rows: np.ndarray) -> pl.Series:
        """(n,) rows → (n,) ids; missing for the unknown row."""
        return self._by_row.gather(np.asarray(rows, dtype=np.int64))
