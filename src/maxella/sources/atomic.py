"""RecBole's atomic files: `.inter`, `.user` and `.item`, tab separated, `name:type` headers."""

import polars as pl

from maxella.errors import DataError
from maxella.sources.checks import build_tables
from maxella.sources.files import Folder
from maxella.sources.tables import NUMBERS, Tables
from maxella.sources.text import Sheet, converted, read_text, require_columns, to_number

WANTED = "atomic: one .inter file, .user and .item beside it"
KINDS = ("token", "token_seq", "float", "float_seq")
# What RecBole's MovieLens calls differently from GroupLens' own, so that a
# configuration fits both.
FAMILIAR = {"movie_title": "title", "release_year": "year", "class": "genres", "genre": "genres"}
NO_GENRES = ("", "unknown")


def read_atomic(folder: Folder, *, rating_range: tuple[float, float] | None = None) -> Tables:
    """Atomic files as tables: tokens are strings, sequences lists, floats numbers.

    A title stays one string, `year` becomes a whole number or missing, `age` a whole
    number where all its values are.
    """
    inter = [name for name in folder.names if name.endswith(".inter")]
    if len(inter) != 1:
        raise DataError(
            f"Wanted one .inter file in {folder.where('')}; there are {len(inter)}: "
            f"{', '.join(inter)}. Keep one in a folder of its own."
        )
    stem = inter[0].removesuffix(".inter")
    log = _read(folder, inter[0], "user_id", "item_id")
    users, items = (
        _read(folder, f"{stem}.{side}", f"{side}_id") if f"{stem}.{side}" in folder else None
        for side in ("user", "item")
    )
    return build_tables(stem, log, users, items, rating_range=rating_range)


def is_atomic(folder: Folder) -> bool:
    """Whether a folder holds atomic files."""
    return any(name.endswith(".inter") for name in folder.names)


def _read(folder: Folder, name: str, *ids: str) -> Sheet:
    sheet = read_text(folder, name, separator="\t", is_quoted=False)
    for field in sheet.frame.columns:
        column, _, kind = field.rpartition(":")
        if kind not in KINDS or not column:
            raise DataError(
                f"Wanted a header of name:type with types {', '.join(KINDS)}; {field!r} in "
                f"{sheet.file}, line 1 is none. Mend the header."
            )
        ours = FAMILIAR.get(column, column)
        sheet = sheet.with_frame(sheet.frame.rename({field: ours}))
        if kind == "float" or column in NUMBERS:
            sheet = to_number(sheet, ours, NUMBERS.get(column, pl.Float64()))
        elif kind.endswith("_seq") and ours != "title":
            sheet = converted(sheet, ours, _list(ours, kind), f"a {kind}")
        elif ours in ("year", "age"):
            whole = sheet.frame[ours].cast(pl.Int32, strict=False)
            # In RecBole's ML-100K two titles without a year have a word in its place.
            if ours == "year" or whole.null_count() == sheet.frame[ours].null_count():
                sheet = sheet.with_columns(whole)
    require_columns(sheet, ids, "Rename the columns in its header.")
    return sheet


def _list(column: str, kind: str) -> pl.Expr:
    parts = pl.col(column).fill_null("").str.split(" ")
    no_value = NO_GENRES if column == "genres" else ("",)
    parts = parts.list.eval(pl.element().filter(~pl.element().is_in(no_value)))
    if kind == "token_seq":
        return parts
    numbers = parts.list.eval(pl.element().cast(pl.Float64, strict=False))
    is_readable = numbers.list.eval(pl.element().is_not_null()).list.all()
    return pl.when(is_readable).then(numbers)
