"""Checks of users: rates and ratings that no person gives."""

import math

import numpy as np
import polars as pl

from maxella.data.finding import Finding, found
from maxella.data.indexed_log import IndexedLog

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
    rows = pl.DataFrame({"user": log.users, "time": log.times}).sort("user", "time")
    words: dict[int, str] = {}
    excess = np.zeros(len(log.user_table))  # over the bound; 0 for who is below
    for seconds in windows:
        busiest = _busiest(rows, seconds)
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
    rated = pl.DataFrame({"user": log.users, "rating": log.ratings}).fill_nan(None).drop_nulls()
    counts = rated["rating"].value_counts(sort=True)["count"]
    if len(counts) < 2:
        return None
    least = _least_alike(len(log.user_table), counts[0] / len(rated))
    by_user = rated.group_by("user").agg(
        n=pl.len(), rating=pl.col("rating").first(), n_levels=pl.col("rating").n_unique()
    )
    same = by_user.filter(pl.col("n_levels") == 1, pl.col("n") >= least)
    longest = same.sort("n", "user", descending=[True, False])
    return found(
        len(same),
        len(by_user),
        "users",
        f"give one and the same rating to {least} items or more",
        severity="warning",
        examples=(
            f"user {log.label('users', user)}: {n:,} ratings of {rating:g}"
            for user, n, rating, _ in longest.iter_rows()
        ),
        advice="Their ratings say what they took, not what they liked: withhold the ratings or "
        "leave the users out.",
    )


def _least_alike(n_users: int, share: float) -> int:
    """Equal ratings that luck would not give: n_users · share^n < _CHANCE."""
    return max(LEAST_ALIKE, math.ceil(math.log(_CHANCE / n_users) / math.log(share)))


def _busiest(rows: pl.DataFrame, seconds: int) -> np.ndarray:
    """Rows of a `user` and a `time`, in order → (users,) most rows less than `seconds` apart."""
    windows = rows.rolling("time", period=f"{seconds}i", group_by="user").agg(n=pl.len())
    return windows.group_by("user").agg(pl.col("n").max()).sort("user")["n"].to_numpy()
