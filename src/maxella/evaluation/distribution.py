"""Metrics of predicted distributions over rating levels: pure functions of `Predictions`.

A new metric is one function and one line in `DISTRIBUTION_METRICS`.
"""

import numpy as np

from maxella.evaluation.metric import Metric, UserSums
from maxella.evaluation.predictions import Predictions

PROBABILITY = 0.8  # that the intervals should hold
LEAST = 1e-6  # the probability that a rating counts with at least: some are no level


def log_loss(pairs: Predictions) -> UserSums:
    """Mean of −log P(the rating), in nats; a rating that is no level counts as 10⁻⁶."""
    below, up_to = pairs.steps
    return pairs.mean(-np.log(np.maximum(up_to - below, LEAST)))


def coverage_80(pairs: Predictions) -> UserSums:
    """Share of the ratings that lie within their interval, ends included."""
    low, high = _ends(pairs)
    return pairs.mean((low <= pairs.labels) & (pairs.labels <= high))


def width_80(pairs: Predictions) -> UserSums:
    """Mean of highest − lowest level of the interval, in rating points."""
    low, high = _ends(pairs)
    return pairs.mean(high - low)


def pit_coverage_80(pairs: Predictions) -> UserSums:
    """Mean share of [P(r < the rating), P(r ≤ the rating)] that lies in [.1, .9].

    The coverage of the central 80 % under the probability integral transform, with its
    random draw within a level taken in expectation (Czado, Gneiting and Held 2009, "Predictive
    model assessment for count data"): .8 where the distributions are calibrated, however
    large the levels are.
    """
    below, up_to = pairs.steps
    tail = (1 - PROBABILITY) / 2
    inside = np.minimum(up_to, 1 - tail) - np.maximum(below, tail)
    size = up_to - below
    is_level = size > 0
    share = np.divide(np.maximum(inside, 0), size, where=is_level, out=np.zeros_like(size))
    is_inside = (below >= tail) & (below <= 1 - tail)
    return pairs.mean(np.where(is_level, share, is_inside))


def central_interval(
    probabilities: np.ndarray, levels: np.ndarray, probability: float
) -> tuple[np.ndarray, np.ndarray]:
    """(n, K) probabilities, (K,) ascending levels → (n,) lowest and (n,) highest level.

    The smallest run of levels that leaves at most (1 − probability) / 2 below it and as much
    above it. So it holds at least `probability`, and more where a level is too large to be
    split.

    >>> levels = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> central_interval(np.array([[0.05, 0.15, 0.3, 0.4, 0.1]]), levels, 0.8)
    (array([2.]), array([4.]))
    """
    # Rounding must not decide whether a tail of just that much is left out.
    tail = (1 - probability) / 2 + 1e-9
    probabilities = probabilities.astype(np.float64)
    below = np.cumsum(probabilities, axis=1) - probabilities
    above = np.cumsum(probabilities[:, ::-1], axis=1)[:, ::-1] - probabilities
    last = len(levels) - 1
    low = np.minimum((below <= tail).sum(axis=1) - 1, last)
    high = np.maximum(last + 1 - (above <= tail).sum(axis=1), 0)
    return levels[low], levels[high]


def _ends(pairs: Predictions) -> tuple[np.ndarray, np.ndarray]:
    return central_interval(pairs.probabilities, pairs.levels, PROBABILITY)


DISTRIBUTION_METRICS: dict[str, Metric] = {
    "log_loss": Metric(log_loss, "log loss", "-log P(what came), in nats, mean", 9, "lower"),
    "coverage_80": Metric(
        coverage_80, "in 80 % interval", "share within their 80 % interval", 9, "target", 0.8
    ),
    "width_80": Metric(
        width_80, "80 % width", "width of 80 % intervals, in rating points", 9, "lower", digits=2
    ),
    "pit_coverage_80": Metric(
        pit_coverage_80, "in middle 80 %", "share in the middle 80 % foretold", 9, "target", 0.8
    ),
}
