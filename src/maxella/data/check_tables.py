"""Checks of the three tables as they were read: names, ids on one side only, empty columns."""

from collections.abc import Iterator

import polars as pl

from maxella.data.describe import comparable
from maxella.data.finding import MOST_EXAMPLES, Finding, found
from maxella.data.indexed_log import KEYS, IndexedLog, label_of, name_column


def reading(log: IndexedLog) -> Finding:
    """What the source changed or found out when it was read."""
    notes = log.tables.notes
    if not notes:
        return Finding("ok", "Reading changed nothing.", 0, 0)
    return Finding(
        "note",
        f"Reading left {len(notes):,} remark{'s' * (len(notes) > 1)}.",
        len(notes),
        len(notes),
        notes[:MOST_EXAMPLES],
        "Make sure that each is what you want; all else on this page is after these changes.",
    )


def repeated_names(log: IndexedLog) -> Finding | None:
    """Items that bear the name of another; None where items have no names."""
    items = log.tables.items
    column = name_column(items)
    if column is None:
        return None
    alike = items.filter(items[column].is_duplicated() & items[column].is_not_null())
    return found(
        alike.height,
        items.height,
        "items",
        f"share their {column} with another",
        severity="note",
        examples=(label_of(alike, "items", row) for row in range(alike.height)),
        advice="If they are one thing under several ids, give it one id before training.",
    )


def without_interactions(log: IndexedLog, things: str) -> Finding:
    """Users, or items, of the table that the log lacks."""
    table, key = getattr(log.tables, things), KEYS[things]
    in_log = log.table(things).select(key)
    idle = table.join(in_log, on=key, how="anti", maintain_order="left")
    return found(
        idle.height,
        table.height,
        f"{things} of the table",
        "have no interaction",
        severity="note",
        examples=(label_of(idle, things, row) for row in range(idle.height)),
        advice="A model can know them by their features alone.",
    )


def unknown(log: IndexedLog, things: str) -> Finding | None:
    """Users, or items, of the log of which the table says nothing; None where of none it does."""
    table, key = log.table(things), KEYS[things]
    if table.width == 1:
        return None
    empty = table.filter(pl.all_horizontal(pl.exclude(key).is_null()))
    return found(
        empty.height,
        table.height,
        f"{things} of the interactions",
        f"have no row in the table of {things}, or an empty one",
        severity="note",
        examples=map(str, empty[key]),
        advice=f"Add them to the table of {things} if a model is to read its columns.",
    )


def empty_columns(log: IndexedLog) -> Finding:
    """Columns without a single value."""
    columns = list(_columns(log))
    empty = [name for name, values in columns if values.null_count() == len(values)]
    return found(
        len(empty),
        len(columns),
        "columns",
        "have no value at all",
        severity="note",
        examples=empty,
        advice="Leave them out of the features, or look why they were read as missing.",
    )


def constant_columns(log: IndexedLog) -> Finding:
    """Columns with one value throughout, in tables of several rows."""
    columns = list(_columns(log))
    constant = [
        name
        for name, values in columns
        if len(values) > 1 and not values.null_count() and comparable(values).n_unique() == 1
    ]
    return found(
        len(constant),
        len(columns),
        "columns",
        "have the same value in every row",
        severity="note",
        examples=constant,
        advice="They cannot tell rows apart: leave them out of the features.",
    )


def _columns(log: IndexedLog) -> Iterator[tuple[str, pl.Series]]:
    """Every column but the ids, by a name such as `items.year`."""
    for table in ("interactions", "users", "items"):
        for values in getattr(log.tables, table):
            if values.name not in ("user_id", "item_id"):
                yield f"{table}.{values.name}", values
