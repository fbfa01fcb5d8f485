"""The one limit on whatever grows while it is read: zips, gzip, and tables that are packed.

A table of ratings shrinks to a twentieth at best. What shrinks to less than a two-hundredth is no
table but a trap, which would fill the memory.
"""

import gzip
import io
import zlib
from typing import IO

from maxella.errors import DataError

MOST_EXPANSION = 200
MOST_BYTES = 32 * 2**30  # of one file; MovieLens 32M's ratings have 0.9 GB
SMALL = 2**20  # bytes that any file may grow to
MOST_COLUMNS = 10_000
MOST_CELLS = 2**24  # of any packed table; of a larger one, MOST_EXPANSION for each byte
GZIP = b"\x1f\x8b"
# What Polars would unpack by itself, without a limit: gzip, Zstandard, zlib.
PACKED = (GZIP, b"\x28\xb5\x2f\xfd", b"x\x01", b"x\x9c", b"x\xda")
_PIECE = 2**20  # bytes


def most_bytes(n_packed: int) -> int:
    """How many bytes may come out of so many."""
    return max(SMALL, min(MOST_BYTES, MOST_EXPANSION * n_packed))


def read_bounded(stream: IO[bytes], n_packed: int, file: str, size: int = -1) -> bytes:
    """All of a stream at its start, or so many bytes from its start, unpacked where it is gzip.

    `n_packed`: how many bytes on disk all comes out of, be it packed twice. Raises DataError where
    it is more than they may grow to, and where gzip is broken.
    """
    is_gzip = stream.read(len(GZIP)) == GZIP
    stream.seek(0)
    opened = gzip.GzipFile(fileobj=stream) if is_gzip else stream
    most, read = most_bytes(n_packed), io.BytesIO()
    try:
        while piece := opened.read(_PIECE if size < 0 else min(_PIECE, size - read.tell())):
            read.write(piece)
            if read.tell() > most:
                raise grows(file, n_packed, f"more than {most:,} bytes")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        if not is_gzip:
            raise
        raise DataError(f"Wanted gzip; {file} is broken ({error}). Get it anew.") from error
    return read.getvalue()


def refuse_vast(n_rows: int, n_columns: int, n_packed: int, file: str) -> None:
    """Raises DataError where a packed table (Parquet, Arrow) has more cells than its bytes may."""
    refuse_wide(n_columns, file)
    if n_rows * n_columns > max(MOST_CELLS, MOST_EXPANSION * n_packed):
        raise grows(file, n_packed, f"{n_rows:,} rows of {n_columns:,} columns")


def refuse_wide(n_columns: int, file: str) -> None:
    """Raises DataError where there are more columns than anybody would look at one by one."""
    if n_columns > MOST_COLUMNS:
        raise DataError(
            f"Wanted at most {MOST_COLUMNS:,} columns; {file} has {n_columns:,}. Leave some out."
        )


def grows(file: str, n_packed: int, to: str) -> DataError:
    """The error for what grows beyond reason."""
    return DataError(
        f"Wanted a table; {file} grows from {n_packed:,} bytes to {to}, beyond reason for one. "
        "Do not use it; get it anew from a place you trust."
    )
