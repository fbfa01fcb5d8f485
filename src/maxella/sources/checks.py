"""What every source checks in the same way, and how `Tables` come out of sheets."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from maxella.errors import DataError
from maxella.sources.tables import Tables
from maxella.sources.text import Sheet

PAIR = ("user_id", "item_id")


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

    Of interactions that repeat a (user, item) pair the last in file order is kept;
    the count goes into the notes, and so does that of interactions without a rating.
    Raises DataError for a missing id or timestamp and for a rating outside the range.
    """
    for column in PAIR:
        _refuse_missing(interactions, column)
    present = interactions.frame.columns
    if "rating" in present:
        _check_ratings(interactions, rating_range)
    if "timestamp" in present:
        _refuse_missing(interactions, "timestamp")
    first = [c for c in (*PAIR, "rating", "timestamp") if c in present]
    log = interactions.frame.select(*first, *[c for c in present if c not in first])
    log, repeats = keep_last(log, PAIR)
    all_notes = list(notes)
    if repeats:
        all_notes.append(
            f"{repeats:,} of {interactions.frame.height:,} interactions repeat a (user, item) "
            "pair; the last of each pair in the file is kept."
        )
    unrated = log["rating"].null_count() if "rating" in present else 0
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


def _refuse_missing(sheet: Sheet, column: str) -> None:
    values = sheet.frame[column]
    is_text = values.dtype == pl.String
    if not values.null_count() and not (is_text and (values == "").any()):
        return
    missing = pl.col(column).is_null()
    row = sheet.first(missing | (pl.col(column) == "") if is_text else missing)
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
    value = sheet.frame["rating"][row]
    if rating_range is None:
        raise DataError(
            f"Wanted finite ratings; {sheet.place(row)} has {value}. Mend or remove the row."
        )
    raise DataError(
        f"Ratings must lie in {low:g} to {high:g}; {sheet.place(row)} has {value:g}. "
        "Mend the row, or set rating_range if the scale differs."
    )


def keep_last(frame: pl.DataFrame, key: Sequence[str]) -> tuple[pl.DataFrame, int]:
    """The last row of each key in the order of the rows, and how many rows that drops."""
    # Sorted whole numbers take a fraction of the memory of Polars' `unique`, and of its time.
    codes = np.zeros(frame.height, dtype=np.int64)
    for column in key:
        of_column = frame[column].cast(pl.Categorical).to_physical().cast(pl.Int64)
        codes *= int(of_column.max() or 0) + 2  # type: ignore[arg-type]
        codes += of_column.fill_null(-1).to_numpy() + 1
    order = np.argsort(codes, kind="stable")
    is_last = np.ones(frame.height, dtype=bool)
    is_last[:-1] = np.diff(codes[order]) != 0
    if is_last.all():
        return frame, 0
    is_kept = np.zeros(frame.height, dtype=bool)
    is_kept[order[is_last]] = True
    return frame.filter(is_kept), int(frame.height - is_kept.sum())


def _complete(
    column: str, sheet: Sheet | None, log: pl.DataFrame, notes: list[str]
) -> pl.DataFrame:
    """One row for each id: those of the sheet, then those that only the log has."""
    in_log = log.select(pl.col(column).unique(maintain_order=True))
    if sheet is None:
        return in_log
    _refuse_missing(sheet, column)
    rows, repeats = keep_last(sheet.frame, [column])
    if repeats:
        notes.append(f"{repeats:,} rows of {sheet.file} repeat a {column}; the last is kept.")
    unknown = in_log.join(rows, on=column, how="anti", maintain_order="left")
    if unknown.height:
        notes.append(f"{unknown.height:,} of the interactions' {column}s are not in {sheet.file}.")
    return pl.concat([rows.select(column, pl.exclude(column)), unknown], how="diagonal")
