"""Wrangling as a pipeline: pure steps in one table, each with a report of what it changed."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from maxella.sources.changes import Change, changed_pairs
from maxella.sources.duplicates import resolve_duplicates
from maxella.sources.movies_dataset import MoviesDataset, join_movies_dataset
from maxella.sources.notebook import GENRES, NO_GENRES
from maxella.sources.occupations import KNOWN_OCCUPATIONS, OCCUPATIONS
from maxella.sources.people import People, join_people
from maxella.sources.tables import Tables
from maxella.sources.titles import YEAR_AT_END, normalise_title

ZIP_LENGTH = 5
US_ZIP = r"^(\d{5})(?:[- ]?\d{4})?$"
# Genre in lower case → the one spelling, which is the notebook's.
KNOWN_GENRES = {genre.lower(): genre for genre in GENRES} | {"children's": "Children"}


@dataclass(frozen=True)
class Wishes:
    """What the steps are told."""

    duplicates: str = "keep"  # a name in `duplicates.POLICIES`
    people: People | None = None
    movies: MoviesDataset | None = None


@dataclass(frozen=True)
class Step:
    """One step of the pipeline and what it does in a sentence."""

    does: str
    run: Callable[[Tables, Wishes], tuple[Tables, Change]]


def wrangle(tables: Tables, wishes: Wishes) -> tuple[Tables, list[dict[str, Any]]]:
    """The tables after all steps, and for each step its name, what it does, and its `Change`.

    Raises ConfigError for an unknown policy, DataError where a joined column is of another
    type than one that is there.
    """
    report = []
    for name, step in STEPS.items():
        tables, change = step.run(tables, wishes)
        report.append({"name": name, "does": step.does, **asdict(change)})
    return tables, report


def repair_zip(written: pl.Expr) -> pl.Expr:
    """ZIP+4 cut to its five digits; what is no US code stays as it is."""
    plain = written.str.strip_chars()
    return pl.coalesce(plain.str.extract(US_ZIP), plain)


def _zip_codes(tables: Tables, wishes: Wishes) -> tuple[Tables, Change]:
    del wishes
    before = _column(tables.users, "zip_code", pl.String())
    if before is None:
        return tables, Change(note="Nothing to do: the users have no zip codes.")
    users = tables.users.with_columns(repair_zip(pl.col("zip_code")))
    after = users["zip_code"]
    foreign = ~after.str.contains(rf"^\d{{{ZIP_LENGTH}}}$")
    counts = {
        "zip codes longer than 5 characters": int((before.str.len_chars() > ZIP_LENGTH).sum()),
        "repaired": _n_changed(before, after),
        "no US code, left alone": int(foreign.sum()),
    }
    return replace(tables, users=users), Change(counts, changed_pairs(before, after))


def _genres(tables: Tables, wishes: Wishes) -> tuple[Tables, Change]:
    del wishes
    before = _column(tables.items, "genres", pl.List(pl.String()))
    if before is None:
        return tables, Change(note="Nothing to do: the items have no lists of genres.")
    label = pl.element().str.strip_chars()
    spelt = label.str.to_lowercase().replace_strict(KNOWN_GENRES, default=label)
    kept = spelt.filter(spelt.is_not_null() & ~spelt.is_in(["", *NO_GENRES]))
    one_of_each = pl.col("genres").fill_null([]).list.eval(kept).list.unique(maintain_order=True)
    items = tables.items.with_columns(one_of_each)
    after = items["genres"]
    as_text = [genres.list.join(", ", ignore_nulls=True) for genres in (before, after)]
    counts = {
        "items with other genres than before": _n_changed(before, after),
        "labels before": int(before.list.len().sum()),
        "labels after": int(after.list.len().sum()),
        "items without genres": int((after.list.len() == 0).sum()),
    }
    return replace(tables, items=items), Change(counts, changed_pairs(*as_text))


def _occupations(tables: Tables, wishes: Wishes) -> tuple[Tables, Change]:
    del wishes
    before = _column(tables.users, "occupation", pl.String())
    if before is None:
        return tables, Change(note="Nothing to do: the users have no occupations.")
    label = pl.col("occupation").str.strip_chars().str.to_lowercase()
    known = label.replace_strict(KNOWN_OCCUPATIONS, default=None, return_dtype=pl.String)
    code_of = {label: code for code, label in enumerate(OCCUPATIONS)}
    users = tables.users.with_columns(known.alias("occupation"))
    n_unknown = users["occupation"].null_count()
    users = users.with_columns(pl.col("occupation").fill_null(OCCUPATIONS[0]))
    code = pl.col("occupation").replace_strict(code_of, return_dtype=pl.Int32)
    users = users.with_columns(code.alias("occupation_code"))
    after = users["occupation"]
    counts = {
        "users with another label than before": _n_changed(before, after),
        "of these unknown, now other/not specified": n_unknown,
    }
    return replace(tables, users=users), Change(counts, changed_pairs(before, after))


def _titles(tables: Tables, wishes: Wishes) -> tuple[Tables, Change]:
    del wishes
    before = _column(tables.items, "title", pl.String())
    if before is None:
        return tables, Change(note="Nothing to do: the items have no titles.")
    after = before.map_elements(normalise_title, return_dtype=pl.String)
    items = tables.items
    if "year" not in items.columns:
        items = items.with_columns(year=before.str.extract(YEAR_AT_END).cast(pl.Int32))
    items = items.with_columns(after, title_as_written=before)
    without_year = before.str.replace(r"\s*" + YEAR_AT_END, "")  # or examples show little else
    counts = {
        "titles changed": _n_changed(before, after),
        "of these by more than the year": _n_changed(without_year, after),
        "titles without a year": items["year"].null_count(),
    }
    return replace(tables, items=items), Change(counts, changed_pairs(without_year, after))


def _duplicates(tables: Tables, wishes: Wishes) -> tuple[Tables, Change]:
    return resolve_duplicates(tables, wishes.duplicates)


def _people(tables: Tables, wishes: Wishes) -> tuple[Tables, Change]:
    if wishes.people is None:
        return tables, Change(note="Nothing to do: no table of people was given.")
    return join_people(tables, wishes.people)


def _movies_dataset(tables: Tables, wishes: Wishes) -> tuple[Tables, Change]:
    if wishes.movies is None:
        return tables, Change(note="Nothing to do: The Movies Dataset was not given.")
    return join_movies_dataset(tables, wishes.movies)


def _column(table: pl.DataFrame, name: str, kind: pl.DataType) -> pl.Series | None:
    return table[name] if table.schema.get(name) == kind else None


def _n_changed(before: pl.Series, after: pl.Series) -> int:
    return int(before.ne_missing(after).sum())


STEPS: dict[str, Step] = {
    "zip codes": Step("Cuts ZIP+4 codes to their five digits.", _zip_codes),
    "genres": Step("Makes lists of distinct labels, each in one spelling.", _genres),
    "occupations": Step("Brings labels and codes to MovieLens 1M's 21.", _occupations),
    "titles": Step(
        "Takes the year off, puts the article in front, folds accents, mends misspellings.",
        _titles,
    ),
    "duplicates": Step("Finds films of one title and year under several ids.", _duplicates),
    "people": Step("Joins the columns of a table of people by movie id.", _people),
    "The Movies Dataset": Step(
        "Joins director, star, cast, sizes, IMDb id and release date by id, else title and year.",
        _movies_dataset,
    ),
}
