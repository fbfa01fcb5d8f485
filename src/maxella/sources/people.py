"""A table of people: `movie_id` and further columns of movies, such as director and star."""

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from maxella.errors import DataError
from maxella.sources.changes import Change, changed_pairs
from maxella.sources.files import open_file
from maxella.sources.tables import Tables
from maxella.sources.text import read_text, require_columns


@dataclass(frozen=True)
class People:
    """Further columns of movies, one row a movie."""

    frame: pl.DataFrame  # item_id: String, then the file's columns
    file: str  # where they come from, for messages


def read_people(path: str | Path) -> People:
    """The table, with `item_id` for `movie_id`; of repeated movies the last.

    Raises DataError for what is wrong with the file.
    """
    people = read_text(*open_file(path), numbers={"release_date": pl.Int64()})
    require_columns(people, ["movie_id"], "It says which movie a row is about.")
    frame = people.frame.rename({"movie_id": "item_id"})
    return People(frame.unique("item_id", keep="last", maintain_order=True), people.file)


def fill_gaps(items: pl.DataFrame, more: People, *, of: str) -> pl.DataFrame:
    """The items with the columns of `more`, by `item_id`; what an item has already stays.

    `of` is where the items come from, for a message. Raises DataError where both have a
    column, of different types.
    """
    joined = items.join(more.frame, on="item_id", how="left", maintain_order="left", suffix=" new")
    known = [c for c in more.frame.columns if f"{c} new" in joined.columns]
    for column in known:
        if joined[column].dtype != joined[f"{column} new"].dtype:
            raise DataError(
                f"Wanted new columns of movies in {more.file}; {of} has '{column}' "
                "already. Remove or rename it."
            )
    filled = [pl.coalesce(pl.col(c), pl.col(f"{c} new")).alias(c) for c in known]
    return joined.with_columns(filled).drop([f"{c} new" for c in known])


def join_people(tables: Tables, people: People) -> tuple[Tables, Change]:
    """The items with the columns of a table of people, and how many of each that filled."""
    items = fill_gaps(tables.items, people, of=tables.name)
    n_found = items.join(people.frame, on="item_id", how="semi").height
    filled = n_filled(tables.items, items, people.frame.columns)
    counts = {"movies": items.height, "movies found": n_found, **filled}
    return replace(tables, items=items), Change(counts, filled_examples(tables.items, items))


def n_filled(before: pl.DataFrame, after: pl.DataFrame, columns: list[str]) -> dict[str, int]:
    """For each of the columns that had gaps, how many movies have a value now."""
    counts = {}
    for column in columns:
        had = before[column].null_count() if column in before.columns else before.height
        if had:
            counts[f"{column} filled"] = had - after[column].null_count()
    return counts


def filled_examples(before: pl.DataFrame, after: pl.DataFrame) -> tuple[tuple[str, str], ...]:
    """Movies by title, or id, with what is known of them before and after."""

    def told(items: pl.DataFrame) -> pl.Series:
        shown = [c for c in ("director", "star", "imdb_id") if c in items.columns]
        name = "title" if "title" in items.columns else "item_id"
        parts = pl.concat_str(name, *shown, separator="; ", ignore_nulls=True)
        return items.select(parts.alias("told"))["told"]

    return changed_pairs(told(before), told(after))
