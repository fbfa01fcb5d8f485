"""Delimited text → a `Sheet` of typed columns; whatever is wrong is named with its line."""

import csv
import difflib
import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl

from maxella.errors import DataError
from maxella.sources.files import Folder
from maxella.sources.plain import numbers_among, plain_number

UTF8 = ("utf-8",)
# Old MovieLens files are ISO-8859-1; copies of them are often saved anew as UTF-8,
# and ISO-8859-1 text with letters beyond ASCII is practically never valid UTF-8.
UTF8_OR_LATIN_1 = ("utf-8", "iso-8859-1")
_PIECE = 2**24  # bytes
# Of some lone quotes Polars panics, which is no PolarsError.
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
_BLANK = pl.all_horizontal(pl.all().is_null())  # an empty line


@dataclass(frozen=True)
class Sheet:
    """A table as read, which can still say where in its file a row stands."""

    frame: pl.DataFrame
    file: str
    place: Callable[[int], str]  # row of `frame` → its file and line, for a message

    def with_frame(self, frame: pl.DataFrame) -> "Sheet":
        """The same rows with other columns."""
        return replace(self, frame=frame)

    def with_constant(self, name: str, value: str) -> "Sheet":
        """The same rows with one more column, of one value."""
        return self.with_frame(self.frame.with_columns(pl.lit(value).alias(name)))

    def first(self, mask: pl.Expr) -> int | None:
        """The first row where an expression is true."""
        rows = self.frame.select(mask.arg_true().first().alias("row"))["row"]
        return None if rows[0] is None else int(rows[0])


@dataclass(frozen=True)
class _Text:
    """Where the bytes of a file are, and how they are cut into fields."""

    place: Path | bytes  # UTF-8; a file on disk is never in memory as a whole
    file: str
    separator: str
    is_quoted: bool
    has_header: bool

    @property
    def source(self) -> Path | io.BytesIO:
        """What Polars reads."""
        return self.place if isinstance(self.place, Path) else io.BytesIO(self.place)

    def opened(self) -> BinaryIO:
        """The bytes as a stream."""
        return self.place.open("rb") if isinstance(self.place, Path) else io.BytesIO(self.place)

    def count(self, letter: bytes) -> int:
        """How often one byte occurs."""
        with self.opened() as stream:
            return sum(piece.count(letter) for piece in _pieces(stream))

    def has(self, letter: bytes) -> bool:
        """Whether one byte occurs."""
        with self.opened() as stream:
            return any(letter in piece for piece in _pieces(stream))

    @cached_property
    def end_of_line(self) -> str:
        """A carriage return alone in files of the old Mac."""
        return "\r" if not self.has(b"\n") and self.has(b"\r") else "\n"

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """(line, fields) of each row that is not empty, the header among them. Slow."""
        with self.opened() as binary:
            stream = io.TextIOWrapper(binary, encoding="utf-8", newline="")
            yield from self._records(stream)

    def _records(self, stream: io.TextIOWrapper) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(
            stream,
            delimiter=self.separator,
            quoting=csv.QUOTE_MINIMAL if self.is_quoted else csv.QUOTE_NONE,
            strict=True,
        )
        line = 1
        try:
            for fields in reader:
                if any(fields):
                    yield line, fields
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"Cannot read {self.file}, line {line}: {error}.") from error

    def place_of(self, row: int) -> str:
        """File and line of a row of data."""
        wanted = row + self.has_header
        line = next((line for line, _ in islice(self.records(), wanted, None)), wanted + 1)
        return f"{self.file}, line {line}"


def read_text(
    folder: Folder,
    name: str,
    *,
    separator: str = ",",
    columns: Sequence[str] | None = None,
    numbers: Mapping[str, pl.DataType] | None = None,
    encodings: Sequence[str] = UTF8,
    is_quoted: bool = True,
    as_text: Callable[[list[str]], Collection[str]] | None = None,
) -> Sheet:
    """A text file as a sheet: strings but for the `numbers`, empty fields missing.

    `columns` names the columns of a file without a header; `encodings` are tried in
    order. `as_text`, where given, says which of the columns stay text for certain: of the
    others those become numbers that hold nothing but numbers in their plain form.
    Raises DataError for an empty file, a wrong encoding, a row with more or
    fewer fields than columns, and a number that cannot be read.
    """
    file, on_disk = folder.where(name), folder.path / name
    # Polars cuts at one byte; the unit separator is in no text.
    cut = separator if len(separator) == 1 else "\x1f"

    def load(*, is_plain: bool) -> _Text:
        """Of UTF-8 on disk the place alone; all else is decoded in memory."""
        place: Path | bytes = on_disk
        if not is_plain:
            data = _decode(folder.read(name), file, encodings)
            place = data.replace(separator.encode(), cut.encode()) if cut != separator else data
        return _Text(place, file, cut, is_quoted=is_quoted, has_header=columns is None)

    is_plain = encodings[0] == "utf-8" and cut == separator and _is_plain(on_disk)
    try:
        frame = _read(load(is_plain=is_plain), columns, numbers or {}, as_text)
    except UnicodeDecodeError:
        is_plain = False
        frame = _read(load(is_plain=False), columns, numbers or {}, as_text)
    # The bytes are not kept for the sake of a line that may never be asked for.
    return Sheet(frame, file, lambda row: load(is_plain=is_plain).place_of(row))


def _read(
    text: _Text,
    columns: Sequence[str] | None,
    numbers: Mapping[str, pl.DataType],
    as_text: Callable[[list[str]], Collection[str]] | None,
) -> pl.DataFrame:
    """The rows of a text; UnicodeDecodeError where it is not UTF-8."""
    names = _header(text) if columns is None else list(columns)
    may_be_numbers = [] if as_text is None else sorted({*names} - {*as_text(names)})
    kinds = dict(numbers) | _plain_numbers(text, names, may_be_numbers)
    frame = _parse(text, names, kinds)
    if may_be_numbers and not kinds:  # none, or rows that Polars reads in strict form alone
        frame = frame.with_columns(plain_number(frame[name]) for name in may_be_numbers)
    n_before = frame.height
    if n_before and frame[:, -1].null_count():
        frame = frame.filter(~_BLANK)
        _refuse_short_rows(text, frame, n_columns=len(names), had_blank=frame.height < n_before)
    if frame.is_empty():
        raise _empty(text.file)
    return frame


def stack(sheets: Sequence[Sheet], file: str) -> Sheet:
    """The rows of several sheets one below the other; `file` is what they are called together."""
    starts = np.cumsum([0, *(sheet.frame.height for sheet in sheets)])
    places = [sheet.place for sheet in sheets]  # not the sheets: their rows need not stay

    def place(row: int) -> str:
        of = int(np.searchsorted(starts, row, side="right")) - 1
        return places[of](row - int(starts[of]))

    frame = pl.concat([sheet.frame for sheet in sheets], how="diagonal_relaxed")
    return Sheet(frame, file, place)


def require_columns(sheet: Sheet, wanted: Sequence[str], remedy: str) -> None:
    """Raises DataError where a column is missing, with the nearest name that is there."""
    present = sheet.frame.columns
    for column in wanted:
        if column not in present:
            nearest = difflib.get_close_matches(column, present, n=1, cutoff=0.5)
            hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
            raise DataError(
                f"Wanted a column '{column}' in {sheet.file}; it has "
                f"{', '.join(present)}.{hint} {remedy}"
            )


def _decode(data: bytes, file: str, encodings: Sequence[str]) -> bytes:
    data = data.removeprefix(b"\xef\xbb\xbf")
    if "utf-16" not in encodings[0] and b"\0" in data[:4096]:
        raise DataError(
            f"Wanted text in {encodings[-1].upper()}; {file} holds zero bytes, as UTF-16 and "
            "files that are no text do. Save it as UTF-8, or name its encoding."
        )
    if data.isascii() and "utf-16" not in encodings[0]:
        return data
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            problem = f"byte {data[error.start]:#04x} in {file}, line {line}"
        except LookupError as error:
            raise DataError(f"Wanted the name of an encoding; got '{encoding}'.") from error
        else:
            return data if encoding == "utf-8" else text.encode()
    raise DataError(
        f"Wanted text in {encodings[-1].upper()}; {problem} is none. "
        "Save the file as UTF-8, or name its encoding (such as iso-8859-1)."
    )


def _is_plain(path: Path) -> bool:
    """Whether a file is there that begins without a mark and without zero bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        start = stream.read(4096)
    return not start.startswith(b"\xef\xbb\xbf") and b"\0" not in start


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece


def _header(text: _Text) -> list[str]:
    names = next((fields for _, fields in text.records()), None)
    if names is None:
        raise _empty(text.file)
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise DataError(
            f"Wanted distinct column names in the first line of {text.file}; "
            f"'{min(repeated)}' occurs more than once. Rename one."
        )
    return names


def _empty(file: str) -> DataError:
    return DataError(f"Wanted rows of data; {file} is empty. Get the file anew.")


def _parse(text: _Text, names: list[str], numbers: Mapping[str, pl.DataType]) -> pl.DataFrame:
    strings = dict.fromkeys(names, pl.String())
    typed = strings | {name: kind for name, kind in numbers.items() if name in strings}
    try:
        return _polars(text, typed)
    except _UNREADABLE:
        # The fast way does not say which row: find out the slow way, once.
        _refuse_ragged_rows(text, len(names))
    try:
        frame = _polars(_with_quotes_doubled(text), strings)
    except _UNREADABLE as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"Cannot read {text.file}: {reason}. Mend the file.") from error
    sheet = Sheet(frame.filter(~_BLANK), text.file, text.place_of)
    for name, kind in numbers.items():
        if name in names:
            sheet = to_number(sheet, name, kind)
    return sheet.frame


def _with_quotes_doubled(text: _Text) -> _Text:
    """The same rows in strict form, without the header.

    Polars loses count at a lone quote, as in 5" screen, and knows no quotes in names of columns.
    """
    if not text.is_quoted:
        return text
    strict = io.StringIO()
    writer = csv.writer(strict, delimiter=text.separator, lineterminator="\r\n")
    writer.writerows(fields for _, fields in islice(text.records(), int(text.has_header), None))
    return replace(text, place=strict.getvalue().encode(), has_header=False)


def _polars(text: _Text, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return pl.read_csv(text.source, schema=dict(schema), **_form(text))


def _plain_numbers(
    text: _Text, names: list[str], may_be_numbers: list[str]
) -> dict[str, pl.DataType]:
    if not may_be_numbers:
        return {}
    rows = pl.scan_csv(text.source, schema=dict.fromkeys(names, pl.String()), **_form(text))
    try:
        return numbers_among(rows, may_be_numbers)
    except _UNREADABLE:  # whoever reads the rows says what is wrong with them
        return {}


def _form(text: _Text) -> dict[str, Any]:
    return {
        "separator": text.separator,
        "quote_char": '"' if text.is_quoted else None,
        "eol_char": text.end_of_line,
        "has_header": text.has_header,
        "glob": False,
    }


def to_number(sheet: Sheet, name: str, kind: pl.DataType) -> Sheet:
    """The sheet with a column of strings read as numbers; whole ones are rounded down.

    Raises DataError with the line of the first that cannot be read.
    """
    written = pl.col(name).str.strip_chars()
    number = written.cast(kind, strict=False)
    if kind.is_integer():
        from_fraction = written.cast(pl.Float64, strict=False).floor().cast(kind, strict=False)
        number = pl.coalesce(number, from_fraction)
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
    return sheet.with_frame(sheet.frame.with_columns(value.alias(name)))


def _refuse_short_rows(
    text: _Text, frame: pl.DataFrame, *, n_columns: int, had_blank: bool
) -> None:
    # Polars fills a short row up with missing values, so only then is there need to look.
    # Without quotes, counting separators settles it; too long rows are refused already.
    if not had_blank and not (text.is_quoted and text.has(b'"')):
        n_lines = frame.height + text.has_header
        if text.count(text.separator.encode()) == n_lines * (n_columns - 1):
            return
    _refuse_ragged_rows(text, n_columns)


def _refuse_ragged_rows(text: _Text, n_columns: int) -> None:
    for line, fields in text.records():
        if len(fields) != n_columns:
            raise DataError(
                f"Wanted {n_columns} fields in every row; {text.file}, line {line} has "
                f"{len(fields)}. Mend or remove the row."
            )
