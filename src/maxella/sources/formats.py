"""One file of any format that tables come in → a `Sheet`, its columns as they are written.

Text of any separator, Parquet, Arrow and Feather, lines of JSON or a list in JSON, Excel. All but
Excel may be packed with gzip.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import polars as pl

from maxella.errors import ConfigError, DataError
from maxella.sources.bounded import refuse_vast, refuse_wide
from maxella.sources.dialect import find_dialect
from maxella.sources.excel import text_of_sheet
from maxella.sources.files import EXCEL, Folder
from maxella.sources.text import UNREADABLE, Sheet, no_encoding, read_text

TEXT = (".csv", ".tsv", ".txt", ".dat", ".data", ".tab", ".psv", ".log")
_FRAMES = (b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")  # what Zstandard and LZ4 begin with
_START = 2**16  # bytes that tell how a text is laid out


@dataclass(frozen=True)
class Layout:
    """What is known of how files of text are laid out; None: to be found out."""

    encoding: str = "utf-8"
    separator: str | None = None
    header: bool | None = None  # whether the first line names the columns

    def __post_init__(self) -> None:
        if self.separator is not None and not 1 <= len(self.separator) <= 3:
            raise ConfigError(
                "Wanted as separator one to three characters, such as ; or ::; got "
                f"{self.separator!r}. Mend it, or leave it out."
            )


def suffix_of(name: str) -> str:
    """The end of a name that tells its format, in lower case.

    >>> suffix_of("Log.CSV.gz"), suffix_of("log")
    ('.csv', '')
    """
    return PurePosixPath(name.lower().removesuffix(".gz")).suffix


def stem_of(name: str) -> str:
    """The name without what tells its format.

    >>> stem_of("log.csv.gz")
    'log'
    """
    return PurePosixPath(name.removesuffix(".gz")).stem


def open_sheet(folder: Folder, name: str, layout: Layout) -> Sheet:
    """The table of a file; DataError where it cannot be read or has no rows."""
    suffix, file = suffix_of(name), folder.where(name)
    if suffix in EXCEL:
        text, notes = text_of_sheet(folder.read(name), file)
        layout = replace(layout, encoding="utf-8", separator=",")
        return _text(folder, name, layout, text).with_notes(*notes)
    if suffix not in FORMATS:
        return _text(folder, name, layout)
    format_, read = FORMATS[suffix]
    try:
        sheet = read(folder, name)
    except (*UNREADABLE, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"Cannot read {file} as {format_}: {reason}. Write it anew.") from error
    if sheet.frame.is_empty():
        raise DataError(f"Wanted rows of data; {file} is empty. Write it anew.")
    return sheet


def _text(folder: Folder, name: str, layout: Layout, text: bytes | None = None) -> Sheet:
    """A file of text; `text` is what stands for it, where it is another thing in the folder."""
    first = folder.read(name, _START) if text is None else text[:_START]
    try:
        start = first.decode(layout.encoding, "replace")
    except (LookupError, ValueError) as error:
        raise no_encoding(layout.encoding) from error
    dialect = find_dialect(
        start.removeprefix("\ufeff").replace("\0", ""),
        folder.where(name),
        separator=layout.separator,
        header=layout.header,
    )
    sheet = read_text(
        folder,
        name,
        separator=dialect.separator,
        columns=dialect.columns,
        encodings=(layout.encoding,),
        n_skipped=dialect.n_skipped,
        text=text,
    )
    return replace(sheet.with_notes(*dialect.notes), has_header=dialect.has_header)


def _parquet(folder: Folder, name: str) -> Sheet:
    return _scanned(folder, name, lambda source: pl.scan_parquet(source, glob=False))


def _arrow(folder: Folder, name: str) -> Sheet:
    start = folder.read(name, 6)
    if start == b"ARROW1":
        return _scanned(folder, name, lambda source: pl.scan_ipc(source, glob=False))
    if start.startswith(b"FEA1"):
        raise ValueError("it is of the first version of Feather, which few can read")
    stream = folder.read(name)
    if any(frame in stream for frame in _FRAMES):  # how many rows would be known when it is read
        raise ValueError("it is a compressed stream: only files of Arrow may be compressed")
    frame = pl.read_ipc_stream(stream)
    refuse_vast(frame.height, frame.width, len(stream), folder.where(name))
    return _sheet(folder, name, frame)


def _scanned(folder: Folder, name: str, scan: Callable[[Path | bytes], pl.LazyFrame]) -> Sheet:
    source = _source(folder, name)
    scanned = scan(source)
    n_rows = scanned.select(pl.len()).collect().item()
    refuse_vast(n_rows, len(scanned.collect_schema()), _size(source), folder.where(name))
    return _sheet(folder, name, scanned.collect())


def _json(folder: Folder, name: str) -> Sheet:
    """A list of objects, or an object a line; the fields of an object in one become columns."""
    source = _source(folder, name)
    is_list = folder.read(name, _START).lstrip().startswith(b"[")
    try:
        if is_list:
            frame = pl.read_json(source, infer_schema_length=None)
            refuse_wide(frame.width, folder.where(name))
        else:
            scanned = pl.scan_ndjson(source, infer_schema_length=None)
            refuse_wide(len(scanned.collect_schema()), folder.where(name))
            frame = scanned.collect()
    except UNREADABLE:
        if not is_list:
            _refuse_bad_line(folder, name)
        raise
    while nested := [column for column, kind in frame.schema.items() if kind == pl.Struct]:
        for column in nested:
            fields = frame[column].struct.unnest()
            fields = fields.rename({field: f"{column}.{field}" for field in fields.columns})
            frame = pl.concat([frame.drop(column), fields], how="horizontal")
    return _sheet(folder, name, frame)


def _refuse_bad_line(folder: Folder, name: str) -> None:
    """Raises DataError with the first line that is no object."""
    lines = folder.read(name).splitlines()
    for number, line in enumerate(lines, 1):
        try:
            is_object = not line.strip() or isinstance(json.loads(line), dict)
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            raise DataError(
                f"Wanted an object in JSON a line; {folder.where(name)}, line {number} has "
                f"{line[:60].decode('utf-8', 'replace')!r}. Mend or remove the line."
            )


# The end of a name → what the format is called, and how it is read.
FORMATS: dict[str, tuple[str, Callable[[Folder, str], Sheet]]] = {
    **dict.fromkeys((".parquet", ".pq"), ("Parquet", _parquet)),
    **dict.fromkeys((".feather", ".arrow", ".ipc"), ("Arrow", _arrow)),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), ("JSON", _json)),
}
SUFFIXES = (*TEXT, *FORMATS, *EXCEL)


def _source(folder: Folder, name: str) -> Path | bytes:
    return folder.on_disk(name) or folder.read(name)


def _size(source: Path | bytes) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _sheet(folder: Folder, name: str, frame: pl.DataFrame) -> Sheet:
    file = folder.where(name)
    return Sheet(frame, file, lambda row: f"{file}, line {row + 1}")
