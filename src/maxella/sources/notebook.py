"""The joint-model notebook's two flat tables: `ratings.csv` with 14 columns, `movies.csv`."""

import polars as pl

from maxella.sources.checks import build_tables
from maxella.sources.files import Folder
from maxella.sources.tables import Tables
from maxella.sources.text import UTF8_OR_LATIN_1, Sheet, read_text, require_columns

WANTED = "notebook: ratings.csv with movie_title and user_rating beside movies.csv"
WHOLE_STARS = (1.0, 5.0)
LOG = {
    "user_id": "user_id",
    "movie_title": "item_id",
    "user_rating": "rating",
    "timestamp": "timestamp",
}
USERS = {
    "user_id": "user_id",
    "bucketized_user_age": "age",
    "user_gender": "gender",
    "user_occupation_text": "occupation",
    "user_occupation_label": "occupation_code",
    "user_zip_code": "zip_code",
}
ITEMS = {
    "movie_title": "item_id",
    "movie_id": "movie_id",
    "movie_genres": "genres",
    "director": "director",
    "star": "star",
    "release_date": "release_date",
}
NUMBERS = {
    "user_rating": pl.Float32(),
    "timestamp": pl.Int64(),
    "bucketized_user_age": pl.Int32(),
    "user_occupation_label": pl.Int32(),
    "release_date": pl.Int64(),
}
# The position is the class label in TensorFlow Datasets' movie_lens.
GENRES = (
    *("Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "IMAX", "Musical", "Mystery", "Romance", "Sci-Fi"),
    *("Thriller", "Unknown", "War", "Western", "(no genres listed)"),
)
NO_GENRES = ("Unknown", "(no genres listed)")


def read_notebook(folder: Folder, *, rating_range: tuple[float, float] | None = None) -> Tables:
    """The notebook's tables, where a movie's title is its id, as in the notebook.

    users: age, gender (F or M), occupation, occupation_code, zip_code. items:
    movie_id, title, genres, director, star, release_date (seconds since 1970).
    """
    log = read_text(folder, "ratings.csv", numbers=NUMBERS, encodings=UTF8_OR_LATIN_1)
    remedy = "The notebook's table has 14 columns."
    require_columns(log, [*LOG, *USERS, *ITEMS], remedy)
    movies = read_text(folder, "movies.csv", encodings=UTF8_OR_LATIN_1)
    require_columns(movies, ["movie_title", "movie_id", "movie_genres"], remedy)
    rated = log.frame.select(pl.col(old).alias(new) for old, new in ITEMS.items())
    unrated = movies.frame.select(
        pl.col(old).alias(new) for old, new in ITEMS.items() if old in movies.frame.columns
    )
    # A title that stands for several movies keeps the columns of the first.
    items = pl.concat([_first_of_each(rated), unrated], how="diagonal_relaxed")
    n_movies = pl.concat([rated["movie_id"], unrated["movie_id"]]).n_unique()
    items = _first_of_each(items)
    note = (
        f"{n_movies:,} movies share {items.height:,} titles, which are the item ids; "
        "a title shared by several movies has the columns of the first."
    )
    return build_tables(
        folder.name,
        log.with_frame(log.frame.select(pl.col(old).alias(new) for old, new in LOG.items())),
        log.with_frame(_users(log)),
        movies.with_frame(
            items.select("item_id", pl.col("item_id").alias("title"), *_item_columns())
        ),
        rating_range=rating_range or WHOLE_STARS,
        notes=[note] if n_movies > items.height else [],
    )


def is_notebook(folder: Folder) -> bool:
    """Whether a folder holds the notebook's two tables."""
    if "ratings.csv" not in folder or "movies.csv" not in folder:
        return False
    header = folder.first_line("ratings.csv")
    return "movie_title" in header and "user_rating" in header


def _first_of_each(items: pl.DataFrame) -> pl.DataFrame:
    return items.unique("item_id", keep="first", maintain_order=True)


def _users(log: Sheet) -> pl.DataFrame:
    columns = [pl.col(old).alias(new) for old, new in USERS.items()]
    users = log.frame.unique("user_id", keep="first", maintain_order=True).select(columns)
    letter = pl.col("gender").replace({"True": "M", "true": "M", "False": "F", "false": "F"})
    return users.with_columns(letter)


def _item_columns() -> list[pl.Expr | str]:
    """Genres "[3, 4]" as labels; a code without a label stays as written."""
    names = dict(zip(map(str, range(len(GENRES))), GENRES, strict=True))
    labels = pl.element().replace(names)
    codes = pl.col("genres").fill_null("").str.extract_all(r"\d+")
    genres = codes.list.eval(labels.filter(~labels.is_in(NO_GENRES)))
    return ["movie_id", genres.alias("genres"), "director", "star", "release_date"]
