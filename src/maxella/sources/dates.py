"""Texts of dates: ISO 8601, or day, month and year in the order that a column gives away.

31.12.2024, 12/31/2024, 2024/12/31, with a time of day or without. Which of two numbers is the day
is told by one above 12 in the column, else by the order of the rows; else it is assumed, and said.
"""

from dataclasses import dataclass

import polars as pl

ISO_START = r"^\s*\d{4}-\d{2}-\d{2}"
ISO = r"^\s*\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}|\s*$)"
_MOMENT = pl.Datetime("us", "UTC")
_PART = 1_000_000  # rows of texts that are copied at a time
_YEAR_LAST = r"^\s*(\d{1,2})([./-])(\d{1,2})[./-](\d{4}|\d{2})(.*)$"
_YEAR_FIRST = r"^\s*(\d{4})([./])(\d{1,2})[./](\d{1,2})(.*)$"
_TIMES = (  # what follows a date → how it is read
    (r"\s*", ""),
    (r"[ T]\d{1,2}:\d{2}\s*", " %H:%M"),
    (r"[ T]\d{1,2}:\d{2}:\d{2}(?:\.\d+)?\s*", " %H:%M:%S%.f"),
    (r"[ T]\d{1,2}:\d{2}\s?[AaPp][Mm]\s*", " %I:%M %p"),
    (r"[ T]\d{1,2}:\d{2}:\d{2}\s?[AaPp][Mm]\s*", " %I:%M:%S %p"),
)


@dataclass(frozen=True)
class DateForm:
    """How a column writes dates: a format of strptime, or None for ISO 8601."""

    format: str | None
    reason: str
    other: str | None = None  # the format of the other order, where the order is assumed


def find_form(values: pl.Series) -> DateForm | None:
    """The form of (n,) texts in the order of the log; None unless each is a date of one form."""
    present = values.drop_nulls()
    if present.is_empty():
        return None
    if present.str.contains(ISO).all():
        return DateForm(None, "as ISO dates")
    for pattern, places in ((_YEAR_LAST, (0, 2, 3, 1)), (_YEAR_FIRST, (2, 3, 0, 1))):
        if present.str.contains(pattern).all():
            parts = present.str.extract_groups(pattern).struct.unnest()
            one, two, year, cut = (parts.to_series(place) for place in places)
            time = _time(parts.to_series(4))
            if cut.n_unique() > 1 or year.str.len_chars().n_unique() > 1 or time is None:
                return None
            if pattern is _YEAR_FIRST:
                return DateForm(f"%Y{cut[0]}%m{cut[0]}%d{time}", "as dates of year, month and day")
            year_form = "%Y" if len(str(year[0])) == 4 else "%y"
            days = one.cast(pl.Int8), two.cast(pl.Int8)
            return _by_order(*days, cut[0], year_form + time, present)
    return None


def may_be_dates(values: pl.Series) -> pl.Series:
    """(n,) texts → (n,) which begin as a date of some form does."""
    return values.str.contains(f"{ISO}|{_YEAR_LAST}|{_YEAR_FIRST}")


def _time(rests: pl.Series) -> str | None:
    distinct = rests.unique()
    return next((how for form, how in _TIMES if distinct.str.contains(f"^{form}$").all()), None)


def _by_order(
    one: pl.Series, two: pl.Series, cut: str, rest: str, present: pl.Series
) -> DateForm | None:
    """Day first or month first."""
    day_first, month_first = f"%d{cut}%m{cut}{rest}", f"%m{cut}%d{cut}{rest}"
    above = [bool((part > 12).any()) for part in (one, two)]
    if all(above):
        return None
    if any(above):
        which = "first" if above[0] else "second"
        reason = f"as dates whose {which} number is the day, as it goes above 12"
        return DateForm(day_first if above[0] else month_first, reason)
    if cut == ".":
        return DateForm(day_first, "as dates with the day first, as dots between them say")
    forms = {"day": day_first, "month": month_first}
    sorted_by = [name for name, form in forms.items() if _is_sorted(present, form)]
    if len(sorted_by) == 1:
        reason = f"as dates with the {sorted_by[0]} first, by which the rows are in order of time"
        return DateForm(forms[sorted_by[0]], reason)
    first, second = ("month", "day") if cut == "/" else ("day", "month")
    reason = (
        f"as dates with the {first} first, which is ASSUMED: no number is above 12. If the "
        f'{second} is first, set time_format = "{forms[second]}"'
    )
    return DateForm(forms[first], reason, forms[second])


def _is_sorted(present: pl.Series, form: str) -> bool:
    moments = present.str.strip_chars().str.to_datetime(form, strict=False)
    return moments.null_count() == 0 and (moments.is_sorted() or moments.is_sorted(descending=True))


def as_moments(values: pl.Series, form: str | None = None) -> pl.Series:
    """(n,) texts → (n,) Datetime in UTC; missing where one can't be read.

    They are of a format of strptime, or ISO dates, all of one form.
    """
    parts = []
    for rows in values.to_frame().iter_slices(_PART):
        texts = rows[values.name].str.strip_chars()
        texts = texts if form else texts.str.replace(r"\s*(?:UTC|Z)$", "")
        try:
            moments = texts.str.to_datetime(form, strict=False, time_zone="UTC").cast(_MOMENT)
        except pl.exceptions.PolarsError:  # not even the first fits any form
            moments = pl.Series(values.name, [None] * len(texts), dtype=_MOMENT)
        parts.append(moments)
    return pl.concat(parts) if parts else values.cast(_MOMENT)
