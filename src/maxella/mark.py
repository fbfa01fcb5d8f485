"""The mark of a run folder: which of the files in it are ours, and which run is there.

`maxella-run.json` names the files of the run that lies here, so that nothing else is ever removed,
and the folder in which the next one is written. The next run takes the place of the old one in one
step, when the mark is replaced; only then its files move, and `where` knows how far they are.
"""

import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from maxella.errors import BundleError
from maxella.seal import opened, read_json, reason_of, sealed
from maxella.writing import write_text

MARK = "maxella-run.json"
PARTS = ("bundle", "models", "report.json", "report.html", "log.jsonl")


def _of_a_run(name: str) -> str:
    parts = PurePosixPath(name).parts
    if not parts or parts[0] not in PARTS or {"..", "."} & set(parts) or "\\" in name:
        raise ValueError("is no file of a run")
    return name


File = Annotated[str, AfterValidator(_of_a_run)]
Folder = Annotated[str, Field(pattern=r"^unfinished-[0-9a-f]{16}$")]


class Mark(BaseModel):
    """What `maxella-run.json` says."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal[1] = 1
    files: tuple[File, ...] = ()  # of the run that lies here, from the folder on
    unfinished: Folder | None = None  # where one is written
    replaced: tuple[File, ...] | None = None  # of the run before, while those of `files` move in


def read_mark(root: Path) -> Mark | None:
    """The mark of a run folder, if it has one; BundleError where it is damaged."""
    path = root / MARK
    try:
        return Mark.model_validate_json(json.dumps(opened(dict(read_json(path)))))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, TypeError, ValueError) as error:
        raise BundleError(
            f"{path} is damaged: {reason_of(error)}. Copy it again from where it was written; or "
            "move what you want to keep to another folder, and train into a new one."
        ) from error


def write_mark(root: Path, mark: Mark) -> None:
    """Put a mark in the place of the older one, in one step."""
    write_text(json.dumps(sealed(mark.model_dump(mode="json")), indent=1) + "\n", root / MARK)


def root_of(path: Path) -> Path:
    """The run folder that a path lies in, by its mark; the path itself where there is none."""
    path = path.absolute()
    return next((one for one in (path, *path.parents) if (one / MARK).is_file()), path)


def where(path: Path) -> Path:
    """Where a part of a run lies: elsewhere, while a new run takes the place of an old one."""
    root = root_of(path)
    mark = read_mark(root)
    if mark is None or mark.replaced is None or mark.unfinished is None:
        return path
    moving = root / mark.unfinished / path.absolute().relative_to(root)
    return moving if moving.exists() else path


def tops(files: Iterable[str]) -> list[str]:
    """What of a run folder files lie in: the first parts of their paths, each once."""
    return list(dict.fromkeys(PurePosixPath(file).parts[0] for file in files))
