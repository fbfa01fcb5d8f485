"""The folder that a run writes: a new run is written beside the old one, and then replaces it."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from maxella.errors import BundleError, ConfigError
from maxella.experiment.results import Outcome
from maxella.mark import MARK, PARTS, Mark, read_mark, tops, write_mark
from maxella.recommend.bundle import save_bundle
from maxella.report.card import model_card
from maxella.report.files import write_report
from maxella.report.page import html_page
from maxella.training.log import RunLog
from maxella.writing import sweep, sync, sync_all, write_text

_CHECKPOINT = "checkpoint.safetensors"
_LOCK = ".maxella.lock"
_OLD = "old"  # within the unfinished folder: what it replaces, until that is removed


@dataclass(frozen=True)
class RunFolder:
    """`bundle/`, `report.json`, `report.html`, `log.jsonl`; without a path nothing is kept."""

    path: Path | None
    resumes: bool = False  # whether training goes on from a checkpoint

    def of_model(self, name: str) -> "RunFolder":
        """The folder of one model of a comparison."""
        return RunFolder(self.path / "models" / name, self.resumes) if self.path else self

    def below(self, run: "RunFolder") -> str:
        """Where it lies within the folder of the whole run, which is itself ""."""
        if self.path is None or run.path is None or self == run:
            return ""
        return self.path.relative_to(run.path).as_posix()

    @property
    def checkpoint(self) -> Path | None:
        """Where the state of an unfinished training run lies."""
        return self.path / _CHECKPOINT if self.path else None

    @property
    def log(self) -> RunLog | None:
        """The run's log."""
        return RunLog(self.path / "log.jsonl") if self.path else None

    def finish(self, report: dict[str, Any]) -> None:
        """Write the report."""
        if self.path:
            write_report(report, self.path / "report.json")
            write_text(html_page(report), self.path / "report.html")

    def keep(self, outcome: Outcome, report: dict[str, Any]) -> None:
        """Write a model's bundle. `report` is for the model card: that of this model alone."""
        if self.path and outcome.bundle:
            bundle = self.path / "bundle"
            if bundle.exists():  # of a run that was killed before its last step
                shutil.rmtree(bundle)
            save_bundle(bundle, outcome.bundle, model_card(report))


@contextmanager
def new_run(
    out: str | Path | None, *, resume: bool = False, overwrite: bool = False
) -> Iterator[RunFolder]:
    """A place for a new run, which becomes that of `out` when the block ends without an error.

    Until then an older run stands there and can be read. What is cut off can be resumed, if it came
    as far as a checkpoint. ConfigError: something is there that may not be replaced, or another run
    is being written there.
    """
    if resume and overwrite:
        raise ConfigError("--resume goes on with a run, --overwrite replaces it: give one.")
    if out is None:
        yield RunFolder(None)
        return
    root = Path(out)
    with locked(root):
        place = _begin(root, resume=resume, overwrite=overwrite)
        try:
            yield RunFolder(place, resume)
        except BaseException:
            if not _has_checkpoint(place):
                shutil.rmtree(place, ignore_errors=True)
                _forget(root)
            raise
        _commit(root)


@contextmanager
def locked(root: Path, *, seconds: float = 0.0) -> Iterator[None]:
    """Nobody else writes into a run folder within; what a killed writer left half done is done.

    ConfigError where somebody does, after waiting so many seconds, or where there can be no folder.
    """
    is_new = not root.exists()
    lock = FileLock(root / _LOCK)
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=seconds)
    except Timeout:
        raise ConfigError(
            f"Another command is writing into {root}. Wait until it is done, or choose another "
            "folder."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"Wanted a folder to write the run into; {root} is none: {error.strerror}. "
            "Choose another --out."
        ) from error
    try:
        sweep(root, older_than=0)
        settle(root)
        yield
    finally:
        with suppress(OSError):
            if not (root / MARK).exists():  # the folder is not ours: nothing is left in it
                (root / _LOCK).unlink()
                if is_new:
                    root.rmdir()
        lock.release()


def settle(root: Path) -> None:
    """Move a new run to where the old one lies, as far as that is not yet done.

    Of the old one its own files are removed; what somebody else put among them is kept, in a folder
    that is called kept-... .
    """
    mark = read_mark(root)
    if mark is None or mark.replaced is None or mark.unfinished is None:
        return
    new = root / mark.unfinished
    old = new / _OLD
    if new.is_dir():
        old.mkdir(exist_ok=True)
        for checkpoint in new.rglob(_CHECKPOINT):
            checkpoint.unlink()
        for name in tops((*mark.replaced, *mark.files)):
            is_new = name in tops(mark.files) and not (new / name).exists()  # it has moved
            if not is_new and os.path.lexists(root / name):
                (root / name).rename(old / name)
            if (new / name).exists():
                (new / name).rename(root / name)
        sync(root)
        for file in mark.replaced:
            (old / file).unlink(missing_ok=True)
        for folder in sorted((path for path in old.rglob("*") if path.is_dir()), reverse=True):
            with suppress(OSError):  # it holds something that is not ours
                folder.rmdir()
        if any(old.iterdir()):
            old.rename(root / mark.unfinished.replace("unfinished", "kept"))
        shutil.rmtree(new)
    write_mark(root, Mark(files=mark.files))


def _begin(root: Path, *, resume: bool, overwrite: bool) -> Path:
    """The folder to write a run in, of which the mark tells."""
    mark = read_mark(root) or Mark()
    foreign = [name for name in PARTS if os.path.lexists(root / name)]
    foreign = [name for name in foreign if name not in tops(mark.files)]
    if foreign:
        raise ConfigError(
            f"{root / foreign[0]} is not of a run that maxella wrote there: it stays as it is. "
            "Choose another --out."
        )
    unfinished = root / mark.unfinished if mark.unfinished else None
    can_resume = unfinished is not None and _has_checkpoint(unfinished)
    if can_resume and not (resume or overwrite):
        raise ConfigError(
            f"{root} holds a run that was cut off. Go on with it (--resume), replace it "
            "(--overwrite), or choose another --out."
        )
    if mark.files and not (can_resume or overwrite):
        state = "is complete: nothing to go on with" if resume else "is there already"
        raise ConfigError(
            f"The run in {root} {state}. Choose another --out, or replace it (--overwrite)."
        )
    if unfinished is not None:
        if can_resume and resume:
            return unfinished
        shutil.rmtree(unfinished, ignore_errors=True)
    name = f"unfinished-{secrets.token_hex(8)}"
    write_mark(root, Mark(files=mark.files, unfinished=name))
    (root / name).mkdir()
    return root / name


def _forget(root: Path) -> None:
    """Remove the mark of a folder in which no run came to anything."""
    with suppress(BundleError):
        mark = read_mark(root)
        if mark is not None and not mark.files:
            (root / MARK).unlink()


def _commit(root: Path) -> None:
    """From the next mark on the new run is the run of this folder."""
    mark = read_mark(root)
    if mark is None or mark.unfinished is None:
        raise ConfigError(f"The mark of {root} was removed while it trained. Train again.")
    new = root / mark.unfinished
    for folder, _, _ in os.walk(new):
        sweep(Path(folder), older_than=0)
    sync_all(new)
    names = sorted(path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file())
    files = tuple(name for name in names if Path(name).name != _CHECKPOINT)
    for name in tops(files):
        if name not in tops(mark.files) and os.path.lexists(root / name):
            raise ConfigError(
                f"{root / name} appeared while maxella trained: it stays as it is. Move it away, "
                "then give the same command with --resume."
            )
    write_mark(root, Mark(files=files, unfinished=mark.unfinished, replaced=mark.files))
    settle(root)


def _has_checkpoint(folder: Path) -> bool:
    return next(folder.rglob(_CHECKPOINT), None) is not None
