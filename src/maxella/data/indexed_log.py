"""A data set as numbers, for the checks and the pictures of it."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from maxella.data.split import Split
from maxella.features.id import Vocabulary
from maxella.sources.tables import Tables

KEYS = {"users": "user_id", "items": "item_id"}  # table → its column of ids
NAME_COLUMNS = ("title", "name")  # of a table of items, where none is declared
_NEARLY = 0.9  # of a column's values differ: it names things


@dataclass(frozen=True)
class IndexedLog:
    """Tables, their split, and the log as columns of numbers in the order of the table."""

    tables: Tables
    split: Split
    users: np.ndarray  # (n,) int64 positions in user_table
    items: np.ndarray  # (n,) int64 positions in item_table
    ratings: np.ndarray  # (n,) float32, NaN where none was given
    times: np.ndarray | None  # (n,) int64 seconds since 1970; None if any is missing
    events: np.ndarray | None  # (n,) int64 positions in event_names
    event_names: tuple[str, ...]  # in alphabetical order
    user_table: pl.DataFrame  # one row for each user of the log, in order of appearance
    item_table: pl.DataFrame  # one row for each item of the log, in order of appearance

    @property
    def pairs(self) -> np.ndarray:
        """(n,) int64, equal where user and item are."""
        pairs: np.ndarray = self.users * len(self.item_table) + self.items
        return pairs

    def ids(self, things: str) -> np.ndarray:
        """(n,) int64 the users, or the items, of its rows."""
        return self.users if things == "users" else self.items

    def table(self, things: str) -> pl.DataFrame:
        """One row for each of its users, or items."""
        return self.user_table if things == "users" else self.item_table

    def label(self, things: str, position: int) -> str:
        """A user or an item of the log, for readers."""
        return label_of(self.table(things), things, int(position))


def index_log(tables: Tables, split: Split) -> IndexedLog:
    """Tables and a split of their log as numbers."""
    log = tables.interactions
    users, items = Vocabulary.fit(log["user_id"]), Vocabulary.fit(log["item_id"])
    has = {name for name in log.columns if log[name].null_count() < log.height}
    ratings = np.full(log.height, np.nan, dtype=np.float32)
    if "rating" in has:
        ratings = log["rating"].cast(pl.Float32).to_numpy()
    has_times = "timestamp" in has and not log["timestamp"].null_count()
    names = tuple(log["event"].unique().sort()) if "event" in has else ()
    events = log["event"].cast(pl.Enum(names)).to_physical() if names else None
    return IndexedLog(
        tables,
        split,
        users.rows_of(log["user_id"]) - 1,  # row 0 is the unknown id, which a log does not hold
        items.rows_of(log["item_id"]) - 1,
        ratings,
        log["timestamp"].to_numpy() if has_times else None,
        None if events is None else events.cast(pl.Int64).to_numpy(),
        names,
        users.in_order(tables.users, "user_id"),
        items.in_order(tables.items, "item_id"),
    )


def name_column(items: pl.DataFrame) -> str | None:
    """The column that names items: `title` or `name`, else the first text that is nearly unique.

    None where there is no such column.
    """
    texts = [c for c in items.columns if c != "item_id" and items[c].dtype == pl.String]
    for name in NAME_COLUMNS:
        if name in texts:
            return name
    distinct = (c for c in texts if items[c].drop_nulls().n_unique() > _NEARLY * items.height)
    return next(distinct, None)


def label_of(table: pl.DataFrame, things: str, position: int) -> str:
    """The id of a user, or of an item and its name, where it has one."""
    column, key = name_column(table) if things == "items" else None, table[KEYS[things]][position]
    name = None if column is None else table[column][position]
    return str(key) if name is None or name == key else f"{key}: {name}"
