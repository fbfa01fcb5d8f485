"""`report.json`, format 2: written whole or not at all, read only in its own format."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maxella.errors import DataError
from maxella.mark import where
from maxella.report.schema import Report
from maxella.seal import opened, read_json, reason_of, sealed
from maxella.writing import write_text

FORMAT = 2


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
    report = sealed(report)
    write_text(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n", path)


def read_report(path: Path) -> dict[str, Any]:
    """The report in a file. DataError: missing, not JSON, of another format, or changed since."""
    try:
        report = read_json(where(path))
    except FileNotFoundError:
        raise DataError(
            f"There is no report at {path}. `maxella compare` and `maxella train` write one."
        ) from None
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None
    _check_format(report, path)
    try:
        report = opened(report)
        Report.model_validate_json(json.dumps(report))
    except ValueError as error:
        raise _damaged(path, error) from error
    return dict(report)


def _damaged(path: Path, reason: Exception) -> DataError:
    return DataError(
        f"{path} is damaged: {reason_of(reason)}. Copy it again from where it was written, or "
        "train again."
    )


def _check_format(report: Any, path: Path) -> None:
    found = report.get("format") if isinstance(report, dict) else None
    if found != FORMAT:
        raise DataError(
            f"{path} should be a report of format {FORMAT}; its format is {json.dumps(found)}. "
            "Use the version of maxella that wrote it, or run the comparison again."
        )


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
