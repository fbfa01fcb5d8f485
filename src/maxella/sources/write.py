"""A folder of prepared tables: written whole or not at all, replaced only where it is ours."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import polars as pl

from maxella.errors import ConfigError
from maxella.sources.flatten import flatten
from maxella.sources.tables import Tables

FORMAT = 1
MADE_BY = "maxella data prepare"
CHANGES = "changes.json"
FLAT = ("ratings.csv", "movies.csv")
PARQUET = ("interactions", "users", "items")
OURS = frozenset({CHANGES, *FLAT, *(f"{name}.parquet" for name in PARQUET)})


def refuse_occupied(folder: Path, *, overwrite: bool) -> None:
    """Raises ConfigError where something is at a place that may not be replaced."""
    if not os.path.lexists(folder):
        return
    if not overwrite:
        raise ConfigError(f"{folder} is there already. Choose another --out, or give --overwrite.")
    if not _is_ours(folder):
        raise ConfigError(
            f"--overwrite replaces only a folder that `{MADE_BY}` made and that holds nothing "
            f"else; {folder} is none. Choose another --out, or move it away."
        )


def write_prepared(
    folder: Path, tables: Tables, report: dict[str, Any], *, is_flat: bool, overwrite: bool
) -> None:
    """Write the tables as Parquet, `changes.json`, and where `is_flat` the notebook's two CSVs.

    A reader finds the folder complete or not at all. Raises ConfigError as `refuse_occupied`.
    """
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial, old = (
        folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("partial", "old")
    )
    partial.mkdir()
    try:
        for name in PARQUET:
            getattr(tables, name).write_parquet(partial / f"{name}.parquet")
        if is_flat:
            for name, table in zip(FLAT, flatten(tables), strict=True):
                (partial / name).write_bytes(_encoded(table))
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        (partial / CHANGES).write_text(text, encoding="utf-8", newline="\n")
        refuse_occupied(folder, overwrite=overwrite)
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(old, ignore_errors=True)


def _encoded(table: pl.DataFrame) -> bytes:
    """CSV in ISO-8859-1, as the notebook reads it; in UTF-8 where that cannot write a letter.

    The reader tells the two apart by trying UTF-8 first, so text that would pass for it in
    ISO-8859-1 is written in UTF-8.
    """
    text = table.write_csv()
    try:
        data = text.encode("iso-8859-1")
        data.decode("utf-8")
    except UnicodeEncodeError:
        return text.encode()
    except UnicodeDecodeError:
        return data
    return text.encode()


def _is_ours(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    if not {entry.name for entry in folder.iterdir()} <= OURS:
        return False
    try:
        report = json.loads((folder / CHANGES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(report, dict) and report.get("made_by") == MADE_BY
