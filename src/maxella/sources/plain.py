"""Columns of text of which every value has one plain form: numbers, dates, lists.

Plain means that nothing is lost: "007", "02138" and "-0" are no whole numbers, and one of more
digits than a number can hold is none at all.
"""

import polars as pl

from maxella.sources.dates import as_moments, find_form

WHOLE = r"^(?:0|-?[1-9]\d{0,17}|[1-8]\d{18})$"  # what 64 bits can hold
DECIMAL = r"^-?(?:0|[1-9]\d{0,14})(?:\.\d+)?(?:[eE][+-]?\d+)?$"
_COMMA = r"^-?(?:0|[1-9]\d{0,14})(?:,\d{1,15})?$"
_ELEMENT = r"""(?:-?\d+(?:\.\d+)?|"[^"\\]*"|'[^'\\]*')"""
LIST = rf"^\[\s*(?:{_ELEMENT}(?:\s*,\s*{_ELEMENT})*)?\s*\]$"
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


def decimal_comma(values: pl.Series) -> pl.Series | None:
    """(n,) texts as numbers where each has one comma at most, as decimals have; None elsewhere.

    Three digits after every comma may be thousands, and several commas part a list.
    """
    present = values.drop_nulls()
    if present.is_empty() or not present.head(_N_FIRST).str.contains(_COMMA).all():
        return None
    has_comma = present.str.contains(",", literal=True)
    if not present.str.contains(_COMMA).all() or has_comma.mean() < 0.1:  # type: ignore[operator]
        return None
    if present.filter(has_comma).str.contains(r",\d{3}$").all():
        return None
    return values.str.replace(",", ".", literal=True).cast(pl.Float64)


def plain_value(values: pl.Series) -> pl.Series:
    """(n,) texts as dates or as lists of texts where each is one and there is any.

    Dates are in UTC where they name no zone, and of an order of day and month that is sure; lists
    are those of JSON or Python, such as [3, 4] and ['a', 'b'].
    """
    present = values.drop_nulls()
    if present.is_empty():
        return values
    form = find_form(present)
    if form is not None and form.other is None:
        moments = as_moments(values, form.format)
        is_read = moments.null_count() == values.null_count()
        return moments if is_read else values
    if present.str.contains(LIST).all():
        elements = values.str.extract_all(_ELEMENT)
        return elements.list.eval(pl.element().str.replace(r"""^["'](.*)["']$""", "$1"))
    return values
