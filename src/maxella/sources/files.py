"""Named files in memory, out of a folder, a zip or a single file; nothing is ever unpacked."""

import codecs
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from maxella.errors import DataError
from maxella.sources.bounded import GZIP, grows, most_bytes, read_bounded

EXCEL = (".xlsx", ".xlsm")  # zips that are one file
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError)


@dataclass(frozen=True)
class Folder:
    """The files that lie side by side in one folder, on disk or inside a zip."""

    path: Path  # the zip, or the folder on disk
    inside: str  # the folder within a zip, "" for its top and on disk
    names: tuple[str, ...]  # plain file names, sorted

    def __contains__(self, name: str) -> bool:
        return name in self.names

    @property
    def name(self) -> str:
        """What the data set may be called: the innermost folder, else the zip."""
        if self.inside:
            return PurePosixPath(self.inside).name
        return self.path.resolve().name if self.path.is_dir() else self.path.stem

    def where(self, name: str) -> str:
        """The file's place for a message.

        >>> Folder(Path("data/ml-1m.zip"), "ml-1m", ("ratings.dat",)).where("ratings.dat")
        'data/ml-1m.zip/ml-1m/ratings.dat'
        """
        return (self.path / self.inside / name).as_posix()

    def first_line(self, name: str) -> str:
        """The first line, without its end, for telling layouts apart."""
        lines = self.read(name, 2**16).removeprefix(codecs.BOM_UTF8).splitlines()
        return lines[0].decode("utf-8", "replace") if lines else ""

    def on_disk(self, name: str) -> Path | None:
        """The place of a file as it is to be read; None for what is packed or in a zip."""
        path = self.path / name
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return None if file.read(len(GZIP)) == GZIP else path

    def read(self, name: str, size: int = -1) -> bytes:
        """The whole file, or so many bytes from its start; of gzip, what is packed in it."""
        where, member = self.where(name), (PurePosixPath(self.inside) / name).as_posix()
        try:
            if self.path.is_dir():
                with (self.path / name).open("rb") as file:
                    return read_bounded(file, (self.path / name).stat().st_size, where, size)
            with zipfile.ZipFile(self.path) as archive, archive.open(member) as packed:
                return read_bounded(packed, archive.getinfo(member).compress_size, where, size)
        except OSError as error:
            raise DataError(f"Cannot read {self.where(name)}: {error.strerror}.") from error
        except BROKEN_ZIP as error:
            raise _broken(self.path, f"{name}: {error}") from error


@dataclass(frozen=True)
class Piped(Folder):
    """One file that came through a pipe."""

    data: bytes = b""

    def read(self, name: str, size: int = -1) -> bytes:
        """As of a folder."""
        del name
        return self.data if size < 0 else self.data[:size]


def piped() -> tuple[Folder, str]:
    """Standard input as the one file of a folder."""
    return Piped(Path("standard input"), "", ("",), sys.stdin.buffer.read()), ""


def open_folders(path: str | Path) -> list[Folder]:
    """The folders with files in them at a path, the outermost first.

    `path` is a zip, a single file (a table of Excel is one), or a folder; of a folder itself
    and those right inside it are looked at. Raises DataError where there is nothing, where a zip is
    broken or encrypted, expands beyond reason, or has a path that leads out of it.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(
            f"Wanted a zip, a folder or a file; there is nothing at {path}. Give another path."
        )
    if path.is_dir():
        return _folders_on_disk(path)
    if not path.is_file():  # /dev/zero never ends
        raise DataError(f"Wanted a zip, a folder or a file; {path} is a device. Give another path.")
    if path.suffix.lower() not in EXCEL and (zipfile.is_zipfile(path) or path.suffix == ".zip"):
        return _folders_in_zip(path)
    return [Folder(path.parent, "", (path.name,))]


def open_file(path: str | Path) -> tuple[Folder, str]:
    """The one file at a path, with its folder. Raises DataError where there are several."""
    files = [(folder, name) for folder in open_folders(path) for name in folder.names]
    if len(files) != 1:
        raise DataError(f"Wanted one file at {path}; there are {len(files)}. Give the file itself.")
    return files[0]


def _folders_on_disk(top: Path) -> list[Folder]:
    below = sorted(p for p in top.iterdir() if p.is_dir() and not p.name.startswith("."))
    listed = [(p, tuple(sorted(f.name for f in p.iterdir() if f.is_file()))) for p in [top, *below]]
    return [Folder(p, "", names) for p, names in listed if names]


def _folders_in_zip(path: Path) -> list[Folder]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except BROKEN_ZIP as error:
        raise _broken(path, str(error)) from error
    names_of: dict[str, set[str]] = {}
    for member in members:
        _check_member(path, member)
        place = PurePosixPath(member.filename)
        # What macOS adds to a zip is not data.
        if not member.is_dir() and place.parts[0] != "__MACOSX":
            inside = "" if len(place.parts) == 1 else place.parent.as_posix()
            names_of.setdefault(inside, set()).add(place.name)
    outermost_first = sorted(names_of, key=lambda inside: (inside.count("/"), inside))
    return [Folder(path, inside, tuple(sorted(names_of[inside]))) for inside in outermost_first]


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    # `orig_filename` keeps what zipfile tidies away: backslashes and zero bytes.
    name = member.orig_filename.replace("\\", "/")
    if name.startswith("/") or ":" in name[:2] or "\0" in name or ".." in name.split("/"):
        raise DataError(
            f"Wanted a zip whose files stay inside it; {path} holds {member.orig_filename!r}. "
            "Do not use this zip; get it anew from a place you trust."
        )
    if member.flag_bits & 1:
        raise DataError(
            f"Wanted a zip without a password; {member.filename} in {path} is encrypted. "
            "Unpack it yourself and give the folder."
        )
    if member.file_size > most_bytes(member.compress_size):
        file = f"{member.filename} in {path}"
        raise grows(file, member.compress_size, f"{member.file_size:,} bytes")


def _broken(path: Path, reason: str) -> DataError:
    return DataError(f"Wanted a zip; {path} is broken ({reason}). Get it anew.")
