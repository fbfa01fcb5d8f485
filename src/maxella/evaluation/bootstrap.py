"""Intervals by drawing users anew: how far a metric moves when other users come."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import ndtr, stdtrit

from maxella.evaluation.metric import Group, Statistic, UserSums

RESAMPLES = 1000
LEVEL = 0.95
FEWEST_USERS = 50  # no interval from fewer
CELLS = 2**20  # weights in memory at once: 8 MB


def intervals(
    groups: Sequence[Group], n_users: int, resamples: int, rng: np.random.Generator
) -> list[dict[str, list[float]]]:
    """The 95 % interval [low, high] of each group's metrics, all from one set of draws.

    A resample draws n_users of the n_users evaluated users, with replacement, not
    interactions, as the interactions of one user hang together. A metric that too few users count
    for gets none. Percentile intervals, with the percentiles of `percentiles`; where a resample
    repeats a bias, basic ones (Davison and Hinkley, Bootstrap Methods and their Application, 1997,
    chapter 5): mirrored at the value, cut at 0.
    """
    if not resamples:
        return [{} for _ in groups]
    kept = [_with_enough_users(group) for group in groups]
    drawn = resampled(kept, n_users, resamples, rng)
    return [
        {name: _interval(group.statistics[name], values) for name, values in of_group.items()}
        for group, of_group in zip(kept, drawn, strict=True)
    ]


def carriers(effects: np.ndarray) -> float:
    """(users,) effects on a figure → by how many users its doubt is carried: (Σz²)² / Σz⁴.

    All of them, were they of one size; of a rare event, as many as it happened to; of a mean over
    interactions, about as many as have the most of them. 0 where nobody moves the figure.

    >>> hits = np.array([1.0] * 4 + [0.0] * 996)  # of 1,000 users, four
    >>> round(carriers(hits - hits.mean()), 2)
    4.03
    """
    squares = np.square(effects / (np.abs(effects).max(initial=0.0) or 1.0))
    total = float(squares.sum())
    return total**2 / float(np.square(squares).sum()) if total else 0.0


def are_enough(n_users: int, effects: np.ndarray) -> bool:
    """Whether a figure that n_users count for gets an interval.

    Not where nobody moves it, such as a hit rate of 0: resampling would call that certain.
    """
    return n_users >= FEWEST_USERS and bool(effects.any())


def _with_enough_users(group: Group) -> Group:
    """The group with those metrics alone that have a value and enough users for an interval."""
    kept = {
        name: of
        for name, of in group.statistics.items()
        if not np.isnan(of.value()) and are_enough(int(of.counts.sum()), of.effects())
    }
    return replace(group, statistics=kept)


def resampled(
    groups: Sequence[Group], n_users: int, resamples: int, rng: np.random.Generator
) -> list[dict[str, np.ndarray]]:
    """The (resamples,) values of each group's metrics, all from one set of draws."""
    found: list[dict[str, list[np.ndarray]]] = [
        {name: [] for name in of.statistics} for of in groups
    ]
    sums = [_sums(group) for group in groups]
    for weights in draws(n_users, resamples, rng):
        for group, rows, parts in zip(groups, sums, found, strict=True):
            is_all = len(group.positions) == n_users
            of_group = weights if is_all else weights[:, group.positions]
            totals = iter(rows @ of_group.T)  # one product for all that are sums
            for name, of in group.statistics.items():
                parts[name].append(
                    of.of_totals(np.stack([next(totals) for _ in of.sums]))
                    if isinstance(of, UserSums)
                    else of.values(of_group)
                )
    return [{name: np.concatenate(of) for name, of in parts.items()} for parts in found]


def _sums(group: Group) -> np.ndarray:
    """(all sums of metrics, users of the group)."""
    rows = [of.sums for of in group.statistics.values() if isinstance(of, UserSums)]
    return np.concatenate(rows) if rows else np.empty((0, len(group.positions)))


def percentiles(values: np.ndarray, effects: np.ndarray) -> tuple[float, float]:
    """(resamples,) values of a figure, (users,) effects on it → its 95 % interval; NaN left out.

    The middle 95 % would be too narrow: resamples vary by the spread that was found, which few
    users tell but roughly. So the ends lie further out, where Student's t stands with as many
    degrees of freedom as that spread has: 2 / (1/carriers − 1/n), Satterthwaite's, from the
    variance of a sample variance, n − 1 for normal effects. Hesterberg, What Teachers Should Know
    About the Bootstrap, 2015, section 3.4 (there with n − 1). How often they hold the truth:
    docs/metrics.md.
    """
    n = max(2, int((effects != 0).sum()))
    doubt = 1 / max(1.0, carriers(effects)) - 1 / n
    freedom = min(n - 1.0, 2 / doubt) if doubt > 0 else n - 1.0
    tail = float(ndtr(stdtrit(freedom, (1 - LEVEL) / 2) * (n / (n - 1)) ** 0.5))
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)


def draws(n_users: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """(chunk, users) float64: how often each user is drawn; n_users draws a resample."""
    chunk = max(1, CELLS // n_users)
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        draws = rng.integers(n_users, size=(rows, n_users))
        draws += np.arange(rows)[:, None] * n_users
        counts = np.bincount(draws.ravel(), minlength=rows * n_users)
        yield counts.reshape(rows, n_users).astype(np.float64)


def _interval(statistic: Statistic, values: np.ndarray) -> list[float]:
    low, high = percentiles(values, statistic.effects())
    if not (isinstance(statistic, UserSums) and statistic.is_biased):
        return [low, high]
    twice = 2 * statistic.value()
    return [max(0.0, twice - high), max(0.0, twice - low)]
