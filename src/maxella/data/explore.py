"""What a log holds, for the eye: when, how much of whom, and which labels.

Everything is plain values, for JSON. A picture is a list of bars, each with its `name` and its
`count`, and is empty where the data lack what it shows.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from maxella.data.describe import bar_name, rating_bars
from maxella.data.indexed_log import IndexedLog
from maxella.features.time import MONTHS, WEEKDAYS
from maxella.features.values import FIRST_SECOND, LAST_SECOND

MOST_MONTHS = 1200  # a log that spans more has a time that is none

_Bars = list[dict[str, Any]]


def explore(log: IndexedLog) -> dict[str, Any]:
    """The pictures of a log, and how long its tails are. Times are in UTC."""
    activity, popularity = np.bincount(log.users), np.bincount(log.items)
    ratings = rating_bars(pl.Series(log.ratings[~np.isnan(log.ratings)]))
    return {
        **_over_time(log.times),
        "activity": _by_doubling(activity),  # users by how many interactions they have
        "popularity": _by_doubling(popularity),  # items by the same
        "users_of_half": _holding_half(activity),
        "items_of_half": _holding_half(popularity),
        "ratings": _bars(map(bar_name, ratings), [bar["count"] for bar in ratings]),
        "events": [] if log.events is None else _bars(log.event_names, np.bincount(log.events)),
    }


def _over_time(times: np.ndarray | None) -> dict[str, _Bars]:
    """By month from the first to the last, by month of the year, by weekday.

    Empty where times are outside the calendar; by month also where there are too many.
    """
    if times is None or times.min() < FIRST_SECOND or times.max() > LAST_SECOND:
        return {"months": [], "months_of_year": [], "weekdays": []}
    months = times.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)  # since 1970
    first, n_months = int(months.min()), int(months.max() - months.min()) + 1
    by_month: _Bars = []
    if n_months <= MOST_MONTHS:
        names = np.arange(first, first + n_months).astype("datetime64[M]").astype(str)
        by_month = _bars(names, np.bincount(months - first))
    weekdays = (times // 86_400 + 3) % 7  # the first day of 1970 was a Thursday
    return {
        "months": by_month,
        "months_of_year": _bars(
            (month[:3] for month in MONTHS), np.bincount(months % 12, minlength=12)
        ),
        "weekdays": _bars(WEEKDAYS, np.bincount(weekdays, minlength=7)),
    }


def _by_doubling(counts: np.ndarray) -> _Bars:
    """(n,) counts from 1 → how many are 1, 2 to 3, 4 to 7 and so on."""
    sizes = np.bincount(np.frexp(counts)[1] - 1)  # frexp: 2**(k-1) <= count < 2**k
    ranges = (f"{2**k}\u2013{2 ** (k + 1) - 1}" for k in range(1, len(sizes)))
    return _bars(["1", *ranges], sizes)


def _holding_half(counts: np.ndarray) -> int:
    """(n,) counts → the fewest that have half of their sum, or more."""
    most_first = np.sort(counts)[::-1].cumsum()
    return int(np.searchsorted(most_first, counts.sum() / 2)) + 1


def _bars(names: Iterable[str], counts: Iterable[int]) -> _Bars:
    pairs = zip(names, counts, strict=True)
    return [{"name": str(name), "count": int(count)} for name, count in pairs]
