"""Files and folders that are there whole or not at all, whatever interrupts their writer.

What is being written has a random name beside its place, which nobody can have planted, and moves
there in one step once it is on the disk. A killed writer leaves that name behind, for `sweep`.
"""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_PARTIAL = ".maxella-{}.partial"
_DAY = 86_400.0  # seconds


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` when the block ends without an error.

    Until then, and after an error, what stood there stands there. A link is replaced, never
    followed; a device or a pipe is written to as it is.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    partial = _partial(path)
    file = partial.open("xb")
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    sync(path.parent)


def write_text(text: str, path: Path) -> None:
    """Write UTF-8 text by way of `new_file`."""
    data = text.encode()
    with new_file(path) as file:
        file.write(data)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `path` when the block ends without an error.

    FileExistsError where something stands there: what it holds may be somebody's own.
    """
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    partial = _partial(path)
    partial.mkdir()
    try:
        yield partial
        sync_all(partial)
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync(path.parent)


def sweep(folder: Path, *, older_than: float = _DAY) -> None:
    """Remove what killed writers left in a folder.

    `older_than`: seconds for which nobody wrote to it; whoever holds a lock on all writers of the
    folder may say 0.
    """
    for left in folder.glob(_PARTIAL.format("[0-9a-f]" * 32)):
        with suppress(OSError):
            if time.time() - left.lstat().st_mtime < older_than:
                continue
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()


def sync(path: Path) -> None:
    """Wait until a file or the entries of a folder are on the disk; not all systems can."""
    with suppress(OSError):
        place = os.open(path, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


def sync_all(folder: Path) -> None:
    """The same for a folder and all below it."""
    for inner, _, names in os.walk(folder):
        for name in names:
            sync(Path(inner, name))
        sync(Path(inner))


def _partial(path: Path) -> Path:
    return path.with_name(_PARTIAL.format(secrets.token_hex(16)))
