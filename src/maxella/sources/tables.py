"""What every source returns: three tables with raw ids, checked."""

from dataclasses import dataclass

import polars as pl

from maxella.errors import DataError

NUMBERS = {"rating": pl.Float32(), "timestamp": pl.Int64()}  # whatever a file says of them


@dataclass(frozen=True)
class Tables:
    """A data set as read: interactions, users and items, each with all its columns.

    Ids are strings, just as the files write them. `users` and `items` hold one row
    for each id, at least every id that occurs in `interactions`.
    """

    name: str
    interactions: pl.DataFrame  # user_id, item_id: String; rating: Float32 and timestamp: Int64 (s)
    # where the source has them; further columns as read
    users: pl.DataFrame  # user_id: String, then the source's columns
    items: pl.DataFrame  # item_id: String, then the source's columns
    notes: tuple[str, ...] = ()  # what reading changed, one sentence each


def require_interactions(tables: Tables) -> None:
    """Raises DataError where the log is empty: there is nothing to say of it."""
    if tables.interactions.is_empty():
        raise DataError(f"Wanted interactions in {tables.name}; there are none. Add some.")
