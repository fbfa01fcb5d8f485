"""RecBole's atomic files: `.inter`, `.user` and `.item`, tab separated, `name:type` headers."""

import polars as pl

from maxella.errors import DataError
from maxella.sources.checks import build_tables
from maxella.sources.files import Folder
from maxella.sources.tables import Tables
from maxella.sources.text import Sheet, converted, read_text, require_columns, to_number

WANTED = "atomic: one .inter file, .user and .item beside it"
KINDS = ("token", "token_seq", "float", "float_seq")
NUMBERS = {"rating": pl.Float32(), "timestamp": pl.Int64()}
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
            f"{', '.join(inter) or 'none'}. Keep one in a folder of its own."
        )
    stem = inter[0].removesuffix(".inter")
    interactions = _read(folder, inter[0])
    require_columns(interactions, ["user_id", "item_id"], "Rename the columns in its header.")
    sheets = {
        key: _read(folder, f"{stem}.{key}") if f"{stem}.{key}" in folder else None
        for key in ("user", "item")
    }
    for key, sheet in sheets.items():
        if sheet is not None:
            require_columns(sheet, [f"{key}_id"], "Rename the column in its header.")
    return build_tables(
        stem, interactions, sheets["user"], sheets["item"], rating_range=rating_range
    )


def is_atomic(folder: Folder) -> bool:
    """Whether a folder holds atomic files."""
    return any(name.endswith(".inter") for name in folder.names)


def _read(folder: Folder, name: str) -> Sheet:
    header = folder.first_line(name).split("\t")
    kinds: dict[str, str] = {}
    for field in header:
        column, _, kind = field.rpartition(":")
        if kind not in KINDS or not column:
            raise DataError(
                f"Wanted a header of name:type with types {', '.join(KINDS)}; {field!r} in "
                f"{folder.where(name)}, line 1 is none. Mend the header."
            )
        kinds[column] = kind
    numbers = {f"{c}:{k}": NUMBERS.get(c, pl.Float64()) for c, k in kinds.items() if k == "float"}
    sheet = read_text(folder, name, separator="\t", numbers=numbers, is_quoted=False)
    ours = {c: FAMILIAR.get(c, c) for c in kinds}
    sheet = sheet.with_frame(sheet.frame.rename({f"{c}:{k}": ours[c] for c, k in kinds.items()}))
    for column, number in NUMBERS.items():  # a file may call its ratings tokens
        if sheet.frame.schema.get(column) == pl.String:
            sheet = to_number(sheet, column, number)
    for column, kind in kinds.items():
        if kind.endswith("_seq") and ours[column] != "title":
            sheet = converted(sheet, ours[column], _list(ours[column], kind), f"a {kind}")
    return sheet.with_frame(_whole_numbers(sheet.frame))


def _whole_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    for column in ("year", "age"):
        if frame.schema.get(column) == pl.String:
            # In RecBole's ML-100K two titles without a year have a word in its place.
            number = frame[column].cast(pl.Int32, strict=False)
            if column == "year" or number.null_count() == frame[column].null_count():
                frame = frame.with_columns(number)
    return frame


def _list(column: str, kind: str) -> pl.Expr:
    parts = pl.col(column).fill_null("").str.split(" ")
    no_value = NO_GENRES if column == "genres" else ("",)
    parts = parts.list.eval(pl.element().filter(~pl.element().is_in(no_value)))
    if kind == "token_seq":
        return parts
    numbers = parts.list.eval(pl.element().cast(pl.Float64, strict=False))
    is_readable = numbers.list.eval(pl.element().is_not_null()).list.all()
    return pl.when(is_readable).then(numbers)
