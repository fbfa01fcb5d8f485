"""A table of people: `movie_id` and further columns of movies, such as director and star."""

from pathlib import Path

import polars as pl

from maxella.errors import DataError
from maxella.sources.files import open_file
from maxella.sources.text import Sheet, read_text, require_columns


def join_people(items: Sheet, path: str | Path) -> Sheet:
    """The movies with the columns of a CSV by `movie_id`; what a movie has already stays.

    Of repeated movies the last counts. Raises DataError for what is wrong with the file, and
    where both have a column, of different types.
    """
    people = read_text(*open_file(path), numbers={"release_date": pl.Int64()})
    require_columns(people, ["movie_id"], "It says which movie a row is about.")
    more = people.frame.rename({"movie_id": "item_id"}).unique("item_id", keep="last")
    known = [c for c in more.columns if c in items.frame.columns and c != "item_id"]
    for column in known:
        if more[column].dtype != items.frame[column].dtype:
            raise DataError(
                f"Wanted new columns of movies in {people.file}; {items.file} has '{column}' "
                "already. Remove or rename it."
            )
    joined = items.frame.join(more, on="item_id", how="left", maintain_order="left", suffix=" new")
    filled = [pl.coalesce(column, f"{column} new").alias(column) for column in known]
    return items.with_frame(joined.with_columns(filled).drop(f"{column} new" for column in known))
