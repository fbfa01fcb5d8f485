"""MovieLens in every layout that GroupLens publishes.

100K (`u.data` and its companions), 1M and 10M (`.dat`, fields parted by `::`), and
20M, 25M, 32M and latest-small (CSV). Tags and the tag genome are no columns of users
or items and stay unread.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from maxella.errors import DataError
from maxella.sources.checks import build_tables
from maxella.sources.files import Folder, open_file
from maxella.sources.tables import NUMBERS, Tables
from maxella.sources.text import (
    UTF8,
    UTF8_OR_LATIN_1,
    Sheet,
    converted,
    read_text,
    require_columns,
)

WANTED = "movielens: u.data, ratings.dat, or ratings.csv beside movies.csv"
WHOLE_STARS = (1.0, 5.0)
HALF_STARS = (0.5, 5.0)
_LOG: Mapping[str, Any] = {  # how the old layouts' ratings are read
    "columns": ("user_id", "item_id", "rating", "timestamp"),
    "numbers": NUMBERS,
    "is_quoted": False,
}
NO_GENRES = ("", "unknown", "(no genres listed)")
# 1995 of "Toy Story (1995)", 2006 of "Show (2006-2008)"; IMDb marks a video by "(V)" after it.
YEAR_AT_END = r"\(([0-9]{4})(?:[-\u2013][0-9]{0,4})?\)(?:\s*\(V\))?\s*$"
GENRES_OF_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance"),
    *("Sci-Fi", "Thriller", "War", "Western"),
)
OCCUPATIONS_OF_1M = (  # the position is the code
    *("other/not specified", "academic/educator", "artist", "clerical/admin"),
    *("college/grad student", "customer service", "doctor/health care", "executive/managerial"),
    *("farmer", "homemaker", "K-12 student", "lawyer", "programmer", "retired", "sales/marketing"),
    *("scientist", "self-employed", "technician/engineer", "tradesman/craftsman", "unemployed"),
    "writer",
)


# The interactions, users and items that a layout gives, and the range of its ratings.
_Parts = tuple[Sheet, Sheet | None, Sheet | None, tuple[float, float]]


def read_movielens(
    folder: Folder,
    *,
    people: str | Path | None = None,
    rating_range: tuple[float, float] | None = None,
) -> Tables:
    """Any MovieLens as tables.

    users: age, gender, occupation, occupation_code (1M), zip_code, where published.
    items: title as written, year out of its end, genres (empty list for none),
    release_date (seconds since 1970) and links where published. `people` is a CSV
    with `movie_id` and further columns of items (director, star, release_date).
    """
    layout = next(layout for layout in LAYOUTS if layout in folder)
    read, companions = LAYOUTS[layout]
    interactions, users, items, usual_range = read(folder)
    if people is not None and items is not None:
        items = _join_people(items, people)
    notes = [
        f"{folder.where(name)} is not there; its columns are missing."
        for name in companions
        if name not in folder
    ]
    return build_tables(
        folder.name,
        interactions,
        users,
        items,
        rating_range=rating_range or usual_range,
        notes=notes,
    )


def is_movielens(folder: Folder) -> bool:
    """Whether a folder is laid out as one of GroupLens' own."""
    for name, separator in (("u.data", "\t"), ("ratings.dat", "::")):
        if name in folder:  # others call their files so, too
            return separator in folder.first_line(name)
    has_csv = "ratings.csv" in folder and "movies.csv" in folder
    return has_csv and folder.first_line("movies.csv").startswith("movieId,title")


def _read_100k(folder: Folder) -> _Parts:
    interactions = read_text(folder, "u.data", separator="\t", **_LOG)
    users = _companion(
        folder,
        "u.user",
        separator="|",
        columns=("user_id", "age", "gender", "occupation", "zip_code"),
        numbers={"age": pl.Int32()},
    )
    dates = ("release_date", "video_release_date")
    columns = ("item_id", "title", *dates, "imdb_url", *GENRES_OF_100K)
    items = _companion(folder, "u.item", separator="|", columns=columns)
    if items is None:
        return interactions, users, None, WHOLE_STARS
    for column in dates:
        seconds = pl.col(column).str.to_date("%d-%b-%Y", strict=False).dt.epoch("s").cast(pl.Int64)
        items = converted(items, column, seconds, "a date such as 01-Jan-1995")
    has = [pl.when(pl.col(g) == "1").then(pl.lit(g)) for g in GENRES_OF_100K[1:]]
    genres = pl.concat_list(has).list.drop_nulls().alias("genres")
    items = items.select("item_id", "title", _year(), genres, *dates, "imdb_url")
    return interactions, users, items, WHOLE_STARS


def _read_dat(folder: Folder) -> _Parts:
    interactions = read_text(folder, "ratings.dat", separator="::", **_LOG)
    users = _companion(
        folder,
        "users.dat",
        separator="::",
        columns=("user_id", "gender", "age", "occupation_code", "zip_code"),
        numbers={"age": pl.Int32(), "occupation_code": pl.Int32()},
    )
    # Of the two, only 1M has users, whole stars, and ISO-8859-1.
    encodings = UTF8 if users is None else UTF8_OR_LATIN_1
    columns = ("item_id", "title", "genres")
    items = _companion(folder, "movies.dat", separator="::", columns=columns, encodings=encodings)
    items = items and items.with_frame(_with_year_and_genres(items.frame))
    if users is None:
        return interactions, None, items, HALF_STARS
    label = pl.col("occupation_code").replace_strict(
        range(len(OCCUPATIONS_OF_1M)), OCCUPATIONS_OF_1M, default=None, return_dtype=pl.String
    )
    occupation = (label.alias("occupation"), "occupation_code")
    users = users.select("user_id", "age", "gender", *occupation, "zip_code")
    return interactions, users, items, WHOLE_STARS


def _read_csv(folder: Folder) -> _Parts:
    interactions = read_text(folder, "ratings.csv", numbers=NUMBERS)
    names = {"userId": "user_id", "movieId": "item_id"}
    remedy = "Name the kind 'delimited' and map its columns if this is no MovieLens."
    require_columns(interactions, [*names, "rating", "timestamp"], remedy)
    interactions = interactions.with_frame(interactions.frame.rename(names))
    movies = read_text(folder, "movies.csv")
    require_columns(movies, ["movieId", "title", "genres"], remedy)
    frame = _with_year_and_genres(movies.frame.rename({"movieId": "item_id"}))
    if "links.csv" in folder:
        links = read_text(folder, "links.csv")
        names = {"movieId": "item_id", "imdbId": "imdb_id", "tmdbId": "tmdb_id"}
        require_columns(links, list(names), remedy)
        links_of = links.frame.rename(names).unique("item_id", keep="last")
        frame = frame.join(links_of, on="item_id", how="left", maintain_order="left")
    return interactions, None, movies.with_frame(frame), HALF_STARS


def _companion(
    folder: Folder, name: str, *, encodings: tuple[str, ...] = UTF8_OR_LATIN_1, **form: Any
) -> Sheet | None:
    """The users or items beside an old layout's ratings, where they are there."""
    if name not in folder:
        return None
    return read_text(folder, name, encodings=encodings, is_quoted=False, **form)


def _join_people(items: Sheet, path: str | Path) -> Sheet:
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


def _year() -> pl.Expr:
    """The year a title ends in."""
    return pl.col("title").str.extract(YEAR_AT_END).cast(pl.Int32).alias("year")


def _with_year_and_genres(items: pl.DataFrame) -> pl.DataFrame:
    genres = pl.col("genres").fill_null("").str.split("|")
    kept = genres.list.eval(pl.element().filter(~pl.element().is_in(NO_GENRES)))
    return items.select("item_id", "title", _year(), kept.alias("genres"))


# The file of ratings that tells a layout → how it is read, and what should lie beside it.
LAYOUTS: dict[str, tuple[Callable[[Folder], _Parts], tuple[str, ...]]] = {
    "u.data": (_read_100k, ("u.user", "u.item")),
    "ratings.dat": (_read_dat, ("movies.dat",)),
    "ratings.csv": (_read_csv, ()),
}
