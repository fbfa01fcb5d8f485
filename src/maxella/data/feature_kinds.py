"""What kind of feature a column of users or items is, with the reason in a sentence."""

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from maxella.data import words as known
from maxella.seeds import numpy_generator

MOST_ROWS = 100_000  # of a table that are looked at
FEWEST_RUNNING = 20  # numbers of which each is one more than the one before
MOST_LABELS = 2000  # distinct ones
MOST_LETTERS = 80  # of a name, in the middle
FEWEST_EACH = 1.4  # rows of a value of a category on average
SEPARATORS = ("|", ";", ",")
# Seconds since 1970 in the years 1900 to 2100; as milliseconds, microseconds, nanoseconds
# whatever lies near now is out of that range.
SECONDS = (-2_208_988_800, 4_102_444_800)
_NAMING = known.ID | known.ZIP
LINK = r"(?i)^(?:https?://|www\.)\S+$"
HASH = r"(?i)^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$|^[0-9a-f]{16,}$"


@dataclass(frozen=True)
class Kind:
    """A kind of feature with its options; no name for a column that is left out."""

    name: str | None
    reason: str
    options: dict[str, Any] = field(default_factory=dict)


def infer_kind(values: pl.Series) -> Kind:
    """The kind of a column of users or items, one value a row.

    At most `MOST_ROWS` rows are looked at, always the same ones. Kinds are those of
    `maxella.features.kinds.FEATURE_KINDS`.
    """
    values = rows_throughout(values, MOST_ROWS)
    present = values.drop_nulls()
    if values.dtype == pl.String:
        present = present.filter(present.str.strip_chars() != "")
    if present.is_empty():
        return Kind(None, "no row has a value")
    n_missing = len(values) - len(present)
    n_distinct = present.n_unique() if not values.dtype.is_nested() else 0
    if n_distinct == 1 and not n_missing:
        return Kind(None, f"every row has the same value, {_shown(present[0])}")
    if n_distinct == 1:
        return Kind("category", f"{_shown(present[0])} or missing")
    return _by_type(present, n_distinct)


def infer_names(items: pl.DataFrame) -> str | None:
    """The column of texts that name items nearly uniquely, if there is one.

    One that is called so goes first, and may name several items alike, as songs do.
    """
    found: list[tuple[float, str]] = []
    for column in items.select(pl.col(pl.String)):
        present = rows_throughout(column, MOST_ROWS).drop_nulls()
        if present.is_empty() or 2 * len(present) < min(len(column), MOST_ROWS):
            continue
        share = present.n_unique() / len(present)
        is_called = bool(known.words_of(column.name) & known.NAME)
        length = present.str.len_chars().median()
        is_name = _share(present, r"\p{L}") > 0.5 and length <= MOST_LETTERS
        is_key = max(_share(present, LINK), _share(present, HASH)) > 0.5
        if is_name and not is_key and share >= (0.5 if is_called else 0.9):
            found.append((is_called + share, column.name))
    return max(found, key=lambda one: one[0])[1] if found else None


def _by_type(present: pl.Series, n_distinct: int) -> Kind:
    words = known.words_of(present.name)
    if present.dtype == pl.Boolean:
        return Kind("category", "true or false")
    if present.dtype in (pl.Date, pl.Datetime):
        first, last = extent(present)
        return Kind("time", f"dates from {first:%Y-%m-%d} to {last:%Y-%m-%d}")
    if present.dtype == pl.List:
        return _of_lists(present)
    if present.dtype.is_numeric():
        return _of_numbers(present, n_distinct, words)
    if present.dtype == pl.String:
        return _of_texts(present, n_distinct, words)
    return Kind(None, f"values of type {present.dtype} are no feature")


def rows_throughout(rows: Any, most: int) -> Any:
    """At most so many rows of a series or a frame: one drawn out of each of as many equal parts.

    Drawn, as every n-th row of a log that repeats itself would be the same; always the same ones.
    """
    if len(rows) <= most:
        return rows
    places = np.arange(most) + numpy_generator(0, "rows throughout").random(most)
    return rows[np.floor(places * (len(rows) / most)).astype(np.int64).clip(max=len(rows) - 1)]


def extent(values: pl.Series) -> tuple[Any, Any]:
    """Least and greatest, which Polars types as anything."""
    return values.min(), values.max()


def _of_lists(present: pl.Series) -> Kind:
    inner = present.explode().dtype
    if inner != pl.String and not inner.is_integer():
        return Kind(None, f"lists of type {present.dtype} are no labels")
    return _labels(present, "lists", {}) or Kind(None, "lists whose values hardly ever repeat")


def _of_numbers(present: pl.Series, n_distinct: int, words: frozenset[str]) -> Kind:
    low, high = extent(present)
    is_whole = present.dtype.is_integer()
    if words & known.TIME and SECONDS[0] <= low and 10**7 < high <= SECONDS[1]:
        return Kind("time", "seconds since 1970 by name and range")
    n_each = len(present) / n_distinct
    if is_whole and words & (_NAMING | known.CODE):
        return _category(n_distinct, n_each) or Kind(
            None, f"{n_distinct:,} numbers that name and hardly ever repeat"
        )
    if is_whole and len(present) >= FEWEST_RUNNING and (present.diff().drop_nulls() == 1).all():
        return Kind(None, "a running number")
    if is_whole and n_distinct == 2:
        return Kind("category", f"{low} or {high}")
    shown = f"{_shown(low)} to {_shown(high)}"
    return Kind("number", f"{n_distinct:,} numbers from {shown}")


def _of_texts(present: pl.Series, n_distinct: int, words: frozenset[str]) -> Kind:
    n_each = len(present) / n_distinct
    if n_each < FEWEST_EACH:
        for pattern, what in ((LINK, "links"), (HASH, "hashes or keys")):
            if _share(present, pattern) > 0.5:
                return Kind(None, what)
    for separator in SEPARATORS:
        kind = _split(present, separator, n_distinct)
        if kind is not None:
            return kind
    n_words = float(present.str.count_matches(r"[\p{L}\p{N}]+").mean())  # type: ignore[arg-type]
    kind = _category(n_distinct, n_each)
    if kind is not None and (n_words <= 5 or n_each >= 5):
        return kind
    if n_words >= 1.5 and not words & _NAMING:
        return Kind("text", f"{n_distinct:,} texts of {n_words:.1f} words on average")
    return Kind(None, f"{n_distinct:,} values in {len(present):,} rows: they name, and tell little")


def _split(present: pl.Series, separator: str, n_distinct: int) -> Kind | None:
    """Labels, if a separator cuts the values into fewer ones that repeat."""
    if _share(present, re.escape(separator)) < 0.05:
        return None
    lists = present.str.split(separator)
    options = {} if separator == "|" else {"separator": separator}
    kind = _labels(lists, f"values parted by '{separator}'", options)
    n_labels = lists.explode().str.strip_chars().n_unique()
    return kind if n_labels <= n_distinct else None


def _labels(lists: pl.Series, what: str, options: dict[str, Any]) -> Kind | None:
    labels = lists.explode().drop_nulls()
    if labels.dtype == pl.String:
        labels = labels.str.strip_chars()
    n_labels = labels.n_unique()
    if not n_labels or n_labels > MOST_LABELS or len(labels) < 1.5 * n_labels:
        return None
    n_each = len(labels) / len(lists)
    return Kind("labels", f"{what}: {n_labels:,} labels, {n_each:.1f} a row", options)


def _category(n_distinct: int, n_each: float) -> Kind | None:
    """A category, if values repeat; of those that seldom do, the ones that occur twice at least."""
    if n_each < FEWEST_EACH:
        return None
    reason = f"{n_distinct:,} values, each in {n_each:,.1f} rows on average"
    return Kind("category", reason, {"min_count": 2} if n_each < 5 and n_distinct > 20 else {})


def _share(present: pl.Series, pattern: str) -> float:
    return float(present.str.contains(pattern).mean())  # type: ignore[arg-type]


def _shown(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 30 else text[:29] + "…"
