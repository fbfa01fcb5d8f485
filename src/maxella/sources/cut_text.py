"""Text as bytes, and how they are cut into fields: by Polars, by csv, or line by line."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import polars as pl

from maxella.errors import DataError
from maxella.sources.lines import cut_line

_PIECE = 2**24  # bytes


@dataclass(frozen=True)
class CutText:
    """Where the bytes of a file are, and how they are cut into fields."""

    place: Path | bytes  # UTF-8; a file on disk is never in memory as a whole
    file: str
    separator: str
    is_quoted: bool
    n_skipped: int = 0  # lines before the first row
    end: str = "\n"  # of a line
    is_by_line: bool = False  # each line is a row, and a quote that isn't closed in it a letter

    @property
    def start(self) -> bytes:
        """Some bytes, enough to tell whether they are text."""
        if isinstance(self.place, bytes):
            return self.place[:4096]
        with self.place.open("rb") as stream:
            return stream.read(4096)

    def opened(self) -> BinaryIO:
        """The bytes of the rows as a stream."""
        if self.end == "\r":  # in memory, as these files are small
            return io.BytesIO(b"\r".join(bytes(self.place).split(b"\r")[self.n_skipped :]))
        stream = self.place.open("rb") if isinstance(self.place, Path) else io.BytesIO(self.place)
        for _ in range(self.n_skipped):
            stream.readline()
        return stream

    def scan(self, schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
        """The rows by Polars."""
        return pl.scan_csv(
            self.place,
            schema=dict(schema),
            separator=self.separator,
            quote_char='"' if self.is_quoted else None,
            eol_char=self.end,
            skip_lines=self.n_skipped,
            has_header=False,
            glob=False,
        )

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """(line, fields) of each row that is not empty. Slow."""
        if self.is_by_line:
            cut = ((line, cut_line(text, self.separator)) for line, text in self.lines())
            yield from ((line, fields) for line, fields in cut if any(fields))
            return
        with io.TextIOWrapper(self.opened(), encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(
                stream,
                delimiter=self.separator,
                quoting=csv.QUOTE_MINIMAL if self.is_quoted else csv.QUOTE_NONE,
                strict=True,
            )
            line = first = self.n_skipped + 1
            try:
                for fields in reader:
                    if any(fields):
                        yield line, fields
                    line = first + reader.line_num
            except csv.Error as error:
                raise DataError(f"Cannot read {self.file}, line {line}: {error}.") from error

    def lines(self) -> Iterator[tuple[int, str]]:
        """(number, line) of each line."""
        with io.TextIOWrapper(self.opened(), encoding="utf-8-sig") as stream:
            for line, text in enumerate(stream, self.n_skipped + 1):
                yield line, text.removesuffix("\n")

    def place_of(self, row: int) -> str:
        """File and line of a row of data."""
        line = next((line for line, _ in islice(self.records(), row, None)), row + 1)
        return f"{self.file}, line {line}"

    def count(self) -> tuple[int, int, int]:
        """Lines, separators, and quotes that quote."""
        n_lines = n_cuts = n_quotes = 0
        last = self.end.encode()
        with self.opened() as stream:
            while piece := stream.read(_PIECE):
                n_lines += piece.count(self.end.encode())
                n_cuts += piece.count(self.separator.encode())
                n_quotes += piece.count(b'"') if self.is_quoted else 0
                last = piece[-1:]
        return n_lines + (last != self.end.encode()), n_cuts, n_quotes
