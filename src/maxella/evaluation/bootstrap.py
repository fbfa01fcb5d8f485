"""Intervals by drawing users anew: how far a metric moves when other users come."""

from collections.abc import Iterator, Sequence

import numpy as np

from maxella.evaluation.sums import Group, Statistic, UserSums

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
    kept = [
        Group(of.positions, {name: one for name, one in of.statistics.items() if has_enough(one)})
        for of in groups
    ]
    drawn = resampled(kept, n_users, resamples, rng)
    found = []
    for group, values in zip(kept, drawn, strict=True):
        low, high = percentiles(values)
        ends = zip(group.statistics.items(), low.tolist(), high.tolist(), strict=True)
        found.append({name: _ends(of, *bounds) for (name, of), *bounds in ends})
    return found


def resampled(
    groups: Sequence[Group], n_users: int, resamples: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """(resamples, metrics) values of each group."""
    drawn: list[list[np.ndarray]] = [[np.empty((0, len(of.statistics)))] for of in groups]
    sums = [_sums(group) for group in groups]
    for weights in draws(n_users, resamples, rng):
        for group, rows, parts in zip(groups, sums, drawn, strict=True):
            is_all = len(group.positions) == n_users
            of_group = weights if is_all else weights[:, group.positions]
            totals = iter(rows @ of_group.T)  # one product for all that are sums
            values = [
                of.of_totals(np.stack([next(totals) for _ in of.sums]))
                if isinstance(of, UserSums)
                else of.values(of_group)
                for of in group.statistics.values()
            ]
            parts.append(np.array(values).T.reshape(len(weights), -1))
    return list(map(np.concatenate, drawn))


def _sums(group: Group) -> np.ndarray:
    """(all sums of metrics, users of the group)."""
    rows = [of.sums for of in group.statistics.values() if isinstance(of, UserSums)]
    return np.concatenate(rows) if rows else np.empty((0, len(group.positions)))


def percentiles(values: np.ndarray) -> np.ndarray:
    """(resamples, ...) values → (2, ...) the ends of the middle 95 %, NaN left out."""
    if not values.size:  # NumPy gives none of no columns another shape
        return np.empty((2, *values.shape[1:]))
    return np.asarray(np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0))


def has_enough(statistic: Statistic) -> bool:
    """Whether enough users count for a metric to be resampled, and it has a value."""
    return bool(statistic.counts.sum() >= FEWEST_USERS and not np.isnan(statistic.value()))


def draws(n_users: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """(chunk, users) float64: how often each user is drawn; n_users draws a resample."""
    chunk = max(1, CELLS // n_users)
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        draws = rng.integers(n_users, size=(rows, n_users))
        draws += np.arange(rows)[:, None] * n_users
        counts = np.bincount(draws.ravel(), minlength=rows * n_users)
        yield counts.reshape(rows, n_users).astype(np.float64)


def _ends(statistic: Statistic, low: float, high: float) -> list[float]:
    if not (isinstance(statistic, UserSums) and statistic.is_biased):
        return [low, high]
    twice = 2 * statistic.value()
    return [max(0.0, twice - high), max(0.0, twice - low)]
