"""Any CSV, TSV or Parquet file of interactions, with a column mapping."""

import io
import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from maxella.errors import DataError
from maxella.sources.checks import build_tables
from maxella.sources.files import Folder, open_file
from maxella.sources.tables import Tables
from maxella.sources.text import Sheet, converted, read_text, require_columns, to_number

WANTED = "delimited: a .csv, .tsv or .parquet file of interactions"
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
SEPARATORS = ("\t", ";", "|", ",")
NAMES_OF_LOGS = ("interactions", "ratings")
NAMES_OF_USERS = ("users",)
NAMES_OF_ITEMS = ("items", "movies")
LOG_NUMBERS = {"rating": pl.Float32(), "timestamp": pl.Int64()}
# How logs spell the four columns, in lower case and with letters alone.
SPELLINGS = {
    "user_id": ("userid", "user", "uid", "customerid", "customer", "reviewerid"),
    "item_id": ("itemid", "item", "iid", "movieid", "movie", "productid", "product", "bookid"),
    "rating": ("rating", "ratings", "userrating", "stars", "overall"),
    "timestamp": ("timestamp", "time", "unixtime", "unixreviewtime", "datetime", "date"),
}
WHOLE = r"^-?(?:0|[1-9]\d{0,17})$"
DECIMAL = r"^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$"


def read_delimited(
    folder: Folder,
    *,
    columns: Mapping[str, str] | None = None,
    users: str | Path | None = None,
    items: str | Path | None = None,
    encoding: str = "utf-8",
    rating_range: tuple[float, float] | None = None,
) -> Tables:
    """One file of interactions, and files of users and items where there are any.

    `columns` maps our names to the files', such as `{"user_id": "customer"}`; usual
    spellings are found without it, and "" says that there is no such column. `rating`
    and `timestamp` (seconds since 1970, or ISO dates) may be missing. Further columns
    are kept; those that hold nothing but plain numbers become numbers.
    """
    columns = dict(columns or {})
    place = _find_log(folder)
    user_place = open_file(users) if users is not None else _find(folder, NAMES_OF_USERS)
    item_place = open_file(items) if items is not None else _find(folder, NAMES_OF_ITEMS)
    log = _open(*place, encoding)
    user_sheet = _open(*user_place, encoding) if user_place not in (None, place) else None
    item_sheet = _open(*item_place, encoding) if item_place not in (None, place) else None
    _refuse_idle_mapping(columns, [s for s in (log, user_sheet, item_sheet) if s is not None])
    log = _rename(log, columns, ("user_id", "item_id"), ("rating", "timestamp"))
    return build_tables(
        Path(place[1]).stem,
        _typed(_seconds(log), LOG_NUMBERS),
        user_sheet and _typed(_rename(user_sheet, columns, ("user_id",)), {}),
        item_sheet and _typed(_rename(item_sheet, columns, ("item_id",)), {}),
        rating_range=rating_range,
    )


def read_pairs(path: str | Path) -> pl.DataFrame:
    """A CSV, TSV or Parquet file with user_id and item_id; its other columns as they are.

    Raises DataError for what is wrong with the file, as for a log.
    """
    sheet = _open(*open_file(path), "utf-8")
    columns = ("user_id", "item_id")
    require_columns(sheet, columns, "Rename the columns.")
    return sheet.frame.with_columns(_id(sheet, sheet.frame, column) for column in columns)


def is_delimited(folder: Folder) -> bool:
    """Whether a folder holds one file of interactions, or one that is named so."""
    tables = _tables(folder)
    return len(tables) == 1 or _find(folder, NAMES_OF_LOGS) is not None


def guess_columns(present: list[str]) -> dict[str, str]:
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


def _tables(folder: Folder) -> list[str]:
    return [name for name in folder.names if name.lower().endswith(SUFFIXES)]


def _find(folder: Folder, stems: tuple[str, ...]) -> tuple[Folder, str] | None:
    tables = _tables(folder)
    found = [name for stem in stems for name in tables if Path(name).stem.lower() == stem]
    return (folder, found[0]) if found else None


def _find_log(folder: Folder) -> tuple[Folder, str]:
    if len(folder.names) == 1:
        return folder, folder.names[0]
    found = _find(folder, NAMES_OF_LOGS)
    if found is not None:
        return found
    tables = _tables(folder)
    if len(tables) != 1:
        raise DataError(
            f"Wanted one file of interactions in {folder.where('')}; there are "
            f"{', '.join(tables) or 'none'}. Give the file itself."
        )
    return folder, tables[0]


def _open(folder: Folder, name: str, encoding: str) -> Sheet:
    if name.lower().endswith(".parquet"):
        return _open_parquet(folder, name)
    header = folder.first_line(name).replace("\0", "")
    separator = max(SEPARATORS, key=header.count)
    return read_text(folder, name, separator=separator, encodings=(encoding,))


def _open_parquet(folder: Folder, name: str) -> Sheet:
    file = folder.where(name)
    try:
        frame = pl.read_parquet(io.BytesIO(folder.read(name)))
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"Cannot read {file} as Parquet: {reason}. Write it anew.") from error
    if frame.is_empty():
        raise DataError(f"Wanted rows of data; {file} is empty. Write it anew.")
    return Sheet(frame, file, lambda row: row + 1)


def _rename(
    sheet: Sheet,
    columns: Mapping[str, str],
    required: tuple[str, ...],
    optional: tuple[str, ...] = (),
) -> Sheet:
    present = sheet.frame.columns
    guessed = guess_columns(present)
    to_guess = [ours for ours in (*required, *optional) if ours in guessed and ours not in columns]
    mapping = {ours: guessed[ours] for ours in to_guess}
    # Of the four, a file of users or items has its id alone: its "stars" are no ratings.
    others = set(SPELLINGS) - {*required, *optional}
    given = {ours: theirs for ours, theirs in columns.items() if ours not in others}
    mapping |= {ours: theirs for ours, theirs in given.items() if theirs in present}
    for ours in required:
        if ours not in mapping:
            remedy = f"Map it with columns, such as {{{ours} = '{present[0]}'}}."
            require_columns(sheet, [columns.get(ours, ours)], remedy)
    # Of two columns that would bear one name, the mapped one gets it.
    unwanted = [c for c in (*mapping, *given) if c in present and mapping.get(c) != c]
    frame = sheet.frame.drop(set(unwanted) - set(mapping.values()))
    frame = frame.rename({theirs: ours for ours, theirs in mapping.items()})
    ids = [_id(sheet, frame, ours) for ours in required]
    return sheet.with_frame(frame.with_columns(ids))


def _id(sheet: Sheet, frame: pl.DataFrame, column: str) -> pl.Expr:
    kind = frame[column].dtype
    if kind.is_float() or kind.is_nested() or kind == pl.Binary:
        raise DataError(
            f"Wanted ids that are text or whole numbers; {column} in {sheet.file} is of type "
            f"{kind}. Write that column as text."
        )
    return pl.col(column).cast(pl.String)


def _refuse_idle_mapping(columns: Mapping[str, str], sheets: list[Sheet]) -> None:
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


def _seconds(log: Sheet) -> Sheet:
    """Dates as seconds since 1970, whether the file types them or writes them in ISO form."""
    if "timestamp" not in log.frame.columns:
        return log
    times = log.frame["timestamp"]
    if times.dtype == pl.String:
        first = times.drop_nulls().first()
        if not isinstance(first, str) or not re.match(r"\s*\d{4}-\d{2}-\d{2}", first):
            return log
        try:
            times = times.str.strip_chars().str.to_datetime(strict=False, time_zone="UTC")
        except pl.exceptions.PolarsError:  # not even the first fits any form
            times = pl.Series([None] * len(times), dtype=pl.Datetime)
    if times.dtype not in (pl.Date, pl.Datetime):
        return log
    seconds = times.dt.epoch("s").cast(pl.Int64)
    return converted(log, "timestamp", pl.lit(seconds), "a date of one form")


def _typed(sheet: Sheet, numbers: Mapping[str, pl.DataType]) -> Sheet:
    for name, kind in numbers.items():
        if name in sheet.frame.columns:
            written = sheet.frame[name].dtype
            if written == pl.String:
                sheet = to_number(sheet, name, kind)
            elif written.is_numeric():
                number = pl.col(name).cast(kind, strict=False)
                sheet = sheet.with_frame(sheet.frame.with_columns(number))
            else:
                raise DataError(
                    f"Wanted numbers as {name}; in {sheet.file} it is of type {written}. "
                    "Write that column as numbers."
                )
    ids = ("user_id", "item_id")
    texts = [c for c, k in sheet.frame.schema.items() if k == pl.String and c not in ids]
    return sheet.with_frame(sheet.frame.with_columns(_plain_number(sheet.frame[c]) for c in texts))


def _plain_number(values: pl.Series) -> pl.Series:
    """Numbers where every value is one in its plain form: "007" and "02138" are none."""
    for pattern, kind in ((WHOLE, pl.Int64), (DECIMAL, pl.Float64)):
        if values.str.contains(pattern).all() and values.null_count() < len(values):
            return values.cast(kind)
    return values
