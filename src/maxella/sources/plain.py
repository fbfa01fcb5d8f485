"""Columns of text of which every value has one plain form: numbers, dates, lists.

Plain means that nothing is lost: "007", "02138" and "-0" are no whole numbers, and one of more
digits than a number can hold is none at all.
"""

from collections.abc import Sequence

import polars as pl

WHOLE = r"^(?:0|-?[1-9]\d{0,17}|[1-8]\d{18})$"  # what 64 bits can hold
DECIMAL = r"^-?(?:0|[1-9]\d{0,14})(?:\.\d+)?(?:[eE][+-]?\d+)?$"
NUMBERS = ((WHOLE, pl.Int64()), (DECIMAL, pl.Float64()))
DATE = r"^\s*\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}|\s*$)"
_ELEMENT = r"""(?:-?\d+(?:\.\d+)?|"[^"\\]*"|'[^'\\]*')"""
LIST = rf"^\[\s*(?:{_ELEMENT}(?:\s*,\s*{_ELEMENT})*)?\s*\]$"
_MOMENT = pl.Datetime("us", "UTC")
_PART = 1_000_000  # rows of texts that are copied at a time
_N_FIRST = 1000  # rows that tell most columns of words from those that may hold numbers


def numbers_among(rows: pl.LazyFrame, names: Sequence[str]) -> dict[str, pl.DataType]:
    """Which of these columns of text hold plain numbers and nothing else, and their types.

    The rows are looked at as they come, not kept.
    """
    few = _fits(rows.head(_N_FIRST), names)
    candidates = [name for name in names if any(few[name])]
    if not candidates:
        return {}
    fits = _fits(rows, candidates)
    empty = rows.select(pl.col(candidates).is_null().all()).collect(engine="streaming")
    return {
        name: next(kind for fit, (_, kind) in zip(fits[name], NUMBERS, strict=True) if fit)
        for name in candidates
        if any(fits[name]) and not empty[name][0]
    }


def _fits(rows: pl.LazyFrame, names: Sequence[str]) -> dict[str, tuple[bool, ...]]:
    """For each column whether all of its values are of each kind of `NUMBERS`."""
    whether = [
        pl.concat_list([pl.col(name).str.contains(form).all() for form, _ in NUMBERS]).alias(name)
        for name in names
    ]
    found = rows.select(whether).collect(engine="streaming")
    return {name: tuple(found[name][0]) for name in names}


def plain_number(values: pl.Series) -> pl.Series:
    """(n,) texts as numbers where each is one and there is any; else as they are."""
    kinds = numbers_among(values.to_frame().lazy(), [values.name])
    return values.cast(kinds[values.name]) if kinds else values


def plain_value(values: pl.Series) -> pl.Series:
    """(n,) texts as dates or as lists of texts where each is one and there is any.

    Dates are ISO 8601 and in UTC where they name no zone; lists are those of JSON or Python,
    such as [3, 4] and ['a', 'b'].
    """
    present = values.drop_nulls()
    if present.is_empty():
        return values
    if present.str.contains(DATE).all():
        moments = as_moments(values)
        is_read = moments.null_count() == values.null_count()
        return moments if is_read else values
    if present.str.contains(LIST).all():
        elements = values.str.extract_all(_ELEMENT)
        return elements.list.eval(pl.element().str.replace(r"""^["'](.*)["']$""", "$1"))
    return values


def as_moments(values: pl.Series) -> pl.Series:
    """(n,) ISO dates, all of one form → (n,) Datetime in UTC; missing where one can't be read."""
    parts = [_moments(values[start : start + _PART]) for start in range(0, len(values), _PART)]
    return pl.concat(parts) if parts else values.cast(_MOMENT)


def _moments(values: pl.Series) -> pl.Series:
    texts = values.str.strip_chars().str.replace(r"\s*(?:UTC|Z)$", "")
    try:
        return texts.str.to_datetime(strict=False, time_zone="UTC").cast(_MOMENT)
    except pl.exceptions.PolarsError:  # not even the first fits any form
        return pl.Series(values.name, [None] * len(values), dtype=_MOMENT)
