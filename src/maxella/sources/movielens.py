"""MovieLens in every layout that GroupLens publishes.

100K (`u.data` and its companions), 1M and 10M (`.dat`, fields parted by `::`), and
20M, 25M, 32M and latest-small (CSV). Tags and the tag genome are no columns of users
or items and stay unread.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from maxella.errors import DataError
from maxella.sources.checks import build_tables
from maxella.sources.files import Folder
from maxella.sources.occupations import OCCUPATIONS
from maxella.sources.people import fill_gaps, read_people
from maxella.sources.tables import Tables
from maxella.sources.text import (
    UTF8,
    UTF8_OR_LATIN_1,
    Sheet,
    converted,
    read_text,
    require_columns,
)
from maxella.sources.titles import YEAR_AT_END

WANTED = "movielens: u.data, ratings.dat, or ratings.csv beside movies.csv"
INTERACTION_COLUMNS = ("user_id", "item_id", "rating", "timestamp")
NUMBERS = {"rating": pl.Float32(), "timestamp": pl.Int64()}
WHOLE_STARS = (1.0, 5.0)
HALF_STARS = (0.5, 5.0)
NO_GENRES = ("", "unknown", "(no genres listed)")

GENRES_OF_100K = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance"),
    *("Sci-Fi", "Thriller", "War", "Western"),
)


@dataclass(frozen=True)
class _Parts:
    """What a layout gives: its sheets, the range of its ratings, and remarks."""

    interactions: Sheet
    users: Sheet | None
    items: Sheet | None
    rating_range: tuple[float, float]
    notes: tuple[str, ...] = ()


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
    parts = LAYOUTS[_layout(folder)](folder)
    items = parts.items
    if people is not None and items is not None:
        items = items.with_frame(fill_gaps(items.frame, read_people(people), of=items.file))
    return build_tables(
        folder.name,
        parts.interactions,
        parts.users,
        items,
        rating_range=rating_range or parts.rating_range,
        notes=parts.notes,
    )


def is_movielens(folder: Folder) -> bool:
    """Whether a folder is laid out as one of GroupLens' own."""
    if "u.data" in folder or "ratings.dat" in folder:
        return True
    if "ratings.csv" not in folder or "movies.csv" not in folder:
        return False
    return folder.first_line("movies.csv").startswith("movieId,title")


def _layout(folder: Folder) -> str:
    for name in LAYOUTS:
        if name in folder:
            return name
    raise DataError(
        f"Wanted MovieLens ({', '.join(LAYOUTS)}) in {folder.where('')}; "
        f"there is {', '.join(folder.names)}. Give GroupLens' zip or its folder."
    )


def _read_100k(folder: Folder) -> _Parts:
    interactions = read_text(
        folder,
        "u.data",
        separator="\t",
        columns=INTERACTION_COLUMNS,
        numbers=NUMBERS,
        is_quoted=False,
    )
    users = _optional(
        folder,
        "u.user",
        columns=("user_id", "age", "gender", "occupation", "zip_code"),
        numbers={"age": pl.Int32()},
        separator="|",
    )
    items = _optional(
        folder,
        "u.item",
        columns=(
            "item_id",
            "title",
            "release_date",
            "video_release_date",
            "imdb_url",
            *GENRES_OF_100K,
        ),
        separator="|",
    )
    if items is not None:
        for column in ("release_date", "video_release_date"):
            date = pl.col(column).str.to_date("%d-%b-%Y", strict=False)
            seconds = date.dt.epoch("s").cast(pl.Int64)
            items = converted(items, column, seconds, "a date such as 01-Jan-1995")
        has = [pl.when(pl.col(g) == "1").then(pl.lit(g)) for g in GENRES_OF_100K[1:]]
        items = items.with_frame(
            items.frame.select(
                "item_id",
                "title",
                _year(),
                pl.concat_list(has).list.drop_nulls().alias("genres"),
                "release_date",
                "video_release_date",
                "imdb_url",
            )
        )
    return _Parts(interactions, users, items, WHOLE_STARS, _absent(folder, "u.user", "u.item"))


def _read_dat(folder: Folder) -> _Parts:
    interactions = read_text(
        folder,
        "ratings.dat",
        separator="::",
        columns=INTERACTION_COLUMNS,
        numbers=NUMBERS,
        is_quoted=False,
    )
    users = _optional(
        folder,
        "users.dat",
        columns=("user_id", "gender", "age", "occupation_code", "zip_code"),
        numbers={"age": pl.Int32(), "occupation_code": pl.Int32()},
        separator="::",
    )
    # Of the two, only 1M has users, whole stars, and ISO-8859-1.
    encodings = UTF8 if users is None else UTF8_OR_LATIN_1
    columns = ("item_id", "title", "genres")
    items = _optional(folder, "movies.dat", columns=columns, separator="::", encodings=encodings)
    if items is not None:
        items = items.with_frame(_with_year_and_genres(items.frame))
    if users is None:
        return _Parts(interactions, None, items, HALF_STARS, _absent(folder, "movies.dat"))
    label = pl.col("occupation_code").replace_strict(
        range(len(OCCUPATIONS)), OCCUPATIONS, default=None, return_dtype=pl.String
    )
    users = users.with_frame(
        users.frame.select(
            "user_id", "age", "gender", label.alias("occupation"), "occupation_code", "zip_code"
        )
    )
    return _Parts(interactions, users, items, WHOLE_STARS, _absent(folder, "movies.dat"))


def _read_csv(folder: Folder) -> _Parts:
    interactions = read_text(folder, "ratings.csv", numbers=NUMBERS)
    names = {"userId": "user_id", "movieId": "item_id"}
    remedy = "Name the kind 'delimited' and map its columns if this is no MovieLens."
    require_columns(interactions, [*names, "rating", "timestamp"], remedy)
    interactions = interactions.with_frame(interactions.frame.rename(names))
    items = _optional(folder, "movies.csv", is_quoted=True)
    if items is not None:
        require_columns(items, ["movieId", "title", "genres"], remedy)
        frame = _with_year_and_genres(items.frame.rename({"movieId": "item_id"}))
        if "links.csv" in folder:
            links = read_text(folder, "links.csv")
            require_columns(links, ["movieId", "imdbId", "tmdbId"], remedy)
            links_of = links.frame.unique("movieId", keep="last").rename(
                {"movieId": "item_id", "imdbId": "imdb_id", "tmdbId": "tmdb_id"}
            )
            frame = frame.join(links_of, on="item_id", how="left", maintain_order="left")
        items = items.with_frame(frame)
    return _Parts(interactions, None, items, HALF_STARS, _absent(folder, "movies.csv"))


def _optional(
    folder: Folder,
    name: str,
    *,
    columns: tuple[str, ...] | None = None,
    numbers: dict[str, pl.DataType] | None = None,
    separator: str = ",",
    encodings: tuple[str, ...] | None = None,
    is_quoted: bool = False,
) -> Sheet | None:
    if name not in folder:
        return None
    return read_text(
        folder,
        name,
        separator=separator,
        columns=columns,
        numbers=numbers,
        encodings=encodings or (UTF8 if is_quoted else UTF8_OR_LATIN_1),
        is_quoted=is_quoted,
    )


def _absent(folder: Folder, *names: str) -> tuple[str, ...]:
    return tuple(
        f"{folder.where(name)} is not there; its columns are missing."
        for name in names
        if name not in folder
    )


def _year() -> pl.Expr:
    """The year a title ends in."""
    return pl.col("title").str.extract(YEAR_AT_END).cast(pl.Int32).alias("year")


def _with_year_and_genres(items: pl.DataFrame) -> pl.DataFrame:
    genres = pl.col("genres").fill_null("").str.split("|")
    kept = genres.list.eval(pl.element().filter(~pl.element().is_in(NO_GENRES)))
    return items.select("item_id", "title", _year(), kept.alias("genres"))


LAYOUTS: dict[str, Callable[[Folder], _Parts]] = {
    "u.data": _read_100k,
    "ratings.dat": _read_dat,
    "ratings.csv": _read_csv,
}
