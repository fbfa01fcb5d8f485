"""What a log holds, for the eye: over time, by groups of users and items, and the favourites.

Everything is plain values, for JSON. Groups are dicts: their `name`; their `size`, the users or
items in them that have an interaction (None for a time); their `count` of interactions; and the
`mean` of their ratings, None without any.
"""

from typing import Any

import numpy as np
import polars as pl

from maxella.data.groups import (
    MISSING,
    MOST_GROUPS,
    Grouping,
    item_groupings,
    people_groupings,
    user_groupings,
)
from maxella.data.indexed_log import IndexedLog, name_column
from maxella.features.time import MONTHS, WEEKDAYS
from maxella.features.values import FIRST_SECOND, LAST_SECOND

DAMPING = 25.0  # ratings at the overall mean that an item's own ones are averaged with
MOST_LEVELS = 20  # more distinct ratings than this are no levels
MOST_MONTHS = 1200  # a log that spans more has a time that is none
_N_BEST, _N_BEST_OF_GROUP, _N_PEOPLE = 10, 3, 12

_Group = dict[str, Any]


def explore(log: IndexedLog) -> dict[str, Any]:
    """The pictures of a log; groups are made of whatever columns its users and items have.

    Times are in UTC. What a data set has no columns for is empty.
    """
    ratings = log.ratings.astype(np.float64)
    known = ratings[~np.isnan(ratings)]
    levels = np.unique(known)
    mean = float(known.mean()) if len(known) else None
    of_users = _sums(log.users, ratings, len(log.user_table))
    of_items = _sums(log.items, ratings, len(log.item_table))
    item_table = log.item_table.drop("item_id", name_column(log.item_table) or "item_id")
    return {
        "n_interactions": len(log.users),
        "damping": DAMPING,
        "mean_rating": mean,
        # Distinct ratings, ascending; empty where there are too many.
        "levels": levels.tolist() if len(levels) <= MOST_LEVELS else [],
        **_times(log.times, ratings),
        "favourites": _favourites(log.item_table, of_items, mean, _N_BEST),
        "by_user": [
            {
                "column": grouping.column,
                "groups": _groups(of_users, grouping),
                **_tastes(log, grouping, ratings, levels, mean),
            }
            for grouping in user_groupings(log.user_table.drop("user_id"))
        ],
        "by_item": [  # an item can be in several groups
            {"column": one.column, "groups": _most_taken(_groups(of_items, one))}
            for one in item_groupings(item_table)
        ],
        "people": [
            {"column": one.column, "groups": _busiest(_groups(of_items, one))}
            for one in people_groupings(item_table)
        ],
    }


def _most_taken(groups: list[_Group]) -> list[_Group]:
    """Most interactions first; of many groups, such as tags, the first `MOST_GROUPS`."""
    return sorted(groups, key=lambda group: -group["count"])[:MOST_GROUPS]


def _busiest(people: list[_Group]) -> list[_Group]:
    """Those with the most items first, those with more interactions first among equals."""
    named = [one for one in people if one["name"] != MISSING]
    return sorted(named, key=lambda one: (-one["size"], -one["count"]))[:_N_PEOPLE]


def _sums(codes: np.ndarray, ratings: np.ndarray, n: int) -> np.ndarray:
    """(m,) numbers below n, (m,) ratings or NaN → (3, n) interactions, ratings, and their sum."""
    is_rated = ~np.isnan(ratings)
    rated = codes[is_rated]
    return np.stack(
        [
            np.bincount(codes, minlength=n),
            np.bincount(rated, minlength=n),
            np.bincount(rated, weights=ratings[is_rated], minlength=n),
        ]
    )


def _named(
    sums: np.ndarray, names: tuple[str, ...], sizes: list[int] | None = None
) -> list[_Group]:
    return [
        {
            "name": name,
            "size": None if sizes is None else sizes[g],
            "count": int(sums[0, g]),
            "mean": float(sums[2, g] / sums[1, g]) if sums[1, g] else None,
        }
        for g, name in enumerate(names)
    ]


def _groups(sums: np.ndarray, grouping: Grouping) -> list[_Group]:
    """(3, rows) sums of the rows of a table → its groups."""
    n = len(grouping.names)
    of_groups = [np.bincount(grouping.codes, of[grouping.rows], minlength=n) for of in sums]
    sizes = np.bincount(grouping.codes, minlength=n)
    return _named(np.stack(of_groups), grouping.names, sizes.tolist())


def _times(times: np.ndarray | None, ratings: np.ndarray) -> dict[str, list[_Group]]:
    """By month from the first to the last, by month of the year, by weekday.

    Empty where times are outside the calendar; by month also where there are too many.
    """
    if times is None or times.min() < FIRST_SECOND or times.max() > LAST_SECOND:
        return {"months": [], "months_of_year": [], "weekdays": []}
    months = times.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)  # since 1970
    first, n_months = int(months.min()), int(months.max() - months.min()) + 1
    by_month: list[_Group] = []
    if n_months <= MOST_MONTHS:
        names = np.arange(first, first + n_months).astype("datetime64[M]").astype(str)
        by_month = _named(_sums(months - first, ratings, n_months), tuple(names.tolist()))
    weekdays = (times // 86_400 + 3) % 7  # the first day of 1970 was a Thursday
    short_months = tuple(month[:3] for month in MONTHS)
    return {
        "months": by_month,
        "months_of_year": _named(_sums(months % 12, ratings, 12), short_months),
        "weekdays": _named(_sums(weekdays, ratings, 7), WEEKDAYS),
    }


def _favourites(
    table: pl.DataFrame, sums: np.ndarray, mean: float | None, k: int
) -> dict[str, list[dict[str, Any]]]:
    """The k most rated and the k best loved items, best first; none is loved without ratings.

    The damped mean has `DAMPING` ratings at the overall mean among the item's own.
    """
    named = name_column(table)
    ids = table["item_id"]
    names = ids if named is None else table[named].fill_null(ids)
    counts, rated, ratings = sums
    centre = mean or 0.0
    damped = centre + (ratings - centre * rated) / (rated + DAMPING)

    def items(scores: np.ndarray, is_there: np.ndarray) -> list[dict[str, Any]]:
        best = np.argsort(-scores, kind="stable")
        return [
            {
                "id": str(ids[i]),
                "name": str(names[i]),
                "count": int(counts[i]),
                "mean": float(ratings[i] / rated[i]) if rated[i] else None,
                "damped_mean": float(damped[i]) if rated[i] else None,
            }
            for i in best[is_there[best]][:k].tolist()
        ]

    return {"most_rated": items(counts, counts > 0), "best_loved": items(damped, rated > 0)}


def _tastes(
    log: IndexedLog,
    grouping: Grouping,
    ratings: np.ndarray,
    levels: np.ndarray,
    mean: float | None,
) -> dict[str, Any]:
    """How many ratings of each level each group of users gave, and its favourites."""
    of_rows = grouping.codes[log.users]
    favourites, counts = [], []
    for g in range(len(grouping.names)):
        rows = np.flatnonzero(of_rows == g)
        given = ratings[rows]
        sums = _sums(log.items[rows], given, len(log.item_table))
        favourites.append(_favourites(log.item_table, sums, mean, _N_BEST_OF_GROUP))
        if 0 < len(levels) <= MOST_LEVELS:
            places = np.searchsorted(levels, given[~np.isnan(given)])
            counts.append(np.bincount(places, minlength=len(levels)).tolist())
    return {"ratings": counts, "favourites": favourites}
