"""A raw column as numbers, times or texts; what it cannot be is an error that names a value.

In each, what is missing is null or NaN: also an empty text, and a number without a value.
"""

from typing import NoReturn

import numpy as np
import polars as pl

from maxella.errors import ConfigError, DataError

MOST = 1_000_000  # of an option that counts
TEXTS = (pl.String, pl.Categorical, pl.Enum, pl.Null)
DATES = (pl.Date, pl.Datetime)
# From year 1 to the end of year 9999: what lies outside is no time in seconds.
FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799


def as_texts(values: pl.Series) -> pl.Series:
    """(n,) texts → (n,) String without white space at the ends."""
    if values.dtype not in TEXTS:
        _refuse(values, "text", "Name another kind: 'category', 'labels', 'number', 'time'.")
    texts = values.cast(pl.String).str.strip_chars()
    return texts.set(texts == "", None)


def as_categories(values: pl.Series) -> pl.Series:
    """(n,) texts, numbers, booleans or dates → (n,) String; 3.0 is the category of 3."""
    if values.dtype.is_float():
        numbers = values.fill_nan(None)
        numbers = numbers.set(numbers == 0, 0.0)  # −0 too
        return numbers.cast(pl.String).str.strip_suffix(".0")
    if values.dtype.is_numeric() or values.dtype in (pl.Boolean, *DATES):
        return values.cast(pl.String)
    if values.dtype not in TEXTS:
        _refuse(
            values, "one text, number or date a row", "Name the kind 'labels' for lists of texts."
        )
    return as_texts(values)


def as_numbers(values: pl.Series, remedy: str) -> np.ndarray:
    """(n,) numbers, booleans, or texts that are all numbers → (n,) float64, infinite ones as NaN.

    `remedy` says what to do with a column of something else.
    """
    if values.dtype in TEXTS:
        texts = as_texts(values)
        numbers = texts.cast(pl.Float64, strict=False)
        is_wrong = texts.is_not_null() & numbers.is_null()
        if is_wrong.any():
            _refuse(values.filter(is_wrong), "numbers", remedy)
    elif values.dtype.is_numeric() or values.dtype == pl.Boolean:
        numbers = values.cast(pl.Float64)
    else:
        _refuse(values, "numbers", remedy)
    found = numbers.fill_null(np.nan).to_numpy(writable=True)
    found[np.isinf(found)] = np.nan
    return found


def as_times(values: pl.Series) -> pl.Series:
    """(n,) dates, datetimes or seconds since 1970 → (n,) Datetime, in UTC."""
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is not None:
        return values.dt.convert_time_zone("UTC")
    if values.dtype in DATES:
        return values.cast(pl.Datetime) if values.dtype == pl.Date else values
    seconds = np.floor(as_numbers(values, "Read the column as a date, or give seconds since 1970."))
    is_outside = (seconds < FIRST_SECOND) | (seconds > LAST_SECOND)
    if is_outside.any():
        _refuse(
            values.filter(pl.Series(is_outside)),
            "seconds since 1970, in the years 1 to 9999,",
            "Divide milliseconds by 1000.",
        )
    milliseconds = pl.Series(seconds * 1000, nan_to_null=True).cast(pl.Int64)
    return milliseconds.cast(pl.Datetime("ms"))


def require_whole_number(option: str, value: object, least: int) -> None:
    """Raise ConfigError where an option is no whole number from `least` to 1,000,000."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST:
        raise ConfigError(f"{option} wants a whole number from {least} to {MOST:,}; got {value!r}.")


def _refuse(values: pl.Series, wanted: str, remedy: str) -> NoReturn:
    present = values.drop_nulls().head(1).to_list()
    got = f"holds {present[0]!r}, of type" if present else "is of type"
    raise DataError(f"Wanted {wanted} in column '{values.name}'; it {got} {values.dtype}. {remedy}")
