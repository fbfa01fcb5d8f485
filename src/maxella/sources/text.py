"""Delimited text → a `Sheet` of typed columns; whatever is wrong is named with its line.

Polars reads the text. Python's csv finds the line of an error; lone quotes are read line by line.
"""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from maxella.errors import DataError, near
from maxella.sources.bounded import PACKED, refuse_wide
from maxella.sources.cut_text import CutText
from maxella.sources.files import Folder
from maxella.sources.lines import SPACES, cut_line

UTF8 = ("utf-8",)
NAME_IT = "name its encoding, such as iso-8859-1 (--encoding of init, data.encoding in a config)"
# Old MovieLens files are ISO-8859-1; copies of them are often saved anew as UTF-8,
# and ISO-8859-1 text with letters beyond ASCII is practically never valid UTF-8.
UTF8_OR_LATIN_1 = ("utf-8", "iso-8859-1")
CUT = "\x1f"  # Polars cuts at one byte; the unit separator is in no text
# Of some lone quotes Polars panics, which is no PolarsError.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
_BLANK = pl.all_horizontal(pl.all().is_null())  # an empty line


@dataclass(frozen=True)
class Sheet:
    """A table as read, which can still say where in its file a row stands."""

    frame: pl.DataFrame
    file: str
    place: Callable[[int], str]  # row of `frame` → its file and line, for a message
    notes: tuple[str, ...] = ()  # what was assumed in reading it, a sentence each
    has_header: bool = True  # whether its file names the columns

    def with_frame(self, frame: pl.DataFrame) -> "Sheet":
        """The same rows with other columns."""
        return replace(self, frame=frame)

    def with_notes(self, *notes: str) -> "Sheet":
        """The same table, of which more was assumed."""
        return replace(self, notes=(*self.notes, *notes))

    def select(self, *columns: pl.Expr | str) -> "Sheet":
        """The same rows with these columns alone."""
        return self.with_frame(self.frame.select(columns))

    def with_columns(self, *columns: pl.Expr | pl.Series) -> "Sheet":
        """The same rows with these columns beside or in the place of others."""
        return self.with_frame(self.frame.with_columns(columns))

    def first(self, mask: pl.Expr) -> int | None:
        """The first row where an expression is true."""
        rows = self.frame.select(mask.arg_true().first().alias("row"))["row"]
        return None if rows[0] is None else int(rows[0])


def read_text(
    folder: Folder,
    name: str,
    *,
    separator: str = ",",
    columns: Sequence[str] | None = None,
    numbers: Mapping[str, pl.DataType] | None = None,
    encodings: tuple[str, ...] = UTF8,
    is_quoted: bool = True,
    n_skipped: int = 0,
    text: bytes | None = None,
) -> Sheet:
    """A text file as a sheet: strings but for the `numbers`, empty fields missing.

    `columns` names the columns of a file without a header; `encodings` are tried in
    order; `n_skipped` lines stand before the header or the first row; `text` is read in the place
    of what the file holds. A quote that is never closed is a letter. Raises DataError for an empty
    file, a wrong encoding, a row with more or fewer fields than columns, and a number that cannot
    be read.
    """
    file, on_disk = folder.where(name), folder.on_disk(name) if text is None else None
    cut = separator if len(separator) == 1 else CUT

    def read(size: int = -1) -> bytes:
        return folder.read(name, size) if text is None else text[: size if size >= 0 else None]

    def load() -> CutText:
        """Of UTF-8 on disk the place alone; all else is unpacked and decoded in memory."""
        place: Path | bytes | None = on_disk
        is_old_mac = _is_of_old_mac(read(2**16))
        if encodings != UTF8 or cut != separator or is_old_mac or place is None:
            data = _decode(read(), file, encodings)
            place = data if cut == separator else _cut_anew(data, separator)
        end = "\r" if is_old_mac else "\n"
        return CutText(place, file, cut, is_quoted and separator != SPACES, n_skipped, end)

    _refuse_packed(read(4), file)
    loaded = load()
    _refuse_zero_bytes(loaded, encodings)
    try:
        if columns is None:
            columns, n_lines = _header(loaded)
            loaded = replace(loaded, n_skipped=n_skipped + n_lines)
        _refuse_repeated(columns, file)
        frame, is_by_line = _read(loaded, list(columns), numbers or {})
    except UnicodeDecodeError:
        _decode(read(), file, encodings)  # says in which line
        raise
    notes = tuple(_letters(replace(loaded, is_by_line=True))) if is_by_line else ()
    # The bytes are not kept for the sake of a line that may never be asked for.
    n_before = loaded.n_skipped
    del loaded

    def place(row: int) -> str:
        return replace(load(), n_skipped=n_before, is_by_line=is_by_line).place_of(row)

    return Sheet(frame, file, place, notes)


def _refuse_packed(start: bytes, file: str) -> None:
    if start.startswith(PACKED):
        raise DataError(f"Wanted text; {file} is packed. Unpack it, or pack it once, with gzip.")


def _refuse_zero_bytes(text: CutText, encodings: tuple[str, ...]) -> None:
    if b"\0" in text.start:
        raise DataError(
            f"Wanted text in {encodings[-1].upper()}; {text.file} holds zero bytes, as UTF-16 and "
            f"files that are no text do. Save it as UTF-8, or {NAME_IT}."
        )


def _refuse_repeated(columns: Sequence[str], file: str) -> None:
    repeated = {name for name in columns if columns.count(name) > 1}
    if repeated:
        raise DataError(
            f"Wanted distinct column names in the first line of {file}; "
            f"'{min(repeated)}' occurs more than once. Rename one."
        )


def _is_of_old_mac(start: bytes) -> bool:
    return b"\r" in start and b"\n" not in start


def _cut_anew(data: bytes, separator: str) -> bytes:
    """Text parted by bytes of its own, where a separator is none that Polars cuts at."""
    if separator != SPACES:
        return data.replace(separator.encode(), CUT.encode())
    data = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", data)
    return re.sub(rb"[ \t]+", CUT.encode(), data)


def _read(
    text: CutText, names: list[str], numbers: Mapping[str, pl.DataType]
) -> tuple[pl.DataFrame, bool]:
    """The rows of a text, and whether each line is one; UnicodeDecodeError if it isn't UTF-8."""
    n_lines, n_cuts, n_quotes = text.count()
    try:
        frame = text.scan({name: numbers.get(name, pl.String()) for name in names}).collect()
    except UNREADABLE:
        frame = None
    is_by_line = False
    if frame is None or (n_quotes and frame.height != n_lines):
        is_by_line = n_quotes > 0 and _is_by_line(text, len(names))
    if frame is None or is_by_line:
        frame = _read_strictly(replace(text, is_by_line=is_by_line), names, numbers)
    if frame.height and frame[:, -1].null_count():
        # Polars fills a short row up with missing values. Without quotes, counting separators
        # settles it: too long rows are refused already.
        if not is_by_line and (n_quotes or n_cuts != n_lines * (len(names) - 1)):
            for _ in _whole_rows(text, len(names)):
                pass
        frame = frame.filter(~_BLANK)
    if frame.is_empty():
        raise _empty(text.file)
    return frame, is_by_line


def _read_strictly(
    text: CutText, names: list[str], numbers: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """The rows that Polars cannot read as they are, written anew by csv; DataError with the line.

    Polars loses count at a lone quote, as in 5" screen.
    """
    written = io.StringIO()
    writer = csv.writer(written, delimiter=text.separator, lineterminator="\r\n")
    writer.writerows(_whole_rows(text, len(names)))
    strict = CutText(written.getvalue().encode(), text.file, text.separator, is_quoted=True)
    if not strict.place:
        raise _empty(text.file)
    frame = strict.scan(dict.fromkeys(names, pl.String())).collect()
    sheet = Sheet(frame, text.file, text.place_of)
    for name, kind in numbers.items():
        if name in names:
            sheet = to_number(sheet, name, kind)
    return sheet.frame


def _is_by_line(text: CutText, n_columns: int) -> bool:
    """Whether quotes would join lines of which each is a row, as lone quotes do.

    Where quotes do their work elsewhere in the file, they do so here, unless they cannot.
    """
    is_used = False
    for _, line in text.lines():
        fields = cut_line(line, text.separator)
        if any(fields) and len(fields) != n_columns:
            return False
        is_used |= fields != line.split(text.separator)
    try:
        return not is_used or not all(_whole_rows(text, n_columns))
    except DataError:
        return True


def _letters(text: CutText) -> Iterator[str]:
    """A note on the first quote that opens a field and is never closed."""
    for line, fields in text.records():
        if any(field.startswith('"') for field in fields):
            yield (
                f"A quote in {text.file}, line {line} opens a field and doesn't close it: such "
                "quotes are letters, and every line is a row."
            )
            return


def _whole_rows(text: CutText, n_columns: int) -> Iterator[list[str]]:
    """The fields of each row of data; DataError where a row has more or fewer than columns."""
    for line, fields in text.records():
        if len(fields) != n_columns:
            raise DataError(
                f"Wanted {n_columns} fields in every row; {text.file}, line {line} has "
                f"{len(fields)}. Mend or remove the row."
            )
        yield fields


def _header(text: CutText) -> tuple[list[str], int]:
    """The names of the columns, and how many lines there are up to their end."""
    line, names = next(text.records(), (0, None))
    if names is None:
        raise _empty(text.file)
    refuse_wide(len(names), text.file)
    with replace(text, n_skipped=0).opened() as stream:
        skipped = [stream.readline() for _ in range(line)]
    if re.search(rb"\r(?!\n)", skipped[-1]) and text.end == "\n":
        raise DataError(
            f"Wanted lines that all end alike; those of {text.file} end in \\r here and in \\n "
            "there. Save it anew."
        )
    n_more = sum(len(re.findall(r"\r\n|\r|\n", name)) for name in names)
    named = [name or f"column_{n}" for n, name in enumerate(names, 1)]  # as of a row's number
    return named, line + n_more - text.n_skipped


def _empty(file: str) -> DataError:
    return DataError(f"Wanted rows of data; {file} is empty. Get the file anew.")


def _decode(data: bytes, file: str, encodings: tuple[str, ...]) -> bytes:
    """UTF-8 of bytes in the first of these encodings that they are in."""
    data = data.removeprefix(codecs.BOM_UTF8)
    if encodings[0] == "utf-8" and data.isascii():
        return data
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            problem = f"byte {data[error.start]:#04x} in {file}, line {line}"
        except (LookupError, ValueError) as error:  # of codecs that are no encodings of texts
            raise no_encoding(encoding) from error
        else:
            return data if encoding == "utf-8" else text.encode()
    raise DataError(
        f"Wanted text in {encodings[-1].upper()}; {problem} is none. "
        f"Save the file as UTF-8, or {NAME_IT}."
    )


def no_encoding(name: str) -> DataError:
    """The error for a name that is none of an encoding of texts."""
    return DataError(f"Wanted the name of an encoding, such as iso-8859-1; got '{name}'.")


def stack(sheets: Sequence[Sheet], file: str) -> Sheet:
    """The rows of several sheets one below the other; `file` is what they are called together."""
    # Not the sheets: their rows need not stay.
    parts = [(sheet.frame.height, sheet.place) for sheet in sheets]

    def place(row: int) -> str:
        for height, place_in_part in parts:
            if row < height:
                return place_in_part(row)
            row -= height
        raise IndexError(row)

    frame = pl.concat([sheet.frame for sheet in sheets], how="diagonal_relaxed")
    return Sheet(frame, file, place, tuple(note for sheet in sheets for note in sheet.notes))


def require_columns(sheet: Sheet, wanted: Sequence[str], remedy: str) -> None:
    """Raises DataError where a column is missing, with the nearest name that is there."""
    present = sheet.frame.columns
    for column in wanted:
        if column not in present:
            raise DataError(
                f"Wanted a column '{column}' in {sheet.file}; it has "
                f"{', '.join(present)}.{near(column, present, 0.5)} {remedy}"
            )


def to_number(sheet: Sheet, name: str, kind: pl.DataType) -> Sheet:
    """The sheet with a column of text or numbers as numbers; for whole ones it is rounded down.

    Raises DataError with the line of the first that cannot be read, and for a column of
    another type.
    """
    written, of = pl.col(name), sheet.frame[name].dtype
    if of == pl.String:
        written = written.str.strip_chars()
    elif not of.is_numeric():
        raise DataError(
            f"Wanted numbers as {name}; in {sheet.file} it is of type {of}. "
            "Write that column as numbers."
        )
    number = written.cast(kind, strict=False)
    if kind.is_integer() and not of.is_integer():
        floor = written.cast(pl.Float64, strict=False).floor().cast(kind, strict=False)
        # Whole numbers of more digits than a float holds are exact as text.
        number = pl.coalesce(number, floor) if of == pl.String else floor
    return converted(sheet, name, number, "a number")


def converted(sheet: Sheet, name: str, value: pl.Expr, wanted: str) -> Sheet:
    """The sheet with a column replaced by `value`, which is missing where it cannot be read.

    Raises DataError with the line of the first such row.
    """
    row = sheet.first(pl.col(name).is_not_null() & value.is_null())
    if row is not None:
        raise DataError(
            f"Wanted {wanted} as {name}; got {sheet.frame[name][row]!r} in {sheet.place(row)}. "
            "Mend or remove the row."
        )
    return sheet.with_columns(value.alias(name))
