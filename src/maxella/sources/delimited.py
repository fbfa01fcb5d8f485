"""Any file of interactions, with a column mapping."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from maxella.sources.checks import build_tables
from maxella.sources.dates import ISO_START, as_moments, find_form
from maxella.sources.excel import NAMES_OF_LOGS
from maxella.sources.files import Folder, open_file, piped
from maxella.sources.formats import SUFFIXES, Layout, open_sheet, stem_of, suffix_of
from maxella.sources.mapping import (
    id_as_text,
    map_columns,
    move_facts,
    refuse_idle_mapping,
    rename,
)
from maxella.sources.own_names import IDS, TIME_UNITS, OwnNames
from maxella.sources.plain import decimal_comma, plain_number, plain_value
from maxella.sources.ratings import read_ratings
from maxella.sources.tables import Tables
from maxella.sources.text import Sheet, converted, stack, to_number

WANTED = f"delimited: a file of interactions ({', '.join(SUFFIXES)}), or train and test files"
NO_TABLES = ("readme", "license", "licence", "about", "citation")
NAMES_OF_PARTS = {  # files of a log whose split is given
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
NAMES_OF_USERS = ("users",)
NAMES_OF_ITEMS = ("items", "movies")
FOUND_OUT = Layout()


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
    time_format: str | None = None,
    encoding: str = "utf-8",
    separator: str | None = None,
    header: bool | None = None,
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
    layout = Layout(encoding, separator, header)
    return arrange(
        open_sheets(folder, users=users, items=items, layout=layout, columns=columns),
        columns=columns,
        user_columns=user_columns,
        item_columns=item_columns,
        time_unit=time_unit,
        time_format=time_format,
        rating_range=rating_range,
    )


def open_sheets(
    folder: Folder,
    *,
    users: str | Path | None = None,
    items: str | Path | None = None,
    layout: Layout = FOUND_OUT,
    columns: Mapping[str, str] | None = None,
) -> Sheets:
    """The files of `read_delimited`; ids stay text where names or `columns` tell which they are.

    `layout` is that of the log; of the other files the encoding alone is the same.
    """
    logs, columns = _find_log(folder), columns or {}
    of_side = Layout(layout.encoding)

    def side(given: str | Path | None, stems: Sequence[str]) -> Sheet | None:
        if given is not None:
            return _open(*open_file(given), columns, of_side)
        name = _find(folder, stems)
        is_log = name in logs.values()
        return None if name is None or is_log else _open(folder, name, columns, of_side)

    parts = {part: _open(folder, name, columns, layout) for part, name in logs.items()}
    sides = side(users, NAMES_OF_USERS), side(items, NAMES_OF_ITEMS)
    if "" in parts:
        return Sheets(stem_of(logs[""]), parts[""], *sides)
    with_part = [sheet.with_columns(pl.lit(part).alias("part")) for part, sheet in parts.items()]
    return Sheets(folder.name, stack(with_part, folder.where("")), *sides)


def arrange(
    sheets: Sheets,
    *,
    columns: Mapping[str, str],
    user_columns: Sequence[str] = (),
    item_columns: Sequence[str] = (),
    time_unit: str = "s",
    time_format: str | None = None,
    rating_range: tuple[float, float] | None = None,
) -> Tables:
    """Files as opened → tables; what there is to say of it stands in `read_delimited`."""
    name, log, users, items = sheets.name, sheets.log, sheets.users, sheets.items
    del sheets  # a column of a large log need not stay once another is in its place
    refuse_idle_mapping(columns, [sheet for sheet in (log, users, items) if sheet is not None])
    notes: list[str] = []
    facts = (*user_columns, *item_columns)
    log = rename(log, columns, IDS, ("rating", "timestamp", "event", "count"), facts)
    if "timestamp" in log.frame.columns:
        log = _times(log, time_unit, time_format)
    if "rating" in log.frame.columns:
        log = read_ratings(log)
    users = users and rename(users, columns, ("user_id",))
    items = items and rename(items, columns, ("item_id",))
    log, users = move_facts(log, users, "user_id", user_columns, notes)
    log, items = move_facts(log, items, "item_id", item_columns, notes)
    users = users and _with_plain_values(users)
    items = items and _with_plain_values(items)
    assumed = [note for sheet in (log, users, items) if sheet is not None for note in sheet.notes]
    notes = [*dict.fromkeys([*assumed, *notes])]
    return build_tables(name, log, users, items, rating_range=rating_range, notes=notes)


def read_pairs(path: str | Path, names: OwnNames | None = None) -> pl.DataFrame:
    """A file with a user and an item in each row, as it is but for ids as text.

    The path `-` is standard input, of text. Ids are called as `names` says, or as we call them.
    Raises DataError for what is wrong with the file, as for a log.
    """
    sheet = open_sheet(*(piped() if str(path) == "-" else open_file(path)), FOUND_OUT)
    names = names or OwnNames()
    names.require(sheet.frame.columns, IDS, sheet.file)
    ids = names.found(sheet.frame.columns, IDS).values()
    return sheet.frame.with_columns([id_as_text(sheet, sheet.frame, column) for column in ids])


def read_side(path: str | Path, key: str, names: OwnNames | None = None) -> pl.DataFrame:
    """A file with a row for each user or item, its id called `key` or alike.

    Its other columns are read as those of a log's users and items; DataError as for these.
    """
    sheet, names = _open(*open_file(path), {}, FOUND_OUT), names or OwnNames()
    names.require(sheet.frame.columns, (key,), sheet.file)
    return _with_plain_values(rename(sheet, names.within(sheet.frame.columns), (key,))).frame


def read_alike(folder: Folder, names: OwnNames, encoding: str = "utf-8") -> Tables:
    """As `read_delimited`, a log that calls its columns as another does, or as we do."""
    sheets = open_sheets(folder, columns=names.columns, layout=Layout(encoding))
    present = sheets.log.frame.columns
    names.require(present, IDS, sheets.log.file)
    return arrange(
        sheets,
        columns=names.within(present),
        time_unit=names.unit_of(present),
        time_format=names.form_of(present),
    )


def is_delimited(folder: Folder) -> bool:
    """Whether a folder holds one file of interactions, or some that are named so."""
    return bool(_tables(folder) and _find_log(folder))


def _find_log(folder: Folder) -> dict[str, str]:
    """The files of interactions by their part; of a log in one file that is ""."""
    tables = _tables(folder) or folder.names
    named = _find(folder, NAMES_OF_LOGS)
    if named is not None or len(tables) == 1:
        return {"": named or tables[0]}
    found = {part: _find(folder, stems) for part, stems in NAMES_OF_PARTS.items()}
    parts = {part: name for part, name in found.items() if name is not None}
    return parts if {"train", "test"} <= set(parts) else {}


def _find(folder: Folder, stems: Sequence[str]) -> str | None:
    """The file with the first of these names that is there."""
    tables = {stem_of(name).lower(): name for name in reversed(_tables(folder))}
    return next((tables[stem] for stem in stems if stem in tables), None)


def _tables(folder: Folder) -> list[str]:
    return [
        name
        for name in folder.names
        if suffix_of(name) in SUFFIXES and stem_of(name).lower() not in NO_TABLES
    ]


def _open(folder: Folder, name: str, columns: Mapping[str, str], layout: Layout) -> Sheet:
    return typed(open_sheet(folder, name, layout), columns)


def typed(sheet: Sheet, columns: Mapping[str, str]) -> Sheet:
    """With numbers for columns of text that hold nothing but plain numbers.

    Ids stay text where names or `columns` tell which they are.
    """
    present = sheet.frame.columns
    mapping = map_columns(present, columns, IDS)
    ids = {mapping.get(ours) for ours in IDS} | {c for c in present if re.search(r"(?i)id$", c)}
    for column, kind in sheet.frame.schema.items():
        if kind != pl.String or column in ids:
            continue
        values = plain_number(sheet.frame[column])
        if values.dtype == pl.String and (numbers := decimal_comma(values)) is not None:
            example = values.filter(values.str.contains(",", literal=True))[0]
            note = f"{column} in {sheet.file} has decimal commas: '{example}' is a number."
            sheet, values = sheet.with_notes(note), numbers
        sheet = sheet.with_columns(values)
    return sheet


def _times(log: Sheet, unit: str, form: str | None) -> Sheet:
    """Times as seconds since 1970, whether typed as dates, written as such, or numbers."""
    times, wanted = log.frame["timestamp"], "a date of one form"
    if times.dtype == pl.String:
        is_iso = bool(times.drop_nulls().head(1).str.contains(ISO_START).all())
        if form is None and not is_iso and (found := find_form(times)) is not None:
            form = found.format
            log = log.with_notes(f"Times in {log.file} are read {found.reason}.")
        if form is not None or is_iso:
            times = as_moments(times, form)
            wanted = f"a date of the form {form}" if form else wanted
    if times.dtype in (pl.Date, pl.Datetime):
        seconds = times.dt.epoch("s").cast(pl.Int64)
        return converted(log, "timestamp", pl.lit(seconds), wanted)
    log = to_number(log, "timestamp", pl.Int64())
    return log.with_columns(pl.col("timestamp") // TIME_UNITS[unit])


def _with_plain_values(side: Sheet) -> Sheet:
    """With dates and lists for columns of nothing but such texts."""
    texts = side.frame.select(pl.col(pl.String).exclude(IDS))
    return side.with_columns(*(plain_value(values) for values in texts))
