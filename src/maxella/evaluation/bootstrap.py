"""Intervals by drawing users anew: how far a metric moves when other users come."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from maxella.evaluation.sums import Group, UserSums

RESAMPLES = 1000
LEVEL = 0.95
CELLS = 2**20  # weights in memory at once: 8 MB


def intervals(
    groups: Sequence[Group], n_users: int, resamples: int, rng: np.random.Generator
) -> list[dict[str, list[float]]]:
    """The 95 % percentile interval [low, high] of each group's metrics, all from one set of draws.

    A resample draws n_users of the n_users evaluated users, with replacement, not
    interactions, as the interactions of one user hang together. A metric that no resample
    has a user for gets no interval. Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993, chapter 13.
    """
    asked = [group for group in groups if group.sums]
    by_user = [_columns(group) for group in asked]
    drawn: list[list[np.ndarray]] = [[] for _ in asked]
    for weights in draws(n_users, resamples, rng):
        for group, columns, parts in zip(asked, by_user, drawn, strict=True):
            parts.append(weights[:, group.positions] @ columns)
    found = iter(map(np.concatenate, drawn))
    return [_bounds(group.sums, next(found)) if group.sums else {} for group in groups]


def _columns(group: Group) -> np.ndarray:
    """(users of the group, 2 · metrics) numerators, then denominators."""
    metrics = group.sums.values()
    columns = [of.numerators for of in metrics] + [of.denominators for of in metrics]
    return np.stack(columns, axis=1)


def _bounds(sums: Mapping[str, UserSums], drawn: np.ndarray) -> dict[str, list[float]]:
    """(resamples, 2 · metrics) sums → the interval of each metric that has any value."""
    numerators, denominators = np.split(drawn, 2, axis=1)
    with np.errstate(invalid="ignore"):  # a resample may hold no one who counts for a metric
        values = numerators / denominators
    roots = [of.is_root for of in sums.values()]
    values[:, roots] = np.sqrt(values[:, roots])
    has_value = ~np.isnan(values).all(axis=0)
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    bounds = iter(np.nanquantile(values[:, has_value], ends, axis=0).T.tolist())
    return {name: next(bounds) for name, has in zip(sums, has_value, strict=True) if has}


def draws(n_users: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """(chunk, users) float64: how often each user is drawn; n_users draws a resample."""
    chunk = max(1, CELLS // n_users)
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        draws = rng.integers(n_users, size=(rows, n_users))
        draws += np.arange(rows)[:, None] * n_users
        counts = np.bincount(draws.ravel(), minlength=rows * n_users)
        yield counts.reshape(rows, n_users).astype(np.float64)
