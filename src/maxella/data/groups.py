"""Which columns part users or items into groups, and how."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

MOST_GROUPS = 30  # more values than this make no groups
MOST_COLUMNS = 6  # of a kind; the first of the table
MOST_BINS = 10  # of a number with more values than that
_OFTEN = 0.75  # distinct values of a column of people (of repeated texts) over its values
MISSING = "missing"


@dataclass(frozen=True)
class Grouping:
    """Rows of a table in G groups by a column; a row may be in several groups."""

    column: str
    names: tuple[str, ...]  # (G,)
    codes: np.ndarray  # (m,) int64 groups
    rows: np.ndarray  # (m,) the row of the table that each code is of


def user_groupings(table: pl.DataFrame) -> list[Grouping]:
    """Columns of users with 2 to 30 values, and numbers with more in bins of a round width.

    A column that only relabels an earlier one, such as a code beside its name, is left out.
    As of the columns of items, the first six.
    """
    groupings: list[Grouping] = []
    for values in table:
        grouping = _by_value(values)
        if grouping is None and values.dtype.is_numeric():
            grouping = _by_bin(values)
        if grouping is not None and not any(_is_same(grouping, earlier) for earlier in groupings):
            groupings.append(grouping)
        if len(groupings) == MOST_COLUMNS:
            break
    return groupings


def item_groupings(table: pl.DataFrame) -> list[Grouping]:
    """Columns of lists of labels (genres), and of 2 to 30 different texts, of items."""
    found = []
    for values in table:
        if values.dtype == pl.String:
            found.append(_by_value(values))
        elif values.dtype == pl.List(pl.String):
            pairs = values.rename("label").to_frame().with_row_index("row").explode("label")
            pairs = pairs.drop_nulls().unique(maintain_order=True)
            labels, rows = pairs["label"].rename(values.name), pairs["row"].to_numpy()
            found.append(_by_value(labels, len(labels), rows))
    return [grouping for grouping in found if grouping is not None][:MOST_COLUMNS]


def people_groupings(table: pl.DataFrame) -> list[Grouping]:
    """Columns of more than 30 texts, many of them of several items: directors, stars."""
    found = []
    for values in table.select(pl.col(pl.String)):
        present = values.drop_nulls()
        if MOST_GROUPS < present.n_unique() <= _OFTEN * len(present):
            found.append(_by_value(values, len(values)))
    return [grouping for grouping in found if grouping is not None][:MOST_COLUMNS]


def _by_value(
    values: pl.Series, most: int = MOST_GROUPS, rows: np.ndarray | None = None
) -> Grouping | None:
    if values.dtype.is_nested() or values.dtype.is_temporal() or values.dtype == pl.Binary:
        return None
    if values.dtype.is_float():
        values = values.fill_nan(None)
    if isinstance(values.dtype, pl.Categorical | pl.Enum):
        values = values.cast(pl.String)
    present = values.drop_nulls()
    distinct = present.unique().sort()
    if not 2 <= len(distinct) <= most or len(distinct) == len(present) > 2:
        return None  # a column in which all differ names things
    codes = values.rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1
    return _with_missing(values.name, tuple(map(_text, distinct)), codes, rows)


def _by_bin(values: pl.Series) -> Grouping | None:
    """Bins [k · width, (k + 1) · width), the width 1, 2 or 5 times a power of ten."""
    numbers = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
    is_finite = np.isfinite(numbers)
    if not is_finite.any():
        return None
    low, high = numbers[is_finite].min(), numbers[is_finite].max()
    if not 0 < high - low < np.inf:
        return None
    width = _round_width((high - low) / (MOST_BINS - 1))
    bins = np.where(is_finite, numbers, low) // width
    first = int(bins.min())
    codes = np.where(is_finite, bins - first, -1).astype(np.int64)
    last = width - 1 if values.dtype.is_integer() and width >= 1 else width
    between = "\u2013" if values.dtype.is_integer() and width >= 1 else " to below "
    starts = [(first + k) * width for k in range(int(codes.max()) + 1)]
    names = tuple(f"{_text(s)}{between}{_text(s + last)}" for s in starts)
    return _with_missing(values.name, names, codes)


def _round_width(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


def _with_missing(
    column: str, names: tuple[str, ...], codes: np.ndarray, rows: np.ndarray | None = None
) -> Grouping:
    """Codes of −1, without a value, as a last group, if there are any. No rows: each its own."""
    if (codes < 0).any():
        names, codes = (*names, MISSING), np.where(codes < 0, len(names), codes)
    return Grouping(column, names, codes, np.arange(len(codes)) if rows is None else rows)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_same(one: Grouping, other: Grouping) -> bool:
    """Whether the groups of both hold the same rows."""
    pairs = one.codes * len(other.names) + other.codes
    n_pairs, n_one, n_other = (
        np.count_nonzero(np.bincount(codes)) for codes in (pairs, one.codes, other.codes)
    )
    return bool(n_pairs == n_one == n_other)
