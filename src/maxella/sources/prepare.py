"""Source → wrangled tables in a folder, with a report of each change: the job on one page."""

from pathlib import Path
from typing import Any

from maxella.errors import ConfigError, DataError, unknown_name
from maxella.sources.duplicates import POLICIES
from maxella.sources.flatten import why_not_flat
from maxella.sources.load import detect, load_source
from maxella.sources.movies_dataset import read_movies_dataset
from maxella.sources.people import read_people
from maxella.sources.wrangle import Wishes, wrangle
from maxella.sources.write import FORMAT, MADE_BY, refuse_occupied, write_prepared

KINDS = ("movielens", "atomic")  # where MovieLens may be, a release of it or RecBole's copy


def prepare(
    source: str | Path,
    out: str | Path,
    *,
    movies_dataset: str | Path | None = None,
    people: str | Path | None = None,
    duplicates: str = "keep",
    overwrite: bool = False,
) -> dict[str, Any]:
    """Read a source, wrangle its tables, write them to the folder `out`; the report.

    The report is what `changes.json` holds: format, made_by, source, steps (name, does,
    counts, examples of before and after, note), rows of what was written, and notes.
    Raises ConfigError for a place that may not be replaced or an unknown policy, DataError
    for what is wrong with the data.
    """
    folder = Path(out)
    if duplicates not in POLICIES:
        raise ConfigError(unknown_name("policy for duplicates", duplicates, POLICIES))
    refuse_occupied(folder, overwrite=overwrite)
    wishes = Wishes(
        duplicates=duplicates,
        people=None if people is None else read_people(people),
        movies=None if movies_dataset is None else read_movies_dataset(movies_dataset),
    )
    kind = detect(source)
    if kind not in KINDS:
        raise DataError(
            f"Wanted MovieLens, in GroupLens' layout or as atomic files; {source} is of the kind "
            f"'{kind}'. Give GroupLens' zip or its folder."
        )
    tables, steps = wrangle(load_source(kind, source), wishes)
    reason = why_not_flat(tables)
    notes = [*tables.notes, *([reason] if reason else [])]
    report = {
        "format": FORMAT,
        "made_by": MADE_BY,
        "source": str(source),
        "name": tables.name,
        "steps": steps,
        "rows": {
            "interactions": tables.interactions.height,
            "users": tables.users.height,
            "items": tables.items.height,
        },
        "has_notebook_tables": reason is None,
        "notes": notes,
    }
    write_prepared(folder, tables, report, is_flat=reason is None, overwrite=overwrite)
    return report
