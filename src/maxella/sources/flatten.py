"""Tables → the notebook's two flat ones, the other way round from `notebook`."""

from typing import Any

import polars as pl

from maxella.sources.notebook import GENRES
from maxella.sources.tables import Tables

NUMBER, TEXT, LABELS = (pl.Float32, pl.Int32, pl.Int64), (pl.String,), (pl.List(pl.String),)
NEEDED: dict[str, dict[str, tuple[Any, ...]]] = {
    "interactions": {"rating": NUMBER, "timestamp": NUMBER},
    "users": {
        "age": NUMBER,
        "gender": TEXT,
        "occupation": TEXT,
        "occupation_code": NUMBER,
        "zip_code": TEXT,
    },
    "items": {"title": TEXT, "year": NUMBER, "genres": LABELS},
}
RATINGS_COLUMNS = (
    *("bucketized_user_age", "movie_genres", "movie_id", "movie_title", "timestamp"),
    *("user_gender", "user_id", "user_occupation_label", "user_occupation_text"),
    *("user_rating", "user_zip_code", "director", "release_date", "star"),
)
MOVIES_COLUMNS = ("movie_genres", "movie_id", "movie_title")
AGES = (1, 18, 25, 35, 45, 50, 56)  # MovieLens 1M's groups by their lowest age
UNKNOWN_PERSON = "unknown"
UNKNOWN_GENRE = GENRES.index("Unknown")


def why_not_flat(tables: Tables) -> str | None:
    """What the notebook's tables would lack, as a sentence; None where they can be made."""
    missing = [
        f"{name}.{column}"
        for name, wanted in NEEDED.items()
        for column, kinds in wanted.items()
        if getattr(tables, name).schema.get(column) not in kinds
    ]
    if missing:
        return f"The notebook's tables are not written: they need {', '.join(missing)}."
    labels = tables.items["genres"].explode().drop_nulls()
    unknown = labels.filter(~labels.is_in(GENRES)).unique().sort()
    if len(unknown):
        return (
            "The notebook's tables are not written: they have no code for the genres "
            f"{', '.join(unknown)}."
        )
    return None


def flatten(tables: Tables) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`ratings` and `movies` as the notebook has them: 14 and 3 columns, rated movies alone.

    Ages become those of MovieLens 1M's groups. A movie without a title has its id for one,
    without genres [17], the code of Unknown; without director or star "unknown", and without
    a release date the first day of its year, in seconds since 1970.
    """
    log = tables.interactions.rename({"item_id": "movie_id"})
    users, movies = _users(tables.users), _movies(tables.items)
    ratings = log.with_columns(user_rating=_whole_if_all(log["rating"]))
    for table, key in ((users, "user_id"), (movies, "movie_id")):
        ratings = ratings.join(table, on=key, how="left", maintain_order="left")
    rated = movies.join(log, on="movie_id", how="semi").sort("movie_title", "movie_id")
    return ratings.select(RATINGS_COLUMNS), rated.select(MOVIES_COLUMNS)


def _users(users: pl.DataFrame) -> pl.DataFrame:
    is_man = pl.col("gender").replace_strict({"M": "True", "F": "False"}, default=None)
    age = pl.col("age")
    group = pl.max_horizontal(pl.when(age >= lowest).then(lowest) for lowest in AGES)
    return users.select(
        "user_id",
        bucketized_user_age=group,
        user_gender=is_man,
        user_occupation_label="occupation_code",
        user_occupation_text="occupation",
        user_zip_code="zip_code",
    )


def _movies(items: pl.DataFrame) -> pl.DataFrame:
    """movie_id, movie_title, movie_genres, director, star and release_date, gaps filled."""
    code_of = {label: code for code, label in enumerate(GENRES)}
    code = pl.element().replace_strict(code_of, return_dtype=pl.Int8)
    codes = pl.col("genres").list.eval(code).list.sort().cast(pl.List(pl.String))
    has_none = pl.col("genres").list.len().fill_null(0) == 0
    listed = pl.when(has_none).then(pl.lit(str(UNKNOWN_GENRE))).otherwise(codes.list.join(", "))
    first_day = pl.date(pl.col("year"), 1, 1).dt.epoch("s").cast(pl.Int64)
    given = items.columns
    return items.select(
        movie_id="item_id",
        movie_title=pl.coalesce("title", "item_id"),
        movie_genres=pl.format("[{}]", listed),
        director=_filled("director", given),
        star=_filled("star", given),
        release_date=pl.coalesce("release_date", first_day)
        if "release_date" in given
        else first_day,
    )


def _filled(column: str, given: list[str]) -> pl.Expr:
    unknown = pl.lit(UNKNOWN_PERSON)
    return pl.coalesce(column, unknown) if column in given else unknown


def _whole_if_all(ratings: pl.Series) -> pl.Series:
    """Whole stars without a decimal point, as the notebook's are."""
    return ratings.cast(pl.Int64) if (ratings == ratings.floor()).all() else ratings
