"""Getting MovieLens: from GroupLens, a mirror or a local file, checked and kept in a cache."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from maxella.errors import ConfigError, DataError, unknown_name
from maxella.sources.atomic import is_atomic
from maxella.sources.files import open_folders
from maxella.sources.movielens import is_movielens

GROUPLENS = "https://files.grouplens.org/datasets/movielens/"
# MD5 as GroupLens publishes it. It updates latest-small in place, so there is none for it.
PUBLISHED_MD5: dict[str, str | None] = {
    "ml-100k": "0e33842e24a9c977be4e0107933c0723",
    "ml-1m": "c4d9eecfca2ab87c1945afe126590906",
    "ml-10m": "ce571fd55effeba0271552578f2648bd",
    "ml-20m": "cd245b17a1ae2cc31bb14903e1204af3",
    "ml-25m": "6b51fb2759a8657d3bfcbfc42b592ada",
    "ml-32m": "d472be332d4daa821edc399621853b57",
    "ml-latest-small": None,
}
# A wheel that carries MovieLens 100K as atomic files.
WHEEL = "recbole==1.2.1"
WHEEL_FILE = "recbole-1.2.1-py3-none-any.whl"
WHEEL_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
TIMEOUT = (5.0, 60.0)  # seconds to connect, and between two parts of the answer


@dataclass(frozen=True)
class Fetched:
    """A data set on this machine and where it came from."""

    path: Path  # a zip (or wheel), or the folder that was given
    origin: str  # for a message: "the cache", a URL, a path
    notes: tuple[str, ...] = ()  # what to know about it, one sentence each


def fetch(
    name: str,
    *,
    mirror: str | Path | None = None,
    cache: Path | None = None,
    show_progress: bool = True,
) -> Fetched:
    """A MovieLens data set, such as "ml-1m", as GroupLens' zip in the cache.

    `mirror` replaces GroupLens: a URL of the zip or of the folder that holds it, or a
    local zip or folder (a path or a file:// URL). From the network only a file with
    the published hash is accepted; a local zip is trusted, and a note says so where
    its hash differs. What is in the cache is used after its hash is checked. Raises
    DataError where nothing can be got; then the cache is as it was.
    """
    if name not in PUBLISHED_MD5:
        raise ConfigError(unknown_name("data set", name, PUBLISHED_MD5))
    cache = default_cache() if cache is None else cache
    target = cache / f"{name}.zip"
    local = _local_path(mirror)
    if local is not None:
        return _take_local(name, local, target)
    if _is_intact(name, target):
        return Fetched(target, "the cache", _notes(name, target))
    url = _url(name, GROUPLENS if mirror is None else str(mirror))
    _download(url, PUBLISHED_MD5[name], target, show_progress=show_progress)
    return Fetched(target, url)


def fetch_ml_100k(
    *,
    mirror: str | Path | None = None,
    cache: Path | None = None,
    show_progress: bool = True,
) -> Fetched:
    """MovieLens 100K from GroupLens, else out of a wheel of a package index.

    A mirror that is named is the only place asked. The wheel is RecBole's, fetched by pip
    and read in place, never installed; pip's own settings decide which index is asked.
    Raises DataError with both reasons where neither works.
    """
    cache = default_cache() if cache is None else cache
    if mirror is not None:
        return fetch("ml-100k", mirror=mirror, cache=cache, show_progress=show_progress)
    wheel = cache / WHEEL_FILE
    if not (cache / "ml-100k.zip").exists() and _sha256(wheel) == WHEEL_SHA256:
        return Fetched(wheel, f"the cache ({WHEEL})")
    try:
        return fetch("ml-100k", cache=cache, show_progress=show_progress)
    except DataError as error:
        first = error
    try:
        _download_wheel(wheel)
    except DataError as second:
        raise DataError(f"{first}\nThe package index did not help either: {second}") from second
    return Fetched(wheel, f"the package index ({WHEEL})", notes=(str(first),))


def get(name: str, *, mirror: str | None = None, show_progress: bool = True) -> Fetched:
    """A published data set in the user's cache, from the first place that has it."""
    take = fetch_ml_100k if name == "ml-100k" else partial(fetch, name)
    return take(mirror=mirror, show_progress=show_progress)


def default_cache() -> Path:
    """The folder for downloads that the system provides for this user."""
    import pooch  # noqa: PLC0415  # takes 0.2 s to import, which only downloads should pay

    return Path(pooch.os_cache("maxella"))


def _url(name: str, base: str) -> str:
    return base if base.endswith(".zip") else f"{base.rstrip('/')}/{name}.zip"


def _local_path(mirror: str | Path | None) -> Path | None:
    if mirror is None or isinstance(mirror, Path):
        return mirror
    parts = urllib.parse.urlsplit(mirror)
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path))
    return None if "://" in mirror else Path(mirror)


def _take_local(name: str, local: Path, target: Path) -> Fetched:
    if local.is_dir() and (local / target.name).is_file():
        local = local / target.name
    if not any(is_movielens(folder) or is_atomic(folder) for folder in open_folders(local)):
        raise DataError(
            f"Wanted the zip of {name}, or its folder, at {local}; what is there is neither. "
            "Give another path."
        )
    if local.is_dir():
        return Fetched(local, str(local))
    if local != target:
        _keep(local, target)
    return Fetched(target, str(local), _notes(name, target))


def _notes(name: str, path: Path) -> tuple[str, ...]:
    published, md5 = PUBLISHED_MD5[name], _hash_of(path, "md5")
    if published in (None, md5):
        return ()
    return (f"The MD5 of {path} is {md5}, not GroupLens' {published}; it is taken as given.",)


def _download(url: str, md5: str | None, target: Path, *, show_progress: bool) -> None:
    import pooch  # noqa: PLC0415  # as in default_cache

    if not url.startswith(("http://", "https://")):
        raise DataError(f"Wanted an http or https URL, or a local path; got {url}.")
    pooch.get_logger().setLevel("WARNING")
    bar = _Bar(target.name) if show_progress else None
    downloader = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=TIMEOUT)
    with _scratch(target) as folder:
        try:
            got = pooch.retrieve(
                url,
                known_hash=None,
                fname=target.name,
                path=folder,
                downloader=downloader,
            )
        except (OSError, ValueError) as error:  # those of requests are OSErrors
            raise DataError(
                f"Cannot get {url}: {_reason(error)}. Try again, or give a mirror's URL or a "
                f"local {target.name}."
            ) from error
        finally:
            if bar is not None:
                bar.close()
        is_wanted = zipfile.is_zipfile(got) if md5 is None else _hash_of(Path(got), "md5") == md5
        if not is_wanted:
            wanted = "a zip" if md5 is None else f"a file with the MD5 {md5}"
            raise DataError(
                f"Wanted {wanted}; {url} gave one of {Path(got).stat().st_size:,} bytes with the "
                f"MD5 {_hash_of(Path(got), 'md5')}. It was thrown away. Try again, or another "
                "mirror."
            )
        _keep(Path(got), target)


def _download_wheel(target: Path) -> None:
    with _scratch(target) as folder:
        # Quiet but for errors; the user's own settings say which index to ask.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--no-input", "--retries", "1"]
        command += ["--timeout", "10", "--only-binary", ":all:", "--dest", folder, WHEEL]
        try:
            done = subprocess.run(  # noqa: S603  # no shell, and no word of it from outside
                command, capture_output=True, text=True, timeout=180, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DataError(f"Cannot run pip: {error}.") from error
        got = Path(folder) / WHEEL_FILE
        if done.returncode != 0 or not got.exists():
            reason = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
            raise DataError(f"'pip download {WHEEL}' failed: {reason[-1]}")
        if _sha256(got) != WHEEL_SHA256:
            raise DataError(f"Wanted {WHEEL} with the SHA-256 {WHEEL_SHA256}; pip got another.")
        _keep(got, target)


def _scratch(target: Path) -> "tempfile.TemporaryDirectory[str]":
    """A folder beside the target, gone with whatever is in it when the work is done."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".partial-", dir=target.parent)
    except OSError as error:
        raise DataError(f"Cannot write to the cache {target.parent}: {error}.") from error


def _keep(got: Path, target: Path) -> None:
    """Puts a whole file into the cache, in one step, with its MD5 noted beside it."""
    with _scratch(target) as folder:
        copy = Path(folder) / target.name
        shutil.copyfile(got, copy)
        md5 = Path(folder) / "md5"
        md5.write_text(_hash_of(copy, "md5"), encoding="ascii")
        # The note first: a zip without one is never trusted.
        md5.replace(_note_of(target))
        copy.replace(target)


def _is_intact(name: str, target: Path) -> bool:
    if not target.exists():
        return False
    md5, note = _hash_of(target, "md5"), _note_of(target)
    return md5 == PUBLISHED_MD5[name] or (note.exists() and note.read_text().strip() == md5)


def _note_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.md5")


def _sha256(path: Path) -> str | None:
    return _hash_of(path, "sha256") if path.exists() else None


def _hash_of(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _reason(error: Exception) -> str:
    """The innermost cause: "Name or service not known" says more than what wraps it."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return str(cause) or type(cause).__name__


class _Bar:
    """What pooch asks of a progress bar, shown by rich."""

    def __init__(self, label: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        self._progress = Progress(
            *columns, TransferSpeedColumn(), console=Console(stderr=True), transient=True
        )
        self._task = self._progress.add_task(label, total=None)

    @property
    def total(self) -> int:
        return int(self._progress.tasks[0].total or 0)

    @total.setter
    def total(self, n_bytes: int) -> None:
        self._progress.update(self._task, total=n_bytes or None)
        self._progress.start()

    def update(self, n_bytes: int) -> None:
        self._progress.advance(self._task, n_bytes)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        self._progress.stop()
