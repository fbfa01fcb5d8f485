"""Ratings as people write them: 4,5 and 4 stars and 4/5 and ★★★★ → numbers."""

import polars as pl

from maxella.sources.text import Sheet, converted, to_number

MISSING = (
    *("", "n/a", "na", "n.a.", "none", "null", "nil", "-", "--", "\u2013", "\u2014", "?", "."),
    *("no rating", "not rated", "unrated", "missing", "unknown"),
)
_NUMBER = r"^(-?\d+(?:[.,]\d+)?)\s*(?:stars?|points?|pts|sterne?|★|⭐)?$"
_SHARE = r"^(\d+(?:[.,]\d+)?)\s*(?:/|out of|of|von)\s*(\d+)(?:\s*stars?)?$"
_STARS = r"^(?:★|⭐)+½?☆*$"


def read_ratings(log: Sheet) -> Sheet:
    """The log with its column `rating` as Float32, missing where it says that there is none.

    Raises DataError with the line of the first that cannot be read.
    """
    written = log.frame["rating"]
    if written.dtype != pl.String:
        return to_number(log, "rating", pl.Float32())
    numbers, is_given = as_ratings(written)
    notes = []
    others = written.filter(written.is_not_null() & ~is_given)
    if len(others):
        shown = ", ".join(f"'{word}'" for word in others.unique().sort().head(3))
        notes.append(
            f"{len(others):,} of {len(written):,} ratings are {shown}, which is no rating."
        )
    is_plain = written.str.strip_chars().cast(pl.Float64, strict=False).is_not_null()
    odd = written.filter(is_given & ~is_plain)
    if len(odd):
        notes.append(f"{len(odd):,} ratings are read out of texts such as '{odd[0]}'.")
    given = log.with_columns(pl.select(pl.when(is_given).then(written)).to_series().alias("rating"))
    read = converted(given, "rating", pl.lit(numbers.cast(pl.Float32)), "a number")
    return read.with_notes(*notes)


def as_ratings(written: pl.Series) -> tuple[pl.Series, pl.Series]:
    """(n,) texts → (n,) Float64, missing where none can be read, and (n,) which say any.

    Of shares such as 4/5 those of the commonest whole are read: others are of another scale.
    """
    text = written.str.strip_chars().str.to_lowercase()
    whole = text.str.extract(_SHARE, 2)
    commonest = whole.drop_nulls().mode().sort().first()
    t = pl.col("text")
    number = pl.coalesce(
        t.str.extract(_NUMBER, 1),
        pl.when(pl.col("whole").eq_missing(pl.lit(commonest))).then(t.str.extract(_SHARE, 1)),
    )
    stars = t.str.count_matches("★|⭐") + 0.5 * t.str.count_matches("½")
    read = pl.DataFrame({"text": text, "whole": whole}).select(
        value=pl.coalesce(
            t.cast(pl.Float64, strict=False),
            number.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False),
            pl.when(t.str.contains(_STARS)).then(stars),
        ),
        is_given=t.is_not_null() & ~t.is_in(MISSING),
    )
    return read["value"], read["is_given"]
