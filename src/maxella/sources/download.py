"""Getting MovieLens: from GroupLens or a mirror, checked and kept in a cache, or a local file."""

import io
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress

from maxella.errors import ConfigError, DataError, unknown_name
from maxella.sources.files import open_folders
from maxella.sources.movielens import is_movielens
from maxella.writing import new_file, write_text

GROUPLENS = "https://files.grouplens.org/datasets/movielens/"


class Published(NamedTuple):
    """What is known of a data set before it is there."""

    md5: str | None  # as GroupLens publishes it; it updates latest-small in place, without one
    megabytes: int  # what a zip of it never exceeds: about twice what it has
    log: str  # the file of ratings, by which its layout is told


PUBLISHED = {
    "ml-100k": Published("0e33842e24a9c977be4e0107933c0723", 10, "u.data"),
    "ml-1m": Published("c4d9eecfca2ab87c1945afe126590906", 12, "ratings.dat"),
    "ml-10m": Published("ce571fd55effeba0271552578f2648bd", 130, "ratings.dat"),
    "ml-20m": Published("cd245b17a1ae2cc31bb14903e1204af3", 400, "ratings.csv"),
    "ml-25m": Published("6b51fb2759a8657d3bfcbfc42b592ada", 500, "ratings.csv"),
    "ml-32m": Published("d472be332d4daa821edc399621853b57", 500, "ratings.csv"),
    "ml-latest-small": Published(None, 4, "ratings.csv"),
}
# A wheel that carries MovieLens 100K as atomic files.
WHEEL = "recbole==1.2.1"
WHEEL_FILE = "recbole-1.2.1-py3-none-any.whl"
WHEEL_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
TIMEOUT = (5.0, 60.0)  # seconds to connect, and between two parts of the answer

_FROM_WHEEL = (
    f"These are the files of MovieLens 100K in {WHEEL} of the package index: GroupLens could not "
    "be reached when they were fetched."
)


@dataclass(frozen=True)
class Fetched:
    """A data set on this machine and where it came from."""

    path: Path  # a zip (or wheel), or the folder that was given
    origin: str  # for a message: "the cache", a URL, a path
    notes: tuple[str, ...] = ()  # what to know about it, one sentence each


def get(
    name: str,
    *,
    mirror: str | Path | None = None,
    cache: Path | None = None,
    show_progress: bool = True,
) -> Fetched:
    """A MovieLens data set, such as "ml-1m", as GroupLens' zip in the cache.

    `mirror` replaces GroupLens: a URL of the zip or of the folder that holds it, or a local zip or
    folder (a path or a file:// URL), which is used where it lies. Only a zip with the published
    hash is taken from the network or from the cache; of a data set without one, the first zip that
    holds its files is, and from then on no other: its SHA-256 is kept beside it. A local one is
    trusted, and a note says so where its hash differs. A download ends at about twice the
    published size. Where GroupLens cannot be reached and no mirror is named, MovieLens 100K comes
    out of a wheel that pip fetches; it is read, never installed.
    Raises DataError, with every reason, where nothing can be got.
    """
    if name not in PUBLISHED:
        raise ConfigError(unknown_name("data set", name, PUBLISHED))
    cache = default_cache() if cache is None else cache
    target, wheel = cache / f"{name}.zip", cache / WHEEL_FILE
    local = _local_path(mirror)
    if local is not None:
        return _local(name, local)
    known = _known_hash(name, target)
    if target.is_file() and known is not None and _has_hash(target, known):
        return Fetched(target, "the cache", _told_hash(name, known))
    has_wheel = name == "ml-100k" and mirror is None
    if has_wheel and wheel.exists() and _hash_of(wheel, "sha256") == WHEEL_SHA256:
        return Fetched(wheel, f"the cache ({WHEEL})", (_FROM_WHEEL,))
    url = str(mirror or GROUPLENS)
    url = url if url.endswith(".zip") else f"{url.rstrip('/')}/{target.name}"
    try:
        _download(name, url, known, target, show_progress=show_progress)
    except DataError as first:
        if not has_wheel:
            raise
        try:
            _retrieve(WHEEL, f"sha256:{WHEEL_SHA256}", wheel, _by_pip)
        except (OSError, ValueError, subprocess.TimeoutExpired) as second:
            raise DataError(f"{first}\nThe package index did not help either: {second}") from second
        return Fetched(wheel, f"the package index ({WHEEL})", (_FROM_WHEEL,))
    if known is None:
        known = f"sha256:{_hash_of(target, 'sha256')}"
        write_text(f"{known}\n", _pin(target))
    return Fetched(target, url, _told_hash(name, known))


def _known_hash(name: str, target: Path) -> str | None:
    """The hash that GroupLens publishes, else the one that the first download had, else None."""
    md5 = PUBLISHED[name].md5
    if md5 is not None:
        return f"md5:{md5}"
    pin = _pin(target)
    return (pin.read_text("utf-8", "replace").strip() or None) if pin.is_file() else None


def _pin(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _told_hash(name: str, known: str) -> tuple[str, ...]:
    if PUBLISHED[name].md5 is not None:
        return ()
    return (f"GroupLens publishes no hash of {name}; that of the first download is {known}.",)


def default_cache() -> Path:
    """The folder for downloads that the system provides for this user."""
    return Path(_pooch().os_cache("maxella"))


def _pooch() -> Any:
    import pooch  # noqa: PLC0415  # takes 0.2 s to import, which only downloads should pay

    pooch.get_logger().setLevel("WARNING")
    return pooch


def _retrieve(
    url: str, known_hash: str | None, target: Path, downloader: Callable[[str, str, None], object]
) -> None:
    """A file at its place in the cache, in one step and with the hash; OSError, ValueError if not.

    `downloader` puts what is at the URL at a place.
    """
    with new_file(target) as file:
        place = Path(file.name)
        downloader(url, file.name, None)
        algorithm, _, wanted = (known_hash or "").rpartition(":")
        if wanted and (found := _hash_of(place, algorithm)) != wanted:
            raise ValueError(f"its {algorithm} is {found}, not {wanted}")


def _download(name: str, url: str, known: str | None, target: Path, *, show_progress: bool) -> None:
    if not url.startswith(("http://", "https://")):
        raise DataError(f"Wanted an http or https URL, or a local path; got {url}.")

    most = PUBLISHED[name].megabytes * 10**6

    def of_zip(url: str, place: str, _: None) -> None:
        console = Console(stderr=True)
        hidden = not show_progress
        with (
            Progress(console=console, transient=True, disable=hidden) as progress,
            _Bounded(place, most) as file,
        ):
            bar = _Bar(progress, target.name, most)
            _pooch().HTTPDownloader(bar, chunk_size=2**16, timeout=TIMEOUT)(url, file, None)
        if known is None and not _holds(name, Path(place)):
            raise ValueError(f"it is no zip with the {PUBLISHED[name].log} of {name}")

    try:
        _retrieve(url, known, target, of_zip)
    except (ValueError, DataError) as error:
        log = PUBLISHED[name].log
        wanted = f"a zip with {log}" if known is None else f"a file with the hash {known}"
        remedy = "Try again, or another mirror."
        if known is not None and PUBLISHED[name].md5 is None:
            remedy = f"To take what is there now as the new {name}, remove {_pin(target)}."
        raise DataError(
            f"Wanted {wanted}; {url} gave another, which was thrown away ({error}). {remedy}"
        ) from error
    except OSError as error:  # those of requests are OSErrors
        raise DataError(
            f"Cannot get {url}: {_reason(error)}. Try again, or give a mirror's URL or a local "
            f"{target.name}."
        ) from error


class _Bounded(io.FileIO):
    """A new file that takes no more bytes than `most`; ValueError beyond."""

    def __init__(self, place: str, most: int) -> None:
        super().__init__(place, "wb")
        self._most = most

    def write(self, data: Any) -> int:
        """How many bytes of `data` were written."""
        _refuse_more(self.tell() + memoryview(data).nbytes, self._most)
        return super().write(data)


class _Bar:
    """What pooch asks of a progress bar, whose `total` it sets to the bytes that are announced."""

    def __init__(self, progress: Progress, label: str, most: int) -> None:
        self._progress, self._most = progress, most
        self._task = progress.add_task(label, total=None)
        self.close = progress.stop

    @property
    def total(self) -> int:
        """Bytes; 0 where the server does not say."""
        return int(self._progress.tasks[0].total or 0)

    @total.setter
    def total(self, n_bytes: int) -> None:
        _refuse_more(n_bytes, self._most)
        self._progress.update(self._task, total=n_bytes or None)

    def update(self, n_bytes: int) -> None:
        """So many more bytes are there."""
        self._progress.update(self._task, advance=n_bytes)

    def reset(self) -> None:
        """Start anew."""
        self._progress.reset(self._task, total=self.total or None)


def _refuse_more(n_bytes: int, most: int) -> None:
    if n_bytes > most:
        raise ValueError(f"it has more than {most:,} bytes")


def _reason(error: BaseException) -> str:
    """The innermost cause: "Name or service not known" says more than what wraps it."""
    inner = error.__cause__ or error.__context__
    return _reason(inner) if inner else str(error) or type(error).__name__


def _by_pip(wheel: str, place: str, _: None) -> None:
    """Quiet but for errors; the user's own settings say which index to ask."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    command += ["--disable-pip-version-check", "--retries", "1", "--timeout", "10"]
    with tempfile.TemporaryDirectory() as folder:
        command += ["--only-binary", ":all:", "--dest", folder, wheel]
        done = subprocess.run(  # noqa: S603  # no shell, and no word of it from outside
            command, capture_output=True, text=True, timeout=180, check=False
        )
        if done.returncode != 0:
            reason = done.stderr.strip().rpartition("\n")[2] or "no reason given"
            raise OSError(f"'pip download {wheel}' failed: {reason}")
        shutil.copyfile(Path(folder) / WHEEL_FILE, place)


def _local_path(mirror: str | Path | None) -> Path | None:
    if mirror is None or isinstance(mirror, Path):
        return mirror
    try:
        parts = urllib.parse.urlsplit(mirror)
    except ValueError as error:
        raise DataError(f"Wanted a URL or a path; got {mirror} ({error}).") from error
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path))
    return None if "://" in mirror else Path(mirror)


def _local(name: str, local: Path) -> Fetched:
    """A zip, the folder that holds it, or a folder of its files."""
    if (local / f"{name}.zip").is_file():
        local /= f"{name}.zip"
    if not _holds(name, local):
        raise DataError(
            f"Wanted the zip of {name}, or its folder, at {local}; what is there is neither. "
            "Give another path."
        )
    if local.is_dir():
        return Fetched(local, str(local))
    published, md5 = PUBLISHED[name].md5, _hash_of(local)
    note = f"The MD5 of {local} is {md5}, not GroupLens' {published}; it is taken as given."
    return Fetched(local, str(local), () if published in (None, md5) else (note,))


def _holds(name: str, place: Path) -> bool:
    """Whether a zip or folder has the files of a data set, in GroupLens' layout or as atomic ones.

    DataError where it is broken or a trap.
    """
    log = PUBLISHED[name].log
    return any(
        (log in folder and is_movielens(folder)) or f"{name}.inter" in folder
        for folder in open_folders(place)
    )


def _has_hash(path: Path, known: str) -> bool:
    algorithm, _, digest = known.partition(":")
    return algorithm in ("md5", "sha256") and _hash_of(path, algorithm) == digest


def _hash_of(path: Path, algorithm: str = "md5") -> str:
    return str(_pooch().file_hash(str(path), alg=algorithm))
