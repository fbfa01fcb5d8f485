"""`report.json`, format 2: written whole or not at all, read only in its own format."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maxella.errors import DataError

FORMAT = 2


def write_text(text: str, path: Path) -> None:
    """Write UTF-8 text so that a reader finds the old file or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write a report as JSON.

    DataError: it holds a NaN or an infinity, or is of another format.
    """
    _check_format(report, path)
    place = next(_not_finite(report, "report"), None)
    if place is not None:
        raise DataError(
            f"A report holds finite numbers or null; {place} is not finite (for {path}). "
            "Write null where there is no figure."
        )
    write_text(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n", path)


def read_report(path: Path) -> dict[str, Any]:
    """The report in a file. DataError: missing, not JSON, or of another format."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(
            f"There is no report at {path}. `maxella compare` and `maxella train` write one."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} should be a report in UTF-8; reading it failed: {error}") from None
    try:
        report = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise DataError(
            f"{path} should hold JSON; it does not: {error}. "
            "Run the comparison again to rewrite it."
        ) from None
    _check_format(report, path)
    return dict(report)


def _check_format(report: Any, path: Path) -> None:
    found = report.get("format") if isinstance(report, dict) else None
    if found != FORMAT:
        raise DataError(
            f"{path} should be a report of format {FORMAT}; its format is {json.dumps(found)}. "
            "Use the version of maxella that wrote it, or run the comparison again."
        )
    if not isinstance(report.get("models"), list):
        raise DataError(
            f"{path} should hold a list under 'models'; it does not. Run the comparison again."
        )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _not_finite(value: Any, place: str) -> Iterator[str]:
    """Where NaN and infinity stand, such as `report.models[2].metrics.rmse`."""
    if isinstance(value, float) and not math.isfinite(value):
        yield place
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _not_finite(child, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for row, child in enumerate(value):
            yield from _not_finite(child, f"{place}[{row}]")
