"""Any CSV, TSV or Parquet file of interactions, with a column mapping."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from maxella.errors import DataError
from maxella.sources.bounded import refuse_vast
from maxella.sources.checks import build_tables
from maxella.sources.files import Folder, open_file, piped
from maxella.sources.mapping import (
    id_as_text,
    map_columns,
    move_facts,
    refuse_idle_mapping,
    rename,
)
from maxella.sources.own_names import IDS, TIME_UNITS, OwnNames
from maxella.sources.plain import as_moments, plain_number, plain_value
from maxella.sources.tables import Tables
from maxella.sources.text import Sheet, converted, read_text, stack, to_number

WANTED = "delimited: a .csv, .tsv or .parquet file of interactions, or train and test files"
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
SEPARATORS = ("\t", ";", "|", ",")
NAMES_OF_LOGS = ("interactions", "ratings", "events")
NAMES_OF_PARTS = {  # files of a log whose split is given
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
NAMES_OF_USERS = ("users",)
NAMES_OF_ITEMS = ("items", "movies")


@dataclass(frozen=True)
class Sheets:
    """The files of a data set as they are, under their own names of columns."""

    name: str
    log: Sheet
    users: Sheet | None
    items: Sheet | None


def read_delimited(
    folder: Folder,
    *,
    columns: Mapping[str, str] | None = None,
    users: str | Path | None = None,
    items: str | Path | None = None,
    user_columns: Sequence[str] = (),
    item_columns: Sequence[str] = (),
    time_unit: str = "s",
    encoding: str = "utf-8",
    rating_range: tuple[float, float] | None = None,
) -> Tables:
    """One file of interactions, and files of users and items where there are any.

    Files of train, test and validation make one log, with a column `part` that names these.

    `columns` maps our names to the files', such as `{"user_id": "customer"}`; usual
    spellings are found without it, and "" says that there is no such column. `rating`
    and `timestamp` (numbers of a `time_unit` since 1970, or ISO dates) may be missing, and so may
    `event`, which names what happened, such as a view or a purchase.
    `user_columns` and `item_columns` are columns of the log that tell of the user or of the
    item alone; they move to the tables of users and items. Further columns are kept; those that
    hold nothing but plain numbers become numbers, and in the tables of users and items also
    those of dates and of lists.
    """
    columns = dict(columns or {})
    return arrange(
        open_sheets(folder, users=users, items=items, encoding=encoding, columns=columns),
        columns=columns,
        user_columns=user_columns,
        item_columns=item_columns,
        time_unit=time_unit,
        rating_range=rating_range,
    )


def open_sheets(
    folder: Folder,
    *,
    users: str | Path | None = None,
    items: str | Path | None = None,
    encoding: str = "utf-8",
    columns: Mapping[str, str] | None = None,
) -> Sheets:
    """The files of `read_delimited`; ids stay text where names or `columns` tell which they are."""
    logs, columns = _find_log(folder), columns or {}

    def side(given: str | Path | None, stems: Sequence[str]) -> Sheet | None:
        if given is not None:
            return _open(*open_file(given), columns, encoding)
        name = _find(folder, stems)
        is_log = name in logs.values()
        return None if name is None or is_log else _open(folder, name, columns, encoding)

    parts = {part: _open(folder, name, columns, encoding) for part, name in logs.items()}
    sides = side(users, NAMES_OF_USERS), side(items, NAMES_OF_ITEMS)
    if "" in parts:
        return Sheets(Path(logs[""]).stem, parts[""], *sides)
    with_part = [sheet.with_columns(pl.lit(part).alias("part")) for part, sheet in parts.items()]
    return Sheets(folder.name, stack(with_part, folder.where("")), *sides)


def arrange(
    sheets: Sheets,
    *,
    columns: Mapping[str, str],
    user_columns: Sequence[str] = (),
    item_columns: Sequence[str] = (),
    time_unit: str = "s",
    rating_range: tuple[float, float] | None = None,
) -> Tables:
    """Files as opened → tables; what there is to say of it stands in `read_delimited`."""
    name, log, users, items = sheets.name, sheets.log, sheets.users, sheets.items
    del sheets  # a column of a large log need not stay once another is in its place
    refuse_idle_mapping(columns, [sheet for sheet in (log, users, items) if sheet is not None])
    notes: list[str] = []
    log = rename(log, columns, IDS, ("rating", "timestamp", "event"))
    if "timestamp" in log.frame.columns:
        log = _times(log, time_unit)
    if "rating" in log.frame.columns:
        log = to_number(log, "rating", pl.Float32())
    users = users and rename(users, columns, ("user_id",))
    items = items and rename(items, columns, ("item_id",))
    log, users = move_facts(log, users, "user_id", user_columns, notes)
    log, items = move_facts(log, items, "item_id", item_columns, notes)
    users = users and _with_plain_values(users)
    items = items and _with_plain_values(items)
    return build_tables(name, log, users, items, rating_range=rating_range, notes=notes)


def read_pairs(path: str | Path, names: OwnNames | None = None) -> pl.DataFrame:
    """A CSV, TSV or Parquet file with a user and an item in each row, as it is but for ids as text.

    The path `-` is standard input, of text. Ids are called as `names` says, or as we call them.
    Raises DataError for what is wrong with the file, as for a log.
    """
    sheet = _open_as_written(*(piped() if str(path) == "-" else open_file(path)), "utf-8")
    names = names or OwnNames()
    names.require(sheet.frame.columns, IDS, sheet.file)
    ids = names.found(sheet.frame.columns, IDS).values()
    return sheet.frame.with_columns([id_as_text(sheet, sheet.frame, column) for column in ids])


def read_side(path: str | Path, key: str, names: OwnNames | None = None) -> pl.DataFrame:
    """A CSV, TSV or Parquet file with a row for each user or item, its id called `key` or alike.

    Its other columns are read as those of a log's users and items; DataError as for these.
    """
    sheet, names = _open(*open_file(path), {}, "utf-8"), names or OwnNames()
    names.require(sheet.frame.columns, (key,), sheet.file)
    return _with_plain_values(rename(sheet, names.within(sheet.frame.columns), (key,))).frame


def read_alike(folder: Folder, names: OwnNames, encoding: str = "utf-8") -> Tables:
    """As `read_delimited`, a log that calls its columns as another does, or as we do."""
    sheets = open_sheets(folder, columns=names.columns, encoding=encoding)
    present = sheets.log.frame.columns
    names.require(present, IDS, sheets.log.file)
    return arrange(sheets, columns=names.within(present), time_unit=names.unit_of(present))


def is_delimited(folder: Folder) -> bool:
    """Whether a folder holds one file of interactions, or some that are named so."""
    return bool(_find_log(folder))


def _find_log(folder: Folder) -> dict[str, str]:
    """The files of interactions by their part; of a log in one file that is ""."""
    tables = _tables(folder)
    named = _find(folder, NAMES_OF_LOGS)
    if named is not None or len(tables) == 1:
        return {"": named or tables[0]}
    found = {part: _find(folder, stems) for part, stems in NAMES_OF_PARTS.items()}
    parts = {part: name for part, name in found.items() if name is not None}
    return parts if {"train", "test"} <= set(parts) else {}


def _find(folder: Folder, stems: Sequence[str]) -> str | None:
    """The file with the first of these names that is there."""
    tables = {Path(name).stem.lower(): name for name in reversed(_tables(folder))}
    return next((tables[stem] for stem in stems if stem in tables), None)


def _tables(folder: Folder) -> list[str]:
    return [name for name in folder.names if name.lower().endswith(SUFFIXES)]


def _open(folder: Folder, name: str, columns: Mapping[str, str], encoding: str) -> Sheet:
    """A file with numbers for columns of text that hold nothing but plain numbers.

    Ids stay text where names or `columns` tell which they are.
    """
    sheet = _open_as_written(folder, name, encoding)
    present = sheet.frame.columns
    mapping = map_columns(present, columns, IDS)
    ids = {mapping.get(ours) for ours in IDS} | {c for c in present if re.search(r"(?i)id$", c)}
    for column, kind in sheet.frame.schema.items():
        if kind == pl.String and column not in ids:
            sheet = sheet.with_columns(plain_number(sheet.frame[column]))
    return sheet


def _open_as_written(folder: Folder, name: str, encoding: str) -> Sheet:
    if name.lower().endswith(".parquet"):
        return _open_parquet(folder, name)
    header = folder.first_line(name).replace("\0", "")
    unquoted = re.sub(r'"[^"]*"', "", header)  # between quotes nothing separates
    separator = max(SEPARATORS, key=unquoted.count)
    return read_text(folder, name, separator=separator, encodings=(encoding,))


def _open_parquet(folder: Folder, name: str) -> Sheet:
    file, on_disk = folder.where(name), folder.path / name
    try:
        source = on_disk if on_disk.is_file() else folder.read(name)
        n_bytes = len(source) if isinstance(source, bytes) else source.stat().st_size
        scanned = pl.scan_parquet(source, glob=False)
        n_rows = scanned.select(pl.len()).collect().item()
        refuse_vast(n_rows, len(scanned.collect_schema()), n_bytes, file)
        frame = scanned.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"Cannot read {file} as Parquet: {reason}. Write it anew.") from error
    if frame.is_empty():
        raise DataError(f"Wanted rows of data; {file} is empty. Write it anew.")
    return Sheet(frame, file, lambda row: f"{file}, line {row + 1}")


def _times(log: Sheet, unit: str) -> Sheet:
    """Times as seconds since 1970, whether typed as dates, written in ISO form, or numbers."""
    times = log.frame["timestamp"]
    if times.dtype == pl.String:
        first = times.drop_nulls().first()
        if isinstance(first, str) and re.match(r"\s*\d{4}-\d{2}-\d{2}", first):
            times = as_moments(times)
    if times.dtype in (pl.Date, pl.Datetime):
        seconds = times.dt.epoch("s").cast(pl.Int64)
        return converted(log, "timestamp", pl.lit(seconds), "a date of one form")
    log = to_number(log, "timestamp", pl.Int64())
    return log.with_columns(pl.col("timestamp") // TIME_UNITS[unit])


def _with_plain_values(side: Sheet) -> Sheet:
    """With dates and lists for columns of nothing but such texts."""
    texts = side.frame.select(pl.col(pl.String).exclude(IDS))
    return side.with_columns(*(plain_value(values) for values in texts))
