"""Intervals by drawing users anew: how far a metric moves when other users come."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from maxella.evaluation.metric import Group, Statistic, UserSums

RESAMPLES = 1000
LEVEL = 0.95
FEWEST_USERS = 50  # resampling fewer makes intervals too narrow: they get none
CELLS = 2**20  # weights in memory at once: 8 MB


def intervals(
    groups: Sequence[Group], n_users: int, resamples: int, rng: np.random.Generator
) -> list[dict[str, list[float]]]:
    """The 95 % interval [low, high] of each group's metrics, all from one set of draws.

    A resample draws n_users of the n_users evaluated users, with replacement, not
    interactions, as the interactions of one user hang together. A metric that fewer than 50
    users count for gets none. Percentile intervals (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13); where a resample repeats a bias, basic ones (Davison and Hinkley,
    Bootstrap Methods and their Application, 1997, chapter 5): mirrored at the value, cut at 0.
    """
    if not resamples:
        return [{} for _ in groups]
    kept = [with_enough_users(group) for group in groups]
    drawn = resampled(kept, n_users, resamples, rng)
    return [
        {name: _interval(group.statistics[name], values) for name, values in of_group.items()}
        for group, of_group in zip(kept, drawn, strict=True)
    ]


def with_enough_users(group: Group) -> Group:
    """The group with those metrics alone that enough users count for, and that have a value."""
    kept = {
        name: of
        for name, of in group.statistics.items()
        if of.counts.sum() >= FEWEST_USERS and not np.isnan(of.value())
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


def percentiles(values: np.ndarray) -> tuple[float, float]:
    """(resamples,) values → the ends of the middle 95 %, NaN left out."""
    low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
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
    low, high = percentiles(values)
    if not (isinstance(statistic, UserSums) and statistic.is_biased):
        return [low, high]
    twice = 2 * statistic.value()
    return [max(0.0, twice - high), max(0.0, twice - low)]
