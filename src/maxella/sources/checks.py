"""What every source checks in the same way, and how `Tables` come out of sheets."""

from collections.abc import Sequence

import polars as pl

from maxella.errors import DataError
from maxella.sources.repeats import KEY, one_row_each, unite_repeats
from maxella.sources.tables import Tables
from maxella.sources.text import Sheet

MOST_COUNT = 10**15


def build_tables(
    name: str,
    interactions: Sheet,
    users: Sheet | None = None,
    items: Sheet | None = None,
    *,
    rating_range: tuple[float, float] | None = None,
    notes: Sequence[str] = (),
) -> Tables:
    """Checked tables, columns in a fixed order, users and items completed.

    Rows of one user, item and event (of one user and item, in a log without events) become
    one, which has the last time and the last value given in each column; where some row
    stands for several, a column `count` says for how many; what rows count by a column of the
    file's own adds up. What changed goes into the notes. Raises DataError for a missing id, event
    or timestamp, for a rating outside the range, and for a `count` that is no number.
    """
    if "event" in interactions.frame.columns:
        interactions = interactions.with_columns(pl.col("event").cast(pl.String))
    present = interactions.frame.columns
    for column in (*KEY, "timestamp"):
        if column in present:
            refuse_missing(interactions, column)
    if "rating" in present:
        _check_ratings(interactions, rating_range)
    all_notes = list(notes)
    if "count" in present:
        _check_counts(interactions, all_notes)
    first = [c for c in (*KEY[:2], "rating", "timestamp", "event") if c in present]
    frame = interactions.frame.select(*first, pl.exclude(first))
    log, n_united = one_row_each(frame)
    if n_united:
        what = "user, item and event" if "event" in present else "user and item"
        all_notes.append(
            f"{n_united:,} of {frame.height:,} interactions repeat the {what} of another; such "
            "rows count as one, with the last value given in each column"
            f"{' and the sum of their counts' if 'count' in present else ''}."
        )
    unrated = log["rating"].null_count() if "rating" in present and "event" not in present else 0
    if unrated:
        all_notes.append(
            f"{unrated:,} of {log.height:,} interactions have no rating; they count as picks alone."
        )
    return Tables(
        name=name,
        interactions=log,
        users=_complete("user_id", users, log, all_notes),
        items=_complete("item_id", items, log, all_notes),
        notes=tuple(all_notes),
    )


def refuse_missing(sheet: Sheet, column: str) -> None:
    """Raises DataError with the line of the first row that has no value in a column."""
    is_missing = pl.col(column).is_null()
    if sheet.frame[column].dtype == pl.String:
        is_missing |= pl.col(column) == ""
    row = sheet.first(is_missing)
    if row is not None:
        raise DataError(
            f"Every row wants its {column}; {sheet.place(row)} has none. "
            "Fill it in or remove the row."
        )


def _check_ratings(sheet: Sheet, rating_range: tuple[float, float] | None) -> None:
    low, high = rating_range or (-float("inf"), float("inf"))
    rating = pl.col("rating")
    row = sheet.first(~(rating.is_finite() & rating.is_between(low, high)))
    if row is None:
        return
    wanted, remedy = "Wanted finite ratings", "Mend or remove the row."
    if rating_range is not None:
        wanted = f"Ratings must lie in {low:g} to {high:g}"
        remedy = "Mend the row, or set rating_range if the scale differs."
    value = sheet.frame["rating"][row]
    raise DataError(f"{wanted}; {sheet.place(row)} has {value:g}. {remedy}")


def _check_counts(sheet: Sheet, notes: list[str]) -> None:
    """How much each row counts already, as in a log of plays: a number of times, or seconds."""
    counts = sheet.frame["count"]
    is_number = pl.lit(value=False)
    if counts.dtype.is_numeric():  # of a size whose sums are sound
        is_number = pl.col("count").cast(pl.Float64).is_between(-MOST_COUNT, MOST_COUNT)
    row = sheet.first(~is_number.fill_null(value=False))
    if row is not None:
        raise DataError(
            f"Wanted as count how much a row counts, a number; {sheet.place(row)} has "
            f"{counts[row]}. Mend the row, or set count = '' in data.columns if it is another "
            "thing."
        )
    n_none = int((counts <= 0).sum())
    if n_none:
        notes.append(f"{n_none:,} of {len(counts):,} rows have a count of 0 or less.")


def _complete(
    column: str, sheet: Sheet | None, log: pl.DataFrame, notes: list[str]
) -> pl.DataFrame:
    """One row for each id: those of the sheet, then those that only the log has."""
    in_log = log.select(pl.col(column).unique(maintain_order=True))
    if sheet is None:
        return in_log
    refuse_missing(sheet, column)
    rows, _ = unite_repeats(sheet.frame, [column])
    if rows.height < sheet.frame.height:
        notes.append(
            f"{sheet.frame.height - rows.height:,} rows of {sheet.file} repeat a {column}; the "
            "last value given in each column is kept."
        )
    rows = rows.select(column, pl.exclude(column))
    every = rows.join(in_log, on=column, how="full", coalesce=True, maintain_order="left_right")
    n_unknown = every.height - rows.height
    if n_unknown:
        notes.append(f"{n_unknown:,} of the interactions' {column}s are not in {sheet.file}.")
    return every
