"""Intervals by drawing users anew: how far a metric moves when other users come."""

from collections.abc import Iterator, Mapping

import numpy as np

from maxella.evaluation.sums import UserSums

RESAMPLES = 1000
LEVEL = 0.95
CELLS = 2**20  # weights in memory at once: 8 MB


def intervals(
    sums: Mapping[str, UserSums], resamples: int, rng: np.random.Generator
) -> dict[str, list[float]]:
    """The 95 % percentile interval [low, high] of each metric, all from the same resamples.

    Users are drawn, not interactions, as the interactions of one user hang together.
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    metrics = list(sums.values())
    columns = [m.numerators for m in metrics] + [m.denominators for m in metrics]
    by_user = np.stack(columns, axis=1)  # (users, 2 · metrics)
    drawn = np.concatenate(
        [weights @ by_user for weights in _weights(len(by_user), resamples, rng)]
    )  # (resamples, 2 · metrics)
    with np.errstate(invalid="ignore"):  # a resample may hold no one who counts for a metric
        values = drawn[:, : len(metrics)] / drawn[:, len(metrics) :]
    roots = [m.is_root for m in metrics]
    values[:, roots] = np.sqrt(values[:, roots])
    bounds = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return {name: bounds[:, j].tolist() for j, name in enumerate(sums)}


def _weights(n_users: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """(chunk, users) float64: how often each user is drawn; n_users draws a resample."""
    chunk = max(1, CELLS // n_users)
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        draws = rng.integers(n_users, size=(rows, n_users))
        draws += np.arange(rows)[:, None] * n_users
        counts = np.bincount(draws.ravel(), minlength=rows * n_users)
        yield counts.reshape(rows, n_users).astype(np.float64)
