"""The Movies Dataset (movies_metadata.csv, credits.csv, links.csv), joined to the items."""

import ast
import io
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from maxella.errors import DataError
from maxella.sources.changes import Change
from maxella.sources.files import Folder, open_folders
from maxella.sources.people import People, fill_gaps, filled_examples, n_filled
from maxella.sources.tables import Tables
from maxella.sources.text import Sheet, require_columns
from maxella.sources.titles import title_keys

WANTED = ("movies_metadata.csv", "credits.csv")
LINKS = "links.csv"
LEAST_AGREEMENT = 0.5  # of linked titles; MovieLens 100K's ids are other films' in links.csv
DIRECTOR = "Director"  # as the crew's `job`
_DAMAGED = (ValueError, SyntaxError, TypeError, RecursionError, MemoryError)


@dataclass(frozen=True)
class MoviesDataset:
    """The data set as read: cleaned of what is no film, its lists of people still text."""

    films: pl.DataFrame  # tmdb_id, titles: List(String), year, imdb_id, release_date, cast, crew
    links: pl.DataFrame  # item_id, tmdb_id; empty where there is no links.csv
    file: str
    faults: dict[str, int]  # what was wrong with the files → in how many rows


def read_movies_dataset(path: str | Path) -> MoviesDataset:
    """The data set in a folder or a zip.

    Rows without a whole number as id, such as those that a line break in an overview has
    torn in two, are left out; of rows that repeat an id the last is kept. Raises DataError
    where files or columns are missing.
    """
    folders = open_folders(path)
    folder = next((f for f in folders if all(name in f for name in WANTED)), None)
    if folder is None:
        raise DataError(
            f"Wanted The Movies Dataset ({', '.join(WANTED)}, {LINKS}) at {path}; it is not "
            "there. Give its zip or its folder."
        )
    faults: dict[str, int] = {}
    metadata = _read(
        folder, WANTED[0], ["id", "imdb_id", "original_title", "release_date", "title"], faults
    )
    credit = _read(folder, WANTED[1], ["id", "cast", "crew"], faults)
    films = metadata.join(credit, on="tmdb_id", how="full", coalesce=True, maintain_order="left")
    date = pl.col("release_date").str.strip_chars().str.to_date("%Y-%m-%d", strict=False)
    films = films.select(
        "tmdb_id",
        titles=pl.concat_list("title", "original_title").list.drop_nulls().list.unique(),
        year=date.dt.year(),
        imdb_id=_imdb_id(),
        release_date=date.dt.epoch("s").cast(pl.Int64),
        cast="cast",
        crew="crew",
    )
    faults["films of the data set without a release date"] = films["release_date"].null_count()
    faults["films of the data set without an IMDb id"] = films["imdb_id"].null_count()
    links = pl.DataFrame(schema={"item_id": pl.String, "tmdb_id": pl.Int64})
    if LINKS in folder:
        table = _read_strings(folder, LINKS, ["movieId", "tmdbId"])
        movie_id = _whole("movieId").cast(pl.String)
        links = table.select(item_id=movie_id, tmdb_id=_whole("tmdbId")).drop_nulls()
        links = links.unique("item_id", keep="last", maintain_order=True)
    return MoviesDataset(films, links, folder.where(""), faults)


def join_movies_dataset(tables: Tables, movies: MoviesDataset) -> tuple[Tables, Change]:
    """Items with director, star, cast, cast_size, crew_size, imdb_id and release_date.

    A film is found by its TMDB id (the source's own, or that of links.csv, if most of the
    linked titles agree), else by a title and the year together, where these are one film's.
    What an item has already stays. A cast or crew that cannot be read is left missing.
    """
    items = tables.items
    if "imdb_id" in items.columns and items.schema["imdb_id"] == pl.String:
        items = items.with_columns(_imdb_id())
    found, counts, note = _find(items, movies)
    details, damage = _details(found.join(movies.films, on="tmdb_id", how="left"))
    joined = fill_gaps(items, People(details, movies.file), of=tables.name)
    filled = n_filled(items, joined, details.columns)
    counts = {"movies": items.height, **counts, **damage, **filled, **movies.faults}
    examples = filled_examples(tables.items, joined)
    return replace(tables, items=joined), Change(counts, examples, note)


def _imdb_id() -> pl.Expr:
    """IMDb's own form, tt and seven digits or more, of one with or without; 0 is none."""
    number = pl.col("imdb_id").str.strip_chars().str.extract(r"^(?:tt)?0*([1-9]\d*)$")
    return pl.concat_str(pl.lit("tt"), number.str.zfill(7)).alias("imdb_id")


def _find(items: pl.DataFrame, movies: MoviesDataset) -> tuple[pl.DataFrame, dict[str, int], str]:
    """(item_id, tmdb_id) of each item found, how many were found in which way, and a note."""
    keys, film_keys = _item_keys(items), _film_keys(movies.films)
    linked, note = _linked(items, movies), ""
    has_title = linked.join(keys, on="item_id", how="semi").height
    same = linked.join(keys, on="item_id").join(film_keys, on=["tmdb_id", "key"], how="semi")
    n_same = same["item_id"].n_unique()
    if n_same < LEAST_AGREEMENT * has_title:
        note = (
            f"The ids are not used: of {has_title:,} movies found by id only {n_same:,} have "
            "the film's title, so they are the ids of other movies."
        )
        linked = linked.clear()
    rest = keys.join(linked, on="item_id", how="anti")
    candidates = rest.join(film_keys, on=["key", "year"])
    best = candidates.filter(pl.col("rank") == pl.col("rank").min().over("item_id"))
    films = best.group_by("item_id").agg(pl.col("tmdb_id").unique())
    by_title = films.filter(pl.col("tmdb_id").list.len() == 1).explode("tmdb_id")
    found = pl.concat([linked, by_title])
    counts = {
        "found by id": linked.height,
        "found by title and year": by_title.height,
        "left out, several films of that title and year": films.height - by_title.height,
        "not found": items.height - linked.height - films.height,
    }
    return found, counts, note


def _linked(items: pl.DataFrame, movies: MoviesDataset) -> pl.DataFrame:
    """(item_id, tmdb_id) by the source's own TMDB ids, else by links.csv."""
    linked = items.select("item_id").join(
        movies.links, on="item_id", how="left", maintain_order="left"
    )
    if "tmdb_id" in items.columns:
        own = items.select(_whole(pl.col("tmdb_id").cast(pl.String)))["tmdb_id"]
        linked = linked.with_columns(pl.coalesce(own, pl.col("tmdb_id")).alias("tmdb_id"))
    return linked.join(movies.films, on="tmdb_id", how="semi", maintain_order="left")


def _item_keys(items: pl.DataFrame) -> pl.DataFrame:
    """item_id, year, key and rank (0 is the best), for items with a title and a year."""
    kinds = items.schema
    if kinds.get("title") != pl.String or kinds.get("year") != pl.Int32:
        return pl.DataFrame(
            schema={"item_id": pl.String, "year": pl.Int32, "key": pl.String, "rank": pl.Int64}
        )
    keys = items.select("item_id", "year", key=_keys("title")).drop_nulls()
    keys = keys.with_columns(rank=pl.int_ranges(pl.col("key").list.len()))
    return keys.explode("key", "rank").drop_nulls()


def _film_keys(films: pl.DataFrame) -> pl.DataFrame:
    """tmdb_id, year and key, for films with a title; the year may be missing."""
    titles = films.select("tmdb_id", "year", "titles").explode("titles").drop_nulls("titles")
    keys = titles.select("tmdb_id", "year", key=_keys("titles"))
    return keys.explode("key").drop_nulls("key").unique()


def _keys(column: str) -> pl.Expr:
    return pl.col(column).map_elements(title_keys, return_dtype=pl.List(pl.String))


def _details(found: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """Per item what the film's row says, and how many of its lists could not be read."""
    casts, crews = (
        [None if text is None else _entries(text) for text in found[column]]
        for column in ("cast", "crew")
    )
    damage = {
        f"{column} that cannot be read": sum(
            text is not None and entries is None
            for text, entries in zip(found[column], lists, strict=True)
        )
        for column, lists in (("cast", casts), ("crew", crews))
    }
    names = [None if cast is None else [person["name"] for person in cast] for cast in casts]
    details = found.select(
        "item_id",
        pl.Series("director", [_director(crew or []) for crew in crews], pl.String),
        pl.Series("star", [billed[0] if billed else None for billed in names], pl.String),
        pl.Series("cast", names, pl.List(pl.String)),
        pl.Series("cast_size", [None if c is None else len(c) for c in casts], pl.Int64),
        pl.Series("crew_size", [None if c is None else len(c) for c in crews], pl.Int64),
        "imdb_id",
        "release_date",
    )
    return details, damage


def _entries(text: str) -> list[dict[str, Any]] | None:
    """A list of people out of its Python literal, first billed first; None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a backslash within a name
            entries = ast.literal_eval(text)
    except _DAMAGED:
        return None
    if not isinstance(entries, list) or not all(map(_is_person, entries)):
        return None
    if all(isinstance(entry.get("order"), int) for entry in entries):
        entries.sort(key=lambda entry: entry["order"])
    return entries


def _is_person(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("name"), str)


def _director(crew: list[dict[str, Any]]) -> str | None:
    return next((person["name"] for person in crew if person.get("job") == DIRECTOR), None)


def _read(folder: Folder, name: str, columns: list[str], faults: dict[str, int]) -> pl.DataFrame:
    """The columns of a file, one row a film, with its id as `tmdb_id`; counts what is wrong."""
    table = _read_strings(folder, name, columns).with_columns(tmdb_id=_whole("id"))
    table = table.select("tmdb_id", pl.exclude("tmdb_id", "id"))
    with_id = table.drop_nulls("tmdb_id")
    one_of_each = with_id.unique("tmdb_id", keep="last", maintain_order=True)
    faults[f"rows of {name} whose id is no number"] = table.height - with_id.height
    faults[f"rows of {name} that repeat an id"] = with_id.height - one_of_each.height
    return one_of_each


def _read_strings(folder: Folder, name: str, columns: list[str]) -> pl.DataFrame:
    """Columns of a CSV file as text, where rows may be cut short, as some of this data set are."""
    file = folder.where(name)
    try:
        table = pl.read_csv(
            io.BytesIO(folder.read(name)),
            infer_schema=False,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"Cannot read {file} as CSV: {reason}. Get the file anew.") from error
    require_columns(Sheet(table, file, str), columns, "Get the data set anew.")
    return table.select(columns)


def _whole(column: str | pl.Expr) -> pl.Expr:
    """Whole numbers as they are written in these files: 862, "862.0"; all else is missing."""
    written = pl.col(column) if isinstance(column, str) else column
    digits = written.str.strip_chars().str.extract(r"^(\d+)(?:\.0*)?$")
    return digits.cast(pl.Int64, strict=False)
