"""What a log holds, for the eye: over time, by groups of users and items, and the favourites."""

from dataclasses import dataclass

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

DAMPING = 25.0  # ratings at the overall mean that an item's own ones are averaged with
MOST_LEVELS = 20  # more distinct ratings than this are no levels
MOST_MONTHS = 1200  # a log that spans more has a time that is none
_N_BEST, _N_BEST_OF_GROUP, _N_PEOPLE = 10, 3, 12
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 1 and 9999

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Group:
    """Interactions of a group of users or items, or of a time."""

    name: str
    size: int | None  # users or items in it that have an interaction; None for a time
    count: int  # interactions
    mean: float | None  # rating


@dataclass(frozen=True)
class Item:
    """An item among the favourites."""

    id: str
    name: str
    count: int  # interactions
    mean: float | None  # rating
    damped_mean: float | None  # with `DAMPING` ratings at the overall mean


@dataclass(frozen=True)
class Favourites:
    """The most rated and the best loved items, best first; none is loved without ratings."""

    most_rated: tuple[Item, ...]
    best_loved: tuple[Item, ...]


@dataclass(frozen=True)
class Breakdown:
    """The log by the groups of a column."""

    column: str
    groups: tuple[Group, ...]
    ratings: tuple[tuple[int, ...], ...] = ()  # of each group, of each level; for users alone
    favourites: tuple[Favourites, ...] = ()  # of each group; for users alone


@dataclass(frozen=True)
class Exploration:
    """Times are in UTC. What a data set has no columns for is empty."""

    n_interactions: int
    damping: float
    mean_rating: float | None
    levels: tuple[float, ...]  # distinct ratings, ascending; empty where there are too many
    months: tuple[Group, ...]  # from the first to the last, those without interactions too
    months_of_year: tuple[Group, ...]
    weekdays: tuple[Group, ...]
    favourites: Favourites
    by_user: tuple[Breakdown, ...]
    by_item: tuple[Breakdown, ...]  # an item can be in several groups
    people: tuple[Breakdown, ...]  # those with the most items


@dataclass(frozen=True)
class _Sums:
    """Per id: interactions, those with a rating, and the sum of their ratings."""

    counts: np.ndarray
    rated: np.ndarray
    ratings: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray, ratings: np.ndarray | None, n: int) -> "_Sums":
        counts = np.bincount(codes, minlength=n)
        if ratings is None:
            return cls(counts, np.zeros(n), np.zeros(n))
        if np.isnan(ratings).any():
            is_rated = ~np.isnan(ratings)
            codes, ratings = codes[is_rated], ratings[is_rated]
        return cls(
            counts,
            np.bincount(codes, minlength=n),
            np.bincount(codes, weights=ratings, minlength=n),
        )

    def by(self, codes: np.ndarray, rows: np.ndarray | slice, n: int) -> "_Sums":
        """Summed over the rows of each of n groups."""
        return _Sums(
            *(
                np.bincount(codes, weights=of_row[rows], minlength=n)
                for of_row in (self.counts, self.rated, self.ratings)
            )
        )

    def groups(self, names: tuple[str, ...], sizes: np.ndarray | None = None) -> tuple[Group, ...]:
        return tuple(
            Group(
                name,
                None if sizes is None else int(sizes[g]),
                int(self.counts[g]),
                float(self.ratings[g] / self.rated[g]) if self.rated[g] else None,
            )
            for g, name in enumerate(names)
        )


def explore(log: IndexedLog) -> Exploration:
    """The pictures of a log; groups are made of whatever columns its users and items have."""
    ratings = None if log.ratings is None else log.ratings.astype(np.float64)
    known = np.empty(0) if ratings is None else ratings[~np.isnan(ratings)]
    levels = np.unique(known)
    levels = levels if len(levels) <= MOST_LEVELS else np.empty(0)
    mean = float(known.mean()) if len(known) else None
    of_users = _Sums.of(log.users, ratings, len(log.user_table))
    of_items = _Sums.of(log.items, ratings, len(log.item_table))
    months, months_of_year, weekdays = _times(log.times, ratings)
    users = user_groupings(log.user_table.drop("user_id"))
    item_table = log.item_table.drop("item_id", name_column(log.item_table) or "item_id")
    items = item_groupings(item_table)
    return Exploration(
        n_interactions=len(log.users),
        damping=DAMPING,
        mean_rating=mean,
        levels=tuple(levels.tolist()),
        months=months,
        months_of_year=months_of_year,
        weekdays=weekdays,
        favourites=_favourites(log.item_table, of_items, mean, _N_BEST),
        by_user=tuple(_by_user(log, g, of_users, ratings, levels, mean) for g in users),
        by_item=tuple(_by_item(g, of_items, rows) for g, rows in items),
        people=tuple(_busiest(g, of_items) for g in people_groupings(item_table)),
    )


def _times(
    times: np.ndarray | None, ratings: np.ndarray | None
) -> tuple[tuple[Group, ...], tuple[Group, ...], tuple[Group, ...]]:
    """By month, by month of the year, by weekday; empty where times are outside the calendar."""
    if times is None or times.min() < _FIRST_SECOND or times.max() > _LAST_SECOND:
        return (), (), ()
    months = times.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)  # since 1970
    first, n_months = int(months.min()), int(months.max() - months.min()) + 1
    by_month: tuple[Group, ...] = ()
    if n_months <= MOST_MONTHS:
        names = np.arange(first, first + n_months).astype("datetime64[M]").astype(str)
        by_month = _Sums.of(months - first, ratings, n_months).groups(tuple(names.tolist()))
    weekdays = (times // 86_400 + 3) % 7  # the first day of 1970 was a Thursday
    return (
        by_month,
        _Sums.of(months % 12, ratings, 12).groups(_MONTHS),
        _Sums.of(weekdays, ratings, 7).groups(_WEEKDAYS),
    )


def _favourites(table: pl.DataFrame, sums: _Sums, mean: float | None, k: int) -> Favourites:
    named = name_column(table)
    ids = table["item_id"]
    names = ids if named is None else table[named].fill_null(ids)
    damped = None
    if mean is not None:
        damped = mean + (sums.ratings - mean * sums.rated) / (sums.rated + DAMPING)

    def items(scores: np.ndarray, is_there: np.ndarray) -> tuple[Item, ...]:
        best = np.argsort(-scores, kind="stable")
        return tuple(
            Item(
                id=str(ids[int(i)]),
                name=str(names[int(i)]),
                count=int(sums.counts[i]),
                mean=float(sums.ratings[i] / sums.rated[i]) if sums.rated[i] else None,
                damped_mean=float(damped[i]) if damped is not None and sums.rated[i] else None,
            )
            for i in best[is_there[best]][:k]
        )

    return Favourites(
        items(sums.counts, sums.counts > 0),
        () if damped is None else items(damped, sums.rated > 0),
    )


def _by_user(
    log: IndexedLog,
    grouping: Grouping,
    of_users: _Sums,
    ratings: np.ndarray | None,
    levels: np.ndarray,
    mean: float | None,
) -> Breakdown:
    n = len(grouping.names)
    groups = of_users.by(grouping.codes, slice(None), n).groups(
        grouping.names, np.bincount(grouping.codes, minlength=n)
    )
    of_rows = grouping.codes[log.users]
    favourites, counts = [], []
    for g in range(n):
        rows = np.flatnonzero(of_rows == g)
        given = None if ratings is None else ratings[rows]
        sums = _Sums.of(log.items[rows], given, len(log.item_table))
        favourites.append(_favourites(log.item_table, sums, mean, _N_BEST_OF_GROUP))
        if given is not None and len(levels):
            places = np.searchsorted(levels, given[~np.isnan(given)])
            counts.append(tuple(np.bincount(places, minlength=len(levels)).tolist()))
    return Breakdown(grouping.column, groups, tuple(counts), tuple(favourites))


def _by_item(grouping: Grouping, of_items: _Sums, rows: np.ndarray) -> Breakdown:
    """Most interactions first; of many groups, such as tags, the first `MOST_GROUPS`."""
    groups = _item_groups(grouping, of_items, rows)
    most = sorted(groups, key=lambda group: -group.count)[:MOST_GROUPS]
    return Breakdown(grouping.column, tuple(most))


def _busiest(grouping: Grouping, of_items: _Sums) -> Breakdown:
    """Those with the most items first, those with more interactions first among equals."""
    groups = _item_groups(grouping, of_items, np.arange(len(grouping.codes)))
    named = [group for group in groups if group.name != MISSING]
    most = sorted(named, key=lambda group: (-(group.size or 0), -group.count))[:_N_PEOPLE]
    return Breakdown(grouping.column, tuple(most))


def _item_groups(grouping: Grouping, of_items: _Sums, rows: np.ndarray) -> tuple[Group, ...]:
    n = len(grouping.names)
    sizes = np.bincount(grouping.codes, minlength=n)
    return of_items.by(grouping.codes, rows, n).groups(grouping.names, sizes)
