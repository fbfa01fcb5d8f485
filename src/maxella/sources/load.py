"""The table of sources, and the one door to them."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maxella.errors import ConfigError, DataError, unknown_name
from maxella.sources import atomic, behaviours, delimited, movielens, notebook, synthetic
from maxella.sources.files import Folder, open_folders
from maxella.sources.own_names import OwnNames
from maxella.sources.tables import Tables


@dataclass(frozen=True)
class Source:
    """How one kind of data is told from others and read."""

    read: Callable[..., Tables]  # (folder, **options), or (**options) where it needs no files
    recognises: Callable[[Folder], bool] | None = None  # None where it needs no files
    wanted: str = ""  # what is looked for, for messages


def load_source(kind: str | None, path: str | Path | None = None, **options: Any) -> Tables:
    """The data set at a path as tables.

    `kind` is a name in `SOURCES`, or None to find out by the files. Options that are
    None count as not given; which there are depends on the kind. Raises ConfigError
    for an unknown kind or option, DataError for what is wrong with the data.
    """
    if kind is None:
        if path is None:
            raise ConfigError("Wanted the kind of a source or a path; got neither. Give one.")
        kind = detect(path)
    source = find_source(kind)
    given = {name: value for name, value in options.items() if value is not None}
    parameters = inspect.signature(source.read).parameters.values()
    known = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    for name in given:
        if name not in known:
            raise ConfigError(unknown_name(f"option of the source '{kind}'", name, known))
    if source.recognises is None:
        return source.read(**given)
    if path is None:
        raise ConfigError(f"Wanted a path for the source '{kind}'; got none. Give one.")
    return source.read(find_folder(kind, path), **given)


def find_source(kind: str) -> Source:
    """The source of a name; ConfigError for one that is none."""
    if kind not in SOURCES:
        raise ConfigError(unknown_name("source", kind, SOURCES))
    return SOURCES[kind]


def load_alike(path: str | Path, data: Mapping[str, Any]) -> Tables:
    """The data set at a path, by the section [data] of the config of another like it.

    A file may call its columns as that one does, or as we do.
    """
    kind = detect(path)
    if kind != "delimited":
        return load_source(kind, path)
    encoding = data.get("encoding") or "utf-8"
    return delimited.read_alike(find_folder(kind, path), OwnNames.of(data), encoding)


def detect(path: str | Path) -> str:
    """The kind of the data at a path, by the files found: a name in `SOURCES`.

    Raises DataError, listing what was looked for and what is there, where no kind
    or more than one folder fits.
    """
    for kind, source in SOURCES.items():
        if source.recognises is not None and any(map(source.recognises, _places(kind, path))):
            return kind
    looked_for = "; ".join(source.wanted for source in SOURCES.values() if source.wanted)
    raise DataError(
        f"Cannot tell what {path} holds. Looked for {looked_for}. There is: "
        f"{_listing(open_folders(path))}. Give the path of the file or folder itself, or name its "
        "kind: as delimited any file of text is read."
    )


def find_folder(kind: str, path: str | Path) -> Folder:
    """The folder at a path that a kind of source reads; DataError where none or several fit."""
    source = SOURCES[kind]
    folders = _places(kind, path)
    fitting = list(filter(source.recognises, folders))
    if kind == "delimited" and Path(path).is_file() and len(folders) == 1:
        fitting = folders  # whatever it is called
    if not fitting:
        raise DataError(
            f"Wanted {source.wanted} at {path}. There is: {_listing(folders)}. "
            "Give another path, or another kind."
        )
    # A folder's own files go before those of the folders in it.
    is_own = fitting[0].inside == "" and fitting[0].path == Path(path)
    if len(fitting) > 1 and not is_own:
        places = ", ".join(folder.where("") for folder in fitting)
        raise DataError(f"Wanted one data set at {path}; there are several: {places}. Give one.")
    return fitting[0]


def _places(kind: str, path: str | Path) -> list[Folder]:
    """The folders that a kind may be in; a file of a layout stands for its folder."""
    path = Path(path)
    is_of_layout = path.name in ("u.data", "ratings.dat") or path.suffix == ".inter"
    if kind != "delimited" and is_of_layout and path.is_file():
        return open_folders(path.parent)[:1]
    return open_folders(path)


def _listing(folders: list[Folder]) -> str:
    names = [folder.where(name) for folder in folders for name in folder.names]
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return (", ".join(names[:10]) or "nothing") + more


# In the order of recognition: whatever is no known layout may still be any CSV.
SOURCES: dict[str, Source] = {
    "movielens": Source(movielens.read_movielens, movielens.is_movielens, movielens.WANTED),
    "notebook": Source(notebook.read_notebook, notebook.is_notebook, notebook.WANTED),
    "atomic": Source(atomic.read_atomic, atomic.is_atomic, atomic.WANTED),
    "behaviours": Source(behaviours.read_behaviours, behaviours.is_behaviours, behaviours.WANTED),
    "delimited": Source(delimited.read_delimited, delimited.is_delimited, delimited.WANTED),
    "synthetic": Source(synthetic.read_synthetic),
}
