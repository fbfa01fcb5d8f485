"""Which column of a file is which, by what was said or by usual spellings, and where it belongs."""

import re
from collections.abc import Mapping, Sequence

import polars as pl

from maxella.errors import DataError
from maxella.sources.text import Sheet, require_columns

# How logs spell the columns, in lower case and with letters alone.
SPELLINGS = {
    "user_id": ("userid", "user", "uid", "customerid", "customer", "reviewerid", "visitorid"),
    "item_id": (
        *("itemid", "item", "iid", "movieid", "movie", "productid", "product", "bookid"),
        *("articleid", "trackid", "songid", "asin", "isbn", "sku"),
    ),
    "rating": ("rating", "ratings", "userrating", "stars", "overall"),
    "timestamp": (
        *("timestamp", "time", "unixtime", "unixreviewtime", "datetime", "date", "eventtime"),
    ),
    "event": (
        *("event", "eventtype", "eventname", "behavior", "behaviour", "behaviortype"),
        *("behaviourtype", "action", "actiontype", "interaction", "interactiontype"),
    ),
    "count": ("count",),
}


def guess_columns(present: Sequence[str]) -> dict[str, str]:
    """Our names → the file's, by usual spellings.

    >>> guess_columns(["userId", "movieId", "stars", "comment"])
    {'user_id': 'userId', 'item_id': 'movieId', 'rating': 'stars'}
    """
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in reversed(present)}
    found = {
        ours: next((plain[s] for s in spellings if s in plain), None)
        for ours, spellings in SPELLINGS.items()
    }
    return {ours: theirs for ours, theirs in found.items() if theirs is not None}


def map_columns(
    present: Sequence[str],
    columns: Mapping[str, str],
    required: Sequence[str],
    optional: Sequence[str] = (),
) -> dict[str, str]:
    """Our names → the columns of a file, those given before those guessed.

    What is required may be lacking, where neither finds it. Of these, a file of users or
    items, which has nothing optional, has its id alone: its "stars" are no ratings.
    """
    is_side = not optional
    mapping = {
        ours: theirs
        for ours, theirs in columns.items()
        if theirs in present and (ours not in SPELLINGS or ours in (*required, *optional))
    }
    taken = set(mapping.values())
    guessed = {o: theirs for o, theirs in guess_columns(present).items() if theirs not in taken}
    for ours in (*required, *optional):
        if ours in mapping or (ours in columns and not is_side):
            continue
        if ours in guessed:
            mapping[ours] = guessed[ours]
        elif is_side and "id" in present:  # it may spell its id otherwise than the log
            mapping[ours] = "id"
    return mapping


def rename(
    sheet: Sheet,
    columns: Mapping[str, str],
    required: Sequence[str],
    optional: Sequence[str] = (),
    facts: Sequence[str] = (),
) -> Sheet:
    """The sheet under our names, ids as text; DataError where an id is not there.

    `facts` are columns of users or of items, which stay: "rating" may be that of a critic.
    """
    present = sheet.frame.columns
    mapping = map_columns(present, columns, required, optional)
    for ours in required:
        if ours not in mapping:
            remedy = f"Map it with columns, such as {{{ours} = '{present[0]}'}}."
            wanted = columns.get(ours, ours)
            others = sheet.frame.drop(wanted, strict=False)  # it may be mapped to another name
            require_columns(sheet.with_frame(others), [wanted], remedy)
    # Of two columns that would bear one name, the mapped one gets it; "" maps none.
    said = {ours for ours in columns if ours not in SPELLINGS or ours in (*required, *optional)}
    unwanted = (said | set(mapping)) & set(present) - {*mapping.values(), *facts}
    frame = sheet.frame.drop(unwanted).rename({theirs: ours for ours, theirs in mapping.items()})
    ids = [id_as_text(sheet, frame, ours) for ours in required]
    return sheet.with_frame(frame.with_columns(ids))


def id_as_text(sheet: Sheet, frame: pl.DataFrame, column: str) -> pl.Expr:
    """A column of ids as text; DataError where it is of a type that has no one way of writing."""
    kind = frame[column].dtype
    if kind.is_float() or kind.is_nested() or kind == pl.Binary:
        raise DataError(
            f"Wanted ids that are text or whole numbers; {column} in {sheet.file} is of type "
            f"{kind}. Write that column as text."
        )
    return pl.col(column).cast(pl.String)


def refuse_idle_mapping(columns: Mapping[str, str], sheets: Sequence[Sheet]) -> None:
    """DataError where two names are mapped to one column, or one to a column that is nowhere."""
    given = [theirs for theirs in columns.values() if theirs]
    if len(set(given)) < len(given):
        raise DataError(
            f"Wanted a different column for each name; columns maps two to one: {columns}. "
            "Mend the mapping."
        )
    present = {name for sheet in sheets for name in sheet.frame.columns}
    for ours, theirs in columns.items():
        if theirs and theirs not in present:
            require_columns(sheets[0], [theirs], f"It is mapped to {ours}; mend the mapping.")


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
