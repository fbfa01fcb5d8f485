"""The joint-model notebook's two flat tables: `ratings.csv` with 14 columns, `movies.csv`."""

import polars as pl

from maxella.sources.checks import build_tables
from maxella.sources.files import Folder
from maxella.sources.movielens import WHOLE_STARS
from maxella.sources.tables import Tables
from maxella.sources.text import UTF8_OR_LATIN_1, Sheet, read_text, require_columns

WANTED = "notebook: ratings.csv with movie_title and user_rating beside movies.csv"
LOG = ("user_id", "item_id", "rating", "timestamp")
USERS = ("user_id", "age", "gender", "occupation", "occupation_code", "zip_code")
ITEMS = ("item_id", "movie_id", "genres", "director", "star", "release_date")
COLUMNS = {name: name for name in (*LOG, *USERS, *ITEMS)} | {  # ours → the notebook's
    "item_id": "movie_title",
    "genres": "movie_genres",
    "rating": "user_rating",
    "age": "bucketized_user_age",
    "gender": "user_gender",
    "occupation": "user_occupation_text",
    "occupation_code": "user_occupation_label",
    "zip_code": "user_zip_code",
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
    log = _read(folder, "ratings.csv", (*LOG, *USERS, *ITEMS))
    movies = _read(folder, "movies.csv", ("item_id", "movie_id", "genres"))
    # A title that stands for several movies keeps the columns of the first.
    rated = log.frame.select(ITEMS).unique("item_id", keep="first", maintain_order=True)
    unrated = movies.frame.select(c for c in ITEMS if c in movies.frame.columns)
    items = pl.concat([rated, unrated], how="diagonal_relaxed")
    n_movies = pl.concat([log.frame["movie_id"], unrated["movie_id"]]).n_unique()
    items = items.unique("item_id", keep="first", maintain_order=True)
    note = (
        f"{n_movies:,} movies share {items.height:,} titles, which are the item ids; "
        "a title shared by several movies has the columns of the first."
    )
    users = log.frame.select(USERS).unique("user_id", keep="first", maintain_order=True)
    letter = pl.col("gender").replace({"True": "M", "true": "M", "False": "F", "false": "F"})
    title = pl.col("item_id").alias("title")
    return build_tables(
        folder.name,
        log.select(*LOG),
        log.with_frame(users.with_columns(letter)),
        movies.with_frame(items.select("item_id", title, "movie_id", _genres(), *ITEMS[3:])),
        rating_range=rating_range or WHOLE_STARS,
        notes=[note] if n_movies > items.height else [],
    )


def is_notebook(folder: Folder) -> bool:
    """Whether a folder holds the notebook's two tables."""
    if "ratings.csv" not in folder or "movies.csv" not in folder:
        return False
    header = folder.first_line("ratings.csv")
    return "movie_title" in header and "user_rating" in header


def _read(folder: Folder, name: str, wanted: tuple[str, ...]) -> Sheet:
    """A table with our names, the wanted ones among them."""
    sheet = read_text(folder, name, numbers=NUMBERS, encodings=UTF8_OR_LATIN_1)
    remedy = "The notebook's table has 14 columns."
    require_columns(sheet, [COLUMNS[ours] for ours in wanted], remedy)
    present = sheet.frame.columns
    known = [pl.col(old).alias(new) for new, old in COLUMNS.items() if old in present]
    return sheet.select(*known)


def _genres() -> pl.Expr:
    """Genres "[3, 4]" as labels; a code without a label stays as written."""
    names = dict(zip(map(str, range(len(GENRES))), GENRES, strict=True))
    labels = pl.element().replace(names)
    codes = pl.col("genres").fill_null("").str.extract_all(r"\d+")
    return codes.list.eval(labels.filter(~labels.is_in(NO_GENRES)))
