"""Getting MovieLens: from GroupLens or a mirror, checked and kept in a cache, or a local file."""

import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console
from rich.progress import Progress

from maxella.errors import ConfigError, DataError, unknown_name
from maxella.sources.atomic import is_atomic
from maxella.sources.files import open_folders
from maxella.sources.movielens import is_movielens
from maxella.writing import new_file

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
    hash is taken from the network or from the cache; a local one is trusted, and a note says so
    where its hash differs. Where GroupLens cannot be reached and no mirror is
    named, MovieLens 100K comes out of a wheel that pip fetches; it is read, never installed.
    Raises DataError, with every reason, where nothing can be got.
    """
    if name not in PUBLISHED_MD5:
        raise ConfigError(unknown_name("data set", name, PUBLISHED_MD5))
    cache = default_cache() if cache is None else cache
    target, wheel = cache / f"{name}.zip", cache / WHEEL_FILE
    local = _local_path(mirror)
    if local is not None:
        return _local(name, local)
    md5 = PUBLISHED_MD5[name]
    if zipfile.is_zipfile(target) and md5 in (None, _hash_of(target)):
        return Fetched(target, "the cache")
    has_wheel = name == "ml-100k" and mirror is None
    if has_wheel and wheel.exists() and _hash_of(wheel, "sha256") == WHEEL_SHA256:
        return Fetched(wheel, f"the cache ({WHEEL})")
    url = str(mirror or GROUPLENS)
    url = url if url.endswith(".zip") else f"{url.rstrip('/')}/{target.name}"
    try:
        _download(url, md5, target, show_progress=show_progress)
    except DataError as first:
        if not has_wheel:
            raise
        try:
            _retrieve(WHEEL, f"sha256:{WHEEL_SHA256}", wheel, _by_pip)
        except (OSError, ValueError, subprocess.TimeoutExpired) as second:
            raise DataError(f"{first}\nThe package index did not help either: {second}") from second
        return Fetched(wheel, f"the package index ({WHEEL})", notes=(str(first),))
    return Fetched(target, url)


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


def _download(url: str, md5: str | None, target: Path, *, show_progress: bool) -> None:
    if not url.startswith(("http://", "https://")):
        raise DataError(f"Wanted an http or https URL, or a local path; got {url}.")

    def of_zip(url: str, place: str, _: None) -> None:
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not show_progress) as progress:
            bar = _bar(progress, target.name)
            _pooch().HTTPDownloader(bar, chunk_size=2**16, timeout=TIMEOUT)(url, place, None)
        if not zipfile.is_zipfile(place):
            raise ValueError("it is no zip")

    try:
        _retrieve(url, md5 and f"md5:{md5}", target, of_zip)
    except ValueError as error:
        wanted = "a zip" if md5 is None else f"a file with the MD5 {md5}"
        raise DataError(
            f"Wanted {wanted}; {url} gave another, which was thrown away ({error}). Try again, or "
            "another mirror."
        ) from error
    except OSError as error:  # those of requests are OSErrors
        raise DataError(
            f"Cannot get {url}: {_reason(error)}. Try again, or give a mirror's URL or a local "
            f"{target.name}."
        ) from error


def _bar(progress: Progress, label: str) -> SimpleNamespace:
    """What pooch asks of a progress bar, which sets the `total` bytes itself."""
    task = progress.add_task(label, total=None)

    def update(n_bytes: int) -> None:
        progress.update(task, total=bar.total or None, advance=n_bytes)

    bar = SimpleNamespace(
        total=0, update=update, reset=lambda: progress.reset(task), close=progress.stop
    )
    return bar


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
    parts = urllib.parse.urlsplit(mirror)
    if parts.scheme == "file":
        return Path(urllib.request.url2pathname(parts.path))
    return None if "://" in mirror else Path(mirror)


def _local(name: str, local: Path) -> Fetched:
    """A zip, the folder that holds it, or a folder of its files."""
    if (local / f"{name}.zip").is_file():
        local /= f"{name}.zip"
    if not any(is_movielens(folder) or is_atomic(folder) for folder in open_folders(local)):
        raise DataError(
            f"Wanted the zip of {name}, or its folder, at {local}; what is there is neither. "
            "Give another path."
        )
    if local.is_dir():
        return Fetched(local, str(local))
    published, md5 = PUBLISHED_MD5[name], _hash_of(local)
    note = f"The MD5 of {local} is {md5}, not GroupLens' {published}; it is taken as given."
    return Fetched(local, str(local), () if published in (None, md5) else (note,))


def _hash_of(path: Path, algorithm: str = "md5") -> str:
    return str(_pooch().file_hash(str(path), alg=algorithm))
