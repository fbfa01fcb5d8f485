"""Columns of a log that tell of the user or of the item alone, moved to where they belong."""

from collections.abc import Sequence

import polars as pl

from maxella.errors import DataError
from maxella.sources.text import Sheet, require_columns


def move_facts(
    log: Sheet, side: Sheet | None, key: str, names: Sequence[str], notes: list[str]
) -> tuple[Sheet, Sheet | None]:
    """The log without these columns, and the table of users or items with them.

    An id has the first value that the log gives for it; how many ids have another one too is
    noted. Raises DataError for a column that the log lacks or that the table has already.
    """
    if not names:
        return log, side
    require_columns(log, names, "Mend data.user_columns and data.item_columns.")
    for name in names:
        is_id = name in ("user_id", "item_id")
        if is_id or (side is not None and name in side.frame.columns):
            raise DataError(
                f"Wanted facts that the table of {key}s does not have; '{name}' in {log.file} is "
                f"{'an id' if is_id else 'in both'}. Leave it out of data.user_columns and "
                "data.item_columns."
            )
    columns: dict[str, pl.Series] = {}
    for name in names:  # one at a time: all at once take several times the memory of the log
        values = pl.col(name).drop_nulls()
        differs = (values != values.first()).any().alias("another value")
        pairs = log.frame.select(key, name).drop_nulls(key)
        found = pairs.group_by(key, maintain_order=True).agg(values.first(), differs)
        columns |= {key: found[key], name: found[name]}
        n_several = int(found["another value"].sum())
        if n_several:
            notes.append(
                f"{n_several:,} of {found.height:,} {key}s have more than one {name}; the first "
                "is kept."
            )
    facts = pl.DataFrame(columns)
    rest = log.with_frame(log.frame.drop(names))
    if side is None:
        return rest, Sheet(facts, log.file, log.place)
    both = side.frame.join(facts, on=key, how="full", coalesce=True, maintain_order="left_right")
    return rest, side.with_frame(both)
