"""Checks of users: rates and ratings that no person gives."""

import math

import numpy as np
import polars as pl

from maxella.data.finding import Finding, found
from maxella.data.indexed_log import IndexedLog
from maxella.data.ranges import is_first

# Seconds → the most interactions that a person can make within them: one a second for a minute,
# one in 3.6 s for a whole hour. Pages that take many ratings at once stay below: the busiest
# users of MovieLens 1M have 35 in a minute and 711 in an hour.
MOST_WITHIN = {60: 60, 3600: 1000}
_NAMES = {60: "a minute", 3600: "an hour"}
_FENCE = 3.0  # interquartile ranges above the upper quartile are "far out" (Tukey 1977, 2C)
LEAST_ALIKE = 20  # ratings that are all equal
_CHANCE = 0.01  # number of users with equal ratings that luck may give


def fast_users(log: IndexedLog) -> Finding | None:
    """Users with more interactions in a minute or an hour than a person makes.

    More than a person can (`MOST_WITHIN`) and far more than users of this log do: beyond the
    upper quartile of all users' busiest minutes or hours by three times the range between the
    quartiles. Up to a quarter of the users may be bots before they hide each other. None
    without times, or where times are so coarse that a minute and an hour mean nothing.
    """
    windows = [] if log.times is None else [w for w in MOST_WITHIN if (log.times % w).any()]
    if log.times is None or not windows:
        return None
    users, times = _in_order(log.users, log.times)
    words: dict[int, str] = {}
    excess = np.zeros(len(log.user_table))  # over the bound; 0 for who is below
    for seconds in windows:
        busiest = _busiest(users, times, seconds, len(excess))
        lower, upper = np.quantile(busiest, [0.25, 0.75])
        bound = max(MOST_WITHIN[seconds], upper + _FENCE * (upper - lower))
        is_over = busiest > bound
        excess = np.maximum(excess, np.where(is_over, busiest / bound, 0))
        for user in np.flatnonzero(is_over):
            words[int(user)] = f"{busiest[user]:,} interactions within {_NAMES[seconds]}"
    fastest = np.argsort(-excess, kind="stable")[: np.count_nonzero(excess)]
    return found(
        len(fastest),
        len(excess),
        "users",
        "act faster than a person can",
        severity="warning",
        examples=(f"user {log.label('users', u)}: {words[int(u)]}" for u in fastest),
        advice="Look at them, and leave out those that are programs or imports.",
    )


def one_rating_users(log: IndexedLog) -> Finding | None:
    """Users with many ratings that are all equal.

    Many: at least 20, and so many that by chance less than one user in a hundred such logs
    would have as many. None without ratings, or where the whole log has one rating.
    """
    is_rated = ~np.isnan(log.ratings)
    users, ratings = log.users[is_rated], log.ratings[is_rated]
    levels, counts_of_levels = np.unique(ratings, return_counts=True)
    if len(levels) < 2:
        return None
    n_users = len(log.user_table)
    least = _least_alike(n_users, counts_of_levels.max() / len(ratings))
    counts = np.bincount(users, minlength=n_users)
    one_of = np.zeros(n_users, dtype=ratings.dtype)
    one_of[users] = ratings  # whichever of a user's
    n_others = np.bincount(users[ratings != one_of[users]], minlength=n_users)
    same = np.flatnonzero((n_others == 0) & (counts >= least))
    longest = same[np.argsort(-counts[same], kind="stable")]
    return found(
        len(same),
        int((counts > 0).sum()),
        "users",
        f"give one and the same rating to {least} items or more",
        severity="warning",
        examples=(
            f"user {log.label('users', u)}: {counts[u]:,} ratings of {one_of[u]:g}" for u in longest
        ),
        advice="Their ratings say what they took, not what they liked: withhold the ratings or "
        "leave the users out.",
    )


def _least_alike(n_users: int, share: float) -> int:
    """Equal ratings that luck would not give: n_users · share^n < _CHANCE."""
    return max(LEAST_ALIKE, math.ceil(math.log(_CHANCE / n_users) / math.log(share)))


def _in_order(users: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both columns sorted by user, then by time."""
    rows = pl.DataFrame({"user": users, "time": times}).sort("user", "time")
    return rows["user"].to_numpy(), rows["time"].to_numpy()


def _busiest(users: np.ndarray, times: np.ndarray, seconds: int, n_users: int) -> np.ndarray:
    """(n,) users and times in order → (n_users,) most interactions less than `seconds` apart.

    On an axis on which no gap is longer than the window, and users are a window apart, all
    users' windows are counted by one search.
    """
    gaps = np.minimum(np.diff(times, prepend=times[0]), seconds)
    gaps[is_first(users)] = seconds
    places = np.cumsum(gaps)
    counts = np.searchsorted(places, places + seconds) - np.arange(len(places))
    starts = np.flatnonzero(is_first(users))
    busiest = np.zeros(n_users, dtype=np.int64)
    busiest[users[starts]] = np.maximum.reduceat(counts, starts)
    return busiest
