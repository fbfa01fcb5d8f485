"""Columns of text of which every value has one plain form: numbers, dates, lists.

Plain means that nothing is lost: "007", "02138" and "-0" are no whole numbers, and one of more
digits than a number can hold is none at all.
"""

import polars as pl

WHOLE = r"^(?:0|-?[1-9]\d{0,17}|[1-8]\d{18})$"  # what 64 bits can hold
DECIMAL = r"^-?(?:0|[1-9]\d{0,14})(?:\.\d+)?(?:[eE][+-]?\d+)?$"
DATE = r"^\s*\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}|\s*$)"
_ELEMENT = r"""(?:-?\d+(?:\.\d+)?|"[^"\\]*"|'[^'\\]*')"""
LIST = rf"^\[\s*(?:{_ELEMENT}(?:\s*,\s*{_ELEMENT})*)?\s*\]$"
_MOMENT = pl.Datetime("us", "UTC")
_PART = 1_000_000  # rows of texts that are copied at a time
_N_FIRST = 1000  # rows


def plain_number(values: pl.Series) -> pl.Series:
    """(n,) texts as numbers where each is one and there is any; else as they are."""
    if values.null_count() == len(values):
        return values
    for form, kind in ((WHOLE, pl.Int64()), (DECIMAL, pl.Float64())):
        # The first rows tell most columns of words.
        if all(rows.str.contains(form).all() for rows in (values.head(_N_FIRST), values)):
            return values.cast(kind)
    return values


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
    parts = []
    for rows in values.to_frame().iter_slices(_PART):
        texts = rows[values.name].str.strip_chars().str.replace(r"\s*(?:UTC|Z)$", "")
        try:
            moments = texts.str.to_datetime(strict=False, time_zone="UTC").cast(_MOMENT)
        except pl.exceptions.PolarsError:  # not even the first fits any form
            moments = pl.Series(values.name, [None] * len(texts), dtype=_MOMENT)
        parts.append(moments)
    return pl.concat(parts) if parts else values.cast(_MOMENT)
