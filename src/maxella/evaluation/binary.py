"""Binary metrics: pure functions of predicted probabilities and labels of 0 or 1.

A new metric is one function and one line in `BINARY_METRICS`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from maxella.evaluation.metric import Metric, UserSums
from maxella.evaluation.predictions import Predictions
from maxella.evaluation.slices import bands

BINS = 10  # of equal mass
LEAST = 1e-6  # log loss clips probabilities at it, and at 1 less it


@dataclass(frozen=True)
class AreaUnderCurve:
    """P(a pair of label 1 is predicted above one of label 0), ties half.

    It compares pairs of different users, so it is no sum over users: in a resample a comparison
    counts as often as its two users are drawn, multiplied.
    """

    negatives: np.ndarray  # (n0,) int64 user positions of the pairs of label 0, by prediction
    positives: np.ndarray  # (n1,) int64 those of label 1, by prediction
    below: np.ndarray  # (n1,) negatives that are predicted lower
    up_to: np.ndarray  # (n1,) negatives that are predicted lower or the same
    counts: np.ndarray  # (users,) bool: who has a pair

    def value(self) -> float:
        """The area; NaN where a class is missing."""
        return float(self.values(np.ones((1, len(self.counts))))[0])

    def values(self, weights: np.ndarray) -> np.ndarray:
        """(resamples, users) → (resamples,)."""
        found = np.full(len(weights), np.nan)
        beaten = np.zeros(len(self.negatives) + 1)
        for row, of_users in enumerate(weights):  # one by one: what is in memory fits the cache
            np.cumsum(of_users[self.negatives], out=beaten[1:])
            of_positives = of_users[self.positives]
            matches = of_positives.sum() * beaten[-1]
            if matches:
                wins = of_positives @ (beaten[self.below] + beaten[self.up_to]) / 2
                found[row] = wins / matches
        return found

    def effects(self) -> np.ndarray:
        """(users,) a user's wins less their part of all matches (DeLong et al. 1988)."""
        n_users, n_positives, n_negatives = (
            len(self.counts),
            len(self.positives),
            len(self.negatives),
        )
        if not n_positives or not n_negatives:
            return np.zeros(n_users)
        wins = (self.below + self.up_to) / 2
        losses = sum(  # the positives above each negative
            n_positives - np.cumsum(np.bincount(of, minlength=n_negatives + 1))[:-1]
            for of in (self.below, self.up_to)
        )
        share = np.bincount(self.positives, minlength=n_users) / n_positives
        share += np.bincount(self.negatives, minlength=n_users) / n_negatives
        won = np.bincount(self.positives, wins, n_users)
        won += np.bincount(self.negatives, np.asarray(losses) / 2, n_users)
        matches = n_positives * n_negatives
        return np.asarray(won / matches - share * wins.sum() / matches)


def auc(pairs: Predictions) -> AreaUnderCurve:
    """Area under the ROC curve over all pairs."""
    order = np.argsort(pairs.predictions, kind="stable")
    is_one, users, predictions = _is_one(pairs)[order], pairs.users[order], pairs.predictions[order]
    zeros, ones = predictions[~is_one], predictions[is_one]
    below, up_to = np.searchsorted(zeros, ones), np.searchsorted(zeros, ones, side="right")
    return AreaUnderCurve(users[~is_one], users[is_one], below, up_to, pairs.counts > 0)


def auc_macro(pairs: Predictions) -> UserSums:
    """Area under the ROC curve of each user's own pairs; mean over users who have both classes."""
    is_one, counts = _is_one(pairs), pairs.counts
    _, values = np.unique(pairs.predictions, return_inverse=True)
    before = (np.cumsum(counts) - counts)[pairs.users]  # pairs of the users before
    ranks = pl.Series(pairs.users * len(values) + values).rank("average").to_numpy() - before
    n_ones = pairs.by_user(is_one)
    wins = pairs.by_user(ranks * is_one) - n_ones * (n_ones + 1) / 2  # of 1s against 0s
    matches = n_ones * (counts - n_ones)
    return UserSums.ratio(wins / np.maximum(matches, 1), matches > 0)


def log_loss(pairs: Predictions) -> UserSums:
    """Mean of −log P(the label), in nats; probabilities are clipped to [10⁻⁶, 1 − 10⁻⁶]."""
    of_one = np.clip(_probabilities(pairs), LEAST, 1 - LEAST)
    return pairs.mean(-np.log(np.where(_is_one(pairs), of_one, 1 - of_one)))


def brier(pairs: Predictions) -> UserSums:
    """Mean of (probability − label)²."""
    return pairs.mean((_probabilities(pairs) - _is_one(pairs)) ** 2)


def calibration_error(pairs: Predictions) -> UserSums:
    """Σ over bins of their share of the pairs · |mean probability − share of ones|.

    Ten bins of equal mass by probability, equal probabilities in one; a resample leaves the bins
    as they are. Naeini, Cooper and Hauskrecht 2015 (there with bins of equal width).
    """
    n_users = len(pairs.counts)
    at = pairs.users + n_users * _bins(pairs)
    errors = _probabilities(pairs) - _is_one(pairs)
    gaps = np.bincount(at, weights=errors, minlength=BINS * n_users)
    sums = np.append(gaps, pairs.counts).reshape(BINS + 1, n_users)
    return UserSums(sums, _mean_gap, is_biased=True)


def reliability(pairs: Predictions) -> dict[str, Any]:
    """The points of a reliability plot: mean probability and share of ones of each bin.

    The bins of `calibration_error`, without empty ones; `edges` has one more than there are bins.
    """
    probabilities, is_one = _probabilities(pairs), _is_one(pairs)
    _, bins, counts = np.unique(_bins(pairs), return_inverse=True, return_counts=True)
    lowest = np.ones(len(counts))
    np.minimum.at(lowest, bins, probabilities)
    return {
        "edges": [*lowest.tolist(), float(probabilities.max())],
        "predicted": (np.bincount(bins, weights=probabilities) / counts).tolist(),
        "observed": (np.bincount(bins, weights=is_one) / counts).tolist(),
        "counts": counts.tolist(),
    }


def _mean_gap(sums: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(sums[:-1]).sum(axis=0) / sums[-1])


def _bins(pairs: Predictions) -> np.ndarray:
    return bands(pairs.predictions, np.ones(len(pairs.predictions)), BINS)


def _is_one(pairs: Predictions) -> np.ndarray:
    is_one: np.ndarray = pairs.labels == 1
    if not (is_one | (pairs.labels == 0)).all():
        raise ValueError("binary metrics want labels of 0 and 1")
    return is_one


def _probabilities(pairs: Predictions) -> np.ndarray:
    low, high = pairs.predictions.min(), pairs.predictions.max()
    if low < 0 or high > 1:
        raise ValueError(f"binary metrics want probabilities in [0, 1], got {low} to {high}")
    return pairs.predictions


BINARY_METRICS: dict[str, Metric] = {
    "auc": Metric(auc, "AUC", "chance that a 1 is predicted above a 0, ties half", 2),
    "auc_macro": Metric(auc_macro, "AUC per user", "AUC of each user's pairs, mean where both are"),
    "log_loss": Metric(log_loss, "log loss", "-log P(what came), in nats, mean", 4, "lower"),
    "brier": Metric(brier, "Brier score", "mean squared error of the probabilities", 9, "lower"),
    "calibration_error": Metric(
        calibration_error, "calibration error", "gap to the share of ones, mean", 7, "lower"
    ),
}
